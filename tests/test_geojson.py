"""GeoJSON: the corners that QuPath expects, holes, planes and classes; files of QuPath are read."""

import json
import logging
import uuid

import numpy as np
import pytest
from builders import IMAGE, square
from format_contract import FormatContract, plane_of
from skimage.draw import polygon2mask

from seg_app.errors import UnreadableError
from seg_app.geometry import mask_from_bits
from seg_app.io.formats import geojson
from seg_app.io.registry import load_masks
from seg_app.records import ImageId, MaskFile

RING = np.ones((5, 6), bool)
RING[1:4, 2:4] = False


class TestGeoJson(FormatContract):
    suffix = ".geojson"


def features_of(*masks, image=IMAGE):
    return json.loads(geojson.encode(MaskFile(image, masks)))["features"]


def foreign(*geometries, **properties) -> bytes:
    """Return a file as QuPath writes it: nothing of ours."""
    features = [
        {"type": "Feature", "id": str(uuid.UUID(int=i)), "geometry": geometry, "properties": properties}
        for i, geometry in enumerate(geometries)
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


SQUARE = {"type": "Polygon", "coordinates": [[[2, 3], [6, 3], [6, 5], [2, 5], [2, 3]]]}


def test_corners_of_pixels_are_whole_numbers_and_rings_are_closed():
    (feature,) = features_of(square(10, 20, 4, z=1))
    (ring,) = feature["geometry"]["coordinates"]
    assert ring[0] == ring[-1]
    assert sorted(ring[1:]) == [[10, 20], [10, 24], [14, 20], [14, 24]]
    assert feature["geometry"]["plane"] == {"c": -1, "z": 1, "t": 0}


def test_scikit_image_fills_outline_and_hole_to_the_mask():
    mask = mask_from_bits(RING, y0=7, x0=9)
    (feature,) = features_of(mask)
    outer, hole = (polygon2mask((64, 96), np.array(ring)[:, ::-1] - 0.5) for ring in feature["geometry"]["coordinates"])
    np.testing.assert_array_equal(outer & ~hole, plane_of(mask, IMAGE))


def test_pieces_are_a_multipolygon():
    (feature,) = features_of(mask_from_bits(np.array([[1, 0, 1]], bool)))
    assert feature["geometry"]["type"] == "MultiPolygon"
    assert len(feature["geometry"]["coordinates"]) == 2


def test_a_micrograph_has_no_planes():
    (feature,) = features_of(square(), image=ImageId("local", "a", (1, 64, 96), "uint8"))
    assert "plane" not in feature["geometry"]


def test_qupath_finds_class_colours_and_an_id_that_it_understands():
    pore, particle, again = features_of(square(class_name="pore"), square(class_name="grain"), square(id="x"))
    assert pore["properties"]["classification"] == {"name": "pore", "color": [76, 201, 240]}
    assert particle["properties"]["classification"] == {"name": "grain", "color": [255, 140, 66]}
    assert "classification" not in again["properties"]
    assert [str(uuid.UUID(feature["id"])) for feature in (pore, again)] == [pore["id"], again["id"]]


def test_what_was_classified_in_qupath_is_read():
    content = json.loads(geojson.encode(MaskFile(IMAGE, (square(class_name="pore", score=0.5),))))
    content["features"][0]["properties"]["classification"]["name"] = "crack"
    (mask,) = geojson.decode(json.dumps(content).encode()).masks
    assert (mask.class_name, mask.score) == ("crack", 0.5)


def test_a_file_of_qupath_has_outlines_classes_and_planes_but_no_image():
    volume = {**SQUARE, "plane": {"c": -1, "z": 2, "t": 0}}
    file = geojson.decode(foreign(SQUARE, volume, objectType="annotation", classification={"names": ["a", "b"]}))
    assert [(m.z, m.y0, m.x0, m.area, m.class_name, m.number) for m in file.masks] == [
        (0, 3, 2, 8, "a: b", 1),
        (2, 3, 2, 8, "a: b", 2),
    ]
    assert file.image == ImageId("", "", (3, 5, 6), "")


def test_the_image_can_be_given(tmp_path):
    (tmp_path / "a.geojson").write_bytes(foreign(SQUARE))
    assert load_masks(tmp_path / "a.geojson", image=IMAGE).image == IMAGE
    with pytest.raises(UnreadableError, match="Give the image that the masks were made on"):
        load_masks(tmp_path / "a.geojson", image=ImageId("local", "b", (1, 4, 4), "uint8"))


@pytest.mark.parametrize("wrap", [lambda features: features, lambda features: features[0]])
def test_bare_features_are_read(wrap):
    features = json.loads(foreign(SQUARE))["features"]
    assert len(geojson.decode(json.dumps(wrap(features)).encode()).masks) == 1


def test_points_and_lines_are_left_out_with_a_warning(caplog):
    with caplog.at_level(logging.WARNING):
        file = geojson.decode(foreign(SQUARE, {"type": "Point", "coordinates": [1, 2]}, None))
    assert len(file.masks) == 1
    assert "2 of 3 objects have no inside" in caplog.text


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"7",
        b"[" * 100_000,
        b'{"type": "Topology"}',
        b"[7]",
        foreign({"type": "Polygon", "coordinates": [[[1]]]}),
        foreign({"type": "Polygon", "coordinates": [[["a", "b"]]]}),
        foreign({"type": "Polygon", "coordinates": [[[0, 0], [1e9, 0], [1e9, 1e9]]]}),
        foreign({**SQUARE, "plane": {"z": -1}}),
        foreign({**SQUARE, "plane": {"z": 1.5}}),
        foreign(SQUARE, classification={"name": 7}),
        foreign(SQUARE).replace(b"6, 3", b"NaN, 3"),
    ],
)
def test_what_is_no_geojson_is_unreadable(data):
    with pytest.raises(UnreadableError, match="no GeoJSON of outlines"):
        geojson.decode(data)
