"""The memory learns from volumes, and leaves alone what images taught."""

import numpy as np
import pytest
import torch

from seg_app.training.following import input_size, plane_loss
from seg_app.training.memory import PARTS, MemoryPlan, MemoryTrainer
from seg_app.training.model import build
from seg_app.training.volumes import Volume

pytestmark = pytest.mark.usefixtures("one_thread")

PLAN = MemoryPlan(steps=6, large_from=6, planes=3, objects=2)


@pytest.fixture(scope="module")
def weights():
    torch.manual_seed(0)
    return build().state_dict()


@pytest.fixture
def trainer(weights, tmp_path):
    return MemoryTrainer(PLAN, (), tmp_path, weights=weights)


def squares(size=64, planes=3):
    """A bright square that moves by two pixels per plane."""
    labels = np.zeros((planes, size, size), np.uint16)
    for z in range(planes):
        labels[z, 16 : 16 + 24, 16 + 2 * z : 40 + 2 * z] = 1
    return Volume((60 + 120 * labels).astype(np.uint8), labels)


def test_steps_teach_the_memory_and_nothing_else(trainer, weights):
    trainer.learn(squares())
    trainer.learn(squares())
    after = trainer.model.state_dict()
    changed = {name for name, weight in weights.items() if not torch.equal(weight, after[name])}
    assert changed
    assert all(name.startswith(PARTS) for name in changed)


def test_the_same_seed_learns_the_same_memory(weights, tmp_path):
    one, other = (MemoryTrainer(PLAN, (), tmp_path / n, weights=weights) for n in ("a", "b"))
    assert [one.learn(squares())["loss"] for _ in range(3)] == [other.learn(squares())["loss"] for _ in range(3)]


def test_after_a_kill_the_memory_goes_on(weights, tmp_path, trainer):
    first = [trainer.learn(squares())["loss"] for _ in range(2)]
    trainer.save()
    lost = trainer.learn(squares())["loss"]
    again = MemoryTrainer(PLAN, (), tmp_path, weights=weights)
    assert (again.step, len(first), again.learn(squares())["loss"]) == (2, 2, lost)


def test_a_volume_without_objects_is_passed_over(trainer):
    empty = Volume(np.zeros((3, 64, 64), np.uint8), np.zeros((3, 64, 64), np.uint16))
    assert (trainer.learn(empty), trainer.step) == ({}, 1)


def test_a_smaller_input_is_given_back(trainer):
    model = trainer.model
    with input_size(model, 128):
        assert model.sam_prompt_encoder.get_dense_pe().shape[-2:] == (8, 8)
    assert (model.image_size, model.sam_prompt_encoder.get_dense_pe().shape[-2:]) == (256, (16, 16))


def test_an_object_that_has_ended_costs_nothing_where_none_is_predicted():
    logits = torch.zeros(1, 3, 4, 4)
    heads = (logits, None, torch.full((1, 3), 0.5), logits[:, :1], None, None, torch.tensor([[-20.0]]))
    loss, ious = plane_loss(heads, torch.zeros(1, 16, 16, dtype=torch.bool))
    assert (loss.item() < 1e-6, ious) == (True, [])


def test_a_missed_object_counts_as_no_overlap():
    logits = torch.zeros(1, 3, 4, 4)
    heads = (logits, None, torch.full((1, 3), 0.5), logits[:, :1], None, None, torch.tensor([[-1.0]]))
    assert plane_loss(heads, torch.ones(1, 16, 16, dtype=torch.bool))[1] == [0.0]


def test_a_memory_can_go_on_from_that_of_other_weights(weights, tmp_path):
    fresh = MemoryTrainer(PLAN, (), tmp_path / "fresh", weights=weights)
    going_on = MemoryTrainer(PLAN, (), tmp_path / "on", weights=weights, is_new=False)
    assert all(torch.equal(going_on.average[name], weights[name]) for name in going_on.average)
    assert any(not torch.equal(fresh.average[name], weights[name]) for name in fresh.average)
