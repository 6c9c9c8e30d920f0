"""ImageJ ROIs: `roifile` finds outlines, planes and names in what we write; what Fiji draws is read."""

import contextlib
import io
import logging
import random
import zipfile

import numpy as np
import pytest
from builders import IMAGE, square
from format_contract import FormatContract, mutated, plane_of
from roifile import ROI_TYPE, ImagejRoi, roiread, roiwrite
from skimage.draw import polygon2mask

from seg_app.errors import StorageError, UnreadableError
from seg_app.geometry import mask_from_bits
from seg_app.io.formats import imagej_roi
from seg_app.records import ImageId, MaskFile

RING = np.ones((5, 6), bool)
RING[1:4, 2:4] = False


class TestImagejRoi(FormatContract):
    suffix = ".zip"


def rois_of(*masks, image=IMAGE) -> list[ImagejRoi]:
    with zipfile.ZipFile(io.BytesIO(imagej_roi.encode(MaskFile(image, masks)))) as archive:
        return [ImagejRoi.frombytes(archive.read(name)) for name in archive.namelist()]


def foreign(tmp_path, *rois: ImagejRoi) -> bytes:
    """Return a file as `roifile` writes it."""
    roiwrite(tmp_path / "a.zip", rois, mode="w")
    return (tmp_path / "a.zip").read_bytes()


def shape_roi(kind: ROI_TYPE, **fields) -> ImagejRoi:
    roi = ImagejRoi()
    roi.roitype = kind
    roi.left, roi.top, roi.right, roi.bottom = 2, 3, 6, 5
    for name, value in fields.items():
        setattr(roi, name, value)
    return roi


def test_a_plain_mask_is_a_polygon_along_its_pixels():
    (roi,) = rois_of(square(10, 20, 4, z=1, class_name="pore <b>", number=3))
    assert roi.roitype == ROI_TYPE.TRACED
    assert sorted(roi.coordinates().tolist()) == [[10, 20], [10, 24], [14, 20], [14, 24]]
    assert (roi.left, roi.top, roi.right, roi.bottom) == (10, 20, 14, 24)
    assert (roi.name, roi.position, roi.hexcolor(roi.stroke_color)) == ("pore _b_ 3", 2, "#b5e48c")


def test_scikit_image_fills_the_rings_of_a_mask_with_a_hole_to_the_mask():
    mask = mask_from_bits(RING, y0=7, x0=9)
    (roi,) = rois_of(mask)
    outer, hole = (polygon2mask((64, 96), ring[:, ::-1] - 0.5) for ring in roi.coordinates(multi=True))
    np.testing.assert_array_equal(outer & ~hole, plane_of(mask, IMAGE))


def test_a_micrograph_has_no_positions():
    (roi,) = rois_of(square(), image=ImageId("local", "a", (1, 64, 96), "uint8"))
    assert roi.position == 0


def test_names_in_the_zip_differ():
    data = imagej_roi.encode(MaskFile(IMAGE, (square(class_name="a/b\\ö"), square(class_name="a/b\\ö"))))
    names = zipfile.ZipFile(io.BytesIO(data)).namelist()
    assert names == ["00001-a_b_ 0.roi", "00002-a_b_ 0.roi"]


def test_a_mask_beyond_what_imagej_can_count_is_not_written():
    with pytest.raises(StorageError, match="where ImageJ's ROIs end"):
        rois_of(square(60_532, 0, 4), image=ImageId("local", "a", (1, 10, 70_000), "uint8"))


def test_a_mask_at_the_end_of_what_imagej_can_count_comes_back():
    file = MaskFile(ImageId("local", "a", (1, 10, 70_000), "uint8"), (square(60_531, 0, 4), square(40_000, 5, 2)))
    assert imagej_roi.decode(imagej_roi.encode(file)).masks == file.masks


def test_what_roifile_writes_is_read(tmp_path):
    freehand = ImagejRoi.frompoints(np.array([[2, 3], [6, 3], [6, 5], [2, 5]]), position=2)
    file = imagej_roi.decode(foreign(tmp_path, freehand, shape_roi(ROI_TYPE.RECT)))
    assert [(m.z, m.y0, m.x0, m.height, m.width, m.area, m.number) for m in file.masks] == [
        (2, 3, 2, 2, 4, 8, 1),
        (0, 3, 2, 2, 4, 8, 2),
    ]
    assert file.image == ImageId("", "", (3, 5, 6), "")


def test_corners_between_pixels_take_the_pixels_whose_centre_is_inside(tmp_path):
    roi = ImagejRoi.frompoints(np.array([[1.6, 0.4], [4.4, 0.4], [4.4, 2.6], [1.6, 2.6]], np.float32))
    (mask,) = imagej_roi.decode(foreign(tmp_path, roi)).masks
    assert (mask.x0, mask.y0, mask.width, mask.height, mask.area) == (2, 0, 2, 3, 6)


def test_an_oval_is_filled(tmp_path):
    roi = shape_roi(ROI_TYPE.OVAL, right=42, bottom=23)
    (mask,) = imagej_roi.decode(foreign(tmp_path, roi)).masks
    y, x = np.mgrid[:64, :96] + 0.5
    np.testing.assert_array_equal(plane_of(mask, IMAGE), np.hypot((x - 22) / 20, (y - 13) / 10) < 1)


def test_the_slice_of_a_hyperstack_is_a_plane(tmp_path):
    (mask,) = imagej_roi.decode(foreign(tmp_path, shape_roi(ROI_TYPE.RECT, z_position=4))).masks
    assert mask.z == 3


def test_points_and_lines_are_left_out_with_a_warning(tmp_path, caplog):
    points = ImagejRoi.frompoints(np.array([[1, 2], [3, 4]]))
    points.roitype = ROI_TYPE.POINT
    with caplog.at_level(logging.WARNING):
        file = imagej_roi.decode(
            foreign(tmp_path, points, shape_roi(ROI_TYPE.LINE, name="line"), shape_roi(ROI_TYPE.RECT))
        )
    assert len(file.masks) == 1
    assert "2 of 3 ROIs have no inside" in caplog.text


def test_a_zip_bomb_is_not_unpacked(monkeypatch):
    monkeypatch.setattr(imagej_roi, "MAX_BYTES", 1000)
    with pytest.raises(UnreadableError, match="unpacks to more than 1000 bytes"):
        imagej_roi.decode(imagej_roi.encode(MaskFile(IMAGE, (square(),) * 10)))


def test_roiread_reads_the_zip(tmp_path):
    (tmp_path / "a.zip").write_bytes(imagej_roi.encode(MaskFile(IMAGE, (square(), square(3, 3)))))
    assert [(roi.left, roi.top) for roi in roiread(tmp_path / "a.zip")] == [(10, 20), (3, 3)]


def test_a_path_that_no_zip_holds_is_not_written():
    with pytest.raises(StorageError, match="70000 characters"):
        imagej_roi.encode(MaskFile(ImageId("local", "a" * 70_000, (1, 9, 9), "uint8")))


def test_mutated_rois_in_a_sound_zip_are_read_or_unreadable_and_nothing_else():
    masks = (square(), mask_from_bits(RING, y0=7, x0=9))
    parts, chance = [roi.tobytes() for roi in rois_of(*masks)], random.Random(0)
    for number in range(300):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("a.roi", mutated(parts[number % 2], chance))
        with contextlib.suppress(UnreadableError):
            assert isinstance(imagej_roi.decode(packed.getvalue()), MaskFile)
