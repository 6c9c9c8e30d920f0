"""Nothing is encoded twice: what is kept in memory and on disk."""

import numpy as np
import pytest
import torch

from seg_app.records import Point, Prompts
from seg_app.sam import CacheLimits
from seg_app.sam.checkpoints import Checkpoint
from seg_app.sam.engine import Sam2Segmenter, _Embedding
from tests.segmenter_contract import CENTRE, disc_on_noise
from tests.tiny_sam import tiny_checkpoint


def test_a_second_click_on_an_image_does_not_encode_it_again(engine, encoded) -> None:
    for x in (50, 60):
        engine.predict(disc_on_noise(), Prompts((Point(x, 50),)))
    assert len(encoded) == 1


def test_a_click_after_embedding_encodes_nothing(engine, encoded) -> None:
    engine.embed(disc_on_noise())
    engine.predict(disc_on_noise(), Prompts((CENTRE,)))
    assert len(encoded) == 1


def test_going_back_to_an_image_encodes_nothing_and_answers_as_before(engine, encoded) -> None:
    images = [disc_on_noise(), np.pad(disc_on_noise(), ((0, 40), (0, 0), (0, 0)))]
    first = [engine.predict(image, Prompts((CENTRE,)))[0].logits for image in images]
    again = [engine.predict(image, Prompts((CENTRE,)))[0].logits for image in images]
    assert len(encoded) == 2
    for before, after in zip(first, again, strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("checkpoint", [512], indirect=True, scope="module")
def test_windows_are_kept_up_to_a_number_of_bytes(checkpoint) -> None:
    segmenter = Sam2Segmenter(checkpoint, device="cpu", cache=CacheLimits(memory_bytes=1_200_000))
    for grey in range(3):  # 32 × 32² + 8 × 64² + 4 × 128² numbers of 4 bytes each
        segmenter.embed(np.full((8, 8, 3), grey, dtype=np.uint8))
    assert segmenter._embeddings.memory_bytes == 2 * 524_288


@pytest.fixture
def engines(checkpoint, tmp_path, monkeypatch):
    """Return a function that makes engines on one folder, as a restart does, and the images that they encode."""
    seen, limits = [], CacheLimits(tmp_path / "cache")

    def start(of: Checkpoint = checkpoint) -> Sam2Segmenter:
        segmenter = Sam2Segmenter(of, device="cpu", cache=limits)
        model = segmenter._predictor.model
        forward = model.forward_image
        monkeypatch.setattr(model, "forward_image", lambda image: seen.append(image) or forward(image))
        return segmenter

    return start, seen


def test_the_first_click_on_an_image_of_yesterday_encodes_nothing(engines) -> None:
    start, encoded = engines
    yesterday, today = start(), start()
    before = yesterday.predict(disc_on_noise(), Prompts((CENTRE,)))[0]
    yesterday.close()
    after = today.predict(disc_on_noise(), Prompts((CENTRE,)))[0]
    assert len(encoded) == 1
    np.testing.assert_allclose(after.logits, before.logits, rtol=1e-4, atol=1e-5)


def test_what_is_encoded_sooner_than_read_is_not_kept_on_disk(engines, tmp_path, monkeypatch) -> None:
    start, encoded = engines
    monkeypatch.setattr("seg_app.sam.engine.READING_S", float("inf"))
    for segmenter in (start(), start()):
        segmenter.embed(disc_on_noise())
        segmenter.close()
    assert (len(encoded), list(tmp_path.glob("cache/*"))) == (2, [])


def test_another_checkpoint_encodes_for_itself(engines, tmp_path) -> None:
    start, encoded = engines
    (tmp_path / "other").mkdir()
    for segmenter in (start(), start(tiny_checkpoint(tmp_path / "other", seed=1))):
        segmenter.embed(disc_on_noise())
        segmenter.close()
    assert len(encoded) == 2


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_what_comes_back_from_disk_is_what_was_encoded(engine, dtype) -> None:
    features = {"high_res_feats": [torch.randn(1, 2, 4, 4, dtype=dtype)], "image_embed": torch.randn(1, 2, 2, 2)}
    back = engine._unpacked(engine._packed(_Embedding(features, (8, 9))))
    assert back.shape == (8, 9)
    assert [tensor.dtype for tensor in back.tensors] == [dtype, torch.float32]
    assert torch.equal(back.features["high_res_feats"][0], features["high_res_feats"][0])
    assert torch.equal(back.features["image_embed"], features["image_embed"])
