"""The data browser's words."""

import pytest

from seg_app.views.browser import size_of


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((24, 2048, 3072), "3072 × 2048 × 24"),
        ((1, 4096, 6144), "6144 × 4096"),
        ((480, 640), "640 × 480"),
        ((480, 640, 3), "640 × 480"),
        ((3, 1, 512, 512), "512 × 512"),
        ((5, 480, 640, 3), "640 × 480 × 5"),
    ],
)
def test_sizes_are_columns_rows_and_planes(shape, size):
    assert size_of(shape) == size
