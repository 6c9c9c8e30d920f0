"""The outboxes of all users: they go on after a restart, and what arrives is noted for its image."""

from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from builders import square
from masks import SMALL

from seg_app.errors import UnreachableError
from seg_app.models import Journal, MaskSet, Session, Volume
from seg_app.models.history import Saved
from seg_app.records import MaskFile
from seg_app.sam import connect_sam


def test_the_outboxes_of_all_users_go_on_after_a_restart(outboxes_of, server, tmp_path):
    with closing(outboxes_of()) as before:
        for user in ("ann", "../bob"):
            with pytest.raises(UnreachableError):
                before.of(user).save(SMALL, title=user[-3:])
        assert before.of("ann") is before.of("ann")
    with server() as drops, closing(outboxes_of()) as after:
        after.resume()
        after.close()
        assert drops.sets() == ["fib volume-ann.npz", "fib volume-bob.npz"]
    assert [path.name for path in tmp_path.iterdir() if path.name not in ("drops", "journals")] == ["all"]


def test_what_arrives_is_noted_for_its_image_though_another_one_is_on_view(outboxes_of, store, server, tmp_path):
    image = replace(SMALL.image, shape=(1, 64, 96))
    masks = MaskSet(Journal.of_image(tmp_path / "journals" / "ann", image))
    masks.add([square()])
    with closing(outboxes_of()) as before, pytest.raises(UnreachableError):
        before.of("ann").save(MaskFile(image, masks.masks), title="pores")
    with server(), closing(outboxes_of()) as after:
        other = Session(
            Volume.from_array(np.zeros((1, 64, 96), np.uint8)), connect_sam("classical:"), store=after.of("ann")
        )
        after.of("ann").try_now()
        assert other.saved_as == ""
    saved = MaskSet(Journal.of_image(tmp_path / "journals" / "ann", image)).saved
    assert (saved.masks, saved.saving.title, saved.saving.where) == (masks.masks, "pores", store.where)
    assert saved.saving.path.endswith("fib volume-pores.npz")


def test_masks_that_changed_before_they_arrived_are_not_noted(outboxes_of, server, tmp_path):
    masks = MaskSet(Journal.of_image(tmp_path / "journals" / "ann", SMALL.image))
    masks.add([square()])
    with closing(outboxes_of()) as before, pytest.raises(UnreachableError):
        before.of("ann").save(MaskFile(SMALL.image, masks.masks))
    masks.add([square(1, 1)])
    with server() as drops, closing(outboxes_of()) as after:
        after.of("ann").try_now()
        assert drops.sets()
    assert MaskSet(Journal.of_image(tmp_path / "journals" / "ann", SMALL.image)).saved == Saved()
