"""Trials of which all figures can be checked by eye."""

from seg_app.evaluation.trials import Answer, Evaluation, Trial


def trial(image: str, area_px: int, *answers: tuple[float, float | None, float]) -> Trial:
    return Trial(image, area_px, tuple(Answer(*answer) for answer in answers))


EVALUATION = Evaluation(
    "drawn",
    "Oracle · exact",
    (
        trial("a", 100, (0.85, 0.95, 3.0), (1.0, 0.99, 0.5)),
        trial("a", 255, (0.95, 0.92, 0.1), (0.75, 0.92, 0.2)),
        trial("b", 256, (0.15, 0.35, 1.0), (0.35, 0.35, 0.4)),
        trial("b", 99999, (0.0, None, 0.3), (0.1, 1.0, 0.5)),
    ),
    too_small=1,
)
