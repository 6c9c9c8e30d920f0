"""Small steps on one core: nobody waits for threads to be woken."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from seg_app.records import Point, Prompts
from seg_app.sam.autooptions import AutoOptions
from seg_app.sam.cores import CORES, cores_to_decode, on_cores
from seg_app.sam.engine import Sam2Segmenter
from tests.tiny_sam import MEMORY, tiny_checkpoint

CPU, MANY = torch.device("cpu"), 3
POINT = Point(16, 16)


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    segmenter = Sam2Segmenter(
        tiny_checkpoint(tmp_path_factory.mktemp("model"), image_size=128, memory=MEMORY), device="cpu"
    )
    yield segmenter
    segmenter.close()


@pytest.fixture
def steps(engine, monkeypatch) -> Iterator[set[tuple[str, int]]]:
    """Which part of the model computed on how many cores from now on, on a machine of three."""
    for name in ("engine", "propagate"):
        monkeypatch.setattr(f"seg_app.sam.{name}.CORES", MANY)
    monkeypatch.setattr("seg_app.sam.engine.QUICK_S", float("inf"))  # previews encode, too
    engine.close()
    seen, model = set(), engine._predictor.model
    parts = {"image": model.image_encoder, "prompts": model.sam_prompt_encoder, "memory": model.memory_encoder}
    hooks = [
        part.register_forward_pre_hook(lambda *_, name=name: seen.add((name, torch.get_num_threads())))
        for name, part in parts.items()
    ]
    yield seen
    for hook in hooks:
        hook.remove()


ASKED = {
    "a click": lambda engine, image: engine.predict(image, Prompts((POINT,))),
    "a preview": lambda engine, image: engine.preview(image, POINT),
    "a search": lambda engine, image: list(engine.automask(image, AutoOptions(2))),
    "following": lambda engine, image: list(engine.propagate([image] * 2, 0, {1: image[..., 0] > 99})),
}


@pytest.mark.parametrize("asked", ASKED)
def test_a_small_model_decodes_on_one_core_whoever_asks_and_encodes_on_all(engine, image, steps, asked):
    with ThreadPoolExecutor(1) as pool, on_cores(2):
        pool.submit(ASKED[asked], engine, image).result()
        ASKED[asked](engine, image)
        assert torch.get_num_threads() == 2
    assert {("image", MANY), ("prompts", 1)} <= steps <= {("image", MANY), ("prompts", 1), ("memory", 1)}


def test_a_larger_model_and_a_graphics_card_are_left_as_they_are():
    counts = [cores_to_decode(CPU, 256), cores_to_decode(CPU, 512), cores_to_decode(torch.device("cuda"), 256)]
    assert counts == [1, CORES, CORES]


def test_a_step_that_fails_gives_the_cores_back():
    before = torch.get_num_threads()
    with pytest.raises(OSError, match="gone"), on_cores(before + 1):
        raise OSError("gone")
    assert torch.get_num_threads() == before
