"""Hundreds of damaged files of every format: each gives planes or an error of ours, and the planes are in order."""

import random
import re
import warnings
from collections.abc import Callable
from pathlib import Path

import h5py
import mrcfile
import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from seg_app.errors import SegAppError
from seg_app.io.files import open_file
from seg_app.io.readers import FORMATS, read_parts

pytestmark = [
    # what libraries say of damaged files beside what they raise
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    # tifffile and Pillow warn where a damaged header tells of a large picture, before they refuse it
    pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning"),
]

N_DAMAGES = 25
"""Of each kind of file."""

STACK = np.repeat(np.arange(1, 5, dtype=np.uint16), 64 * 48).reshape(4, 64, 48)
"""Each plane has its own number, counted from 1, in all its pixels."""


def tiff(dtype: str = "u2", **options) -> Callable[[Path], None]:
    return lambda path: tifffile.imwrite(path, STACK.astype(dtype), photometric="minisblack", **options)


def page_by_page(path: Path) -> None:
    with tifffile.TiffWriter(path) as file:
        for plane in STACK:
            file.write(plane, photometric="minisblack", compression="zlib")


def hdf5(**options) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with h5py.File(path, "w") as file:
            file.create_dataset("entry/data/data", data=STACK, **options)

    return write


def mrc(path: Path) -> None:
    with mrcfile.new(path) as file:
        file.set_data(STACK)


KINDS: dict[str, Callable[[Path], None]] = {
    "raw.tif": tiff(),
    "big-endian.tif": tiff(byteorder=">"),
    "big.tif": tiff(bigtiff=True),
    "zlib.tif": tiff(compression="zlib", predictor=True),
    "lzw.tif": tiff(compression="lzw", rowsperstrip=16),
    "zstd.tif": tiff(compression="zstd", tile=(32, 32)),
    "jpeg.tif": tiff(compression="jpeg", tile=(32, 32), dtype="u1"),
    "jpeg2000.tif": tiff(compression="jpeg2000", tile=(32, 32)),
    "pages.tif": page_by_page,
    "imagej.tif": tiff(imagej=True),
    "a.ome.tif": tiff(metadata={"axes": "ZYX"}),
    "a.png": lambda path: Image.fromarray(STACK[0].astype(np.uint8)).save(path),
    "a.jpg": lambda path: Image.fromarray(STACK[0].astype(np.uint8)).save(path),
    "a.npy": lambda path: np.save(path, STACK),
    "a.h5": hdf5(),
    "gzip.h5": hdf5(chunks=(1, 32, 48), compression="gzip", shuffle=True),
    "lzf.nxs": hdf5(chunks=(1, 32, 48), compression="lzf"),
    "a.mrc": mrc,
}


def test_every_format_is_damaged():
    same = {".ali", ".hdf", ".hdf5", ".jpeg", ".rec", ".st", ".tiff"}  # other names of formats that are here
    assert {Path(name).suffix for name in KINDS} == set(FORMATS) - same - {".zarr"}


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Return the bytes of a file, cut off, with a hole in it, or with a few bytes changed, mostly in its headers."""
    broken, kind = bytearray(data), chance.random()
    if kind < 0.15:
        return data[: chance.randrange(len(data))]
    if kind < 0.3:
        start = chance.randrange(len(data))
        broken[start : start + chance.randrange(1, 200)] = chance.randbytes(chance.randrange(200))
        return bytes(broken)
    for _ in range(chance.choice((1, 1, 2, 8))):
        ends = (
            chance.randrange(min(len(data), 2000)),
            chance.randrange(len(data)),
            len(data) - chance.randrange(1, 500),
        )
        broken[max(chance.choice(ends), 0)] = chance.choice((0, 255, chance.randrange(256)))
    return bytes(broken)


def planes_of(path: Path) -> list[np.ndarray]:
    """Return what can be read of the first and last plane of each image; errors of ours are answers too."""
    found: list[np.ndarray] = []
    complaint = f"(Cannot|There is no).*{re.escape(path.name)}"
    try:
        for part in read_parts(path):
            level = open_file(path, part=part or None).levels[0]
            found += [level[z, :100, :100].values for z in {0, level.shape[0] - 1}]
    except SegAppError as error:
        complaints = re.search(complaint, str(error))
    else:
        complaints = True
    assert complaints
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_gives_planes_or_an_error(tmp_path, kind):
    path, chance = tmp_path / kind, random.Random(kind)
    KINDS[kind](path)
    whole = path.read_bytes()
    for _ in range(N_DAMAGES):
        path.write_bytes(damaged(whole, chance))
        assert all(plane.ndim in (2, 3) for plane in planes_of(path))


@pytest.mark.parametrize("version", [2, 3])
def test_a_damaged_zarr_folder_gives_planes_or_an_error(tmp_path, version):
    path, chance = tmp_path / "a.zarr", random.Random(version)
    group = zarr.open_group(path, mode="w", zarr_format=version)
    group.create_array("0", data=STACK, chunks=(1, 32, 48))
    group.attrs["multiscales"] = [{"axes": [{"name": n} for n in "zyx"], "datasets": [{"path": "0"}]}]
    files = sorted(file for file in path.rglob("*") if file.is_file())
    for _ in range(N_DAMAGES):
        file = chance.choice(files)
        whole = file.read_bytes()
        file.write_bytes(damaged(whole, chance))
        assert all(plane.ndim in (2, 3) for plane in planes_of(path))
        file.write_bytes(whole)


@pytest.mark.parametrize("kind", [name for name in KINDS if Path(name).suffix not in (".png", ".jpg")])
def test_a_file_that_was_cut_off_never_gives_planes_in_another_order(tmp_path, kind):
    path = tmp_path / kind
    KINDS[kind](path)
    whole = path.read_bytes()
    for length in range(len(whole) // 2, len(whole), max(1, len(whole) // 20)):
        path.write_bytes(whole[:length])
        for z, plane in enumerate(whole_planes(path)):
            assert plane is None or set(np.unique(plane).tolist()) <= {0, z + 1} or kind.startswith("jpeg")


def whole_planes(path: Path) -> list[np.ndarray | None]:
    """Return all planes in their order; None for one that cannot be read."""
    planes: list[np.ndarray | None] = []
    try:
        level = open_file(path).levels[0]
    except SegAppError:
        return planes
    for z in range(level.shape[0]):
        try:
            planes.append(level[z].values)
        except SegAppError:
            planes.append(None)
    return planes


def test_a_header_of_more_pixels_than_the_file_can_hold_is_refused(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK[0], compression="zlib", metadata=None)
    with tifffile.TiffFile(path, mode="r+b") as tif, warnings.catch_warnings():
        tif.pages.first.tags["ImageLength"].overwrite(2**31 - 1)
    with pytest.raises(SegAppError, match=r"a\.tif: its header tells of"):
        open_file(path)
