"""Files that a user hands over are opened at once, and found again where everything else is."""

import io
import socket
from contextlib import closing

import numpy as np
import pytest
import tifffile
from builders import square

from seg_app.errors import BusyError, MissingError, UnreachableError
from seg_app.io import EmbeddedTiled, LocalFolder, MaskStore, Shown, ome_zarr, register_paths
from seg_app.io.beside import Beside, lab_at
from seg_app.io.inbox import Inbox
from seg_app.io.tiled import TiledSource
from seg_app.models import Desk
from seg_app.sam import connect_sam

STACK = np.arange(3 * 20 * 30, dtype=np.uint8).reshape(3, 20, 30)


@pytest.fixture
def desk_of(source, embedded, tmp_path):
    """Return a function that gives the desk of a user, with an inbox that the embedded server may show."""

    def desk_of(user="ada"):
        store = MaskStore(LocalFolder(tmp_path / "masks"))
        desk = Desk(source, connect_sam("classical:"), store=store, journals=tmp_path / "journals", user=user)
        desk.inbox = Inbox.of(embedded[1] / tmp_path.name, user)
        return desk

    return desk_of


def hand_over(desk, name="grain.npy"):
    data = io.BytesIO()
    np.save(data, STACK)
    delivery = desk.inbox.receive([(name, data.tell())])
    delivery.write(0, data.getvalue())
    return delivery.finish()[0]


def test_a_file_is_opened_from_the_embedded_server(desk_of):
    desk = desk_of()
    session = desk.open_delivered(hand_over(desk))
    assert (session.volume.shape, session.volume.image.source) == ((3, 20, 30), "embedded")
    assert desk.path == f"{desk.inbox.key}/grain/grain.npy"


def test_of_files_of_which_the_first_is_damaged_behind_its_first_pixel_the_next_is_opened(desk_of):
    tif = io.BytesIO()
    tifffile.imwrite(tif, STACK[1], photometric="minisblack", compression="zlib", rowsperstrip=5)
    whole = tif.getvalue()
    with tifffile.TiffFile(io.BytesIO(whole)) as file:
        last = file.pages[0].dataoffsets[-1]
    damaged = whole[:last] + b"\xff" * 8 + whole[last + 8 :]
    desk = desk_of()
    delivery = desk.inbox.receive([("a.tif", len(damaged)), ("b.tif", len(whole))])
    delivery.write(0, damaged + whole)
    desk.open_delivered(delivery.finish()[0])
    assert desk.path == f"{desk.inbox.key}/a/b.tif"


@pytest.mark.parametrize("name", ["cells.ome.zarr", "cells 1"])
def test_a_zarr_folder_is_opened_with_its_levels_and_its_scale(desk_of, tmp_path, name):
    pixels = np.arange(2 * 8 * 1000, dtype=np.uint16).reshape(2, 8, 1000)
    ome_zarr.write(tmp_path / name, pixels, pixel_size_nm=(20, 4, 5))
    files = [path for path in (tmp_path / name).rglob("*") if path.is_file()]
    desk = desk_of()
    delivery = desk.inbox.receive([(path.relative_to(tmp_path).as_posix(), path.stat().st_size) for path in files])
    delivery.write(0, b"".join(path.read_bytes() for path in files))
    volume = desk.open_delivered(delivery.finish()[0]).volume
    assert (len(volume.levels), volume.calibration.pixel_size_nm) == (2, (20, 4, 5))
    np.testing.assert_array_equal(volume.levels[0].values, pixels)
    stem = name.removesuffix(".zarr")
    assert desk.path == f"{desk.inbox.key}/{stem}/{stem}"
    assert desk_of().handed_over(desk.path.rpartition("/")[0]) == [name]


def test_a_file_is_found_again_with_its_masks(desk_of):
    desk = desk_of()
    desk.open_delivered(hand_over(desk)).masks.add([square(2, 3)])
    later = desk_of()
    later.show_inbox()
    (own,) = [entry for entry in later.browse() if entry.path == later.inbox.key]
    assert own.title == "Files of ada"
    (folder,) = later.browse(own.path)
    (entry,) = later.browse(folder.path)
    assert len(later.open(entry.path).masks.masks) == 1


def test_files_of_nobody_in_particular_are_called_opened_files(desk_of):
    desk = desk_of("local")
    desk.open_delivered(hand_over(desk))
    assert "Opened files" in [entry.title for entry in desk.browse()]


def test_the_same_name_again_is_another_image(desk_of):
    desk = desk_of()
    desk.open_delivered(hand_over(desk)).masks.add([square(2, 3)])
    assert desk.open_delivered(hand_over(desk)).masks.masks == ()
    assert [entry.name for entry in desk.browse(desk.inbox.key)] == ["grain", "grain (2)"]


def test_nobody_sees_the_files_of_others(desk_of):
    ada, bob = desk_of("ada"), desk_of("bob")
    ada.open_delivered(hand_over(ada))
    assert [entry for entry in bob.browse() if "inbox" in entry.path] == []
    with pytest.raises(MissingError):
        bob.begin(ada.link)
    assert ada.begin(ada.link).volume.shape == (3, 20, 30)


def test_own_files_are_deleted_unless_they_are_open_and_nobody_elses(desk_of):
    ada, bob = desk_of("ada"), desk_of("bob")
    ada.open_delivered(hand_over(ada, "a [1] & b.npy"))
    (folder,) = ada.browse(ada.inbox.key)
    (image,) = ada.browse(folder.path)
    assert [ada.is_own(path) for path in (folder.path, image.path, ada.inbox.key)] == [True, False, False]
    assert not bob.is_own(folder.path)
    with pytest.raises(MissingError):
        bob.discard(folder.path)
    with pytest.raises(BusyError):
        ada.discard(folder.path)
    ada.open_delivered(hand_over(ada))
    assert ada.handed_over(folder.path) == ["a [1] & b.npy"]
    ada.discard(folder.path)
    (last,) = ada.browse(ada.inbox.key)
    assert last.name == "grain"
    desk_of("ada").discard(last.path)  # where it is not open
    assert [entry for entry in ada.browse() if "inbox" in entry.path] == []


@pytest.mark.parametrize("name", ["inbox-2024", "inbox", "inbox-", "inbox-0a1b2c3d"])
def test_a_folder_that_was_named_is_no_inbox_whatever_it_is_called(desk_of, embedded, tmp_path, name):
    folder = embedded[1] / tmp_path.name / name
    folder.mkdir(parents=True)
    np.save(folder / "mine.npy", STACK)
    register_paths(embedded[0], [Shown(folder)])
    desk = desk_of()
    assert [(entry.title, listed(desk, entry.path)) for entry in desk.browse()] == [(name, ["mine.npy"])]
    desk.inbox = None
    assert listed(desk) == [name]


@pytest.mark.parametrize("name", ["a.zarr.npy", "µ [1] & co.npy", "<b>.npy", "100%.npy"])
def test_a_name_is_no_obstacle(desk_of, name):
    desk = desk_of()
    assert desk.open_delivered(hand_over(desk, name)).volume.shape == (3, 20, 30)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The server of a lab, which has one image and, by chance, a container that is called like an inbox."""
    server = EmbeddedTiled.start(tmp_path_factory.mktemp("lab"))
    source = TiledSource.connect(server.url, api_key=server.api_key)
    source.client.write_array(STACK, key="scan", dims=("z", "y", "x"))
    source.client.create_container("inbox-of-the-lab")
    yield source
    source.close()
    server.stop()


@pytest.fixture
def beside(desk_of, lab, source):
    """Return a function that gives a desk in the lab, with the embedded server beside it."""

    def desk(user="ada", **options):
        desk = desk_of(user)
        desk.source = Beside(lab, source, **options)
        return desk

    return desk


def listed(desk, path=""):
    return [entry.title for entry in desk.browse(path)]


def test_beside_the_data_of_a_lab_a_file_is_listed_on_this_computer(beside):
    desk = beside()
    session = desk.open_delivered(hand_over(desk))
    assert (session.volume.shape, session.volume.image.source) == ((3, 20, 30), "embedded")
    assert desk.path == f"#here/{desk.inbox.key}/grain/grain.npy"
    assert [listed(desk, path) for path in ("", "#here", f"#here/{desk.inbox.key}")] == [
        ["inbox-of-the-lab", "scan", "On this computer"],
        ["Files of ada"],
        ["grain"],
    ]


def test_beside_the_data_of_a_lab_a_file_is_found_again_with_its_masks(beside, desk_of):
    desk = beside()
    desk.open_delivered(hand_over(desk)).masks.add([square(2, 3)])
    path, later = desk.path, beside()
    later.show_inbox()
    assert len(later.open(path).masks.masks) == 1
    assert len(desk_of().open(path.removeprefix("#here/")).masks.masks) == 1  # also when the lab is not set any more


def test_beside_the_data_of_a_lab_nobody_sees_the_files_of_others(beside):
    ada, bob = beside("ada"), beside("bob")
    ada.open_delivered(hand_over(ada))
    assert (listed(ada, "#here"), listed(bob, "#here")) == (["Files of ada"], [])
    assert bob.browse(f"#here/{ada.inbox.key}") == []


def test_images_of_the_lab_keep_its_name_and_its_news(beside, lab):
    desk = beside()
    session = desk.open("scan")
    assert (session.volume.image.source, desk.source.name, desk.source.uri) == (lab.uri,) * 3
    assert desk.source.subscription("scan") is not None
    desk.close()


def test_the_first_image_is_the_labs_unless_files_here_were_named(beside, embedded, tmp_path):
    folder = embedded[1] / tmp_path.name / "mine"
    folder.mkdir(parents=True)
    np.save(folder / "mine.npy", STACK)
    opened = []
    for named in (False, True):
        desk = beside(here_first=named)
        register_paths(embedded[0], [Shown(folder)])
        opened.append(desk.open_first().volume.image.source)
        desk.close()
    assert opened == [desk.source.lab.uri, "embedded"]


@pytest.fixture
def away(desk_of, source, tmp_path):
    """Return a function that gives a desk whose lab is not there, and what starts the server of the lab."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    started = []

    def start():
        started.append(EmbeddedTiled.start(tmp_path / "away", port=port))
        with closing(started[-1].connect()) as there:
            if "scan" not in there.client:
                there.client.write_array(STACK, key="scan", dims=("z", "y", "x"))

    def desk(*, begun=False, **options):
        (tmp_path / "away").mkdir()
        (tmp_path / "away" / "api_key").write_text("0" * 64)
        if begun:
            start()
        lab = lab_at(f"http://127.0.0.1:{port}", api_key="0" * 64, may_be_away=True)
        if begun:
            started.pop().stop()
        desk = desk_of()
        desk.source = Beside(lab, source, **options)
        return desk

    yield desk, start
    for server in started:
        server.stop()


@pytest.mark.parametrize("begun", [False, True])
def test_while_the_lab_is_away_files_here_are_opened_and_its_trouble_is_listed(away, begun):
    desk = away[0](begun=begun)
    session = desk.open_delivered(hand_over(desk))
    trouble, here = desk.browse()
    assert (session.volume.shape, here.path, listed(desk, here.path)) == ((3, 20, 30), "#here", ["Files of ada"])
    assert "No Tiled server answers" in trouble.problem
    assert "DATA_TILED_URI" in trouble.problem
    with pytest.raises(UnreachableError, match="DATA_TILED_URI"):
        desk.browse(trouble.path)


def test_the_first_image_is_one_here_while_the_lab_is_away(away, embedded, tmp_path):
    folder = embedded[1] / tmp_path.name / "mine"
    folder.mkdir(parents=True)
    np.save(folder / "mine.npy", STACK)
    register_paths(embedded[0], [Shown(folder)])
    desk = away[0]()
    assert desk.open_first().volume.image.source == "embedded"


@pytest.mark.parametrize("begun", [False, True])
def test_a_lab_that_comes_back_is_listed_without_a_new_start(away, begun):
    desk, start = away[0](begun=begun), away[1]
    (trouble, _) = desk.browse()
    start()
    assert listed(desk, trouble.path) == ["scan"]
    assert listed(desk) == ["scan", "On this computer"]
    session = desk.open("scan")
    assert session.volume.image.source == desk.source.name == desk.source.uri
    desk.close()
    desk.source.lab.close()


def test_without_files_here_a_lab_that_is_away_is_an_error():
    with socket.create_server(("127.0.0.1", 0)) as free:
        uri = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(UnreachableError, match="DATA_TILED_URI"):
        lab_at(uri, api_key=None, may_be_away=False)


def test_the_key_of_a_lab_that_is_away_is_in_no_text():
    lab = lab_at("http://127.0.0.1:1?api_key=5ecre7", api_key=None, may_be_away=True)
    assert "5ecre7" not in f"{lab!r} {lab.uri} {lab.name}"
    with pytest.raises(UnreachableError) as caught:
        lab.browse()
    assert "5ecre7" not in str(caught.value)
