"""What is known about a training: a log of JSON lines, and its learning curve as a table and as a picture."""

from __future__ import annotations

import csv
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

WIDTH, HEIGHT, MARGIN = 640, 360, 48
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito's, told apart by everybody."""


class Progress:
    """The log of one training in its folder; it is continued when the training is."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.path = folder / "log.jsonl"

    def write(self, entry: Mapping[str, Any]) -> None:
        """Add a line."""
        rounded = {key: round(v, 5) if isinstance(v, float) else v for key, v in entry.items()}
        with self.path.open("a") as file:
            file.write(json.dumps(rounded) + "\n")
        log.info("%s", rounded)

    def entries(self) -> list[dict[str, Any]]:
        """Return what was written so far, without a last line that was cut off by a kill."""
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        return [json.loads(line) for line in lines if line.endswith("}")]

    def draw(self, keys: Sequence[str], *, against: str = "step") -> None:
        """Write curve.csv and curve.svg of some values that are 0 to 1."""
        rows = [entry for entry in self.entries() if against in entry and any(key in entry for key in keys)]
        with (self._folder / "curve.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, [against, *keys], extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
        (self._folder / "curve.svg").write_text(curve(rows, keys, against=against))


def curve(rows: Sequence[Mapping[str, Any]], keys: Sequence[str], *, against: str) -> str:
    """Return an SVG picture of values (0 to 1) over steps, one line for a key."""
    last = max((row[against] for row in rows), default=1) or 1
    right, bottom = WIDTH - MARGIN, HEIGHT - MARGIN
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif">']
    parts += ['<rect width="100%" height="100%" fill="white"/>']
    for tenth in range(0, 11, 2):
        y = bottom - tenth / 10 * (bottom - MARGIN / 2)
        parts += [f'<path d="M{MARGIN} {y:.0f}H{right}" stroke="#ddd"/><text x="8" y="{y + 4:.0f}">{tenth / 10}</text>']
    parts += [f'<text x="{right}" y="{bottom + 20}" text-anchor="end">{against} {last}</text>']
    for number, key in enumerate(keys):
        colour = COLOURS[number % len(COLOURS)]
        points = " ".join(
            f"{MARGIN + row[against] / last * (right - MARGIN):.1f},{bottom - row[key] * (bottom - MARGIN / 2):.1f}"
            for row in rows
            if key in row
        )
        parts += [f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>']
        parts += [f'<text x="{MARGIN + 8 + 110 * number}" y="{HEIGHT - 8}" fill="{colour}">{key}</text>']
    return "\n".join([*parts, "</svg>\n"])
