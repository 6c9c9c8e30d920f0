"""The image encoder as one compiled program, where this machine can make one."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import torch

from seg_app.errors import SegmenterError

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)


def compile_encoder(model: Any, try_out: Callable[[], object]) -> str:
    """Compile the image encoder of a SAM2Base, try it, and return '' or why it does not work: it is as before then.

    try_out: encodes an image, and raises SegmenterError when the encoder fails. Only then is anything compiled.
    """
    encoder = model.image_encoder
    forward = encoder.forward
    encoder.forward = torch.compile(forward, dynamic=False)  # every image has the size of the model's input
    try:
        try_out()
    except (SegmenterError, ImportError, OSError) as error:
        encoder.forward = forward
        log.warning(
            "The model runs as it is, it cannot be compiled here: %s Install a C++ compiler (and Triton for CUDA), "
            "or unset SEG_APP_COMPILE.",
            error,
        )
        return str(error)
    return ""
