"""A session that saves by an outbox hears what has arrived, and waits for nothing."""

import gc
import threading
import weakref

import numpy as np
import pytest
from builders import square
from masks import SMALL

from seg_app.errors import StorageError, UnreachableError
from seg_app.io import MaskStore
from seg_app.models import Session, Volume
from seg_app.sam import connect_sam


def opened(outbox):
    """Return the session of an image, which saves by an outbox."""
    return Session(Volume.from_array(np.zeros((1, 64, 96), np.uint8)), connect_sam("classical:"), store=outbox)


@pytest.fixture
def session(outbox):
    session = opened(outbox)
    session.masks.add([square()])
    return session


def test_a_session_hears_that_its_masks_have_arrived(session, outbox, server):
    with pytest.raises(UnreachableError):
        session.save()
    before = session.unsaved
    with server():
        outbox.try_now()
    assert (before, session.unsaved, session.has_news) == (True, False, False)
    assert session.saved_as.endswith("array.npz")


def test_masks_that_changed_meanwhile_are_still_to_be_saved(session, outbox, server):
    with pytest.raises(UnreachableError):
        session.save()
    session.masks.add([square(1, 1)])
    with server():
        outbox.try_now()
    assert (session.unsaved, session.saved_as) == (True, "")


def test_a_set_gets_the_title_of_the_session_and_a_new_title_a_new_set(session, server):
    with server():
        session.set_title = " <b>pores<b>:1 "
        session.save()
        assert not session.has_news
        session.set_title = ""
        assert session.has_news
        session.save()
        assert session.save().endswith("/array.npz")
        assert [saved.title for saved in session.saved_sets()] == ["", "<b>pores<b>:1"]


def test_an_outbox_keeps_no_session_alive(outbox):
    session = opened(outbox)
    gone = weakref.ref(session)
    del session
    gc.collect()
    assert gone() is None


def test_an_image_opens_while_a_set_is_on_its_way(outbox, monkeypatch):
    is_storing, may_go_on, went_on = threading.Event(), threading.Event(), []

    def slow(*_, **__):
        is_storing.set()
        went_on.append(may_go_on.wait(30))
        raise StorageError("It took too long.")

    monkeypatch.setattr(MaskStore, "save", slow)
    saving = threading.Thread(target=pytest.raises, args=(StorageError, outbox.save, SMALL))
    saving.start()
    assert is_storing.wait(30)
    opened(outbox)
    may_go_on.set()
    saving.join(30)
    assert went_on == [True]
