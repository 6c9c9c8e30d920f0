"""The workbench: what is read for the page is not read in the thread of the page."""

import numpy as np
import pytest

from seg_app.models import Session, Volume
from seg_app.sam import connect_sam
from seg_app.views import Workbench, load_extensions

# Tiled's own Alembic configuration is of the style before path_separator.
pytestmark = pytest.mark.filterwarnings("ignore:No path_separator found:DeprecationWarning")


@pytest.fixture
def image(source):
    """An image on a server: dark, and below it a bright databar of 20 rows that no header tells of."""
    pixels = np.arange(60 * 80, dtype=np.uint16).reshape(1, 60, 80) % 100
    pixels[:, 40:] = 1000
    return source.client.write_array(pixels, key="dark", dims=tuple("zyx"))


@pytest.fixture
def bench(source, image):  # noqa: ARG001
    """A workbench whose image has to be read again for its contrast, because the databar has just been set."""
    load_extensions()
    bench = Workbench(Session(Volume.from_tiled(source, "dark"), connect_sam("classical:")))
    bench.session.volume.set_databar(20)
    bench.session.limits = (3.0, 900.0)
    yield bench
    bench.close()
    bench.worker.close()


def press_auto(bench):
    bench._contrast._auto.clicks += 1
    bench.worker.run("Waiting", lambda: None).result(30)


def test_auto_is_the_contrast_without_the_databar(bench):
    press_auto(bench)
    assert bench.session.limits == bench._contrast._slider.value == pytest.approx((0, 99), abs=1)


def test_auto_says_why_the_image_cannot_be_read_and_leaves_the_contrast(bench, source):
    source.client.delete_contents("dark", external_only=False)
    press_auto(bench)
    assert "dark" in bench.worker.trouble
    assert bench.session.limits == (3.0, 900.0)
