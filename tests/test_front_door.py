"""`import seg_app`: light, and everything that it promises is there."""

import json
import subprocess
import sys

import numpy as np
import pytest
from builders import square

import seg_app
from seg_app.records import ImageId, MaskFile

HEAVY = {
    "torch",
    "torchvision",
    "sam2",
    "panel",
    "panel_material_ui",
    "bokeh",
    "holoviews",
    "tiled",
    "skimage",
    "xarray",
}


def modules_after(code):
    """Return the top-level packages that a Python of its own has imported after some code."""
    script = f"{code}\nimport sys, json; print(json.dumps(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(answer.stdout))


def test_importing_the_package_imports_nothing_heavy():
    assert not modules_after("import seg_app") & (HEAVY | {"numpy", "param", "pandas", "scipy", "zarr"})


@pytest.mark.parametrize(
    ("code", "allowed"),
    [
        ("import seg_app; seg_app.Session; seg_app.open_volume", {"xarray"}),
        ("import seg_app; seg_app.connect_sam('classical:'); seg_app.load_masks", {"skimage"}),
        ("import seg_app.cli", set()),
        ("import seg_app.settings", set()),
    ],
)
def test_what_a_script_uses_imports_no_user_interface_and_no_torch(code, allowed):
    assert not modules_after(code) & (HEAVY - allowed)


@pytest.mark.parametrize("name", seg_app.__all__)
def test_every_promised_name_is_there_and_says_what_it_is(name):
    assert getattr(seg_app, name).__doc__


def test_dir_lists_what_is_promised():
    assert dir(seg_app) == sorted(seg_app.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'seg_app' has no attribute 'open'"):
        seg_app.open  # noqa: B018


@pytest.mark.parametrize("as_path", [str, lambda path: path])
def test_a_script_opens_clicks_accepts_and_keeps(tmp_path, as_path):
    pixels = np.full((60, 80), 20, np.uint8)
    pixels[20:40, 30:50] = 220
    np.save(tmp_path / "bright.npy", pixels)
    session = seg_app.Session(seg_app.open_volume(as_path(tmp_path / "bright.npy")), seg_app.connect_sam("classical:"))
    session.click(40, 30)
    mask = session.accept()
    assert abs(mask.area - 400) < 60
    assert (mask.y0 + mask.y1, mask.x0 + mask.x1) == (60, 80)


def test_masks_are_written_and_read(tmp_path):
    file = MaskFile(ImageId("local", "tiny", (1, 64, 96), "uint8"), (square(2, 3),))
    seg_app.save_masks(tmp_path / "tiny.npz", file)
    assert seg_app.load_masks(tmp_path / "tiny.npz") == file
