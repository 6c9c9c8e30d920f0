"""What holds for the tests of an app with everything embedded: `pytestmark = EMBEDDED`."""

import pytest

EMBEDDED = [
    pytest.mark.usefixtures("without_sam2"),
    # Tiled's own Alembic configuration is of the style before path_separator.
    pytest.mark.filterwarnings("ignore:No path_separator found:DeprecationWarning"),
    # ome-zarr uses its own deprecated class when it is imported.
    pytest.mark.filterwarnings("ignore:Call to deprecated class Scaler:DeprecationWarning"),
]
