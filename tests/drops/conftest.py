"""A Drops server with a few files, and what looks at them."""

import pytest
import requests
from drops_files import ODD, put
from drops_server import DropsServer

from seg_app.io import Copies, Drops, MaskStore
from seg_app.io.drops_images import DropsImages
from seg_app.models import Desk, Explorer
from seg_app.sam import connect_sam


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "drops server"
    put(root / "drops/ada/a.png")
    put(root / f"drops/ada/{ODD}/b.png")
    (root / "drops/ada/notes.docx").write_text("no image")
    (root / "drops/ada/damaged.png").write_bytes(b"damaged")
    (root / "drops/labdaq/empty").mkdir(parents=True)
    put(root / "drops/labdaq/c.png")
    return root


@pytest.fixture
def there(root):
    with DropsServer(root, "ada", "hush") as server:
        yield server


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def drops_of(there):
    with requests.Session() as http:
        yield lambda password="hush": Drops(http, there.url, user="ada", password=password, timeout_s=10)


@pytest.fixture
def images_of(drops_of, cache):
    return lambda password="hush", **bounds: DropsImages(
        drops_of(password), Copies(drops_of(password), cache, **bounds), user="ada"
    )


@pytest.fixture
def images(images_of):
    return images_of()


@pytest.fixture
def desk(images, drops_of, tmp_path):
    store = MaskStore(drops_of(), "drops/ada/masks")
    desk = Desk(None, connect_sam("classical:"), store=store, journals=tmp_path / "journals")
    desk.drops = images
    return desk


@pytest.fixture
def explorer(desk):
    explorer = Explorer(desk)
    explorer.begin()
    return explorer
