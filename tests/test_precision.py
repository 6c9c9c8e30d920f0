"""Half precision where a GPU has it, and one line that says why not; no test here needs one."""

import pytest
import torch

from seg_app.engine import engine_of
from seg_app.sam import CacheLimits
from seg_app.sam.devices import Device
from seg_app.sam.engine import Sam2Segmenter
from seg_app.sam.precision import Precision, precision_of
from seg_app.settings import Settings
from tests.segmenter_contract import disc_on_noise
from tests.tiny_sam import tiny_checkpoint

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
HALF = Precision(CPU, torch.bfloat16)
"""What a processor can do as well: slowly."""


@pytest.fixture
def new_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)


@pytest.fixture
def old_gpu(monkeypatch):
    """One that could emulate it only."""
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *, including_emulation=True: including_emulation)


@pytest.mark.usefixtures("new_gpu")
def test_a_gpu_that_can_computes_in_half_precision(caplog):
    precision = precision_of(CUDA, may_be_half=True)
    assert (precision.dtype, str(precision), caplog.text) == (torch.bfloat16, "half precision", "")
    with precision.within():
        assert (torch.is_autocast_enabled("cuda"), torch.get_autocast_dtype("cuda")) == (True, torch.bfloat16)


@pytest.mark.usefixtures("old_gpu")
def test_a_gpu_that_cannot_computes_in_single_precision_and_the_log_says_so(caplog):
    precision = precision_of(CUDA, may_be_half=True)
    assert precision.dtype == torch.float32
    assert "The model runs in single precision: this GPU has no bfloat16." in caplog.text
    with precision.within():
        assert not torch.is_autocast_enabled("cuda")


@pytest.mark.usefixtures("new_gpu")
def test_who_turned_half_precision_off_computes_in_single_precision(caplog):
    assert precision_of(CUDA, may_be_half=False).dtype == torch.float32
    assert "The model runs in single precision: SEG_APP_HALF is off." in caplog.text


@pytest.mark.parametrize("device", ["cpu", "mps"])
def test_without_cuda_nobody_expects_half_precision(device, caplog):
    precision = precision_of(torch.device(device), may_be_half=True)
    assert (precision.dtype, str(precision), caplog.text) == (torch.float32, "single precision", "")


@pytest.mark.parametrize("half", [True, False])
def test_the_setting_reaches_the_model(monkeypatch, half):
    monkeypatch.setattr("seg_app.engine.connect_sam", lambda _, **how: how["device"])
    settings = Settings(SEG_APP_HALF=half, SEG_APP_DEVICE="cpu", BACKEND_URL="bundled:")
    assert engine_of(settings) == Device("cpu", may_be_half=half)


def test_an_image_that_was_seen_in_another_precision_is_looked_at_again(monkeypatch, tmp_path):
    checkpoint, limits, seen = tiny_checkpoint(tmp_path, image_size=256), CacheLimits(tmp_path / "cache"), []
    for precision in (HALF, Precision(CPU, torch.float32)):
        monkeypatch.setattr("seg_app.sam.engine.precision_of", lambda *_, kind=precision, **__: kind)
        segmenter = Sam2Segmenter(checkpoint, device="cpu", cache=limits)
        segmenter.embed(disc_on_noise())
        embedding = segmenter._embeddings.get(segmenter._key(disc_on_noise()), pytest.fail)
        seen.append(torch.bfloat16 in {tensor.dtype for tensor in embedding.tensors})
        segmenter.close()
    assert seen == [True, False]
