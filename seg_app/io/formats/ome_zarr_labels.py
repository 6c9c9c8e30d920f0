"""Mask sets as the labels of an OME-Zarr image: `image.zarr/labels/<name>`, with levels, colours and properties.

OME-Zarr 0.5 (https://ngff.openmicroscopy.org/0.5/#image-label-md), or 0.4 in an image that is of 0.4. Labels have the
axes z, y, x, as many levels as their image, and its scale in nanometres. What is said of the masks besides their
pixels is an attribute `seg_app` of the group. Saving as `image.zarr` adds `labels/masks`; where there is no image, a
group with nothing but labels is made. Nothing is overwritten.
"""

from __future__ import annotations

import math
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr

from seg_app.colours import rgb_of
from seg_app.errors import MissingError, NameTakenError, StorageError, UnreadableError
from seg_app.io.blosc import refuse_damaged_chunks
from seg_app.io.damage import DAMAGED, reading
from seg_app.io.formats.fields import (
    calibration_of,
    checked_shape,
    image_of,
    in_order,
    nameless,
    notes,
    storing,
    values_of_labels,
)
from seg_app.io.ome_zarr import CHUNK, SMALLEST_LEVEL, half_nearest, read_scale_nm
from seg_app.labels import label_values, masks_of_labels, painted_planes
from seg_app.labels import losses as label_losses
from seg_app.records import Calibration, Mask, MaskFile

if TYPE_CHECKING:
    from numpy.typing import NDArray

FOLDER = ".zarr"
NAME = "masks"
"""What labels are called when nobody names them."""
AXES = "zyx"
OPAQUE = 255
MAX_PLANE = 2**30
"""Pixels of a plane; more is a broken number."""
VERSIONS = {2: "0.4", 3: "0.5"}
"""Format of the Zarr group -> version of OME-Zarr."""


# Writing


def losses(file: MaskFile) -> list[str]:
    """Return in plain words what a label image cannot keep: what lies under smaller masks."""
    return label_losses(file.masks)


def save(path: Path, file: MaskFile) -> None:
    """Add masks to an OME-Zarr image, as `image.zarr` or `image.zarr/labels/<name>`, completely or not at all.

    Raises NameTakenError when there are labels of that name, StorageError when they do not fit the image there or
    cannot be written.
    """
    root, name = _split(path)
    target = root / "labels" / (name or NAME)
    if target.exists():
        raise NameTakenError(f"{target} exists, and nothing is overwritten. Save as {target.with_name('<name>')}.")
    with storing(file), _writing(root):
        if root.exists():
            _add(root, file, target.name)
        else:
            _add_to_new(root, file, target.name)


def _split(path: Path) -> tuple[Path, str]:
    """Return the folder of the image and the name of the labels, '' where none is given."""
    root = next((folder for folder in (path, *path.parents) if folder.suffix.lower() == FOLDER), path)
    inside = path.relative_to(root).parts
    if inside and (len(inside) != 2 or inside[0] != "labels"):
        raise MissingError(f"Labels are {root / 'labels' / '<name>'}, not '{path}'. Change the path.")
    return root, inside[-1] if inside else ""


@contextmanager
def _writing(root: Path) -> Iterator[None]:
    try:
        yield
    except DAMAGED as error:
        raise StorageError(f"Cannot write '{root}': {error!s:.200}. Free space, or choose another folder.") from error


@contextmanager
def _draft(path: Path) -> Iterator[Path]:
    """Give a hidden place beside `path`, which is gone afterwards unless it was renamed."""
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _add_to_new(root: Path, file: MaskFile, name: str) -> None:
    with _draft(root) as draft:
        zarr.open_group(draft, mode="w", zarr_format=3)
        _add(draft, file, name)
        draft.rename(root)


def _add(root: Path, file: MaskFile, name: str) -> None:
    """Add labels to a group; they have their name when they are complete, and are listed when they have it."""
    image: Any = zarr.open_group(root, mode="r+", use_consolidated=False)
    levels = _fitting_levels(image, file.image.shape)
    with _draft(root / name) as draft:
        group = zarr.open_group(draft, mode="w", zarr_format=image.metadata.zarr_format)
        _write_levels(group, file, levels)
        _write_attributes(group, file, name, levels)
        labels = image.require_group("labels")
        draft.rename(root / "labels" / name)
        _set_metadata(labels, {"labels": [*_metadata(labels).get("labels", []), name]})


def _fitting_levels(image: Any, shape: tuple[int, int, int]) -> int:
    """Return how many levels labels of an image need. Raises ValueError when they do not fit it."""
    multiscales = _metadata(image).get("multiscales")
    if not multiscales:
        return 1 + max(0, math.ceil(math.log2(max(shape[1:]) / SMALLEST_LEVEL)))
    datasets = multiscales[0]["datasets"]
    found = _stack_shape(image[datasets[0]["path"]].shape, _axes(multiscales[0]))
    if found != shape:
        raise ValueError(f"the image there has {found} voxels, that of the masks {shape}")
    return len(datasets)


def _write_levels(group: Any, file: MaskFile, levels: int) -> None:
    planes, rows, columns = file.image.shape
    arrays = [_empty_level(group, n, (planes, -(-rows // 2**n), -(-columns // 2**n))) for n in range(levels)]
    for z, plane in enumerate(painted_planes(file.masks, file.image.shape)):
        level = plane[np.newaxis]
        for array in arrays:
            array[z] = level[0]
            level = half_nearest(level)


def _empty_level(group: Any, number: int, shape: tuple[int, int, int]) -> Any:
    is_new = group.metadata.zarr_format == 3
    return group.create_array(
        str(number),
        shape=shape,
        dtype=np.uint32,
        chunks=(1, min(CHUNK, shape[1]), min(CHUNK, shape[2])),
        chunk_key_encoding={"name": "default" if is_new else "v2", "separator": "/"},
        **({"dimension_names": list(AXES)} if is_new else {}),
    )


def _write_attributes(group: Any, file: MaskFile, name: str, levels: int) -> None:
    labels, version = label_values(file.masks), VERSIONS[group.metadata.zarr_format]
    of_version = {"version": version} if version == "0.4" else {}
    group.attrs["seg_app"] = notes(file, labels)
    _set_metadata(
        group,
        {
            "multiscales": [{**of_version, "name": name, **_multiscale(file.calibration, levels)}],
            "image-label": {"version": version, "source": {"image": "../../"}, **_image_label(file.masks, labels)},
        },
    )


def _image_label(masks: Sequence[Mask], labels: list[int]) -> dict[str, Any]:
    """Return colours and properties of labels; one that is on several planes is described by the first."""
    first = dict(zip(reversed(labels), reversed(masks), strict=True))
    return {
        "colors": [{"label-value": label, "rgba": [*rgb_of(label), OPAQUE]} for label in sorted(first)],
        "properties": [
            {"label-value": label, "class": first[label].class_name, "score": first[label].score, "z": first[label].z}
            for label in sorted(first)
        ],
    }


def _multiscale(calibration: Calibration, levels: int) -> dict[str, Any]:
    size_nm = dict(zip(AXES, calibration.pixel_size_nm or (None, None, None), strict=True))
    known = {axis: size for axis, size in size_nm.items() if size and math.isfinite(size) and size > 0}
    axes = [{"name": axis, "type": "space", **({"unit": "nanometer"} if axis in known else {})} for axis in AXES]
    sizes = np.array([known.get(axis, 1.0) for axis in AXES])
    return {"axes": axes, "datasets": [_dataset(n, sizes) for n in range(levels)]}


def _dataset(number: int, sizes: NDArray[np.float64]) -> dict[str, Any]:
    """Return a level; it keeps the top left pixel of 2 × 2, so that its pixels have their centres where that had it."""
    scale = sizes * (1, 2**number, 2**number)
    return {"path": str(number), "coordinateTransformations": [{"type": "scale", "scale": scale.tolist()}]}


def _metadata(group: Any) -> dict[str, Any]:
    """Return what OME-Zarr says of a group: in 0.5 under `ome`, before among the attributes."""
    attributes = group.attrs.asdict()
    return attributes.get("ome", attributes)


def _set_metadata(group: Any, content: dict[str, Any]) -> None:
    if group.metadata.zarr_format == 2:
        group.attrs.update(content)
    else:
        group.attrs["ome"] = {"version": VERSIONS[3], **group.attrs.asdict().get("ome", {}), **content}


# Reading


def load(path: Path) -> MaskFile:
    """Return the masks of the labels `image.zarr/labels/<name>`, or of the only ones of `image.zarr`.

    Raises MissingError when there are none of that name, UnreadableError when they are broken, or several.
    """
    root, name = _split(path)
    if not root.exists():
        raise MissingError(f"There is no folder '{root}'. Check its name.")
    refuse_damaged_chunks()
    with reading("OME-Zarr labels"):
        image: Any = zarr.open_group(root, mode="r", use_consolidated=False)
        is_labels = "image-label" in _metadata(image)
        return _masks(image if is_labels and not name else image[f"labels/{name or _only(root, image)}"])


def _only(root: Path, image: Any) -> str:
    names = _metadata(image["labels"]).get("labels", []) if "labels" in image else []
    if not names:
        raise MissingError(f"'{root}' has no labels. Check its name.")
    if len(names) > 1:
        raise UnreadableError(f"it has the labels {', '.join(names)}. Load {root / 'labels' / names[0]}, or another.")
    return names[0]


def _masks(group: Any) -> MaskFile:
    multiscale, said = _metadata(group)["multiscales"][0], group.attrs.asdict().get("seg_app")
    array = group[multiscale["datasets"][0]["path"]]
    shape = checked_shape(*_stack_shape(array.shape, _axes(multiscale)))
    if array.dtype.kind not in "uib" or shape[1] * shape[2] > MAX_PLANE:
        raise ValueError(f"its {shape} values of type {array.dtype} are no labels")
    values = values_of_labels(said) if said else _classes(group, shape[0])
    planes = (np.asarray(array[_plane(z, array.shape, _axes(multiscale))]).reshape(shape[1:]) for z in range(shape[0]))
    masks = [mask for z, plane in enumerate(planes) for mask in masks_of_labels(plane, z=z, values=values)]
    if not said:
        size_nm = read_scale_nm(group.attrs.asdict())
        return MaskFile(nameless(shape), tuple(masks), Calibration(size_nm, "OME-Zarr" if size_nm else ""))
    image = image_of(said["image"])
    if image.shape != shape:
        raise ValueError(f"its {shape} pixels are not those of its image, {image.shape}")
    return MaskFile(image, in_order(masks, values), calibration_of(said["calibration"]))


def _axes(multiscale: dict[str, Any]) -> list[str]:
    return [axis["name"] if isinstance(axis, dict) else axis for axis in multiscale["axes"]]


def _stack_shape(shape: tuple[int, ...], axes: list[str]) -> tuple[int, int, int]:
    """Return (planes, rows, columns). Raises ValueError for several times or channels of labels."""
    sizes = dict(zip(axes, shape, strict=True))
    return sizes.get("z", 1), sizes["y"], sizes["x"]


def _plane(z: int, shape: tuple[int, ...], axes: list[str]) -> tuple[Any, ...]:
    """Return the index of a plane, of the first channel and time. Raises ValueError where labels have several."""
    if axes[-2:] != ["y", "x"] or any(size > 1 for axis, size in zip(axes, shape, strict=True) if axis in "tc"):
        raise ValueError(f"labels of axes {', '.join(axes)} and {shape} pixels are no stack of planes")
    return tuple({"z": z, "y": slice(None), "x": slice(None)}.get(axis, 0) for axis in axes)


def _classes(group: Any, planes: int) -> dict[tuple[int, int], dict[str, Any]]:
    """Return what the properties of another program say: the class."""
    properties = (_metadata(group).get("image-label") or {}).get("properties") or []
    named = [(item["label-value"], item["class"]) for item in properties if isinstance(item.get("class"), str)]
    return {(z, label): {"number": label, "class_name": name} for z in range(planes) for label, name in named}
