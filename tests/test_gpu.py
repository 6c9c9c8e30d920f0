"""SAM 2.1 on a graphics card: it finds what a processor finds, says what it lacks, and gives back what it took."""

import gc
from contextlib import suppress
from dataclasses import replace

import httpx
import numpy as np
import pytest
import torch

from seg_app.errors import SegmenterError
from seg_app.geometry import iou as iou_of
from seg_app.records import Box, Point, Prompts
from seg_app.sam import CacheLimits
from seg_app.sam.autooptions import AutoOptions
from seg_app.sam.checkpoints import Checkpoint
from seg_app.sam.devices import Device
from seg_app.sam.engine import Sam2Segmenter
from seg_app.sam.remote import RemoteSegmenter
from seg_app.sam.server import create_app
from tests.discs import discs
from tests.segmenter_contract import CENTRE, SegmenterContract, disc_on_noise
from tests.serving import running
from tests.test_propagate import MIDDLE, Planes, disc, iou, masks_of

pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA here"),
    # what the compiler of torch itself does
    pytest.mark.filterwarnings("ignore::DeprecationWarning:torch"),
    pytest.mark.filterwarnings("ignore:TensorFloat32 tensor cores:UserWarning"),
]

DEVICES = {"single": Device("cuda", may_be_half=False), "half": Device("cuda")}
ALIKE = {"single": 0.95, "half": 0.9}
"""The IoU from which a mask is the same as on a processor."""
CLICKS = {
    "a point": Prompts((Point(120, 100),)),
    "several points": Prompts((Point(120, 100), Point(300, 280), Point(20, 20, include=False))),
    "a box": Prompts((), Box(78, 58, 162, 142)),
}
SEARCH = AutoOptions(12, pred_iou_thresh=0.5, stability_score_thresh=0.8)
CENTRES = [(x, y) for x in (80, 240, 400) for y in (70, 210, 350)]


def picture() -> np.ndarray:
    """Return (420, 480, 3) uint8: nine bright discs on dark noise."""
    grey = discs(*((x, y, 20 + 4 * i) for i, (x, y) in enumerate(CENTRES)), shape=(420, 480)).astype(float)
    grey += np.random.default_rng(0).normal(0, 8, grey.shape)
    return np.repeat(grey.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


@pytest.fixture(scope="module")
def processor():
    return Sam2Segmenter(Checkpoint.bundled(), device="cpu")


@pytest.fixture(scope="module", params=DEVICES)
def precision(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def card(precision):
    segmenter = Sam2Segmenter(Checkpoint.bundled(), device=DEVICES[precision])
    yield segmenter
    segmenter.close()


class TestOnACard(SegmenterContract):
    obedient = False

    @pytest.fixture
    def segmenter(self, card):
        return card


@pytest.mark.parametrize("click", CLICKS)
def test_a_click_gives_the_masks_that_a_processor_gives(processor, card, precision, click):
    here, there = ([c.logits > 0 for c in each.predict(picture(), CLICKS[click])] for each in (processor, card))
    assert len(here) == len(there)
    assert all(max(iou(one, other) for other in there) >= ALIKE[precision] for one in here)


@pytest.mark.parametrize("options", [SEARCH, replace(SEARCH, use_m2m=True), replace(SEARCH, windows=True)])
def test_a_search_finds_what_a_processor_finds(processor, card, precision, options):
    here, there = ([*each.automask(picture(), options)][-1].masks for each in (processor, card))
    for some, others in ((here, there), (there, here)):
        # what just passes a threshold on one side may just fail on the other
        sure = [a.mask for a in some if a.mask.score > options.pred_iou_thresh + 0.1 and a.stability > 0.9]
        best = sorted(max(iou_of(one, other.mask) for other in others) for one in sure)
        assert len(best) > len(CENTRES) / 2
        assert np.mean(np.array(best) >= ALIKE[precision]) >= ALIKE[precision], best


def test_objects_are_followed_as_by_a_processor(processor, card, precision):
    here, there = (masks_of(each.propagate(Planes(), MIDDLE, {1: disc(MIDDLE)})) for each in (processor, card))
    assert sorted(here) == sorted(there)
    assert min(iou(here[z], there[z]) for z in here) >= ALIKE[precision]


def test_what_was_kept_on_disk_is_there_after_a_restart(precision, tmp_path, monkeypatch):
    monkeypatch.setattr("seg_app.sam.engine.READING_S", 0.0)
    limits = CacheLimits(tmp_path / "cache")
    yesterday, today = (Sam2Segmenter(Checkpoint.bundled(), device=DEVICES[precision], cache=limits) for _ in range(2))
    before = yesterday.predict(picture(), CLICKS["a point"])[0]
    yesterday.close()
    monkeypatch.setattr(today._predictor.model, "forward_image", lambda _: pytest.fail("encoded"))
    np.testing.assert_array_equal(today.predict(picture(), CLICKS["a point"])[0].logits, before.logits)


def test_memory_of_the_card_is_given_back(card):
    gc.collect()  # models of other tests would be given back, too
    card.close()
    before = card.load.device_bytes
    with running(create_app(card)) as url:
        remote = RemoteSegmenter(url)
        for grey in range(8):
            remote.embed(np.full((64, 64, 3), grey, np.uint8))
        assert card.load.device_bytes - before == card.load.embedding_bytes > 0
        assert httpx.delete(f"{url}/cache", trust_env=False).status_code == 204
        assert (card.load.embedding_bytes, card.load.device_bytes) == (0, before)
        remote.close()


@pytest.fixture
def full(card):
    """A graphics card of which this process may have no more, and which it has filled; calling it makes room again."""
    gc.collect()  # models of other tests would make room later
    card.close()
    taken = []

    def make_room() -> None:
        taken.clear()
        torch.cuda.set_per_process_memory_fraction(1.0)

    torch.cuda.set_per_process_memory_fraction(torch.cuda.memory_reserved() / torch.cuda.mem_get_info()[1])
    for size in (2**20, 2**16, 2**12, 2**9):  # also what is free between the weights
        with suppress(torch.cuda.OutOfMemoryError):
            while True:
                taken.append(torch.empty(size, dtype=torch.uint8, device="cuda"))
    yield make_room
    make_room()


def test_a_full_card_is_said_to_be_full_and_a_later_click_is_answered(card, full):
    with running(create_app(card)) as url:
        remote = RemoteSegmenter(url)
        with pytest.raises(SegmenterError, match=r"out of memory.*use a smaller model or device='cpu'"):
            remote.predict(disc_on_noise(), Prompts((CENTRE,)))
        with pytest.raises(SegmenterError, match="out of memory"):
            list(card.automask(picture(), SEARCH))
        full()
        assert len(remote.predict(disc_on_noise(), Prompts((CENTRE,)))) == 3
        remote.close()


def test_a_compiled_encoder_finds_the_same_in_every_thread(precision, processor):
    compiled = Sam2Segmenter(Checkpoint.bundled(), device=replace(DEVICES[precision], is_compiled=True))
    assert compiled.load.computes[1:] == ("compiled",)
    with running(create_app(compiled)) as url:
        remote = RemoteSegmenter(url)
        here, there = ([c.logits > 0 for c in each.predict(picture(), CLICKS["a box"])] for each in (processor, remote))
        remote.close()
    assert iou(here[0], there[0]) >= ALIKE[precision]
