"""How well the classical segmenter outlines particles at one click, how fast, and where its WEIGHTS come from.

    python tests/benchmarks/classical.py measure FOLDER VOLUME.zarr ...
    python tests/benchmarks/classical.py fit FOLDER VOLUME.zarr ...

FOLDER has images/*.png and labels/*.png of the same names (as the EMPS data set); VOLUME.zarr is an OME-Zarr
whose labels are in VOLUME_truth.zarr; the word `pores` stands for made-up ones.
Odd samples are for `fit`, even ones for `measure`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import zarr
from scipy.ndimage import distance_transform_edt, gaussian_filter, label
from scipy.optimize import minimize
from skimage.io import imread

from seg_app.records import Point, Prompts
from seg_app.sam.classical import ClassicalSegmenter, patches_of
from seg_app.sam.landscape import survey
from seg_app.sam.patches import softened
from seg_app.sam.rating import WEIGHTS, features

EDGE = 1024
PER_IMAGE = 3
SMALLEST_PX = 100
GOOD_IOU = 0.8
Sample = tuple[np.ndarray, np.ndarray]


def samples(source: Path, *, odd: bool, count: int) -> Iterator[Sample]:
    """Yield (rows, columns, 3) uint8 windows and the bool truth of one particle of each."""
    if source.name == "pores":
        yield from pores(odd=odd, count=count)
        return
    planes = _zarr_planes(source) if source.suffix == ".zarr" else _png_planes(source)
    random, given = np.random.default_rng(int(odd)), 0
    for image, labels in (plane for i, plane in enumerate(planes) if i % 2 == int(odd)):
        sizes = np.bincount(labels.ravel())
        for number in random.permutation(np.flatnonzero(sizes[1:] >= SMALLEST_PX) + 1)[:PER_IMAGE]:
            window = _window(labels == number, random)
            yield _grey8(image[window]), labels[window] == number
            if (given := given + 1) == count:
                return


def _png_planes(folder: Path) -> Iterator[Sample]:
    for path in sorted((folder / "images").glob("*.png")):
        yield imread(path), imread(folder / "labels" / path.name)


def _zarr_planes(path: Path) -> Iterator[Sample]:
    images, labels = (zarr.open_group(p, mode="r")["0"] for p in (path, path.with_name(path.stem + "_truth.zarr")))
    for turn in range(10_000):
        yield np.asarray(images[turn % images.shape[0]]), np.asarray(labels[turn % labels.shape[0]])


def pores(*, odd: bool, count: int) -> Iterator[Sample]:
    """Yield windows with bent, branching pores, which particles do not teach: thresholds of smooth noise."""
    random = np.random.default_rng(100 + int(odd))
    for _ in range(count):
        field = gaussian_filter(random.normal(size=(512, 512)), random.uniform(8, 30))
        labels, _ = label(field > np.percentile(field, random.uniform(70, 90)))
        sizes = np.bincount(labels.ravel())
        truth = labels == random.choice(np.flatnonzero(sizes[1:] >= SMALLEST_PX) + 1)
        step, noise = (
            random.uniform(40, 120) * random.choice([-1, 1]),
            random.normal(0, random.uniform(4, 15), (512, 512)),
        )
        yield _grey8(128 + step * (gaussian_filter((labels > 0).astype(float), 1) - 0.5) + noise), truth


def _window(truth: np.ndarray, random: np.random.Generator) -> tuple[slice, slice]:
    """Return a window that has the middle of the particle within 200 pixels of its own."""
    middle = [int(index.mean()) for index in np.nonzero(truth)]
    starts = (m - EDGE // 2 + int(random.integers(-200, 200)) for m in middle)
    return tuple(
        slice(start := max(0, min(s, size - EDGE)), start + EDGE) for s, size in zip(starts, truth.shape, strict=True)
    )


def _grey8(image: np.ndarray) -> np.ndarray:
    if image.ndim == 3:
        return np.ascontiguousarray(image[..., :3])
    low, high = np.percentile(image, [1, 99])
    grey = (np.clip((image - low) / max(high - low, 1), 0, 1) * 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def click(truth: np.ndarray) -> Prompts:
    """Return a click on the most interior pixel."""
    depth = distance_transform_edt(np.pad(truth, 1))[1:-1, 1:-1]
    y, x = np.unravel_index(depth.argmax(), depth.shape)
    return Prompts((Point(float(x), float(y)),))


def iou(found: np.ndarray, truth: np.ndarray) -> float:
    """Return the intersection over union of two bool arrays."""
    return np.count_nonzero(found & truth) / np.count_nonzero(found | truth)


def measure(source: Path, count: int) -> None:
    """Print IoU and processor seconds of one click on each of `count` particles."""
    ious, scores, embeds, clicks = [], [], [], []
    for image, truth in samples(source, odd=False, count=count):
        segmenter, prompts = ClassicalSegmenter(), click(truth)
        start = time.process_time()
        segmenter.embed(image)
        middle = time.process_time()
        candidates = segmenter.predict(image, prompts)
        clicks.append(time.process_time() - middle)
        embeds.append(middle - start)
        ious.append([iou(c.logits > 0, truth) for c in candidates])
        scores.append(candidates[0].score)
    first, best = np.array([i[0] for i in ious]), np.array([max(i) for i in ious])
    print(
        f"{source.stem}: {len(first)} particles, IoU {np.median(first):.3f}, {np.mean(first >= GOOD_IOU):.0%} >= 0.8; "
        f"best of three {np.median(best):.3f}, {np.mean(best >= GOOD_IOU):.0%}; "
        f"score off by {np.abs(first - scores).mean():.2f} ({np.mean(scores - first):+.2f}), "
        f"correlation {np.corrcoef(first, scores)[0, 1]:.2f}; "
        f"embed {1e3 * np.median(embeds):.0f} ms, click {1e3 * np.median(clicks):.0f} ms"
    )


def examples(source: Path, count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the features of all candidates of a click, and their IoU with the truth."""
    random = np.random.default_rng(0)
    for image, truth in samples(source, odd=True, count=count):
        land = survey(image)
        y, x = random.choice(np.argwhere(truth & (_depth(truth) > 0.5))).tolist()
        prompts = click(truth) if random.random() < 0.5 else Prompts((Point(x, y),))
        seed = prompts.points[0]
        patches = [p for p in patches_of(land, prompts) if p.holds(seed.y, seed.x)]
        if patches:
            found = [iou(softened(p, land.shape) > 0, truth) for p in patches]
            yield features(land, patches, [(seed.x, seed.y)]), np.array(found)


def _depth(truth: np.ndarray) -> np.ndarray:
    depth = distance_transform_edt(np.pad(truth, 1))[1:-1, 1:-1]
    return depth / depth.max()


def fit(sources: list[Path], count: int) -> None:
    """Print WEIGHTS and BIAS that let the best candidate win, and its score be the IoU to expect."""
    table = [example for source in sources for example in examples(source, count)]
    rows = np.concatenate([row for row, _ in table])
    middle, width = rows.mean(axis=0), rows.std(axis=0) + 1e-3
    sizes = np.array([len(row) for row, _ in table])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    known, scaled = np.concatenate([found for _, found in table]), (rows - middle) / width

    def loss(weights: np.ndarray) -> float:
        rating = scaled @ weights[:-1] + weights[-1]
        chance = np.exp(rating - np.repeat(np.maximum.reduceat(rating, starts), sizes))
        chance /= np.repeat(np.add.reduceat(chance, starts), sizes)
        won = np.add.reduceat(chance * known, starts).mean()
        off = np.mean(np.add.reduceat(chance * (1 / (1 + np.exp(-rating)) - known) ** 2, starts))
        return -won + off + 1e-3 * float(weights @ weights)

    best = minimize(loss, np.zeros(scaled.shape[1] + 1), method="L-BFGS-B").x
    # the winners look better than they are: their scores are stretched to the IoU that they had
    rating = scaled @ best[:-1] + best[-1]
    winners = np.array(
        [start + rating[start : start + size].argmax() for start, size in zip(starts, sizes, strict=True)]
    )

    def off(stretch: np.ndarray) -> float:
        return float(np.mean((1 / (1 + np.exp(-stretch[0] * rating[winners] - stretch[1])) - known[winners]) ** 2))

    stretch = minimize(off, [1.0, 0.0], method="Nelder-Mead").x
    best = best * stretch[0] + np.append(np.zeros(len(best) - 1), stretch[1])
    weights = best[:-1] / width
    for name, weight in zip(WEIGHTS, weights, strict=True):
        print(f'    "{name}": {weight:.3f},')
    print(f"BIAS = {best[-1] - weights @ middle:.3f}")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["measure", "fit"])
    parser.add_argument("sources", nargs="+", type=Path)
    parser.add_argument("--count", type=int, default=60, help="particles of each source")
    given = parser.parse_args()
    if given.what == "fit":
        fit(given.sources, given.count)
    else:
        for source in given.sources:
            measure(source, given.count)


if __name__ == "__main__":
    main()
