"""A session on three planes with two discs, and what it is made of."""

import numpy as np
import pytest
from discs import DISCS, Brightness, discs

from seg_app.io import LocalFolder, MaskStore
from seg_app.models import Session, Volume


@pytest.fixture
def segmenter():
    return Brightness()


@pytest.fixture
def store(tmp_path):
    return MaskStore(LocalFolder(tmp_path / "masks"))


@pytest.fixture
def volume():
    return Volume.from_array(np.stack([discs(*DISCS)] * 3), name="samples/discs")


@pytest.fixture
def session(volume, segmenter, store):
    return Session(volume, segmenter, store=store, user="ada")


@pytest.fixture
def accepted(session):
    """A session with both discs accepted."""
    for x, y, _ in DISCS:
        session.click(x, y)
        session.accept()
    return session
