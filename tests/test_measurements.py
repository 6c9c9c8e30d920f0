"""Measurements: sizes that can be checked by eye, in pixels and in micrometres, and what is not known stays empty."""

import math
from dataclasses import replace

import numpy as np
import pytest
from builders import IMAGE, square
from skimage.measure import regionprops_table

from seg_app.geometry import mask_from_bits
from seg_app.labels import masks_of_labels
from seg_app.measurements import measurements
from seg_app.records import Calibration, MaskFile, Provenance

SQUARE_UM = Calibration((None, 500.0, 500.0), "instrument")
FLAT = mask_from_bits(np.ones((2, 4), bool), y0=10, x0=20)


def row_of(mask, calibration=Calibration(), **options):  # noqa: B008 - it is frozen
    return measurements(MaskFile(IMAGE, (mask,), calibration), **options).iloc[0]


@pytest.fixture(scope="module")
def disc():
    y, x = np.ogrid[:61, :61]
    return mask_from_bits(np.hypot(y - 30, x - 30) <= 25)


def test_a_disc_has_the_measures_of_a_disc(disc):
    row = row_of(disc)
    assert row.area_px2 == disc.area == pytest.approx(math.pi * 25**2, rel=0.01)
    assert row.equivalent_diameter_px == pytest.approx(50, rel=0.01)
    assert row.feret_max_px == pytest.approx(51, rel=0.02)  # from edge to edge of pixels
    assert row.major_axis_px == pytest.approx(row.minor_axis_px)
    assert row.circularity == pytest.approx(1, abs=0.1)
    assert (row.centroid_x_px, row.centroid_y_px) == pytest.approx((30, 30))


def test_z_counts_planes_from_0_as_arrays_do_and_plane_from_1_as_the_page_does():
    row = row_of(square(z=2))
    assert (row.z, row["plane"]) == (2, 3)


def test_micrometres_are_pixels_times_their_size(disc):
    row = row_of(disc, SQUARE_UM)
    assert row.area_um2 == row.area_px2 / 4
    for name in ("equivalent_diameter", "feret_max", "major_axis", "minor_axis", "perimeter"):
        assert row[f"{name}_um"] == row[f"{name}_px"] / 2


def test_pixels_that_are_not_square_stretch_lengths_and_leave_the_perimeter_open():
    row = row_of(FLAT, Calibration((None, 2000.0, 1000.0), "tilted"))
    assert row.area_um2 == 16
    assert (row.major_axis_um, row.minor_axis_um) == pytest.approx((row.major_axis_px, 2 * row.minor_axis_px))
    assert row[["perimeter_um", "circularity"]].isna().all()


@pytest.mark.parametrize("size_nm", [None, (None, 0.0, 5.0), (1.0, math.inf, 5.0)])
def test_without_a_pixel_size_there_are_no_micrometres(size_nm):
    assert not [name for name in row_of(FLAT, Calibration(size_nm)).index if "_um" in name]


@pytest.mark.parametrize(("bits", "degrees"), [(np.ones((1, 5)), 0), (np.ones((5, 1)), 90), (np.eye(5)[::-1], 45)])
def test_the_orientation_is_counted_from_the_x_axis_upwards(bits, degrees):
    assert row_of(mask_from_bits(bits > 0)).orientation_deg == pytest.approx(degrees)


def test_the_centroid_is_in_the_frame_of_the_image():
    row = row_of(FLAT)
    assert (row.centroid_x_px, row.centroid_y_px) == (21.5, 10.5)


@pytest.mark.parametrize(("place", "touches"), [((0, 9), 1), ((9, 0), 1), ((92, 9), 1), ((9, 60), 1), ((9, 9), 0)])
def test_objects_at_the_border_are_marked(place, touches):
    assert row_of(square(*place)).touches_border == touches


@pytest.mark.parametrize(("y0", "touches"), [(49, 0), (50, 1), (52, 1)])
def test_objects_that_the_databar_cuts_are_marked(y0, touches):
    assert row_of(square(10, y0), databar_rows=10).touches_border == touches


def test_grey_values_are_those_under_the_mask():
    picture = np.zeros((3, 64, 96), np.uint8)
    picture[1, 10, 20:24], picture[1, 11, 20:24] = 10, 20
    row = row_of(replace(FLAT, z=1), picture=picture)
    assert (row.grey_mean, row.grey_std) == (15, 5)
    assert row_of(replace(FLAT, z=1), picture=np.stack([picture] * 3, axis=3)).grey_mean == 15


def test_a_single_pixel_has_no_shape():
    row = row_of(square(size=1))
    assert (row.area_px2, row.perimeter_px) == (1, 0)
    assert row[["circularity", "aspect_ratio"]].isna().all()


def test_every_row_says_where_its_numbers_come_from():
    mask = square(number=7, class_name="pore", score=0.5, z=2, provenance=Provenance("SAM", "ann", "2025-01-02"))
    row = row_of(mask, SQUARE_UM)
    assert (row.number, row["class"], row.z, row.score) == (7, "pore", 2, 0.5)
    assert (row.pixel_size_x_nm, row.pixel_size_source, row.image) == (500, "instrument", "samples/tiny")
    assert (row.engine, row.user, row.created) == ("SAM", "ann", "2025-01-02")


def test_a_set_without_masks_is_a_table_without_rows():
    table = measurements(MaskFile(IMAGE))
    assert len(table) == 0
    assert "area_px2" in table


# Objects through the planes


def test_the_volume_of_an_object_is_that_of_scikit_image():
    labels = np.zeros(IMAGE.shape, np.uint8)
    labels[0, 10:20, 10:25], labels[1, 8:22, 9:25], labels[2, 30:40, 30:50] = 1, 1, 2
    masks = [mask for z, plane in enumerate(labels) for mask in masks_of_labels(plane, z=z)]
    table = measurements(MaskFile(IMAGE, tuple(masks), Calibration((25.0, 500.0, 250.0), "instrument")))
    theirs = regionprops_table(labels, properties=("label", "area"), spacing=(0.025, 0.5, 0.25))
    ours = table.groupby("number")[["volume_um3", "volume_px3", "n_planes", "first_plane", "last_plane"]].first()
    assert ours["volume_um3"].tolist() == pytest.approx(theirs["area"])
    assert ours.drop(columns="volume_um3").to_numpy().tolist() == [[150 + 224, 2, 1, 2], [200, 1, 3, 3]]
    assert table["number"].tolist() == [1, 1, 2]
    assert table["is_on_end_plane"].tolist() == [True, False, True]
    assert set(table["plane_distance_nm"]) == {25.0}


@pytest.mark.parametrize("size_nm", [None, (None, 5.0, 5.0), (0.0, 5.0, 5.0)])
def test_without_the_distance_of_the_planes_there_is_no_volume_in_micrometres(size_nm):
    row = row_of(square(), Calibration(size_nm))
    assert (row.volume_px3, "volume_um3" in row.index) == (16, False)


def test_a_micrograph_has_no_volumes():
    image = replace(IMAGE, shape=(1, *IMAGE.shape[1:]))
    table = measurements(MaskFile(image, (square(),), Calibration((25.0, 5.0, 5.0))))
    assert not {"volume_px3", "n_planes"} & set(table.columns)
