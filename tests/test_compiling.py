import pytest
import torch
from torch import nn

from seg_app.engine import engine_of
from seg_app.errors import SegmenterError
from seg_app.sam.checkpoints import Checkpoint
from seg_app.sam.compiling import compile_encoder
from seg_app.sam.devices import Device
from seg_app.sam.engine import Sam2Segmenter
from seg_app.settings import Settings
from tests.segmenter_contract import disc_on_noise
from tests.tiny_sam import tiny_checkpoint

pytestmark = [
    # what the compiler of torch itself does
    pytest.mark.filterwarnings("ignore::DeprecationWarning:torch"),
]


class Model(nn.Module):
    """Has an image encoder, as a SAM2Base has."""

    def __init__(self):
        super().__init__()
        self.image_encoder = nn.Conv2d(3, 2, 3)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Model().eval()


@pytest.fixture
def compiler(monkeypatch):
    """Trace the encoder as for the real compiler, and run the trace as it is: that takes no minute."""
    compile_ = torch.compile
    monkeypatch.setattr(torch, "compile", lambda forward, **options: compile_(forward, backend="eager", **options))


@pytest.fixture
def no_compiler(monkeypatch):
    def failing(_forward, **_options):
        def fail(*_):
            raise RuntimeError("no C++ compiler\nthere is none")

        return fail

    monkeypatch.setattr(torch, "compile", failing)


@pytest.mark.usefixtures("compiler")
def test_a_compiled_encoder_gives_what_the_plain_one_does(model):
    image = torch.ones(1, 3, 8, 8)
    plain = model.image_encoder(image)
    assert compile_encoder(model, lambda: model.image_encoder(image)) == ""
    torch.testing.assert_close(model.image_encoder(image), plain)


def test_an_encoder_that_cannot_be_compiled_stays_as_it_was(model, caplog):
    def fail():
        raise SegmenterError("There is no compiler.")

    assert compile_encoder(model, fail) == "There is no compiler."
    assert model.image_encoder(torch.ones(1, 3, 8, 8)).shape == (1, 2, 6, 6)
    assert "unset SEG_APP_COMPILE" in caplog.text


@pytest.fixture
def checkpoint(tmp_path) -> Checkpoint:
    return tiny_checkpoint(tmp_path, image_size=512)


@pytest.mark.usefixtures("no_compiler")
def test_a_machine_without_a_compiler_runs_the_model_as_it_is(checkpoint, caplog):
    segmenter = Sam2Segmenter(checkpoint, device=Device("cpu", is_compiled=True))
    segmenter.embed(disc_on_noise())
    assert "SAM 2.1 tiny · cpu failed: RuntimeError: no C++ compiler" in caplog.text


def test_a_device_of_a_name_is_not_compiled():
    assert Device.of("cuda") == Device("cuda", is_compiled=False)
    assert Device.of(Device("cpu", is_compiled=True)).is_compiled


def test_the_setting_reaches_the_model(monkeypatch):
    monkeypatch.setattr("seg_app.engine.connect_sam", lambda _, **how: how["device"])
    settings = Settings(SEG_APP_COMPILE=True, SEG_APP_DEVICE="cpu", BACKEND_URL="bundled:")
    assert engine_of(settings) == Device("cpu", is_compiled=True)
