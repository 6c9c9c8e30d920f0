"""A chunk that was cut off is an error; without the check it ends the whole program."""

import subprocess
import sys
from contextlib import closing

import numpy as np
import pytest
import zarr
from numcodecs.blosc import Blosc

from seg_app.errors import UnreadableError
from seg_app.io import EmbeddedTiled, ome_zarr, register_folder
from seg_app.io.blosc import CheckedBlosc, check_chunk
from seg_app.models import Volume

# Noise, which takes a chunk of several blocks; a chunk cut off within them is what ends a program.
PIXELS = np.random.default_rng(0).integers(0, 60000, (3, 256, 256), dtype=np.uint16)
READ = """
import sys
from seg_app.errors import UnreadableError
from seg_app.models import Volume
from seg_app.records import Window
volume = Volume.from_file(sys.argv[1])
try:
    volume.read(1, Window(0, 0, 0, 256, 256))
except UnreadableError as error:
    print("said:", error)
print(volume.read(2, Window(0, 0, 0, 256, 256)).mean())
"""


@pytest.fixture(params=[2, 3])
def image(request, tmp_path):
    """An image of Zarr format 2 or 3 whose second plane was cut off in the middle, as by a broken copy."""
    path = tmp_path / "image.zarr"
    if request.param == 3:
        ome_zarr.write(path, PIXELS)
        chunk = path / "0" / "c" / "1" / "0" / "0"
    else:
        zarr.create_array(
            path, data=PIXELS, chunks=(1, 256, 256), zarr_format=2, compressors=Blosc(cname="zstd", clevel=1)
        )
        chunk = path / "1.0.0"
    chunk.write_bytes(chunk.read_bytes()[:60_000])
    return path


def test_a_plane_that_was_cut_off_is_said_and_the_others_are_read(image):
    answer = subprocess.run([sys.executable, "-c", READ, image], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    said, mean = answer.stdout.splitlines()
    assert "cut off" in said
    assert float(mean) == pytest.approx(PIXELS[2].mean())


@pytest.mark.parametrize("size", [0, 1, 7, 15, 16, 100, -1])
def test_a_chunk_shorter_than_it_says_is_refused(size):
    chunk = Blosc().encode(np.arange(1000))
    with pytest.raises(ValueError, match="is cut off or damaged"):
        CheckedBlosc().decode(chunk[:size])


def test_a_chunk_that_says_it_unpacks_to_less_than_nothing_is_refused():
    chunk = bytearray(Blosc().encode(np.arange(1000)))
    chunk[7] = 0xFF
    with pytest.raises(ValueError, match="is cut off or damaged"):
        check_chunk(bytes(chunk))


def test_a_whole_chunk_is_unpacked():
    pixels = np.arange(1000)
    np.testing.assert_array_equal(np.frombuffer(CheckedBlosc().decode(Blosc().encode(pixels)), pixels.dtype), pixels)


def test_the_embedded_server_survives_a_chunk_that_was_cut_off(tmp_path):
    path = tmp_path / "images" / "cut.zarr"
    ome_zarr.write(path, PIXELS)
    chunk = path / "0" / "c" / "1" / "0" / "0"
    chunk.write_bytes(chunk.read_bytes()[:60_000])
    server = EmbeddedTiled.start(tmp_path / "root", readable=[tmp_path / "images"])
    with closing(server.connect()) as source:
        register_folder(source, tmp_path / "images")
        levels = Volume.from_tiled(source, "samples/cut").levels
        with pytest.raises(UnreadableError, match="cut off"):
            levels[0][1].to_numpy()
        np.testing.assert_array_equal(levels[0][2].to_numpy(), PIXELS[2])
    server.stop()
