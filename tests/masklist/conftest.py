"""A list of three objects, beside their image."""

import numpy as np
import pytest
from builders import NASTY, square

from seg_app.io import LocalFolder, MaskStore
from seg_app.models import Session, Volume
from seg_app.sam import connect_sam
from seg_app.views import Workbench, load_extensions


@pytest.fixture
def bench_of(tmp_path):
    """Return a function that makes a workbench for an image, with two objects on plane 0 and one on plane 2."""
    load_extensions()
    benches = []

    def make(image):
        session = Session(Volume.from_array(image), connect_sam("classical:"), store=MaskStore(LocalFolder(tmp_path)))
        session.masks.add([square(2, 3), square(20, 30, 8, class_name=NASTY, score=0.987), square(40, 5, z=2)])
        benches.append(Workbench(session))
        return benches[-1]

    yield make
    for bench in benches:
        bench.close()
        bench.worker.close()


@pytest.fixture
def bench(bench_of):
    return bench_of(np.zeros((3, 64, 96), np.uint8))


@pytest.fixture
def listed(bench):
    return bench._masklist
