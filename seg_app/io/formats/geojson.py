"""Mask sets as GeoJSON for QuPath: an annotation for each mask, a polygon with holes along the edges of its pixels.

QuPath counts pixels of the full-resolution image from the outer corner of the top left one, so that pixel (y, x) covers
[x, x + 1] × [y, y + 1] (https://qupath.readthedocs.io/en/stable/docs/advanced/exporting_annotations.html). The plane is
the `plane` of the geometry. What QuPath has no word for is kept under `seg_app`, which it ignores. Classes are taken
from QuPath's own words, so that what was classified there is read.
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from seg_app.colours import RGB, class_colours, rgb_of
from seg_app.geometry import mask_from_bits
from seg_app.io.damage import reading
from seg_app.io.formats.fields import (
    ANY_SHAPE,
    about,
    as_json,
    calibration_of,
    checked_mask,
    fields_of,
    from_json,
    image_of,
    mask_values,
    storing,
    text,
    unknown,
    whole,
)
from seg_app.labels import without_pixels
from seg_app.polygons import MAX_BOX, MAX_BOX_UNKNOWN, Ring, filled, polygons_of
from seg_app.records import Calibration, ImageId, Mask, MaskFile

if TYPE_CHECKING:
    from numpy.typing import NDArray

log = logging.getLogger(__name__)

ALL_CHANNELS = -1
FILLED = {"Polygon": lambda coordinates: [coordinates], "MultiPolygon": lambda coordinates: coordinates}
"""The kinds of geometry that have an inside -> their polygons."""


# Writing


def losses(file: MaskFile) -> list[str]:
    """Return in plain words what polygons cannot keep: masks without a pixel."""
    return without_pixels(file.masks)


def encode(file: MaskFile) -> bytes:
    """Return the UTF-8 bytes of a FeatureCollection. Raises StorageError for impossible values."""
    colours = class_colours(mask.class_name for mask in file.masks if mask.class_name)
    with storing(file):
        features = [_feature(mask, file.image, colours) for mask in file.masks if mask.area]
        return as_json({"type": "FeatureCollection", "seg_app": about(file), "features": features}).encode()


def _feature(mask: Mask, image: ImageId, colours: dict[str, RGB]) -> dict[str, Any]:
    classification = {"name": mask.class_name, "color": colours.get(mask.class_name)}
    return {
        "type": "Feature",
        "id": _uuid(mask.id),
        "geometry": _geometry(mask, is_volume=image.shape[0] > 1),
        "properties": {
            "objectType": "annotation",
            "name": f"{mask.class_name or 'object'} {mask.number}",
            "color": rgb_of(mask.number),
            **({"classification": classification} if mask.class_name else {}),
            "measurements": {"area px": mask.area, **({"score": mask.score} if mask.score is not None else {})},
            "seg_app": fields_of(mask),
        },
    }


def _uuid(id_: str) -> str:
    """Return an id as QuPath wants it: a UUID with its hyphens; the same for the same id."""
    try:
        return str(uuid.UUID(hex=id_))
    except ValueError:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, id_))


def _geometry(mask: Mask, *, is_volume: bool) -> dict[str, Any]:
    polygons = [[_closed(ring) for ring in polygon] for polygon in polygons_of(mask)]
    kind, coordinates = ("Polygon", polygons[0]) if len(polygons) == 1 else ("MultiPolygon", polygons)
    plane = {"plane": {"c": ALL_CHANNELS, "z": mask.z, "t": 0}} if is_volume else {}
    return {"type": kind, "coordinates": coordinates, **plane}


def _closed(ring: Ring) -> Ring:
    return [*ring, ring[0]]


# Reading


def decode(data: bytes) -> MaskFile:
    """Return the masks of a GeoJSON file; of QuPath, too, which says neither which image it is about nor its size.

    Points and lines are left out with a warning. Raises UnreadableError, and nothing else, when it is none, or broken.
    """
    with reading("GeoJSON of outlines"):
        content = from_json(data)
        ours = content.get("seg_app") if isinstance(content, dict) else None
        image = image_of(ours["image"]) if ours else None
        masks = _masks(_features(content), image)
        calibration = calibration_of(ours["calibration"]) if ours else Calibration()
        return MaskFile(image or unknown(masks), masks, calibration)


def _features(content: Any) -> list[dict[str, Any]]:
    """Return the features of a collection, of a bare list of them, or the only one."""
    if isinstance(content, list):
        return content
    if content["type"] not in ("FeatureCollection", "Feature"):
        raise ValueError(f"it is a {content['type']!r:.40}")
    return content["features"] if content["type"] == "FeatureCollection" else [content]


def _masks(features: list[dict[str, Any]], image: ImageId | None) -> tuple[Mask, ...]:
    shape = image.shape if image else ANY_SHAPE
    outlines = [feature for feature in features if (feature["geometry"] or {}).get("type") in FILLED]
    if len(outlines) < len(features):
        log.warning("%d of %d objects have no inside and are left out.", len(features) - len(outlines), len(features))
    found = (_mask(feature, i, shape) for i, feature in enumerate(outlines, start=1))
    return tuple(checked_mask(mask, shape) for mask in found if mask)


def _mask(feature: dict[str, Any], number: int, shape: tuple[int, int, int]) -> Mask | None:
    """Return a feature as a mask; None when it outlines no pixel."""
    geometry, properties = feature["geometry"], feature.get("properties") or {}
    rings = [_ring(ring) for polygon in FILLED[geometry["type"]](geometry["coordinates"]) for ring in polygon]
    limit = MAX_BOX_UNKNOWN if shape == ANY_SHAPE else MAX_BOX
    bits, y0, x0 = filled(rings, rows=shape[1], columns=shape[2], limit=limit)
    ours = properties.get("seg_app")
    said = mask_values(ours) if ours else {"number": number, **_id(feature)}
    mask = mask_from_bits(bits, y0=y0, x0=x0, **{**said, "z": whole((geometry.get("plane") or {}).get("z", 0))})
    return mask and replace(mask, class_name=_class_name(properties))


def _ring(corners: list[list[float]]) -> NDArray[np.float64]:
    return np.array([(x, y) for x, y, *_ in corners], dtype=np.float64).reshape(-1, 2)


def _id(feature: dict[str, Any]) -> dict[str, str]:
    return {"id": feature["id"]} if isinstance(feature.get("id"), str) else {}


def _class_name(properties: dict[str, Any]) -> str:
    """Return the class that QuPath shows; derived ones, of several names, with a colon between them as there."""
    classification = properties.get("classification") or {}
    if isinstance(classification, str):  # as other programs write it
        return classification
    return text(classification.get("name") or ": ".join(map(text, classification.get("names") or ())))
