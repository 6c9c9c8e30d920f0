"""What travels between a SAM server and its clients: it arrives as it was sent, and nothing damaged is taken."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from seg_app.errors import SegmenterError
from seg_app.records import Box, Point, Prompts
from seg_app.sam import Candidate, wire
from seg_app.sam.outline import enlarged, places
from tests.segmenter_contract import disc_on_noise


@given(arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=20).map(lambda s: (*s, 3))))
def test_images_survive_the_journey(image) -> None:
    np.testing.assert_array_equal(wire.unpack_image(wire.pack_image(image)), image)


def test_a_grey_image_travels_as_one_channel() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (64, 64, 1), dtype=np.uint8).repeat(3, axis=2)
    assert len(wire.pack_image(grey)) < 1.1 * 64 * 64 + 200
    np.testing.assert_array_equal(wire.unpack_image(wire.pack_image(grey)), grey)


@given(
    arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=20), elements=st.floats(-50, 50, width=16)),
    st.floats(0, 1),
)
def test_candidates_survive_the_journey(logits, score) -> None:
    (arrived,) = wire.unpack_candidates(wire.pack_candidates([Candidate(logits, score)]))
    assert arrived.score == score
    np.testing.assert_array_equal(arrived.logits.clip(-8, 32), logits.clip(-8, 32))


@given(
    arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.floats(-30, 30, width=16)),
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
)
def test_of_enlarged_logits_the_grid_travels(grid, shape) -> None:
    logits = enlarged(grid, places(shape[0], grid.shape[0]), places(shape[1], grid.shape[1]))
    message = wire.pack_candidates([Candidate(grid, 0.5, over=shape)])
    _, (part,) = wire.unpack(message)
    (arrived,) = wire.unpack_candidates(message)
    assert part.size <= grid.size
    near = logits > -8
    np.testing.assert_array_equal(arrived.logits[near], logits[near])
    assert (arrived.logits[~near] <= -8).all()


def test_many_candidates_of_large_grids_are_refused_before_there_is_room_for_them() -> None:
    entry = {"shape": [8192, 8192], "image": [4, 4], "y0": 0, "x0": 0, "score": 0.5}
    message = wire.pack({"candidates": [entry] * 3}, [np.zeros((0, 0), np.float16)] * 3)
    with pytest.raises(SegmenterError, match="3 candidates of more than"):
        wire.unpack_candidates(message)


@given(arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=20), elements=st.floats(-32, 32, width=16)))
def test_masks_survive_the_journey(mask) -> None:
    np.testing.assert_array_equal(wire.mask_from_json(wire.mask_to_json(mask)), mask)


coordinates = st.floats(-1e4, 1e4)


@given(
    st.lists(st.builds(Point, coordinates, coordinates, st.booleans())), st.none() | st.builds(Box, *[coordinates] * 4)
)
def test_prompts_survive_the_journey(points, box) -> None:
    prompts = Prompts(tuple(points), box)
    assert wire.prompts_from_json(wire.prompts_to_json(prompts)) == prompts


@given(st.binary(max_size=60), st.integers(0, 200))
def test_damaged_messages_are_refused(noise, place) -> None:
    message = bytearray(wire.pack_image(disc_on_noise()[:8, :8]))
    message[place : place + len(noise)] = noise
    # whatever the damage: an image or a SegmenterError, and nothing else
    with suppress(SegmenterError):
        assert wire.unpack_image(bytes(message)).dtype == np.uint8


@pytest.mark.parametrize(
    "header",
    [
        '{"arrays": [{"type": "uint8", "shape": [100000, 100000], "bytes": 9}]}',
        '{"arrays": [{"type": "uint8", "shape": [-1, -9], "bytes": 9}]}',
        '{"arrays": [{"type": "object", "shape": [1], "bytes": 9}]}',
        '{"arrays": [{"type": "uint8", "shape": [9], "bytes": 999}]}',
        '{"arrays": 7}',
        "[]",
        "{}",
    ],
)
def test_headers_that_lie_are_refused(header) -> None:
    with pytest.raises(SegmenterError, match="Cannot read a message"):
        wire.unpack(len(header).to_bytes(4, "big") + header.encode() + b"123456789")


def test_a_small_message_cannot_unfold_without_end() -> None:
    message = wire.pack({}, [np.zeros(10**7, dtype=np.uint8)])
    with pytest.raises(SegmenterError, match=r"shape \[10\]"):
        wire.unpack(_shortened(message))


def _shortened(message: bytes) -> bytes:
    """Return the message with a header that says ten bytes where there are ten million."""
    size = int.from_bytes(message[:4], "big")
    head = message[4 : 4 + size].replace(b"[10000000]", b"[10]")
    return len(head).to_bytes(4, "big") + head + message[4 + size :]
