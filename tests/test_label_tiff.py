"""Label TIFF: Fiji, Cellpose and napari read what we write, we read what they write, and overlaps are told."""

import io

import numpy as np
import pytest
import tifffile
from builders import IMAGE, square
from format_contract import FormatContract

from seg_app.errors import UnreadableError
from seg_app.io.formats import label_tiff
from seg_app.records import Calibration, MaskFile

LABELS = np.array([[[0, 7, 7], [3, 0, 7]], [[0, 0, 0], [3, 3, 0]]])
"""Object 3 goes through both planes."""


class TestLabelTiff(FormatContract):
    suffix = ".tif"
    overlaps = False


def of_masks(*masks, calibration: Calibration = Calibration()) -> tifffile.TiffFile:  # noqa: B008 - it is frozen
    return tifffile.TiffFile(io.BytesIO(label_tiff.encode(MaskFile(IMAGE, masks, calibration))))


def foreign(labels: np.ndarray, **options) -> bytes:
    """Return a file as another program writes it."""
    packed = io.BytesIO()
    tifffile.imwrite(packed, labels, **options)
    return packed.getvalue()


def test_tifffile_reads_the_numbers_of_the_objects_on_their_planes():
    labels = of_masks(square(10, 20, number=5), square(3, 4, z=2, number=6)).asarray()
    assert (labels.shape, labels.dtype) == ((3, 64, 96), np.uint16)
    assert (labels[0, 20:24, 10:14] == 5).all()
    assert (labels[2, 4:8, 3:7] == 6).all()
    assert np.count_nonzero(labels) == 32


def test_many_objects_need_32_bits():
    assert of_masks(square(number=65535)).asarray().dtype == np.uint16
    assert of_masks(square(number=65536)).asarray().max() == 65536


def test_imagej_finds_the_scale():
    tif = of_masks(square(), calibration=Calibration((25.0, 10.0, 5.0), "instrument"))
    metadata, tags = tif.imagej_metadata, tif.pages[0].tags
    assert (metadata["unit"], metadata["spacing"], metadata["slices"]) == ("micron", 0.025, 3)
    assert [np.divide(*tags[name].value) for name in ("XResolution", "YResolution")] == pytest.approx([200, 100])
    assert tags["ResolutionUnit"].value == 1


@pytest.mark.parametrize("size_nm", [None, (1.0, 0.0, 5.0), (1.0, 1e300, 5.0)])
def test_without_a_sensible_scale_nothing_is_claimed(size_nm):
    assert "unit" not in of_masks(square(), calibration=Calibration(size_nm)).imagej_metadata


def test_what_lies_under_smaller_masks_is_told():
    masks = (square(0, 0, 4, number=1), square(1, 1, 2, number=2), square(1, 1, 2, z=1, number=3), square(1, 1, 2))
    assert label_tiff.losses(MaskFile(IMAGE, masks)) == [
        "In 1 mask 4 pixels are missing: they lie under smaller masks.",
        "Nothing is left of 1 mask (2): no pixel, or all under smaller masks.",
        "A new number was given to 1 mask that had none of its own.",
    ]


def test_an_object_without_a_number_gets_a_free_one():
    assert np.unique(of_masks(square(), square(50, 50, number=4), square(70, 20, number=4)).asarray()).tolist() == [
        *(0, 4, 5, 6)
    ]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "int32", "int64", "float32"])
def test_labels_of_other_programs_are_objects(dtype):
    file = label_tiff.decode(foreign(LABELS.astype(dtype), photometric="minisblack"))
    assert file.image.shape == (2, 2, 3)
    assert [(m.z, m.number, m.y0, m.x0, m.area) for m in file.masks] == [
        (0, 3, 1, 0, 1),
        (0, 7, 0, 1, 3),
        (1, 3, 1, 0, 2),
    ]


def test_the_scale_of_imagej_is_read():
    data = foreign(
        LABELS.astype("uint16"), imagej=True, resolution=(200, 100), metadata={"unit": "um", "spacing": 0.025}
    )
    assert label_tiff.decode(data).calibration.pixel_size_nm == pytest.approx((25, 10, 5))


def test_a_resolution_for_printers_is_no_scale():
    data = foreign(LABELS[0].astype("uint16"), resolution=(300, 300), resolutionunit="INCH")
    assert label_tiff.decode(data).calibration == Calibration()


def test_pages_of_their_own_are_planes():
    packed = io.BytesIO()
    with tifffile.TiffWriter(packed) as writer:
        for plane in LABELS.astype("uint16"):
            writer.write(plane, contiguous=False)
    assert [mask.z for mask in label_tiff.decode(packed.getvalue()).masks] == [0, 0, 1]


WRONG = {
    "no TIFF": b"",
    "fractions": foreign(np.full((4, 4), 0.5, "float32")),
    "colour": foreign(np.ones((4, 4, 3), "uint8"), photometric="rgb"),
    "four dimensions": foreign(np.ones((2, 3, 4, 5), "uint8"), photometric="minisblack"),
    "number beyond all": foreign(np.full((4, 4), 2**31, "uint32")),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_no_stack_of_labels_is_unreadable(kind: str):
    with pytest.raises(UnreadableError, match="no label TIFF, or damaged"):
        label_tiff.decode(WRONG[kind])


def test_pages_that_go_in_a_circle_are_unreadable():
    data = bytearray(foreign(np.ones((4, 4), "uint8"), byteorder="<", metadata=None))
    place = int.from_bytes(data[4:8], "little")
    last = place + 2 + 12 * int.from_bytes(data[place : place + 2], "little")
    data[last : last + 4] = data[4:8]
    with pytest.raises(UnreadableError, match="more room than it has"):
        label_tiff.decode(bytes(data))


@pytest.mark.parametrize("options", [{"byteorder": ">"}, {"bigtiff": True}, {"bigtiff": True, "byteorder": ">"}])
def test_every_kind_of_tiff_is_read(options):
    assert len(label_tiff.decode(foreign(LABELS.astype("uint16"), photometric="minisblack", **options)).masks) == 3


def test_a_bomb_is_not_unpacked(monkeypatch):
    monkeypatch.setattr(label_tiff, "ALWAYS_BYTES", 0)
    monkeypatch.setattr(label_tiff, "MAX_RATIO", 10)
    with pytest.raises(UnreadableError, match="more than its bytes can hold"):
        label_tiff.decode(foreign(np.zeros((900, 900), "uint8"), compression="zlib"))
