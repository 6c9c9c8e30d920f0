"""Settings that come from the test alone, a home with a sample in it, and the lab of both."""

from contextlib import ExitStack

import numpy as np
import pytest
from threads import finish

from seg_app.app import lab_of, page
from seg_app.io import ome_zarr
from seg_app.settings import Settings


@pytest.fixture
def settings_of(monkeypatch, tmp_path):
    """Return a function that makes settings from names as they are in the environment, and from nothing else."""
    monkeypatch.chdir(tmp_path)
    for field in Settings.model_fields.values():
        for name in [field.alias, *getattr(field.validation_alias, "choices", ())]:
            monkeypatch.delenv(name or "SEG_APP_HOME", raising=False)

    def read(**names):
        for name, value in {"SEG_APP_HOME": tmp_path / "home", **names}.items():
            monkeypatch.setenv(name, str(value))
        return Settings.read()

    return read


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    ome_zarr.write(home / "samples" / "tiny.zarr", np.arange(600, dtype=np.uint8).reshape(1, 20, 30))
    return home


@pytest.fixture
def settings(settings_of, home):
    """All defaults: Tiled is embedded, masks are kept here, no weights."""
    return settings_of(SEG_APP_HOME=home)


@pytest.fixture
def lab(settings):
    return lab_of(settings)


@pytest.fixture
def opened_page():
    """Return a function that opens a page and its first image; all are closed with the test."""
    with ExitStack() as pages:

        def opened(settings, shown=()):
            tab = page(settings, shown)
            pages.callback(tab.close)
            for _ in range(2):  # "Starting" asks for "Opening the first image"
                finish(tab)
            return tab

        yield opened
