"""`seg-app train-base` from nothing to a checkpoint, as small as it gets."""

import subprocess
import sys

import pytest
import torch

from seg_app.cli import main
from seg_app.training import command


@pytest.fixture
def train(tmp_path, monkeypatch):
    """Run the command in a folder of its own; return the exit status."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEG_APP_HOME", str(tmp_path / "home"))
    return lambda *options: main(["train-base", "--work", str(tmp_path / "work"), *options])


def test_the_command_trains_and_exports(train, tmp_path, monkeypatch):
    monkeypatch.setattr(command, "EXAMINED", 1)
    assert train("--steps", "1,1,0", "--memory-steps", "0", "--scenes", "2") == 0
    assert train("--export", str(tmp_path / "weights.pt")) == 0
    assert "model" in torch.load(tmp_path / "weights.pt", weights_only=True)


def test_a_part_is_from_0_to_1(train, capsys):
    with pytest.raises(SystemExit):
        train("--real-part", "50")
    assert "50 is not a part, from 0 to 1" in capsys.readouterr().err


def test_the_plan_is_as_the_options_say(train, monkeypatch):
    plans = []
    monkeypatch.setattr(command, "_images", lambda _options, plan, _work: plans.append(plan) or ())
    options = ["--steps", "0,0,3", "--times", "2", "--rate", "1e-3", "--seed", "4", "--half", "--real-part", "0.25"]
    assert train(*options, "--memory-steps", "0") == 0
    (plan,) = plans
    assert (plan.steps, plan.learning_rate, plan.seed, plan.half, plan.real_part) == (3, 1e-3, 4, True, 0.25)
    assert plan.stages[-1].crops == 10


def test_exporting_before_training_is_one_line(train, tmp_path, capsys):
    assert train("--export", str(tmp_path / "weights.pt")) == 1
    assert "Run `seg-app train-base` first" in capsys.readouterr().err


def test_real_micrographs_must_be_there(train, tmp_path, capsys):
    assert train("--images", str(tmp_path / "nowhere"), "--scenes", "1") == 1
    assert "There are no micrographs" in capsys.readouterr().err


def test_every_folder_of_images_needs_its_labels(train, tmp_path, capsys):
    assert train("--images", str(tmp_path), str(tmp_path), "--labels", str(tmp_path)) == 1
    assert "2 folders of images and 1 of labels" in capsys.readouterr().err


def test_the_command_line_does_not_wait_for_torch():
    code = "import sys, seg_app.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
