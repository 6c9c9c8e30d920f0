"""The inbox of a user, and an image to hand over."""

import numpy as np
import pytest
import tifffile

from seg_app.io.inbox import Inbox


@pytest.fixture
def inbox(tmp_path):
    return Inbox.of(tmp_path, "ada")


@pytest.fixture
def image(tmp_path):
    """The bytes of a TIFF."""
    tifffile.imwrite(tmp_path / "a.tif", np.arange(12, dtype=np.uint8).reshape(3, 4), photometric="minisblack")
    return (tmp_path / "a.tif").read_bytes()
