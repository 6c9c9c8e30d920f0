"""A desk: the images that a user opens, each with the masks that were accepted on it."""

import threading
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from builders import square

from seg_app.errors import MissingError, SegAppError, UnreadableError
from seg_app.io import EmbeddedTiled, LocalFolder, MaskStore, ome_zarr, register_folder
from seg_app.io.pyramid import Workshop
from seg_app.models import Desk, Place
from seg_app.records import Box, Link, Point, Prompts, Window
from seg_app.sam import connect_sam
from seg_app.sam.diskcache import DiskCache

PIXELS = np.arange(3 * 20 * 30, dtype=np.uint8).reshape(3, 20, 30)
TALL = np.random.default_rng(0).integers(0, 256, (2100, 30), np.uint8)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    root = tmp_path_factory.mktemp("tiled")
    server = EmbeddedTiled.start(root / "root", readable=[root / "images"])
    for name, pixels in (("a_micrograph", PIXELS[:1]), ("b_volume", PIXELS), ("c_damaged", PIXELS[:1])):
        ome_zarr.write(root / "images" / f"{name}.zarr", pixels)
    for chunk in (root / "images" / "c_damaged.zarr").glob("*/c/*/*/*"):
        chunk.write_bytes(b"garbage")
    with closing(server.connect()) as source:
        register_folder(source, root / "images")
        source.client.create_container("empty")
        colour = source.client.create_container("colour")
        colour.write_array(np.zeros((20, 30, 3), np.uint8), key="a_photograph")
        source.client.write_array(TALL, key="tall")
        colour.write_array(PIXELS, key="b_volume", dims=("z", "y", "x"))
    yield server
    server.stop()


@pytest.fixture
def source(server):
    with closing(server.connect()) as source:
        yield source


@pytest.fixture
def desk_of(source, tmp_path):
    store, segmenter = MaskStore(LocalFolder(tmp_path / "masks")), connect_sam("classical:")
    return lambda user="ada": Desk(source, segmenter, store=store, journals=tmp_path / "journals", user=user)


@pytest.fixture
def desk(desk_of):
    return desk_of()


def below(desk, path):
    """Return the desk with the source connected to a container."""
    desk.source = type(desk.source)(desk.source._context, root=(path,), name="embedded")
    return desk


def test_the_first_volume_is_opened_before_any_micrograph(desk):
    session = below(desk, "samples").open_first()
    assert (desk.path, session.volume.shape) == ("b_volume", (3, 20, 30))


def test_an_image_that_is_opened_again_knows_that_it_is_saved_until_it_changes(desk_of):
    session = desk_of().open("samples/b_volume")
    session.masks.add([square(2, 3)])
    session.set_title = "pores"
    path = session.save()
    again = desk_of().open("samples/b_volume")
    assert (again.saved_as, again.set_title, again.unsaved, again.has_news) == (path, "pores", False, False)
    again.masks.add([square(9, 3)])
    changed = again.unsaved
    again.undo()
    assert (changed, again.unsaved) == (True, False)


def test_coming_back_to_an_image_shows_the_plane_the_zoom_and_the_contrast_of_before(desk):
    desk.open("samples/b_volume").go_to(2)
    desk.session.param.update(view=Box(2, 3, 12, 13), scale=0.5, limits=(5.0, 6.0))
    other = desk.open("samples/a_micrograph")
    assert (other.z, other.view) == (0, None)
    back = desk.open("samples/b_volume")
    assert (back.z, back.view, back.scale, back.limits) == (2, Box(2, 3, 12, 13), 0.5, (5.0, 6.0))


def test_coming_back_to_an_image_shows_what_was_not_accepted_on_its_planes(desk):
    session = desk.open("samples/b_volume")
    session.add_point(20, 10)
    session.go_to(2)
    session.draft.answer(session.draft.add(Point(3, 4)), [square(2, 3, z=2)])
    left = session.draft.prompts, session.draft.mask
    assert not desk.open("samples/a_micrograph").draft.waiting
    draft = desk.open("samples/b_volume").draft
    assert (draft.prompts, draft.mask, draft.answered, draft.left_on) == (*left, True, (1,))
    desk.session.go_to(1)
    assert draft.question == (Prompts((Point(20, 10),)), 1)
    draft.resume({})
    draft.clear()
    desk.open("samples/a_micrograph")
    assert not desk.open("samples/b_volume").draft.waiting


def test_a_link_opens_an_image_at_its_place(desk, desk_of):
    desk.open("samples/b_volume").go_to(2)
    desk.session.param.update(view=Box(2, 3, 12, 13), scale=0.5)
    link = replace(desk.link, at=Place.of(desk.session).written())
    assert link.at == "plane:3,x:2-12,y:3-13"
    elsewhere = desk_of(user="bob").begin(link)
    assert (elsewhere.z, elsewhere.view) == (2, Box(2, 3, 12, 13))
    for at in ("", "plane:0", "x:3-1,y:2", "plane:9999999,x:5000-6000,y:0-2,q:7", "%00;plane:-1", "plane:1,self:1"):
        opened = desk_of(user=f"reader of {len(at)}").begin(replace(link, at=at))
        assert (opened.view, 0 <= opened.z < 3) == (None, True)


def test_a_view_of_the_whole_plane_is_fitted_anew_when_one_comes_back(desk):
    desk.open("samples/b_volume").view = Box(-8, -0.5, 38, 19.5)
    desk.open("samples/a_micrograph")
    assert desk.open("samples/b_volume").view is None


def test_images_of_one_name_in_two_folders_have_places_of_their_own(desk):
    desk.open("samples/b_volume").go_to(2)
    assert desk.open("colour/b_volume").z == 1


def test_the_images_that_were_left_longest_ago_are_forgotten(desk, monkeypatch):
    monkeypatch.setattr("seg_app.models.places.MOST", 1)
    desk.open("samples/b_volume").go_to(2)
    desk.open("colour/b_volume").go_to(0)
    desk.open("samples/a_micrograph")
    assert [desk.open(path).z for path in ("samples/b_volume", "colour/b_volume")] == [1, 1]


def test_a_photograph_is_not_taken_for_a_volume(desk):
    below(desk, "colour").open_first()
    assert desk.path == "b_volume"


def test_an_image_that_cannot_be_read_is_not_the_first(desk, source):
    broken = source.client.create_container("a broken one")
    broken.create_container("no image", metadata={"seg_app_problem": "It is empty."})
    desk.open_first()
    source.client.delete_contents("a broken one", recursive=True)
    assert desk.path is not None
    assert "broken" not in desk.path


@pytest.fixture
def opened(desk, monkeypatch):
    """The paths that a desk tries to open, which has a damaged image, a whole one, and a third."""
    samples = {entry.path: entry for entry in desk.browse("samples")}
    listed = [samples[f"samples/{name}"] for name in ("c_damaged", "a_micrograph", "b_volume")]
    monkeypatch.setattr(desk, "browse", lambda _: [replace(entry, shape=None) for entry in listed])
    opened, open_ = [], desk.open
    monkeypatch.setattr(desk, "open", lambda path: (opened.append(path), open_(path))[1])
    return opened


def test_a_damaged_image_is_not_the_first_and_those_after_the_first_are_not_looked_at(desk, opened):
    desk.open_first()
    assert (desk.path, opened) == ("samples/a_micrograph", ["samples/c_damaged", "samples/a_micrograph"])


def test_where_all_are_damaged_it_is_said_of_the_first(desk, opened, monkeypatch):
    monkeypatch.setattr("seg_app.models.first.MOST_TRIED", 1)
    with pytest.raises(UnreadableError, match="c_damaged"):
        desk.open_first()
    assert (opened, desk.path) == (["samples/c_damaged"], None)


def test_nothing_is_opened_where_nothing_is(desk):
    assert below(desk, "empty").open_first() is None
    assert (desk.session, desk.path) == (None, None)


def test_what_a_link_asks_for_is_opened_and_what_is_open_has_a_link(desk_of):
    first = desk_of()
    first.open("samples/a_micrograph")
    desk = desk_of()
    desk.begin(first.link)
    assert (desk.link, desk.path) == (Link(image="samples/a_micrograph"), "samples/a_micrograph")
    desk.begin(Link())
    assert desk.path == "tall"


@pytest.mark.parametrize(
    "link",
    [
        Link(image="samples/none"),
        Link(image="samples/../samples/a_micrograph"),
        Link(image="//samples//a_micrograph"),
        Link(drops="/DROPS/ada/none.tif"),
    ],
)
def test_where_a_link_leads_nowhere_nothing_is_opened(desk, link):
    with pytest.raises(SegAppError) as said:
        desk.begin(link)
    assert "http://" not in str(said.value)
    assert (desk.session, desk.link) == (None, Link())


def test_what_was_accepted_is_there_when_the_image_is_opened_again(desk, desk_of):
    desk.open("samples/b_volume").masks.add([square(2, 3)])
    desk.open("samples/a_micrograph")
    assert desk.session.masks.masks == ()
    kept = desk_of().open("samples/b_volume").masks.masks
    assert [(mask.x0, mask.y0) for mask in kept] == [(2, 3)]


def test_looking_at_an_image_makes_no_file(desk, tmp_path):
    session = desk.open("samples/b_volume")
    session.go_to(2)
    session.volume.read(2, Window(0, 0, 0, 20, 30))
    session.click(20, 10)
    session.drop()
    desk.open("samples/a_micrograph")
    desk.open("samples/b_volume")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_two_users_have_masks_of_their_own(desk_of):
    ada, bob = desk_of("ada"), desk_of("bob")
    ada.open("samples/b_volume").masks.add([square(2, 3)])
    assert bob.open("samples/b_volume").masks.masks == ()


@pytest.fixture
def tall(desk, tmp_path):
    """The session of a large image, on a desk with a place for levels."""
    desk.workshop = Workshop(DiskCache(tmp_path / "levels", 10**6))
    return desk.open("tall")


def test_a_large_image_gets_its_levels_when_somebody_looks(tall):
    whole, made = Window(1, 0, 0, 1050, 15), threading.Event()
    tall.volume.param.watch(lambda _: made.set(), "sharpened")
    np.testing.assert_array_equal(tall.volume.read(0, whole), TALL[1::2, 1::2])
    assert made.wait(30)
    np.testing.assert_array_equal(tall.volume.read(0, whole), ome_zarr.half(TALL[np.newaxis])[0])


def test_no_levels_are_made_of_an_image_when_another_one_is_opened(desk, tall, tmp_path):
    desk.open("samples/a_micrograph")
    tall.volume.read(0, Window(1, 0, 0, 1050, 15))
    assert not (tmp_path / "levels").exists()


def test_an_opened_session_names_its_user_and_has_a_store(desk):
    session = desk.open("samples/b_volume")
    assert (session.user, session.store) == ("ada", desk.store)


@pytest.mark.parametrize("user", ["../ada", "{here}/ada", "..", ".", "", "a/../../b", "ada\\..\\..", "a:b", "ada "])
def test_no_user_name_leads_out_of_the_folder_of_journals(desk_of, tmp_path, user):
    before = set(tmp_path.rglob("*"))
    desk_of(user.format(here=tmp_path)).open("samples/b_volume").masks.add([square(2, 3)])
    (journal,) = tmp_path.rglob("*.jsonl")
    assert journal.parent.parent == tmp_path / "journals"
    assert {path.parts[len(tmp_path.parts)] for path in set(tmp_path.rglob("*")) - before} == {"journals"}


def test_names_that_differ_have_folders_that_differ(desk_of, tmp_path):
    for user in ("a/b", "a_b", "a=2Fb", "ab"):
        desk_of(user).open("samples/b_volume").masks.add([square(2, 3)])
    assert len(list((tmp_path / "journals").iterdir())) == 4


def test_an_image_that_cannot_be_opened_leaves_the_open_one(desk):
    session = desk.open("samples/b_volume")
    for path, error in (("samples/gone", MissingError), ("samples/c_damaged", UnreadableError)):
        with pytest.raises(error):
            desk.open(path)
        assert (desk.session, desk.path) == (session, "samples/b_volume")


def test_errors_of_the_server_are_ours(desk):
    with pytest.raises(SegAppError):
        desk.browse("samples/gone")
