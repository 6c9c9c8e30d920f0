"""A segmenter that knows the truth: in the images here, each object is of a colour of its own."""

import numpy as np

from seg_app.records import Point
from seg_app.sam import Candidate


class Oracle:
    """Outline exactly what has the colour of the first click; `part` of it, from the top."""

    name = "Oracle · exact"

    def __init__(self, *, part: float = 1.0, score: float = 1.0, input_size: int = 256) -> None:
        self.part, self.score, self.input_size = part, score, input_size
        self.seen: list[tuple[tuple[int, ...], tuple[Point, ...]]] = []

    def embed(self, image, *, client="") -> None:
        pass

    def predict(self, image, prompts, *, previous=None) -> list[Candidate]:  # noqa: ARG002
        self.seen.append((image.shape, prompts.points))
        first = prompts.points[0]
        inside = (image == image[round(first.y), round(first.x)]).all(axis=2)
        inside &= np.cumsum(inside).reshape(inside.shape) <= self.part * inside.sum()
        return [Candidate(np.where(inside, 5, -5).astype(np.float32), self.score), Candidate(-inside.astype("f4"), 0.1)]

    def close(self) -> None:
        self.seen.append(((), ()))
