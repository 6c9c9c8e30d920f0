"""2,000 damaged files of every format: each gives planes or an error of ours, in time, and the planes are in order."""

import random
import re
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
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
from seg_app.io.folders import look_into
from seg_app.io.readers import FORMATS, read_parts
from seg_app.io.zarr_files import is_zarr

pytestmark = [
    # what libraries say of damaged files beside what they raise
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

N_DAMAGES = 80
"""Of each kind of file: 2,000 of all."""

LIMIT_S = 20.0
"""What takes longer hangs. Where it hangs in C, and lets no other thread run, conftest's limit ends it."""

NUMBERS = [40, 80, 120, 160]
NOISE = 10
STACK = np.array(NUMBERS, np.uint16)[:, None, None] + np.random.default_rng(0).integers(0, NOISE, (4, 64, 48), "u2")
"""Each plane has a number, and noise on it: else one byte of a compressed plane would be all its pixels."""

GREY = STACK[0].astype(np.uint8)


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


def picture(pixels: np.ndarray) -> Callable[[Path], None]:
    return lambda path: Image.fromarray(pixels).save(path)


def numbered(suffix: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        folder.mkdir()
        for z, plane in enumerate(STACK):
            picture(plane)(folder / f"slice_{z + 8}{suffix}")  # 8, 9, 10, 11: in the order of the numbers

    return write


def ome_zarr(version: int) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        group = zarr.open_group(path, mode="w", zarr_format=version)
        group.create_array("0", data=STACK, chunks=(1, 32, 48))
        group.attrs["multiscales"] = [{"axes": [{"name": n} for n in "zyx"], "datasets": [{"path": "0"}]}]

    return write


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
    "a.png": picture(GREY),
    "16 bit.png": picture(STACK[0]),
    "colour.png": picture(np.stack([GREY] * 3, axis=2)),
    "a.jpg": picture(GREY),
    "colour.jpg": picture(np.stack([GREY] * 3, axis=2)),
    "a.npy": lambda path: np.save(path, STACK),
    "a.h5": hdf5(),
    "gzip.h5": hdf5(chunks=(1, 32, 48), compression="gzip", shuffle=True),
    "lzf.nxs": hdf5(chunks=(1, 32, 48), compression="lzf"),
    "a.mrc": mrc,
    "v2.zarr": ome_zarr(2),
    "v3.zarr": ome_zarr(3),
    "tiffs": numbered(".tif"),
    "pngs": numbered(".png"),
}
FILES = [name for name in KINDS if Path(name).suffix not in ("", ".zarr")]
LOSSY = ("jpeg.tif", "a.jpg", "colour.jpg")
BELIEVED = (".h5", ".nxs", ".mrc", ".npy")
"""One header, or tree, says where all planes are. Where it is damaged they may be others, and nobody can tell."""


def test_every_format_is_damaged():
    same = {".ali", ".hdf", ".hdf5", ".jpeg", ".rec", ".st", ".tiff"}  # other names of formats that are here
    assert {Path(name).suffix for name in KINDS} - {""} == set(FORMATS) - same
    assert N_DAMAGES * len(KINDS) >= 2000


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


def images_of(path: Path) -> list[str]:
    """Return the names of the images in a file or folder."""
    if path.is_dir() and not is_zarr(path):
        return [place.title for place in look_into(path).values()]
    return read_parts(path)


@contextmanager
def complaining(path: Path) -> Iterator[None]:
    """Let errors of ours pass that name the file, or a file in the folder."""
    complaint = None
    try:
        yield
    except SegAppError as error:
        complaint = str(error)
    names = "|".join(re.escape(one.name) for one in (path, *path.rglob("*")))
    assert complaint is None or re.search(f"(Cannot|There is no).*({names})", complaint)


def planes_of(path: Path) -> list[dict[int, np.ndarray]]:
    """Return z -> what can be read of a plane, the first ones and the last, of each image."""
    found: list[dict[int, np.ndarray]] = []
    with complaining(path):
        for part in images_of(path):
            with complaining(path):
                level = open_file(path, part=part or None).levels[0]
                found.append({})
                for z in {*range(min(level.shape[0], 5)), level.shape[0] - 1}:
                    with complaining(path):
                        found[-1][z] = level[z, :100, :100].values
    return found


def in_time(read: Callable[[Path], list[dict[int, np.ndarray]]], path: Path) -> list[dict[int, np.ndarray]]:
    """Return what is read in a thread of its own. Raises TimeoutError when that hangs."""
    answer: Future[list[dict[int, np.ndarray]]] = Future()

    def run() -> None:
        try:
            answer.set_result(read(path))
        except BaseException as error:  # noqa: BLE001 - told in the test's thread
            answer.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return answer.result(LIMIT_S)


def numbers_of(planes: dict[int, np.ndarray]) -> list[int]:
    """Return the numbers of the planes, in their order, as far as most of the pixels of a plane still have one."""
    most = [int(np.median(plane)) for _, plane in sorted(planes.items())]
    return [number - number % 40 for number in most if number % 40 < NOISE and number - number % 40 in NUMBERS]


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_gives_planes_in_their_order_or_an_error(tmp_path, kind):
    """No plane comes twice, or after a later one.

    A plane may be missing: what has another size now is another image of the file, and pages behind one that cannot be
    found are found no more. Of files where all places are told together the order is not claimed, see BELIEVED; the
    planes of others could change places only if two of their pages did.
    """
    path = tmp_path / kind
    KINDS[kind](path)
    files = sorted(file for file in path.rglob("*") if file.is_file()) or [path]
    for n in range(N_DAMAGES):
        chance = random.Random(f"{kind} {n}")
        file = chance.choice(files)
        whole = file.read_bytes()
        file.write_bytes(damaged(whole, chance))
        try:
            images = in_time(planes_of, path)
        except TimeoutError:
            pytest.fail(f"Damage {n} of {kind} hangs: {file}")
        for planes in images:
            assert all(plane.ndim in (2, 3) for plane in planes.values())
            numbers = numbers_of(planes)
            is_told = kind not in LOSSY and path.suffix not in BELIEVED
            assert not is_told or numbers == sorted(set(numbers)), f"damage {n} of {kind}"
        file.write_bytes(whole)


@pytest.mark.parametrize("kind", [name for name in FILES if Path(name).suffix not in (".png", ".jpg")])
def test_a_file_that_was_cut_off_never_gives_planes_in_another_order(tmp_path, kind):
    path = tmp_path / kind
    KINDS[kind](path)
    whole = path.read_bytes()
    for length in range(len(whole) // 2, len(whole), max(1, len(whole) // 20)):
        path.write_bytes(whole[:length])
        for z, plane in enumerate(whole_planes(path)):
            assert plane is None or ((plane == 0) | (plane == STACK[z])).all() or kind in LOSSY


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
