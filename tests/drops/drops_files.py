"""Files on a Drops server of the tests."""

import os

import numpy as np
from skimage.io import imsave

PIXELS = np.arange(20 * 30, dtype=np.uint8).reshape(20, 30)
ODD = "<b>run< [1] {a,b}?*"


def put(path, pixels=PIXELS, modified_s=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    imsave(path, pixels, check_contrast=False)
    if modified_s:
        os.utime(path, (modified_s, modified_s))
    return path


def fetched(there):
    return [fields["file"] for verb, fields in there.calls if verb == "filez"]
