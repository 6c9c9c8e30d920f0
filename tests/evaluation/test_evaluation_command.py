"""The command that evaluates: what it asks for, and what it refuses before a model is loaded."""

import argparse

import pytest
from oracle import Oracle

from seg_app.cli import main
from seg_app.errors import MissingError, SettingsError
from seg_app.evaluation import command
from seg_app.sam.checkpoints import Checkpoint


def options_of(folders, *further: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args(["--images", str(folders[0]), "--labels", str(folders[1]), *further])


def test_the_command_reports_what_the_segmenter_did(folders, capsys) -> None:
    oracle = Oracle()
    command.run(options_of(folders, "--clicks", "2,1", "--limit", "1"), lambda _: oracle)
    assert (
        "### scenes\n\nEngine: Oracle · exact. Images: 1. Objects: 2; left out, as smaller than 30 pixels: 1."
        in capsys.readouterr().out
    )
    assert oracle.seen[-1] == ((), ())  # closed


def test_the_command_says_that_images_were_held_out(folders, capsys) -> None:
    command.run(options_of(folders), lambda _: Oracle(), keep=lambda name: name == "b.png")
    assert "### scenes, held out" in capsys.readouterr().out


def test_the_command_asks_for_the_engine_that_was_named(folders) -> None:
    asked = []
    for further in ((), ("--engine", "classical:")):
        command.run(options_of(folders, *further), lambda uri: asked.append(uri) or Oracle())
    assert asked == [None, "classical:"]


@pytest.mark.usefixtures("weights")
def test_the_command_writes_the_card_of_the_bundled_weights(folders, tmp_path) -> None:
    asked = []
    card = tmp_path / "cards" / "MODEL_CARD.md"
    connect = lambda uri: asked.append(uri) or Oracle()  # noqa: E731
    command.run(options_of(folders, "--card", str(card)), connect, keep=lambda _: True)
    assert card.read_text().startswith("# Model card: sam2.1_hiera_micro.pt\n")
    assert asked == ["bundled:"]


@pytest.mark.usefixtures("weights")
def test_a_card_of_another_engine_is_refused_before_anything_is_done(folders) -> None:
    with pytest.raises(SettingsError, match="not 'classical:'"):
        command.run(options_of(folders, "--card", "card.md", "--engine", "classical:"), pytest.fail)


def test_a_card_of_weights_that_are_not_there_is_refused(folders, monkeypatch) -> None:
    monkeypatch.setattr(Checkpoint, "bundled", staticmethod(lambda: None))
    with pytest.raises(SettingsError, match="this installation has none"):
        command.run(options_of(folders, "--card", "card.md"), pytest.fail, keep=lambda _: True)


def test_a_card_about_what_was_trained_on_is_refused(folders) -> None:
    with pytest.raises(SettingsError, match="Add --held-out"):
        command.run(options_of(folders, "--card", "card.md"), pytest.fail)


def test_a_wrong_folder_is_said_before_a_model_is_loaded(folders, tmp_path) -> None:
    with pytest.raises(MissingError, match="There is no folder"):
        command.run(options_of((tmp_path / "none", folders[1])), pytest.fail)


def test_as_many_folders_of_labels_as_of_images_are_needed(folders) -> None:
    with pytest.raises(SettingsError, match="2 folders of images and 1 of labels"):
        command.run(options_of(folders, "--images", "a", "b"), pytest.fail)


@pytest.mark.parametrize(("text", "counts"), [("1,3,5", (1, 3, 5)), ("5,1,1", (1, 5)), ("2", (2,))])
def test_numbers_of_clicks_are_read(text, counts) -> None:
    assert command.click_counts(text) == counts


@pytest.mark.parametrize("text", ["", "0", "1,,2", "-1", "1.5", "²"])
def test_what_is_no_number_of_clicks_is_refused(text) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="not a whole number above 0"):
        command.click_counts(text)


def test_the_command_line_evaluates_the_classical_segmenter(folders, capsys, monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)  # without a .env
    where = ["--images", str(folders[0]), "--labels", str(folders[1])]
    assert main(["evaluate", *where, "--engine", "classical:", "--clicks", "1"]) == 0
    assert "Engine: Classical · no weights. Images: 2. Objects: 4;" in capsys.readouterr().out
