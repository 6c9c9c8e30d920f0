"""Objects that are followed by a SAM server: as by its model, also when it forgets and when it is another one."""

import numpy as np
import pytest

from seg_app.errors import SegmenterError
from seg_app.sam.cache import content_key
from seg_app.sam.checkpoints import Checkpoint
from seg_app.sam.classical import ClassicalSegmenter
from seg_app.sam.engine import Sam2Segmenter
from seg_app.sam.followed import Follower
from seg_app.sam.following import Following
from seg_app.sam.followwire import MOST_OBJECTS, Way, pack_followed, unpack_followed, way_from_json, way_to_json
from seg_app.sam.remote import RemoteSegmenter
from seg_app.sam.server import create_app
from tests.serving import running
from tests.test_propagate import MIDDLE, Planes, disc

pytestmark = pytest.mark.usefixtures("one_thread")

OBJECTS = {1: disc(MIDDLE), 7: np.roll(disc(MIDDLE), 60, axis=1)}


@pytest.fixture(scope="module")
def bundled():
    """The model that comes along, whose memory is trained."""
    segmenter = Sam2Segmenter(Checkpoint.bundled(), device="cpu")
    yield segmenter
    segmenter.close()


@pytest.fixture(scope="module")
def served(bundled):
    with running(create_app(bundled)) as url:
        yield url


@pytest.fixture
def remote(served):
    segmenter = RemoteSegmenter(served)
    segmenter._http.delete("/cache")
    yield segmenter
    segmenter.close()


@pytest.fixture
def sent(remote, monkeypatch):
    """The paths that are asked for."""
    paths, send = [], remote._http.send

    def noted(request, **how):
        paths.append(request.url.path.split("/")[1])
        return send(request, **how)

    monkeypatch.setattr(remote._http, "send", noted)
    return paths


@pytest.fixture(scope="module")
def expected(bundled):
    return list(bundled.propagate(Planes(), MIDDLE, OBJECTS))


def assert_same(found, expected) -> None:
    assert [on.plane for on in found] == [on.plane for on in expected]
    for ours, theirs in zip(found, expected, strict=True):
        assert list(ours.objects) == list(theirs.objects)
        for number, one in ours.objects.items():
            other = theirs.objects[number]
            np.testing.assert_array_equal(one.logits > 0, other.logits > 0)
            np.testing.assert_allclose(one.logits.clip(-8), other.logits.clip(-8, 32), atol=0.02)
            assert (one.score, one.presence) == (
                pytest.approx(other.score, abs=1e-4),
                pytest.approx(other.presence, abs=1e-2),
            )


def test_a_server_finds_what_its_model_does_and_is_sent_each_plane_once_when_it_is_asked_for(
    remote, sent, expected
) -> None:
    planes = Planes()
    steps = remote.propagate(planes, MIDDLE, OBJECTS)
    assert planes.read == []
    first = next(steps)
    assert planes.read == [MIDDLE, MIDDLE + 1]
    assert_same([first, *steps], expected)
    assert len(planes.read) == len(set(planes.read)) == sent.count("images")


def test_damaged_planes_are_passed_over_as_without_a_server(bundled, remote) -> None:
    found = list(remote.propagate(Planes(damaged={4, 6, 7}), MIDDLE, OBJECTS))
    assert {8, 3} <= {on.plane for on in found}
    assert_same(found, list(bundled.propagate(Planes(damaged={4, 6, 7}), MIDDLE, OBJECTS)))


def test_a_server_that_forgets_everything_goes_on_as_if_nothing_had_been(remote, expected) -> None:
    found = []
    for on in remote.propagate(Planes(), MIDDLE, OBJECTS):
        found.append(on)
        remote._http.delete("/cache")
    assert_same(found, expected)


def test_servers_that_take_turns_find_the_same(bundled, expected) -> None:
    servers, planes = [Following(bundled), Following(bundled)], Planes()
    images = {content_key(image): image for image in (planes[z] for z in range(MIDDLE, 9))}
    found = [
        servers[n % 2].look(Way(tuple(images)[: n + 2], len(planes), OBJECTS), images.__getitem__) for n in range(3)
    ]
    for ours, theirs in zip(found, expected, strict=False):
        for number, one in ours.items():
            np.testing.assert_allclose(one.logits, theirs.objects[number].logits, atol=1e-3)


def test_what_nobody_goes_on_along_is_forgotten(bundled, monkeypatch) -> None:
    monkeypatch.setattr("seg_app.sam.following.KEPT", 2)
    following, planes = Following(bundled), Planes()
    images = {content_key(image): image for image in (planes[z] for z in (MIDDLE, MIDDLE + 1))}
    for number in range(3):
        following.look(Way(tuple(images), len(planes), {number: disc(MIDDLE)}), images.__getitem__)
    assert len(following) == 2


def test_a_client_of_any_server_may_follow_and_hears_where_the_model_cannot() -> None:
    with running(create_app(ClassicalSegmenter())) as url:
        remote = RemoteSegmenter(url)
        assert isinstance(remote, Follower)
        with pytest.raises(SegmenterError, match="cannot follow objects through planes"):
            next(remote.propagate(Planes(), MIDDLE, OBJECTS))
        remote.close()


def test_nothing_is_asked_without_objects_and_nonsense_is_refused_at_once(remote, sent) -> None:
    assert list(remote.propagate(Planes(), MIDDLE, {})) == []
    with pytest.raises(SegmenterError, match="There is no plane 12"):
        remote.propagate(Planes(), 12, OBJECTS)
    assert sent == []
    with pytest.raises(SegmenterError, match="Plane 5 has 256 × 256 pixels, the masks 200 × 200"):
        next(remote.propagate(Planes(), MIDDLE, {1: disc(MIDDLE, size=200)}))


GOOD = way_to_json(Way(("a" * 32, "b" * 32), 12, {1: disc(MIDDLE)}))


@pytest.mark.parametrize(
    "change",
    [
        {"keys": ["a" * 32]},
        {"keys": 7},
        {"planes": 1},
        {"planes": "many"},
        {"planes": 10**9},
        {"masks": []},
        {"masks": GOOD["masks"] * (MOST_OBJECTS + 1)},
        {"masks": [{"number": 1, "mask": "garbage"}]},
        {"masks": [{"number": "x", "mask": GOOD["masks"][0]["mask"]}]},
        {"masks": [GOOD["masks"][0] | {"mask": way_to_json(Way((), 1, {1: disc(0)}))["masks"][0]["mask"]}]},
        {"masks": None},
    ],
)
def test_a_way_that_makes_no_sense_is_refused_and_the_server_goes_on(remote, change) -> None:
    assert remote._http.post("/propagate", json=GOOD | change).status_code == 422
    assert remote._http.post("/propagate", json=GOOD).status_code == 404  # these images are not there


def test_ways_and_what_was_found_come_back_as_they_were() -> None:
    way = Way(("a" * 32, "b" * 32), 12, {3: disc(MIDDLE)[:, :201], 9: disc(MIDDLE + 1)[:, :201]})
    back = way_from_json(way_to_json(way))
    assert (back.keys, back.n_planes, list(back.masks), back.name) == (way.keys, 12, [3, 9], way.name)
    np.testing.assert_array_equal(back.masks[9], way.masks[9])
    assert unpack_followed(pack_followed({})) == {}
    with pytest.raises(SegmenterError, match="Cannot read"):
        unpack_followed(b"garbage")
