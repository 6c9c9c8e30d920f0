"""A checkpoint of SAM 2.1 on its way from a file to a device: nothing in it is run, and it must fit its model."""

from __future__ import annotations

import hashlib
import pickle
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from seg_app.errors import SegmenterError
from seg_app.sam.compat import ensure_torchvision
from seg_app.sam.configs import hydra_config

if TYPE_CHECKING:
    from sam2.sam2_image_predictor import SAM2ImagePredictor

    from seg_app.sam.checkpoints import Checkpoint
    from seg_app.sam.precision import Precision

PREPROCESSING = 1
"""To be raised when an image is prepared for the encoder in another way: what is on disk is of no use then."""
FEATURE_STRIDES = 4, 8, 16
"""How many input pixels wide a pixel of each feature map of the image encoder is, finest first."""
COARSEST_STRIDE = 32
"""The last stage of Hiera halves once more; the neck adds it to the one before, which takes whole numbers."""

UNREADABLE = (
    *(pickle.UnpicklingError, EOFError, OSError, RuntimeError),
    # what the unpickler stumbles over in damaged bytes
    *(ValueError, LookupError, TypeError, AttributeError, struct.error),
)


def model_key(checkpoint: Checkpoint, precision: Precision) -> str:
    """Return what embeddings depend on besides the image, as text: weights, configuration, precision, preparation."""
    config = Path(checkpoint.config).expanduser()
    with checkpoint.weights.open("rb") as file:
        weights = hashlib.file_digest(file, "blake2b").hexdigest()
    content = config.read_text() if config.is_file() else checkpoint.config
    return f"{PREPROCESSING} {weights} {content} {precision.device.type} {precision.dtype}"


def device_of(name: str) -> torch.device:
    """Return a device of this machine by its name, or the best there is for 'auto'. Raises SegmenterError."""
    has = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, there in has.items() if there))
    kind, mark, number = name.partition(":")
    if not has.get(kind) or (mark and number not in _numbers_of(kind)):
        there = ", ".join(kind for kind, is_there in has.items() if is_there)
        raise SegmenterError(f"There is no device '{name}' here. Set SEG_APP_DEVICE to 'auto' or one of: {there}.")
    return torch.device(name)


def _numbers_of(kind: str) -> list[str]:
    """Return the numbers of the devices of a kind; torch would stumble over another only when it computes."""
    return [str(number) for number in range(torch.cuda.device_count() if kind == "cuda" else 1)]


def load(checkpoint: Checkpoint, device: torch.device) -> SAM2ImagePredictor:
    """Return the package's image predictor with the weights of a checkpoint, on a device. Raises SegmenterError."""
    ensure_torchvision()
    # after ensure_torchvision: sam2 imports torchvision
    from sam2.sam2_image_predictor import SAM2ImagePredictor

    model = _built(checkpoint, device)
    if model.image_size % COARSEST_STRIDE:
        raise SegmenterError(
            f"'{checkpoint.config}' has image_size {model.image_size}. It must be a multiple of {COARSEST_STRIDE}: "
            "give the one that the checkpoint was trained with."
        )
    try:
        model.load_state_dict(_weights(checkpoint))
    except RuntimeError as error:
        raise SegmenterError(
            f"Cannot load '{checkpoint.weights}' into the model of '{checkpoint.config}': they do not fit. "
            "Set MODEL_CONFIG to the configuration that the checkpoint was made with."
        ) from error
    predictor = SAM2ImagePredictor(model)
    # a private name of the package, which writes down the sizes for an image_size of 1024
    predictor._bb_feat_sizes = [(model.image_size // stride,) * 2 for stride in FEATURE_STRIDES]  # noqa: SLF001
    return predictor


def _built(checkpoint: Checkpoint, device: torch.device) -> Any:
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException
    from sam2.build_sam import build_sam2
    from yaml import YAMLError

    try:
        with hydra_config(checkpoint.config) as config:
            return build_sam2(config, device=str(device))
    except (HydraException, OmegaConfBaseException, YAMLError, OSError) as error:
        raise SegmenterError(
            f"Cannot build a model from the configuration '{checkpoint.config}'. {first_line(error)}. "
            "Give a YAML file of SAM 2.1, or the name of one in the sam2 package: configs/sam2.1/sam2.1_hiera_t.yaml."
        ) from error


def _weights(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return the weights by name. Nothing but numbers is read from the file: a pickle could run code."""
    try:
        content = torch.load(checkpoint.weights, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        raise SegmenterError(
            f"Cannot read '{checkpoint.weights}': it is damaged, or holds more than weights. {first_line(error)}. "
            "Download it again, or save it with torch.save({'model': model.state_dict()}, path)."
        ) from error
    if not isinstance(content, dict) or not isinstance(content.get("model"), dict):
        raise SegmenterError(
            f"'{checkpoint.weights}' is no SAM 2.1 checkpoint: it has no weights under 'model'. "
            "Give an official one, or one saved with torch.save({'model': model.state_dict()}, path)."
        )
    return content["model"]


def first_line(error: Exception) -> str:
    """Return the first line of what an error says, at most 300 characters: torch lists every tensor of a model."""
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:300]}".rstrip(".")
