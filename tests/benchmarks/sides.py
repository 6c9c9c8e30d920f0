"""Our engine beside the package's predictor, on the same weights and the same views; times and their ratio."""

from __future__ import annotations

import statistics
import time
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from seg_app.records import Point, Prompts
from seg_app.sam.cache import CacheLimits
from seg_app.sam.engine import Sam2Segmenter
from seg_app.sam.precision import precision_of
from tests.tiny_sam import bare_predictor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from seg_app.sam.checkpoints import Checkpoint
    from seg_app.sam.devices import Device
    from seg_app.sam.protocol import Candidate

PLANE = 4096
"""Edge of the image in pixels."""
PAUSE_S = 0.05
"""Before each measurement: threads that have computed spin for a while, in wait of more, in the way of the others."""


def seconds(act: Callable[[], object]) -> float:
    """Return how long it takes, after a pause."""
    time.sleep(PAUSE_S)
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def ratio(title: str, ours: list[float], theirs: list[float], *, goal: str) -> None:
    """Print medians in ms, their ratio, and the middle half of the ratios of each round: machines are noisy."""
    a, b = statistics.median(ours), statistics.median(theirs)
    spread = " to ".join(f"{part:.2f}" for part in np.percentile(np.divide(ours, theirs), [25, 75]))
    print(f"| {title} | {1000 * a:.1f} | {1000 * b:.1f} | {a / b:.2f} | {spread} | {goal} |", flush=True)


def drawn(found: list[Candidate]) -> None:
    """Let candidates have what the page draws of them."""
    for candidate in found:
        assert candidate.outline.grid == candidate.shape


class Bench:
    """Our engine and the package's predictor on one checkpoint, and ever new views of a noisy plane."""

    def __init__(self, checkpoint: Checkpoint, folder: Path, device: Device):
        self.checkpoint, self.folder, self.device = checkpoint, folder, device
        self.plane = np.random.default_rng(0).integers(0, 256, (PLANE, PLANE), dtype=np.uint8)
        self.bare: Any = bare_predictor(checkpoint, device=device.name)
        self.precision = precision_of(torch.device(device.name), may_be_half=device.may_be_half)
        self.engine = self.started(device)
        self.size = self.engine.input_size
        self.middle = self.size // 2
        self._views = count()
        for act in (self.click_bare, self.click_ours):
            act(self.new_view())

    def started(self, device: Device) -> Sam2Segmenter:
        """Return an engine as after a restart."""
        return Sam2Segmenter(self.checkpoint, device=device, cache=CacheLimits(self.folder / "cache"))

    def new_view(self) -> tuple[int, int]:
        """Return (y, x) of the middle of a view that was not looked at before."""
        i = next(self._views)
        self.plane[0, 0], self.plane[-1, -1] = i % 256, i // 256
        return 600 + 256 * (i % 11), 600 + 256 * (i // 11 % 11)

    def window(self, view: tuple[int, int]) -> np.ndarray:
        """Return the pixels of a view as a script with the bare package would cut them out."""
        y, x = (place - self.middle for place in view)
        return np.repeat(self.plane[y : y + self.size, x : x + self.size, None], 3, axis=2)

    def click_bare(self, view: tuple[int, int]) -> None:
        """Click in the middle of a view: the pixels, the embedding, three masks."""
        self.show_bare(self.window(view))
        self.click_bare_again()

    def show_bare(self, image: np.ndarray) -> None:
        """Let the package encode an image."""
        with torch.inference_mode(), self.precision.within():
            self.bare.set_image(image)

    def click_bare_again(self, **arguments: Any) -> None:
        """Click once more on the image that is set, in its middle unless arguments say where."""
        middle = {"point_coords": np.array([[self.middle, self.middle]]), "point_labels": np.array([1])}
        with torch.inference_mode(), self.precision.within():
            self.bare.predict(**(arguments or middle), return_logits=True)

    def click_ours(self, view: tuple[int, int], engine: Sam2Segmenter | None = None) -> None:
        """Let the segmenter do the same; without the session, which makes more of an answer than the package does."""
        drawn((engine or self.engine).predict(self.window(view), Prompts((Point(self.middle, self.middle),))))
