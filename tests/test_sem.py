"""What headers say of the size of a pixel, databar and tilt: each maker's, and the ones that are not believed."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from seg_app.io.files import open_file

PLANE = np.zeros((30, 40), np.uint8)

FEI = (
    "[Image]\r\nResolutionX={columns}\r\nResolutionY={rows}\r\n\r\n[PrivateFei]\r\nDatabarHeight={bar}\r\n\r\n"
    "[Scan]\r\nPixelWidth=4.2e-009\r\nPixelHeight=4.3e-009\r\n\r\n[Stage]\r\nStageT=0.9075712\r\n\0"
)

ZEISS = """0
0
0
AP_PIXEL_SIZE
Pixel Size = 99.9 nm
AP_IMAGE_PIXEL_SIZE
Image Pixel Size = 2.5 nm
AP_STAGE_AT_T
Stage at T = 36.0 \xb0
"""

PHENOM = (
    "<FeiImage><pixelWidth unit='um'>0.0125</pixelWidth><pixelHeight unit='um'>0.013</pixelHeight>"
    "<databarHeight>4</databarHeight></FeiImage>\0"
)

TESCAN = "[MAIN]\r\nPixelSizeX=1e-08\r\nPixelSizeY=1.1e-08\r\nImageStripSize=5\r\n[SEM]\r\nStageTilt=52.0\r\n"

HITACHI = "[SemImageFile]\r\nPixelSize=12.4\r\nDataSize=40x28\r\n"

JEOL = "$CM_FORMAT 1\r\n$$SM_MICRON_BAR 100\r\n$$SM_MICRON_MARKER 1um\r\n$CM_FULL_SIZE 40 26\r\n"


def tagged(path: Path, tag: int, text: str | bytes) -> Path:
    data = text.encode("latin-1") if isinstance(text, str) else text
    tifffile.imwrite(path, PLANE, extratags=[(tag, 2, len(data), data, True)], metadata=None)
    return path


def fei(path: Path, **numbers: object) -> Path:
    return tagged(path, 34682, FEI.format(**{"columns": 40, "rows": 26, "bar": 4} | numbers))


def beside(path: Path, name: str, text: str | bytes) -> Path:
    tifffile.imwrite(path, PLANE, resolution=(300, 300), resolutionunit="INCH")
    path.with_name(name).write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def about(path):
    opened = open_file(path)
    return opened.calibration.pixel_size_nm, opened.calibration.source, opened.metadata


def test_fei_tells_size_databar_and_tilt(tmp_path):
    size, source, metadata = about(fei(tmp_path / "a.tif"))
    assert size == pytest.approx((None, 4.3, 4.2))
    assert (source, metadata["databar_rows"]) == ("FEI header", 4)
    assert metadata["stage_tilt_deg"] == pytest.approx(52, abs=0.01)


@pytest.mark.parametrize("numbers", [{"rows": 30}, {"rows": 27}, {"rows": 30, "bar": 0}])
def test_a_databar_whose_rows_do_not_add_up_is_none(tmp_path, numbers):
    size, _, metadata = about(fei(tmp_path / "a.tif", **numbers))
    assert size
    assert "databar_rows" not in metadata


@pytest.mark.parametrize("numbers", [{"columns": 80}, {"rows": 60}])
def test_an_image_that_was_resized_has_no_size_but_a_note(tmp_path, numbers):
    size, _, metadata = about(fei(tmp_path / "a.tif", **numbers))
    assert size is None
    assert "the image has 40 × 30" in metadata["pixel_size_note"]


def test_zeiss_tells_the_size_in_the_image_and_not_on_the_monitor(tmp_path):
    size, source, metadata = about(tagged(tmp_path / "a.tif", 34118, ZEISS))
    assert size == pytest.approx((None, 2.5, 2.5))
    assert (source, metadata["stage_tilt_deg"]) == ("Zeiss header", 36.0)


def test_phenom_tells_the_size_in_xml(tmp_path):
    size, source, metadata = about(tagged(tmp_path / "a.tif", 34683, PHENOM))
    assert size == pytest.approx((None, 13, 12.5))
    assert (source, metadata["databar_rows"]) == ("Phenom header", 4)


def test_tescan_tells_the_size_in_a_tag(tmp_path):
    size, source, metadata = about(tagged(tmp_path / "a.tif", 50431, b"\x01\x02junk" + TESCAN.encode()))
    assert size == pytest.approx((None, 11, 10))
    assert (source, metadata["databar_rows"], metadata["stage_tilt_deg"]) == ("Tescan header", 5, 52.0)


@pytest.mark.parametrize("name", ["a.hdr", "a-tif.hdr", "a.HDR"])
def test_tescan_tells_the_size_in_a_file_beside(tmp_path, name):
    assert about(beside(tmp_path / "a.tif", name, TESCAN))[:2] == (pytest.approx((None, 11, 10)), "Tescan header")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "latin-1"])
def test_hitachi_tells_the_size_in_a_file_beside(tmp_path, encoding):
    size, source, metadata = about(beside(tmp_path / "a.tif", "a.txt", f"{HITACHI}Comment=µ\r\n".encode(encoding)))
    assert (size, source, metadata["databar_rows"]) == (pytest.approx((None, 12.4, 12.4)), "Hitachi header", 2)


def test_a_picture_has_a_file_beside_too(tmp_path):
    Image.fromarray(PLANE).save(tmp_path / "a.png", dpi=(300, 300))
    (tmp_path / "a.txt").write_text(HITACHI)
    size, source, metadata = about(tmp_path / "a.png")
    assert (size, source, metadata["databar_rows"]) == (pytest.approx((None, 12.4, 12.4)), "Hitachi header", 2)


def test_jeol_tells_the_size_by_its_bar(tmp_path):
    size, source, metadata = about(beside(tmp_path / "a.tif", "a.txt", JEOL))
    assert (size, source, metadata["databar_rows"]) == (pytest.approx((None, 10, 10)), "JEOL header", 4)


@pytest.mark.parametrize(
    "text", ["", "PixelSize=", "PixelSize=0\r\nDataSize=40x30", "$$SM_MICRON_BAR 0", b"\xff\xfe\0"]
)
def test_a_text_that_is_no_header_is_not_believed(tmp_path, text):
    assert about(beside(tmp_path / "a.tif", "a.txt", text)) == (None, "", {})


@pytest.mark.parametrize(("tag", "text"), [(34682, "[Scan]\0"), (34683, "<FeiImage>"), (50431, "x"), (34118, "0\n")])
def test_a_header_that_is_damaged_is_not_believed(tmp_path, tag, text):
    assert about(tagged(tmp_path / "a.tif", tag, text))[0] is None


def test_the_instrument_is_believed_before_a_text_beside(tmp_path):
    fei(tmp_path / "a.tif")
    (tmp_path / "a.txt").write_text(HITACHI)
    assert about(tmp_path / "a.tif")[1] == "FEI header"


@pytest.mark.parametrize(("unit", "nm"), [("nm", 1), ("micron", 1e3), ("\\u00B5m", 1e3), ("mm", 1e6)])
def test_imagej_writes_units_in_many_ways(tmp_path, unit, nm):
    metadata = {"unit": unit, "axes": "YX"}
    tifffile.imwrite(tmp_path / "a.tif", PLANE, imagej=True, resolution=(2, 4), metadata=metadata)
    assert about(tmp_path / "a.tif")[0] == pytest.approx((None, nm / 4, nm / 2))


@pytest.mark.parametrize("unit", ["pixel", "inch", ""])
def test_imagej_without_a_unit_of_length_tells_nothing(tmp_path, unit):
    tifffile.imwrite(tmp_path / "a.tif", PLANE, imagej=True, resolution=(72, 72), metadata={"unit": unit, "axes": "YX"})
    assert about(tmp_path / "a.tif")[0] is None


@pytest.mark.parametrize("unit", ["INCH", "CENTIMETER"])
def test_a_resolution_for_printing_is_no_size(tmp_path, unit):
    tifffile.imwrite(tmp_path / "a.tif", PLANE, resolution=(250_000, 250_000), resolutionunit=unit)
    assert about(tmp_path / "a.tif")[0] is None
