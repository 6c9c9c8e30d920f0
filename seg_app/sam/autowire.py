"""A search for all objects as lines of JSON: what came and what went since the line before.

A line is `{"done": 0 to 1, "order": [id, …], "new": [mask, …]}`: the ids of all masks that survive, in their order, and
those of them that were not in an earlier line. When the search fails, the last line is `{"error": …}`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from seg_app.errors import SegmenterError
from seg_app.records import Mask
from seg_app.sam.protocol import AutoMask, AutoProgress, Search
from seg_app.sam.wire import prompts_from_json, prompts_to_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PLACE = ("z", "y0", "x0", "height", "width")


def lines_of(search: Iterable[AutoProgress]) -> Iterator[str]:
    """Yield a line for each step of a search, and one with the reason where it fails."""
    sent: set[str] = set()
    try:
        for step in search:
            new = [auto for auto in step.masks if auto.mask.id not in sent]
            sent.update(auto.mask.id for auto in new)
            order = [auto.mask.id for auto in step.masks]
            yield json.dumps({"done": step.done, "order": order, "new": [_to_json(auto) for auto in new]}) + "\n"
    except SegmenterError as error:
        yield json.dumps({"error": str(error)}) + "\n"


def progress_of(lines: Iterable[str]) -> Search:
    """Yield the steps of the lines of a search. Raises SegmenterError when it failed or a line is damaged."""
    known: dict[str, AutoMask] = {}
    done = 0.0
    for line in lines:
        step = _step(line, known)
        done = step.done
        yield step
    if done < 1:
        raise SegmenterError(f"The search stopped at {done:.0%}: the SAM server hung up. Search again.")


def _step(line: str, known: dict[str, AutoMask]) -> AutoProgress:
    try:
        values = json.loads(line)
        if "error" not in values:
            known.update((entry["id"], _from_json(entry)) for entry in values["new"])
            return AutoProgress(float(values["done"]), tuple(known[key] for key in values["order"]))
    except (ValueError, KeyError, TypeError) as error:
        raise SegmenterError(f"Cannot read a step of the SAM server's search: {error!r}.") from error
    raise SegmenterError(f"The search failed: {values['error']}")


def _to_json(auto: AutoMask) -> dict[str, Any]:
    place = {name: getattr(auto.mask, name) for name in PLACE}
    answer = {"score": auto.mask.score, "stability": auto.stability, "prompts": prompts_to_json(auto.mask.prompts)}
    return {"id": auto.mask.id, **place, "counts": auto.mask.counts, **answer}


def _from_json(entry: dict[str, Any]) -> AutoMask:
    z, y0, x0, height, width = (int(entry[name]) for name in PLACE)
    counts = tuple(int(run) for run in entry["counts"])
    if min(counts) < 0 or sum(counts) != height * width:
        raise ValueError(f"the runs of mask {entry['id']} do not fill its box")
    prompts, key = prompts_from_json(entry["prompts"]), str(entry["id"])
    return AutoMask(
        Mask(key, z, y0, x0, height, width, counts, score=entry["score"], prompts=prompts), entry["stability"]
    )
