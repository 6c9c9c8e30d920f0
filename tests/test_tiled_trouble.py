"""A lab's Tiled with its own readers: whatever goes wrong there is said in seconds, and the rest goes on working."""

import asyncio
import shutil
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import numpy as np
import pytest
import tifffile
import zarr
from tiled.client.register import register

from seg_app.errors import MissingError, RefusedError, SourceError, UnreachableError, UnreadableError
from seg_app.io.tiled import TiledSource
from seg_app.io.tiled_server import EmbeddedTiled

PLANES = np.arange(5 * 32 * 48, dtype=np.uint8).reshape(5, 32, 48)
SOON_S = 3.0
"""Tiled's client alone takes 25 s to say anything of these."""


@contextmanager
def soon():
    """Fail where what is done takes longer than a user waits."""
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < SOON_S


# The server


@pytest.fixture
def start(tmp_path):
    """Return a function that starts a server, always on the same port."""
    servers = []
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    def start(root="root"):
        servers.append(EmbeddedTiled.start(tmp_path / root, port=port))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def server(start):
    return start()


@pytest.fixture
def source(server):
    """A source with one image, which waits for answers as it is shipped."""
    with closing(TiledSource.connect(server.url, api_key=server.api_key)) as source:
        source.client.write_array(PLANES, key="scan", dims=tuple("zyx"))
        yield source


@pytest.fixture
def deeds(source):
    """What a user does with a source: look into it, open an image, look at a plane."""
    level = source.open("scan").levels[0]
    return [source.browse, lambda: source.open("scan"), level[2].to_numpy]


def test_a_server_that_is_gone_is_said_whatever_is_asked(deeds, server):
    server.stop()
    for deed in deeds:
        with soon(), pytest.raises(UnreachableError, match="Is it running"):
            deed()


def test_a_server_that_hangs_is_said_long_before_reading_times_out(deeds, source, server):
    timeout_s = source.client.context.http_client.timeout.read
    server.stop()
    deeds = [*deeds, lambda: TiledSource.connect(server.url, api_key=server.api_key)]
    begun = time.monotonic()
    with hanging(server), ThreadPoolExecutor(len(deeds)) as pool:
        errors = [answer.exception() for answer in [pool.submit(deed) for deed in deeds]]
    assert time.monotonic() - begun < timeout_s
    assert [type(error) for error in errors] == [UnreachableError] * len(deeds)
    assert all("took too long" in str(error) for error in errors)


def hanging(server):
    """Take the calls to a server that was stopped, and say nothing."""
    return socket.create_server(("127.0.0.1", int(server.url.rpartition(":")[2])))


def test_a_server_that_hangs_in_the_middle_of_an_answer_is_said(deeds, server, monkeypatch):
    monkeypatch.setattr("seg_app.io.tiled.STALLED_S", 0.1)
    monkeypatch.setattr("tiled.client.utils.TILED_RETRY_TIMEOUT", 0.1)
    server.stop()
    with hanging(server) as there, ThreadPoolExecutor(1) as pool, soon():
        for deed in (deeds[0], deeds[2]):
            answer = pool.submit(deed)
            with there.accept()[0] as line:
                line.recv(2**16)
                line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1536\r\n\r\nsome")
                error = answer.exception()
            assert isinstance(error, UnreachableError)
            assert "(it took too long)" in str(error)


def test_a_read_that_a_restart_interrupts_is_right_or_said_and_the_next_one_works(deeds, server, start):
    read = deeds[2]
    server.stop()
    with ThreadPoolExecutor(1) as pool:
        with hanging(server) as before:
            answer = pool.submit(read)
            before.accept()[0].close()
        start()
        error = answer.exception()
    assert isinstance(error, UnreachableError) if error else np.array_equal(answer.result(), PLANES[2])
    np.testing.assert_array_equal(read(), PLANES[2])


def test_after_a_restart_what_was_open_goes_on(deeds, server, start):
    server.stop()
    start()
    assert [entry.name for entry in deeds[0]()] == ["scan"]
    assert deeds[1]().image.shape == PLANES.shape
    np.testing.assert_array_equal(deeds[2](), PLANES[2])


def test_a_key_that_is_no_longer_accepted_is_said_whatever_is_asked(deeds, server, start, tmp_path):
    server.stop()
    (tmp_path / "root" / "api_key").write_text("another1")
    start()
    for deed in deeds:
        with soon(), pytest.raises(RefusedError, match="DATA_TILED_API_KEY"):
            deed()


def test_a_name_that_no_machine_has_is_said():
    with soon(), pytest.raises(UnreachableError, match=r"nobody\.invalid"):
        TiledSource.connect("http://nobody.invalid:8000")


# The files behind it


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The source of a server with readers of its own, and the folder that it serves."""
    root = tmp_path_factory.mktemp("lab")
    server = EmbeddedTiled.start(root / "root", readable=[root / "files"])
    (root / "files").mkdir()
    with closing(server.connect()) as source:
        yield source, root / "files"
    server.stop()


@pytest.fixture
def sequence(lab, request):
    """The level of a volume of five TIFF files, and its files."""
    source, files = lab
    folder = files / request.node.name.replace("[", "_").strip("]")
    folder.mkdir()
    paths = [folder / f"s_{n}.tif" for n in range(5)]
    for path, plane in zip(paths, PLANES, strict=True):
        tifffile.imwrite(path, plane, photometric="minisblack")
    source.client.delete_contents(recursive=True, external_only=True)
    asyncio.run(register(source.client, folder))
    (entry,) = source.browse()
    return source.open(entry.path).levels[0], paths


HARM = {
    "removed": lambda path: path.unlink(),
    "no image any more": lambda path: path.write_bytes(b"garbage"),
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:600]),
    "empty": lambda path: path.write_bytes(b""),
    "of another size": lambda path: tifffile.imwrite(path, PLANES[0, :16], photometric="minisblack"),
}


@pytest.mark.parametrize("harm", HARM)
@pytest.mark.parametrize("z", [0, 2, 4])
def test_a_file_that_is_harmed_is_said_and_the_other_planes_are_there(sequence, harm, z):
    level, paths = sequence
    HARM[harm](paths[z])
    with soon(), pytest.raises(UnreadableError, match="damaged or gone"):
        level[z].load()
    for other in {0, 2, 4} - {z}:
        np.testing.assert_array_equal(level[other].values, PLANES[other])


def test_a_file_that_was_written_anew_shows_its_new_pixels(sequence):
    level, paths = sequence
    tifffile.imwrite(paths[1], PLANES[1][::-1], photometric="minisblack")
    np.testing.assert_array_equal(level[1].values, PLANES[1][::-1])


@pytest.fixture
def store(lab):
    """The level of a Zarr array, and its folder."""
    source, files = lab
    path = files / "zarrs" / "a.zarr"
    shutil.rmtree(path.parent, ignore_errors=True)
    zarr.create_array(path, data=PLANES, chunks=(1, 32, 48), dimension_names=tuple("zyx"))
    source.client.delete_contents(recursive=True, external_only=True)
    asyncio.run(register(source.client, path.parent))
    (entry,) = source.browse()
    return source.open(entry.path).levels[0], path


def test_a_damaged_chunk_is_said_and_the_other_planes_are_there(store):
    level, path = store
    (path / "c" / "1" / "0" / "0").write_bytes(b"garbage")
    with soon(), pytest.raises(UnreadableError, match="damaged or gone"):
        level[1].load()
    np.testing.assert_array_equal(level[2].values, PLANES[2])


def test_a_chunk_that_is_not_there_is_empty_as_zarr_says(store):
    level, path = store
    (path / "c" / "1" / "0" / "0").unlink()
    assert int(level[1].max()) == 0
    np.testing.assert_array_equal(level[2].values, PLANES[2])


def test_a_store_that_is_gone_is_said(store):
    level, path = store
    shutil.rmtree(path)
    with soon(), pytest.raises(SourceError, match=r"damaged or gone|There is no"):
        level[1].load()


def test_a_file_outside_of_the_folders_that_are_served_is_said(lab, tmp_path):
    source, _ = lab
    tifffile.imwrite(tmp_path / "a.tif", PLANES[0], photometric="minisblack")
    source.client.delete_contents(recursive=True, external_only=True)
    asyncio.run(register(source.client, tmp_path))
    (entry,) = source.browse()
    with soon(), pytest.raises(SourceError, match=r"cannot read 'a' on .*damaged or gone; the server's log says more"):
        source.open(entry.path).levels[0].load()


def test_what_is_below_an_image_is_missing_at_once(lab):
    source, _ = lab
    source.client.delete_contents(recursive=True, external_only=False)
    source.client.write_array(PLANES, key="scan")
    for path in ("scan/deeper", "nothing"):
        with soon(), pytest.raises(MissingError):
            source.open(path)


@pytest.mark.parametrize(
    "array",
    [
        np.array([[np.nan, np.inf], [-np.inf, 1.5]], np.float32),
        np.array([[-5, 7]], np.int16),
        np.array([[True, False]]),
        np.array([[3]], np.uint8),
        np.arange(6, dtype=">u2").reshape(2, 3),
    ],
    ids=["not finite", "negative", "truth values", "one pixel", "big-endian"],
)
def test_odd_pixels_of_a_server_are_read_as_they_are(lab, array):
    source, _ = lab
    source.client.delete_contents(recursive=True, external_only=False)
    source.client.write_array(array, key="odd")
    level = source.open("odd").levels[0]
    np.testing.assert_array_equal(level[0].values, array)
    assert level.dtype.isnative


def test_an_array_without_a_pixel_is_no_image(lab):
    source, _ = lab
    source.client.delete_contents(recursive=True, external_only=False)
    source.client.create_container("arrays")
    source.client.write_array(np.zeros((0, 5), np.uint8), key="empty")
    with soon(), pytest.raises(UnreadableError, match="Cannot open"):
        source.open("empty")
