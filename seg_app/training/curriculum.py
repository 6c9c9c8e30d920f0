"""The stages of training: small crops with many prompts first, the full input at the end."""

from __future__ import annotations

from dataclasses import dataclass

from seg_app.training.crops import Framing


@dataclass(frozen=True)
class Stage:
    """A part of the training with crops of one size."""

    framing: Framing
    crops: int
    """How many crops a step sees."""
    prompts: int
    """How many objects of a crop are asked for; without any, only the auxiliary tasks are learnt."""
    steps: int
    dense_weight: float
    """Of the auxiliary loss at the beginning; it fades to a quarter of it over the stage."""
    rounds: float
    """How many correcting clicks follow the first one, on average."""
    rough: float
    """Part of the steps that also show a rough mask, to be refined without a click."""
    boxed: float = 0.2
    """Part of the prompts that begin with a box."""


@dataclass(frozen=True)
class Plan:
    """Everything that decides what the weights become, apart from the pictures."""

    stages: tuple[Stage, ...]
    learning_rate: float = 6e-4
    warm_up: int = 60
    final_part: float = 0.02
    """Of the learning rate, at the end."""
    weight_decay: float = 0.02
    real_part: float = 0.65
    """Part of the crops that are cut from real micrographs, where there are any."""
    averaging: float = 0.995
    """Part of the averaged weights that a step leaves as it is."""
    seed: int = 0
    half: bool = False
    """Multiply in bfloat16: 1.4 times as fast on processors that know it, several times slower on others."""

    @property
    def steps(self) -> int:
        """Of all stages."""
        return sum(stage.steps for stage in self.stages)

    @property
    def first_prompt(self) -> int:
        """The step from which on the model is asked for objects."""
        return sum(stage.steps for stage in self.stages if not stage.prompts)

    def stage_at(self, step: int) -> tuple[Stage, float]:
        """Return the stage of a step, and the part of the stage that is over."""
        for stage in self.stages:
            if step < stage.steps:
                return stage, step / stage.steps
            step -= stage.steps
        return self.stages[-1], 1.0

    def rate_at(self, step: int) -> float:
        """Return the learning rate: up in a line, again where prompts begin, and all the way down in one."""
        since = step if step < self.first_prompt else step - self.first_prompt
        rise = min((since + 1) / self.warm_up, 1.0)
        fall = 1 - min(step / max(self.steps, 1), 1.0)
        return self.learning_rate * rise * (self.final_part + (1 - self.final_part) * fall)


def standard(
    steps: tuple[int, int, int] = (600, 6000, 4000),
    *,
    times: int = 1,
    rate: float = 6e-4,
    seed: int = 0,
    half: bool = False,
    real_part: float = 0.65,
) -> Plan:
    """Return the plan of the two sizes.

    steps: with the auxiliary tasks alone, then with prompts at 128 and 256 pixels. times: so many times the crops that
    two cores manage in a second or two. rate: the largest learning rate. real_part: of the crops, see `Plan`.
    """
    dense, small, full = steps
    near, far = Framing(128, 110, 420), Framing(256, 64, 700)  # small objects are shown four times as large
    return Plan(
        (
            Stage(near, crops=14 * times, prompts=0, steps=dense, dense_weight=1.0, rounds=0.0, rough=0.0),
            Stage(near, crops=12 * times, prompts=10, steps=small, dense_weight=1.0, rounds=0.5, rough=0.2),
            Stage(far, crops=5 * times, prompts=7, steps=full, dense_weight=0.3, rounds=2.0, rough=0.2),
        ),
        learning_rate=rate,
        seed=seed,
        half=half,
        real_part=real_part,
    )
