"""A Tiled server: what is on it, what opens, and what is said when it does not."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import httpx
import numpy as np
import pytest

from seg_app.errors import MissingError, SourceError, UnreachableError, UnreadableError
from seg_app.io import ome_zarr
from seg_app.io.patience import Patience
from seg_app.io.tiled import TiledSource
from seg_app.io.tiled_errors import explained
from seg_app.io.tiled_folders import register_folder
from seg_app.io.tiled_server import EmbeddedTiled

GREY = np.arange(2 * 520 * 1030, dtype=np.uint16).reshape(2, 520, 1030)
COLOUR = np.arange(1 * 4 * 5 * 3, dtype=np.uint8).reshape(1, 4, 5, 3)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    root = tmp_path_factory.mktemp("tiled")
    server = EmbeddedTiled.start(root / "root", readable=[root / "images"])
    with closing(server.connect()) as source:
        fill(source, root / "images")
    yield server
    server.stop()


def fill(source: TiledSource, folder) -> None:
    ome_zarr.write(folder / "grey.zarr", GREY, pixel_size_nm=(20.0, 4.0, 4.0), attributes={"title": "Grey volume"})
    ome_zarr.write(folder / "colour.zarr", COLOUR)
    ome_zarr.write(folder / "broken.zarr", np.ones((2, 4, 5), np.uint8))
    (folder / "broken.zarr" / "0" / "c" / "1" / "0" / "0").write_bytes(b"garbage")
    ome_zarr.write(folder / "lacking.zarr", np.ones((1, 4, 5), np.uint8))
    register_folder(source, folder)
    (folder / "lacking.zarr" / "0").rename(folder / "lacking.zarr" / "gone")
    arrays = source.client.create_container("arrays")
    arrays.write_array(np.arange(6, dtype=np.float32).reshape(2, 3), key="plane 10", metadata={"pixel_size_nm": [5, 4]})
    arrays.write_array(np.arange(24, dtype=">i2").reshape(2, 3, 4), key="plane 2", dims=("z", "y", "x"))
    arrays.write_array(np.zeros((4, 5, 3), np.uint8), key="rgb")
    arrays.write_array(np.zeros((2, 2, 4, 5), np.float32), key="four", dims=("t", "z", "y", "x"))
    arrays.write_array(np.zeros(7), key="line")
    arrays.create_container("nested")


@pytest.fixture
def source(server):
    with closing(server.connect()) as source:
        yield source


@pytest.fixture
def requests(source):
    """The requests that the source sends from now on."""
    sent = []
    source._context.http_client.event_hooks["request"].append(sent.append)
    return sent


# What is there


def test_folders_come_as_entries_without_their_images(source):
    assert [(e.path, e.kind) for e in source.browse()] == [("arrays", "folder"), ("samples", "folder")]


def test_images_come_with_title_shape_and_dtype(source):
    grey = next(entry for entry in source.browse("samples") if entry.name == "grey")
    assert (grey.path, grey.title, grey.kind) == ("samples/grey", "Grey volume", "image")
    assert (grey.shape, grey.dtype) == ((2, 520, 1030), "uint16")


def test_entries_are_in_the_order_of_their_numbers_and_only_what_may_be_an_image(source):
    assert [e.name for e in source.browse("arrays")] == ["four", "nested", "plane 2", "plane 10", "rgb"]


def test_a_folder_costs_one_request(source, requests):
    source.browse("samples")
    assert len(requests) == 1


def test_a_long_folder_is_listed_completely(source, monkeypatch):
    monkeypatch.setattr("seg_app.io.tiled_nodes.PAGE", 2)
    assert len(source.browse("arrays")) == 5


# Opening


def test_an_ome_zarr_image_opens_with_its_levels(source):
    opened = source.open("samples/grey")
    assert [level.shape for level in opened.levels] == [(2, 520, 1030), (2, 260, 515), (2, 130, 258)]
    assert opened.metadata == {"title": "Grey volume"}


def test_an_image_is_named_by_server_and_path(source):
    image = source.open("samples/grey").image
    assert (image.source, image.path, image.shape, image.dtype) == (
        "embedded",
        "samples/grey",
        (2, 520, 1030),
        "uint16",
    )


def test_coordinates_are_the_centres_of_pixels_in_nm(source):
    opened = source.open("samples/grey")
    assert opened.calibration.pixel_size_nm == (20.0, 4.0, 4.0)
    assert opened.levels[1].x[:2].values.tolist() == [2.0, 10.0]
    assert opened.levels[1].x.attrs["units"] == "nm"


def test_opening_reads_no_pixels(source, requests):
    source.open("samples/grey")
    assert not [request for request in requests if "/array/" in request.url.path]


def test_of_every_answer_it_is_heard_that_it_has_begun(source, monkeypatch):
    answers = []
    own = property(lambda patience: answers.append(patience._own.answer) or answers[-1])
    monkeypatch.setattr(Patience, "_answer", own)
    source.open("arrays/plane 2").levels[0][0].load()
    assert len(answers) >= 4
    assert all(answer.has_begun and answer.done() for answer in answers)


def test_indexing_is_one_request_for_exactly_that_window(source, requests):
    level = source.open("samples/grey").levels[0]
    del requests[:]
    window = level[1, 100:110, 1000:1030].values
    np.testing.assert_array_equal(window, GREY[1, 100:110, 1000:1030])
    assert [request.url.params["slice"] for request in requests] == ["1:2:1,100:110:1,1000:1030:1"]


@pytest.mark.parametrize(
    "key",
    [
        (0, slice(None, None, 8), slice(None, None, 8)),
        (np.int64(1), slice(-20, None), 7),
        (slice(None), slice(9, 3, -2), slice(0, 0)),
        (slice(None, None, -1), 5, slice(1029, 1000, -3)),
        (1, [0, 5, 519], slice(0, 4)),
    ],
)
def test_every_way_of_indexing_gives_what_numpy_gives(source, key):
    np.testing.assert_array_equal(source.open("samples/grey").levels[0][key].values, GREY[key])


def test_threads_may_read_at_once(source):
    level = source.open("samples/grey").levels[0]
    with ThreadPoolExecutor(8) as pool:
        rows = list(pool.map(lambda y: level[0, y].values, range(40)))
    np.testing.assert_array_equal(rows, GREY[0, :40])


def test_colour_is_the_last_dimension(source):
    level = source.open("samples/colour").levels[0]
    assert level.dims == ("z", "y", "x", "c")
    np.testing.assert_array_equal(level.values, COLOUR)


def test_an_array_of_colour_is_a_plane(source):
    assert source.open("arrays/rgb").image.shape == (1, 4, 5)


def test_a_plane_becomes_a_volume_of_one_plane(source):
    opened = source.open("arrays/plane 10")
    assert opened.levels[0].values.tolist() == [[[0, 1, 2], [3, 4, 5]]]
    assert opened.calibration.pixel_size_nm == (None, 5.0, 4.0)


def test_pixels_are_of_this_machines_byte_order(source):
    assert source.open("arrays/plane 2").levels[0].values.dtype == np.dtype("=i2")


# What goes wrong


@pytest.mark.parametrize("path", ["samples/nothing", "nothing/at/all", "samples/grey/0/deeper"])
def test_what_is_not_there_is_missing(source, path):
    with pytest.raises(SourceError, match=path):
        source.open(path)


def test_a_missing_folder_is_missing(source):
    with pytest.raises(MissingError, match="nothing"):
        source.browse("nothing")


def test_a_folder_cannot_be_opened(source):
    with pytest.raises(UnreadableError, match="Choose an array"):
        source.open("samples")


def test_the_dimensions_of_an_array_are_taken_by_name(source):
    opened = source.open("arrays/four")
    assert (opened.image.path, opened.image.shape) == ("arrays/four/four_t0", (2, 4, 5))
    assert [(axis.name, axis.size) for axis in opened.whole.axes] == [("t", 2)]


def test_an_image_without_its_levels_cannot_be_opened(source):
    with pytest.raises(SourceError, match="lacking"):
        source.open("samples/lacking")


def test_a_damaged_plane_does_not_take_the_others_with_it(source):
    level = source.open("samples/broken").levels[0]
    with pytest.raises(UnreadableError, match=r"broken\.zarr/0"):
        level[1].load()
    assert level[0].values.min() == 1


@pytest.mark.parametrize(
    ("status", "error"), [(502, UnreachableError), (429, UnreachableError), (500, UnreadableError)]
)
def test_a_busy_gateway_says_nothing_of_the_file(status, error):
    response = httpx.Response(status, request=httpx.Request("GET", "http://host"))
    with pytest.raises(error, match=f"'scan' on http://host .*HTTP {status}"), explained("http://host", "scan"):
        response.raise_for_status()
