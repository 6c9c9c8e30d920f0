"""What holds for the tests of an app with everything embedded: `pytestmark = EMBEDDED`."""

import pytest

EMBEDDED = [
    pytest.mark.usefixtures("without_sam2"),
]
