"""An outbox: a save that fails loses nothing, is repeated by itself, and arrives once."""

import logging
import threading
from dataclasses import replace

import pytest
from disks import full
from masks import SMALL
from threads import until

from seg_app.errors import (
    DamagedError,
    ForbiddenError,
    RefusedError,
    StorageError,
    UnreachableError,
    UnsafeNameError,
)
from seg_app.io import Drops, LocalFolder, MaskStore
from seg_app.io.formats import npz
from seg_app.records import Mask

OTHER = replace(SMALL, masks=SMALL.masks[:1])


def heard(model, name, timeout_s=30):
    """Wait until a param is something; return what."""
    told = threading.Event()
    watcher = model.param.watch(lambda _: getattr(model, name) and told.set(), name)
    if not getattr(model, name):
        assert told.wait(timeout_s)
    model.param.unwatch(watcher)
    return getattr(model, name)


# What is saved at once


def test_what_can_be_saved_is_saved_and_waits_nowhere(outbox, server, store, tmp_path):
    with server():
        path = outbox.save(SMALL, title="pores")
        assert store.load(path) == SMALL
        assert [saved.title for saved in outbox.list(SMALL.image)] == ["pores"]
    assert (outbox.waiting, outbox.arrived, outbox.where) == ((), None, store.where)
    assert not list((tmp_path / "outbox").glob("*.npz"))


@pytest.mark.parametrize("title", ["../a", "a/b", "..", "a\\b", "x" * 61, "a\x00"])
def test_a_title_that_is_none_is_said_at_once_and_nothing_waits(outbox, title):
    with pytest.raises(UnsafeNameError, match="Cannot call a set"):
        outbox.save(SMALL, title=title)
    assert outbox.waiting == ()


def test_an_impossible_set_is_said_at_once_and_nothing_waits(outbox):
    with pytest.raises(StorageError, match="mask 'm'"):
        outbox.save(replace(SMALL, masks=(Mask("m", 9, 0, 0, 1, 1, (0, 1)),)))
    assert outbox.waiting == ()


def test_where_the_outbox_has_no_space_a_set_is_saved_all_the_same(outbox, server, monkeypatch, store):
    with server(), monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        path = outbox.save(SMALL)
        assert store.load(path) == SMALL


# What waits


def test_a_save_that_fails_keeps_the_set_and_says_so(waiting, tmp_path):
    (held,) = waiting.waiting
    assert (held.name, held.count, held.is_stuck) == ("fib volume", 2, False)
    assert "does not answer" in held.reason
    (kept,) = (tmp_path / "outbox").glob("*.npz")
    assert npz.decode(kept.read_bytes()) == SMALL


def test_the_message_names_the_reason_and_that_the_set_is_kept(outbox):
    with pytest.raises(UnreachableError, match=r"Check DROPS_URL.*The set is kept in the outbox"):
        outbox.save(SMALL)


def test_saving_again_delivers_what_waits_first_and_keeps_no_double(waiting, server):
    with server() as drops:
        assert waiting.save(SMALL).endswith("/fib volume.npz")
        assert waiting.save(OTHER).endswith("/fib volume_1.npz")
        assert drops.sets() == ["fib volume.npz", "fib volume_1.npz"]
    assert waiting.waiting == ()


def test_sets_arrive_in_the_order_in_which_they_were_saved(waiting, server, store):
    with pytest.raises(UnreachableError):
        waiting.save(OTHER)
    with server() as drops:
        waiting.try_now()
        files = [store.load(f"masks/https=3A=2F=2Ftiled.example.org=2Fapi/samples/fib volume/{name}")
                 for name in drops.sets()]  # fmt: skip
    assert files == [SMALL, OTHER]
    assert waiting.arrived.name == "fib volume_1.npz"


def test_a_set_takes_the_next_free_name_and_touches_nothing(waiting, server, store):
    with server():
        first = store.save(OTHER)
        waiting.try_now()
        assert store.load(first) == OTHER
        assert store.load(waiting.arrived.saving.path) == SMALL
    assert waiting.arrived.name == "fib volume_1.npz"


def test_trying_in_vain_says_why_and_keeps_the_set(waiting):
    with pytest.raises(UnreachableError, match="kept in the outbox"):
        waiting.try_now()
    assert len(waiting.waiting) == 1


def test_a_wrong_password_is_waited_out(outbox, server):
    with server("other"), pytest.raises(RefusedError, match="password"):
        outbox.save(SMALL)
    assert not outbox.waiting[0].is_stuck
    with server() as drops:
        outbox.try_now()
        assert drops.sets() == ["fib volume.npz"]


def test_it_is_tried_again_by_itself(outbox_of, server, store):
    outbox = outbox_of(pause_s=0.05)
    with pytest.raises(UnreachableError):
        outbox.save(SMALL)
    with server():
        assert store.load(heard(outbox, "arrived").saving.path) == SMALL
    outbox.close()
    assert outbox.waiting == ()


def test_once_nothing_waits_nobody_tries_and_the_next_pauses_begin_anew(waiting, server):
    thread = waiting._thread
    with server():
        waiting.try_now()
    thread.join(30)
    assert not thread.is_alive()
    with pytest.raises(UnreachableError):
        waiting.save(OTHER)
    assert waiting._thread.is_alive()


def test_after_a_restart_it_is_delivered_by_itself(waiting, outbox_of, server):
    waiting.close()
    with server() as drops:
        again = outbox_of()
        again.close()  # after what it is doing
        assert drops.sets() == ["fib volume.npz"]
    assert (again.waiting, again.arrived.name) == ((), "fib volume.npz")


# Once, and never twice


class Crash(BaseException):
    """The power goes."""


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_while_a_set_is_delivered_delivers_it_once(outbox_of, server, store, monkeypatch, moment):
    create = Drops.create

    def dying(drops, path, data):
        if moment == "after":
            create(drops, path, data)
        raise Crash

    with server() as drops:
        with monkeypatch.context() as patch:
            patch.setattr(Drops, "create", dying)
            with pytest.raises(Crash):
                outbox_of().save(SMALL)
        again = outbox_of()
        until(lambda: again.arrived)
        again.close()
        assert drops.sets() == ["fib volume.npz"]
        assert store.load(again.arrived.saving.path) == SMALL


def test_an_answer_that_was_lost_delivers_once(outbox, server, monkeypatch):
    create = Drops.create

    def unheard(drops, path, data):
        create(drops, path, data)
        raise UnreachableError("the line broke")

    with server() as drops:
        with monkeypatch.context() as patch:
            patch.setattr(Drops, "create", unheard)
            with pytest.raises(UnreachableError):
                outbox.save(SMALL)
        outbox.try_now()
        assert drops.sets() == ["fib volume.npz"]


def test_many_who_try_at_once_deliver_once(waiting, server):
    with server() as drops:
        threads = [threading.Thread(target=waiting.try_now) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert drops.sets() == ["fib volume.npz"]


def test_two_programs_over_one_folder_deliver_once(waiting, outbox_of, server):
    with server() as drops:
        second = outbox_of()
        waiting.try_now()
        second.close()
        assert drops.sets() == ["fib volume.npz"]


# What can never be delivered


def test_a_damaged_upload_is_not_repeated_by_itself(outbox, server):
    with server(stored=lambda data: data[:-1]) as drops:
        with pytest.raises(DamagedError, match=r"arrived damaged.*export it"):
            outbox.save(SMALL)
        outbox._try_quietly()
        assert drops.sets() == ["fib volume.npz"]
    assert outbox.waiting[0].is_stuck
    with server():
        outbox.try_now()
        assert outbox.arrived.name == "fib volume_1.npz"


def test_what_is_stuck_holds_up_nothing_else(outbox, server):
    bad = replace(SMALL, image=replace(SMALL.image, path="../a"))
    with server() as drops:
        with pytest.raises(UnsafeNameError, match=r"has a '\.\.'"):
            outbox.save(bad)
        outbox.save(SMALL)
        assert drops.sets() == ["fib volume.npz"]
    (held,) = outbox.waiting
    assert held.is_stuck
    assert "Open its full path" in held.reason


def test_what_is_stuck_can_be_exported_and_put_aside(outbox_of, tmp_path, monkeypatch):
    def read_only(*_):
        raise ForbiddenError("read-only")

    outbox = outbox_of(MaskStore(LocalFolder(tmp_path / "masks")))
    monkeypatch.setattr(LocalFolder, "create", read_only)
    with pytest.raises(ForbiddenError):
        outbox.save(SMALL)
    (held,) = outbox.waiting
    name, data = outbox.export(held.id)
    assert (name, npz.decode(data)) == ("fib volume.npz", SMALL)
    outbox.put_aside(held.id)
    assert outbox.waiting == ()
    assert len(list((tmp_path / "outbox" / "aside").iterdir())) == 1


def test_a_damaged_file_in_the_outbox_is_named_and_holds_up_nothing(waiting, server, tmp_path):
    (kept,) = (tmp_path / "outbox").glob("*.npz")
    kept.write_bytes(b"damaged")
    with server() as drops:
        waiting.save(OTHER)
        assert drops.sets() == ["fib volume.npz"]
    (held,) = waiting.waiting
    assert held.is_stuck
    assert "in the outbox: not a mask set" in held.reason


def test_what_nobody_foresaw_does_not_end_the_trying(outbox_of, server, monkeypatch, caplog):
    save, calls = MaskStore.save, []

    def failing(store, file, **how):
        calls.append(1)
        if len(calls) < 3:
            raise UnreachableError("away") if len(calls) == 1 else LookupError("a bug")
        return save(store, file, **how)

    monkeypatch.setattr(MaskStore, "save", failing)
    with server(), caplog.at_level(logging.ERROR):
        outbox = outbox_of(pause_s=0.02)
        with pytest.raises(UnreachableError):
            outbox.save(SMALL)
        heard(outbox, "arrived")
        assert "LookupError: a bug" in caplog.text
