"""Engines with a tiny SAM 2.1 of random weights, and with the one that comes along."""

import pytest

from seg_app.sam import connect_sam
from seg_app.sam.checkpoints import Checkpoint
from seg_app.sam.engine import Sam2Segmenter
from tests.tiny_sam import bare_predictor, tiny_checkpoint


@pytest.fixture(scope="module")
def checkpoint(request, tmp_path_factory) -> Checkpoint:
    """A tiny SAM 2.1 with random weights, of the input size of the official ones unless a test asks for another."""
    folder = tmp_path_factory.mktemp("model") / "of our own, v=1"
    folder.mkdir()
    return tiny_checkpoint(folder, image_size=getattr(request, "param", 1024))


@pytest.fixture(scope="module")
def predictor(checkpoint):
    """The package's own image predictor with the same weights."""
    return bare_predictor(checkpoint)


@pytest.fixture(scope="module")
def engine(checkpoint):
    segmenter = Sam2Segmenter(checkpoint, device="cpu")
    yield segmenter
    segmenter.close()


@pytest.fixture
def encoded(engine, monkeypatch) -> list:
    """The images that the encoder sees from now on; those of before are forgotten."""
    engine.close()
    seen, forward = [], engine._predictor.model.forward_image
    monkeypatch.setattr(engine._predictor.model, "forward_image", lambda image: seen.append(image) or forward(image))
    return seen


@pytest.fixture(scope="module")
def bundled():
    """The model that comes along, which is trained."""
    segmenter = connect_sam("bundled:", device="cpu")
    yield segmenter
    segmenter.close()
