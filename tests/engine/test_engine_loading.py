"""What is loaded, what it is called, and what is refused."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from seg_app.errors import SegmenterError
from seg_app.records import Prompts
from seg_app.sam import connect_sam
from seg_app.sam.checkpoints import Checkpoint
from seg_app.sam.engine import Sam2Segmenter
from seg_app.sam.loading import device_of, model_key
from seg_app.sam.precision import Precision
from tests.segmenter_contract import CENTRE, disc_on_noise
from tests.tiny_sam import TINY


def test_says_which_model_runs_where(engine) -> None:
    assert engine.name == "SAM 2.1 tiny · cpu"


@pytest.mark.parametrize("checkpoint", [1024, 512], indirect=True, scope="module")
def test_the_input_size_is_that_of_the_model(checkpoint, engine) -> None:
    assert f"image_size: {engine.input_size}\n" in Path(checkpoint.config).read_text()


def test_what_embeddings_depend_on_has_another_key(checkpoint, tmp_path, monkeypatch) -> None:
    single, config = Precision(torch.device("cpu"), torch.float32), tmp_path / "other.yaml"
    config.write_text(TINY.replace("image_size: 1024", "image_size: 512"))
    keys = [
        model_key(checkpoint, single),
        model_key(checkpoint, replace(single, dtype=torch.bfloat16)),
        model_key(checkpoint, replace(single, device=torch.device("cuda"))),
        model_key(replace(checkpoint, config=str(config)), single),
        model_key(replace(checkpoint, weights=config), single),
    ]
    monkeypatch.setattr("seg_app.sam.loading.PREPROCESSING", 0)
    assert len({*keys, model_key(checkpoint, single)}) == 6


def test_weights_of_half_precision_compute_in_single_precision(checkpoint, tmp_path) -> None:
    weights = torch.load(checkpoint.weights, weights_only=True)["model"]
    torch.save({"model": {name: tensor.half() for name, tensor in weights.items()}}, tmp_path / "half.pt")
    engine = Sam2Segmenter(Checkpoint(tmp_path / "half.pt", checkpoint.config), device="cpu")
    assert {parameter.dtype for parameter in engine._predictor.model.parameters()} == {torch.float32}
    assert engine.predict(disc_on_noise(), Prompts((CENTRE,)))[0].logits.dtype == np.float32


@pytest.mark.skipif(Checkpoint.bundled() is None, reason="this checkout has no weights")
def test_the_bundled_model_says_that_it_came_along(bundled) -> None:
    assert bundled.name == "SAM 2.1 micro (bundled) · cpu"


def test_a_failing_device_is_a_segmenter_error(engine, monkeypatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory.\nTried to allocate 9 GiB")

    monkeypatch.setattr(engine._predictor.model.sam_prompt_encoder, "forward", fail)
    with pytest.raises(SegmenterError, match=r"out of memory\. When the device is out of memory, use a smaller model"):
        engine.predict(disc_on_noise(), Prompts((CENTRE,)))


def test_connects_by_path(checkpoint) -> None:
    segmenter = connect_sam(f"local:{checkpoint.weights}", config=checkpoint.config, device="cpu")
    assert segmenter.name == "SAM 2.1 tiny · cpu"


@pytest.mark.parametrize("device", ["tpu", "cuda:9x", "", "cpu:", "cpu:1"])
def test_a_device_that_is_not_there_is_named(checkpoint, device) -> None:
    with pytest.raises(SegmenterError, match="There is no device"):
        Sam2Segmenter(checkpoint, device=device)


@pytest.mark.parametrize("device", ["cuda:9x", "cuda:", "cuda:01", "cuda:2"])
def test_of_two_graphics_cards_there_is_no_third(monkeypatch, device) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert device_of("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(SegmenterError, match="There is no device"):
        device_of(device)


class Hostile:
    """A pickle that makes a file when it is opened."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("save", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value, protocol=2))])
def test_a_checkpoint_with_code_is_refused_and_not_run(checkpoint, tmp_path, save) -> None:
    save({"model": Hostile(tmp_path / "was here")}, tmp_path / "hostile.pt")
    with pytest.raises(SegmenterError, match="it is damaged, or holds more than weights"):
        Sam2Segmenter(Checkpoint(tmp_path / "hostile.pt", checkpoint.config), device="cpu")
    assert not (tmp_path / "was here").exists()


@pytest.mark.parametrize("content", [{"weights": {}}, {"model": 3}, torch.zeros(3), [1]])
def test_weights_of_something_else_are_refused(checkpoint, tmp_path, content) -> None:
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(SegmenterError, match=r"is no SAM 2\.1 checkpoint"):
        Sam2Segmenter(Checkpoint(tmp_path / "other.pt", checkpoint.config), device="cpu")


@pytest.mark.parametrize("weights", [{}, {"a": torch.zeros(1)}])
def test_missing_or_further_weights_are_refused(checkpoint, tmp_path, weights) -> None:
    torch.save({"model": weights}, tmp_path / "other.pt")
    with pytest.raises(SegmenterError, match="Set MODEL_CONFIG"):
        Sam2Segmenter(Checkpoint(tmp_path / "other.pt", checkpoint.config), device="cpu")


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda _: b"", lambda _: b"no model at all"])
def test_a_damaged_checkpoint_is_refused(checkpoint, tmp_path, damage) -> None:
    (tmp_path / "damaged.pt").write_bytes(damage(checkpoint.weights.read_bytes()))
    with pytest.raises(SegmenterError, match="it is damaged, or holds more than weights"):
        Sam2Segmenter(Checkpoint(tmp_path / "damaged.pt", checkpoint.config), device="cpu")


def test_weights_and_configuration_must_fit(checkpoint) -> None:
    with pytest.raises(SegmenterError, match=r"Cannot load .*tiny\.pt.*they do not fit"):
        Sam2Segmenter(Checkpoint(checkpoint.weights, "configs/sam2.1/sam2.1_hiera_t.yaml"), device="cpu")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("model: [", "Cannot build a model"),
        ("sizes: 3", "needs the key 'model'"),
        ("model:", "needs the key 'model'"),
        ("- 1", "needs the key 'model'"),
        ("model: {_target_: os.system, command: 'true'}", "asks for 'os.system'"),
        ("model: {_target_: sam2.modeling.NoSuchThing}", "Only classes of sam2"),
        ("model: {_target_: sam2.modeling.no_such_module.Thing}", "Only classes of sam2"),
        ("model: {_target_: sam2.build_sam.torch.load, f: evil.pt}", r"asks for 'sam2\.build_sam\.torch\.load'"),
        ("model: {_target_: sam2.modeling.sam2_base.torch.load, f: evil.pt}", "Only classes of sam2"),
        ("model: {_target_: sam2.modeling.sam2_base.trunc_normal_}", "Only classes of sam2"),
        ("model: {_target_: sam2.modeling.sam2_base.SAM2Base, no_such: 3}", "Cannot build a model"),
        (
            "model: {_target_: sam2.modeling.sam2_base.SAM2Base, image_encoder: {_target_: builtins.eval}}",
            "asks for 'builtins.eval'",
        ),
        ("defaults: [x]\nmodel: {_target_: sam2.x}", "no 'defaults'"),
        (TINY.replace("image_size: 1024", "image_size: 1040"), r"image_size 1040\. It must be a multiple of 32"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_refused(checkpoint, tmp_path, config, message) -> None:
    (tmp_path / "mine.yaml").write_text(config)
    with pytest.raises(SegmenterError, match=message):
        Sam2Segmenter(Checkpoint(checkpoint.weights, str(tmp_path / "mine.yaml")), device="cpu")


def test_a_configuration_that_is_nowhere_is_named(checkpoint) -> None:
    with pytest.raises(SegmenterError, match=r"Cannot build a model from the configuration 'nowhere\.yaml'"):
        Sam2Segmenter(Checkpoint(checkpoint.weights, "nowhere.yaml"), device="cpu")


def test_the_names_of_the_package_work_after_a_file_was_used(engine) -> None:
    from hydra import compose

    assert compose("configs/sam2.1/sam2.1_hiera_s.yaml").model.image_size == engine.input_size
