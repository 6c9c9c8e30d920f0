"""Images that are still being recorded: more planes are there soon, whether the server tells or is asked."""

import threading
from contextlib import ExitStack

import numpy as np
import pytest
from builders import square

from seg_app.errors import SourceError
from seg_app.io import LocalFolder, MaskStore, register_folder
from seg_app.io import live as module
from seg_app.io.live import Growth
from seg_app.models import Desk, Volume, follow
from seg_app.records import Link, Window
from seg_app.sam import connect_sam

pytestmark = [
    # Tiled's client uses websockets in their older way.
    pytest.mark.filterwarnings("ignore:connect.. must be used as a context manager:DeprecationWarning"),
]

PLANES = np.arange(6 * 20 * 30, dtype=np.uint16).reshape(6, 20, 30)
WAIT_S = 30


@pytest.fixture
def scan(source):
    """A scan of three planes so far."""
    return source.client.write_array(PLANES[:3], key="scan", dims=tuple("zyx"))


def add_plane(scan, n):
    scan.patch(PLANES[n : n + 1], offset=(n, 0, 0), extend=True)


@pytest.fixture
def watched(source, scan):  # noqa: ARG001
    """The shapes that the scan is seen to have, and an event that is set at each."""
    shapes, seen = [], threading.Event()

    def on_grown(image):
        shapes.append(image.image.shape)
        seen.set()

    growth = Growth(source, "scan", source.open("scan").whole, on_grown)
    yield growth, shapes, seen
    growth.close()


def test_planes_that_come_are_seen_when_the_server_is_asked(scan, watched, monkeypatch):
    growth, shapes, seen = watched
    monkeypatch.setattr(module, "POLL_S", 0.05)
    monkeypatch.setattr(module, "SLOW_POLL_S", 0.05)
    monkeypatch.setattr(type(growth._source), "subscription", lambda *_: None)
    growth.start()
    add_plane(scan, 3)
    assert seen.wait(WAIT_S)
    assert shapes == [(4, 20, 30)]


def test_planes_that_come_are_told_by_a_subscription(scan, watched, monkeypatch):
    monkeypatch.setattr(module, "POLL_S", 3600)
    monkeypatch.setattr(module, "SLOW_POLL_S", 3600)
    growth, shapes, seen = watched
    growth.start()
    while not (growth._subscription and growth._subscription._connected_event.wait(WAIT_S)):
        assert growth._threads[1].is_alive()
    add_plane(scan, 3)
    assert seen.wait(WAIT_S)
    assert shapes == [(4, 20, 30)]


def test_the_threads_end_when_nobody_looks_any_more(watched):
    growth = watched[0].start()
    growth.close()
    for thread in growth._threads:
        thread.join(WAIT_S)
    assert not any(thread.is_alive() for thread in growth._threads)


def test_a_server_that_fails_for_a_while_is_asked_again(scan, watched, monkeypatch):
    growth, _, seen = watched
    monkeypatch.setattr(module, "POLL_S", 0.05)
    failures, opens = iter([SourceError("gone")] * 3), growth._source.open

    def flaky(path):
        for error in failures:
            raise error
        return opens(path)

    monkeypatch.setattr(growth._source, "open", flaky)
    growth.start()
    add_plane(scan, 3)
    assert seen.wait(WAIT_S)


@pytest.fixture
def desk_of(source, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "POLL_S", 0.05)
    store, segmenter = MaskStore(LocalFolder(tmp_path / "masks")), connect_sam("classical:")
    with ExitStack() as desks:

        def desk():
            own = Desk(source, segmenter, store=store, journals=tmp_path / "journals", user="ada")
            desks.callback(own.close)
            return own

        yield desk


@pytest.fixture
def desk(desk_of):
    return desk_of()


def grown(session, act):
    """Do something and wait until the session's image has become another."""
    seen = threading.Event()
    session.volume.param.watch(lambda _: seen.set(), "image")
    act()
    assert seen.wait(WAIT_S)


def test_an_open_image_gets_the_planes_that_come_and_the_view_stays(desk, scan):
    session = desk.open("scan")
    session.go_to(2)
    grown(session, lambda: add_plane(scan, 3))
    assert (session.volume.n_planes, session.z) == (4, 2)
    assert session.volume.read(3, Window(0, 0, 0, 1, 1)).item() == PLANES[3, 0, 0]


@pytest.mark.parametrize(("z", "clicked", "expected"), [(2, False, 3), (1, False, 1), (2, True, 2)])
def test_the_view_follows_from_the_last_plane_only(desk, scan, z, clicked, expected):
    session = desk.open("scan")
    session.go_to(z)
    session.follow = True
    if clicked:
        session.add_point(5, 5)
    moved = threading.Event()
    session.param.watch(lambda _: moved.set(), "z")
    grown(session, lambda: add_plane(scan, 3))
    assert moved.wait(WAIT_S) if expected != z else True
    assert session.z == expected


@pytest.mark.usefixtures("scan")
@pytest.mark.parametrize(("clicked", "expected"), [(False, 2), (True, 0)])
def test_who_begins_to_follow_sees_the_last_plane_at_once(desk, clicked, expected):
    session = desk.open("scan")
    session.go_to(0)
    if clicked:
        session.add_point(5, 5)
    follow(session, wanted=True)
    assert (session.z, session.follow) == (expected, True)


def test_points_delay_following_to_the_planes_that_come_after_them(desk, scan):
    session = desk.open("scan")
    session.go_to(0)
    session.add_point(5, 5)
    follow(session, wanted=True)
    session.drop()
    moved = threading.Event()
    session.param.watch(lambda _: moved.set(), "z")
    grown(session, lambda: add_plane(scan, 3))
    assert moved.wait(WAIT_S)
    assert session.z == 3


def test_masks_are_there_when_the_image_has_grown_while_nobody_looked(desk, scan):
    session = desk.open("scan")
    session.masks.add([square(2, 3)])
    grown(session, lambda: add_plane(scan, 3))
    session.masks.add([square(4, 5, z=3)])
    desk.close()
    desk.link = Link()
    add_plane(scan, 4)
    assert [mask.z for mask in desk.open("scan").masks.masks] == [0, 3]


def test_two_tabs_that_open_a_growing_image_at_different_lengths_have_the_same_masks(desk_of, scan):
    first = desk_of().open("scan")
    add_plane(scan, 3)
    second = desk_of().open("scan")
    first.masks.add([square(2, 3)])
    second.masks.add([square(12, 3)])
    assert [mask.x0 for mask in desk_of().open("scan").masks.masks] == [2, 12]


def test_more_times_are_seen_in_an_image_of_several_axes(desk, source):
    film = source.client.write_array(PLANES.reshape(3, 2, 20, 30)[:2], key="film", dims=tuple("tzyx"))
    session = desk.open("film")
    grown(session, lambda: film.patch(PLANES[4:6][np.newaxis], offset=(2, 0, 0, 0), extend=True))
    assert [axis.size for axis in session.volume.axes] == [3]
    assert desk.move(t=2).volume.read(1, Window(0, 0, 0, 1, 1)).item() == PLANES[5, 0, 0]


def test_an_image_that_grows_while_the_user_goes_to_another_time_has_both(desk, source, monkeypatch):
    film = source.client.write_array(PLANES.reshape(3, 2, 20, 30)[:2], key="film", dims=tuple("tzyx"))
    desk.open("film")
    film.patch(PLANES[4:6][np.newaxis], offset=(2, 0, 0, 0), extend=True)
    larger, looked, is_looking, may_go_on = source.open("film"), Volume.looked_at, threading.Event(), threading.Event()

    def slow(volume, **index):
        other = looked(volume, **index)
        is_looking.set()
        may_go_on.wait(WAIT_S)
        return other

    monkeypatch.setattr(Volume, "looked_at", slow)
    going = threading.Thread(target=desk.move, kwargs={"t": 1})
    going.start()
    assert is_looking.wait(WAIT_S)
    growing = threading.Thread(target=desk._grow, args=(larger,))
    growing.start()
    growing.join(0.2)  # it waits
    may_go_on.set()
    for thread in (going, growing):
        thread.join(WAIT_S)
    volume = desk.session.volume
    assert (volume.index, [axis.size for axis in volume.axes], desk.session.index) == ({"t": 1}, [3], {"t": 1})


def test_files_that_come_to_a_volume_of_numbered_files_are_its_planes(desk, source, embedded, tmp_path, monkeypatch):
    import tifffile

    monkeypatch.setattr("seg_app.io.tiled_files.FRESH_S", 0.1)
    folder = embedded[1] / tmp_path.name
    folder.mkdir()
    for n in range(3):
        tifffile.imwrite(folder / f"s_{n}.tif", PLANES[n], photometric="minisblack")
    register_folder(source, folder)
    (entry,) = source.browse("samples")
    session = desk.open(entry.path)
    grown(session, lambda: tifffile.imwrite(folder / "s_3.tif", PLANES[3], photometric="minisblack"))
    assert session.volume.read(3, Window(0, 0, 0, 1, 1)).item() == PLANES[3, 0, 0]
