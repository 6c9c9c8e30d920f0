"""SAM servers: of the classical segmenter, and of a SAM 2.1 with random weights."""

import httpx
import pytest

from seg_app.sam.classical import ClassicalSegmenter
from seg_app.sam.devices import Device
from seg_app.sam.engine import Sam2Segmenter
from seg_app.sam.server import create_app
from seg_app.sam.wire import pack_image
from tests.segmenter_contract import KEY, SMALL
from tests.serving import running
from tests.tiny_sam import MEMORY, tiny_checkpoint


@pytest.fixture(scope="module")
def client():
    with running(create_app(ClassicalSegmenter())) as url, httpx.Client(base_url=url, trust_env=False) as http:
        assert http.put(f"/images/{KEY}", content=pack_image(SMALL)).status_code == 204
        yield http


@pytest.fixture(scope="module")
def sam(tmp_path_factory):
    """A SAM 2.1 with random weights, behind a server, and a client of that; it could not be compiled."""
    checkpoint = tiny_checkpoint(tmp_path_factory.mktemp("model"), image_size=256, memory=MEMORY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("seg_app.sam.engine.compile_encoder", lambda *_: "there is no compiler.")
        engine = Sam2Segmenter(checkpoint, device=Device("cpu", is_compiled=True))
    with running(create_app(engine)) as url, httpx.Client(base_url=url, trust_env=False, timeout=60) as http:
        yield engine, http
