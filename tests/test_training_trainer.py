"""A training that stops goes on as if it had not; the same seed learns the same."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from seg_app.errors import MissingError
from seg_app.training.crops import Framing
from seg_app.training.curriculum import Plan, Stage, standard
from seg_app.training.export import averaged, export
from seg_app.training.pictures import Pictures
from seg_app.training.scenes import make_scene
from seg_app.training.trainer import Trainer
from seg_app.training.validation import Exam

pytestmark = pytest.mark.usefixtures("one_thread")

NEAR = Framing(64, 50, 120)
DENSE = Stage(NEAR, crops=2, prompts=0, steps=2, dense_weight=1.0, rounds=0.0, rough=0.0)
ASKED = Stage(NEAR, crops=2, prompts=2, steps=98, dense_weight=0.5, rounds=0.6, rough=0.5)
PLAN = Plan((DENSE, ASKED), warm_up=3)


@pytest.fixture(scope="module")
def pictures():
    return Pictures([make_scene(seed, size=128) for seed in (1, 2, 3)], [make_scene(8, size=128)])


def learnt(trainer, steps):
    """Return the losses of the next steps, without the process that prepares batches."""
    return [trainer.learn(trainer.pictures.batch(trainer.plan, trainer.step))["loss"] for _ in range(steps)]


def test_the_first_steps_are_the_same_for_the_same_seed_and_something_is_learnt(pictures, tmp_path):
    short = replace(PLAN, stages=(DENSE, replace(ASKED, crops=1, rounds=0.2)))
    one, other = (Trainer(short, pictures, tmp_path / name) for name in ("a", "b"))
    losses = learnt(one, 20)
    assert losses[:15] == learnt(other, 15)
    one.step = 5  # what it has seen before, when it knew less
    assert np.mean(learnt(one, 8)) < 0.97 * np.mean(losses[5:13])


def test_another_seed_learns_something_else(pictures, tmp_path):
    one, other = (learnt(Trainer(replace(PLAN, seed=s), pictures, tmp_path / str(s)), 1) for s in (0, 1))
    assert one != other


def test_after_a_kill_training_goes_on_as_if_nothing_had_been(pictures, tmp_path):
    whole = learnt(Trainer(PLAN, pictures, tmp_path / "whole"), 5)
    first = Trainer(PLAN, pictures, tmp_path / "killed")
    before = learnt(first, 3)
    first.save()
    learnt(first, 1)  # lost: it was not saved
    assert before + learnt(Trainer(PLAN, pictures, tmp_path / "killed"), 2) == whole


def test_a_training_can_begin_with_the_weights_of_another(pictures, tmp_path):
    first = Trainer(PLAN, pictures, tmp_path / "first")
    learnt(first, 4)
    first.save()
    asked = replace(PLAN, stages=(ASKED,))
    further = Trainer(asked, pictures, tmp_path / "further", origin=tmp_path / "first")
    assert further.step == 0
    assert all(torch.equal(further.weights[name], first.average[name]) for name in first.average)
    learnt(further, 1)  # at this step a new model is prepared for prompts, an old one is not
    name = "sam_prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"
    assert torch.equal(further.model.state_dict()[name], first.model.state_dict()[name])


def test_a_training_can_begin_with_exported_weights(pictures, tmp_path):
    first = Trainer(PLAN, pictures, tmp_path / "first")
    learnt(first, 4)
    first.save()
    export(tmp_path / "first", tmp_path / "weights.pt")
    further = Trainer(PLAN, pictures, tmp_path / "further", origin=tmp_path / "weights.pt")
    assert all(torch.equal(further.weights[name], first.average[name].half().float()) for name in first.average)


def test_half_precision_learns_much_the_same(pictures, tmp_path):
    full, half = (learnt(Trainer(replace(PLAN, half=h), pictures, tmp_path / str(h)), 4) for h in (False, True))
    assert half != full
    assert np.allclose(half, full, rtol=0.05)


def test_a_run_saves_examines_and_draws_its_curve(pictures, tmp_path, monkeypatch):
    # what a process makes ahead is seen where the command is tested: it imports torch for seconds
    monkeypatch.setattr("seg_app.training.pictures.made_ahead", lambda make, steps, **_: map(make, steps))
    plan = replace(PLAN, stages=(DENSE, replace(ASKED, steps=2)))
    Trainer(plan, pictures, tmp_path).run(exam=Exam({"real": pictures.real}))
    last = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])
    assert (last["step"], 0 <= last["real_1"] <= 1) == (4, True)
    assert (tmp_path / "curve.svg").read_text().count("<polyline") >= 1
    assert Trainer(plan, pictures, tmp_path).step == 4


def test_exported_weights_are_the_averaged_ones_in_half_precision(pictures, tmp_path):
    trainer = Trainer(PLAN, pictures, tmp_path)
    learnt(trainer, 3)
    trainer.save()
    export(tmp_path, tmp_path / "out.pt")
    weights = torch.load(tmp_path / "out.pt", weights_only=True)["model"]
    name = "sam_mask_decoder.mask_tokens.weight"
    assert weights.keys() == trainer.model.state_dict().keys()
    assert torch.equal(weights[name], trainer.average[name].half())


def test_an_exam_does_not_change_what_is_learnt(pictures, tmp_path):
    trainer = Trainer(PLAN, pictures, tmp_path)
    learnt(trainer, 3)
    before = {name: weight.clone() for name, weight in trainer.weights.items()}
    trainer.examine(Exam({"real": pictures.real}))
    assert all(torch.equal(before[name], weight) for name, weight in trainer.weights.items())


def test_nothing_can_be_exported_from_an_empty_folder(tmp_path):
    with pytest.raises(MissingError, match="train-base"):
        averaged(tmp_path)


def test_the_rate_rises_twice_and_falls_to_almost_nothing():
    plan = standard()
    first, last = plan.first_prompt, plan.steps
    assert plan.rate_at(first) < 0.05 * plan.rate_at(first - 1)
    assert plan.rate_at(last) == pytest.approx(plan.final_part * plan.learning_rate, rel=0.01)


def test_stages_follow_each_other():
    plan = standard((2, 3, 4))
    assert [plan.stage_at(step)[0].framing.size for step in (0, 2, 5, 99)] == [128, 128, 256, 256]


def test_a_plan_without_steps_hands_on_the_weights_that_it_began_with(pictures, tmp_path):
    first = Trainer(PLAN, pictures, tmp_path / "first")
    first.save()
    nothing = replace(PLAN, stages=(replace(ASKED, steps=0),))
    Trainer(nothing, pictures, tmp_path / "second", origin=tmp_path / "first").run()
    handed_on = averaged(tmp_path / "second")
    assert all(torch.equal(handed_on[name], first.average[name]) for name in first.average)
