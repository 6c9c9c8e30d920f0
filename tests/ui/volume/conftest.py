"""One tab with the small volume on view, and where its particles are."""

from collections.abc import Iterator

import numpy as np
import pytest
import zarr
from driver import Tab, opened
from particles import Z
from scipy.ndimage import distance_transform_edt, find_objects


@pytest.fixture(scope="session")
def truth(samples):
    return zarr.open_group(samples / "fib_volume_truth.zarr", mode="r")["0"][:]


def interior(labels, label):
    """Return the pixel (x, y) of a label that is farthest from its edge."""
    depth = distance_transform_edt(np.pad(labels == label, 1))[1:-1, 1:-1]
    y, x = np.unravel_index(depth.argmax(), depth.shape)
    return int(x), int(y)


@pytest.fixture(scope="session")
def particles(truth):
    """The largest particles of the plane on view that touch no edge: (label, x, y)."""
    plane = truth[Z]
    rim = np.concatenate([plane[0], plane[-1], plane[:, 0], plane[:, -1]])
    labels, areas = np.unique(plane[plane > 0], return_counts=True)
    whole = [label for _, label in sorted(zip(areas, labels, strict=True), reverse=True) if label not in rim]
    return [(label, *interior(plane, label)) for label in whole[:4]]


@pytest.fixture(scope="session")
def particle(truth, particles):
    """The box of the largest of them: (left, top, right, bottom)."""
    rows, columns = find_objects((truth[Z] == particles[0][0]).astype(int))[0]
    return columns.start, rows.start, columns.stop - 1, rows.stop - 1


@pytest.fixture(scope="session")
def one_tab(chromium, app) -> Iterator[Tab]:
    with opened(chromium, app.url) as tab:
        tab.wait_for_picture()
        yield tab


@pytest.fixture
def tab(one_tab) -> Iterator[Tab]:
    """The app with the volume on view as it is first opened, and no objects."""
    yield one_tab
    if one_tab.is_drawing():
        one_tab.press("Escape")
    one_tab.drop_points()  # also where there is none: a box that found nothing has no outline
    one_tab.show("Battery electrode (FIB-SEM)")
    if one_tab.class_field.input_value():
        one_tab.class_field.fill("")
        one_tab.class_field.press("Enter")
    one_tab.delete_all()
    one_tab.fit(256, 256)
    one_tab.go_to_plane(Z + 1)
    one_tab.assert_calm()
