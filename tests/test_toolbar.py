"""The table of tools: every verb exists, every key does what it says, and the README knows all of them."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from benches import SPOTS, accept, bench_of, click, done, press, spotted
from builders import Nested
from threads import finish

from seg_app.sam import connect_sam
from seg_app.views.toolbar import MOUSE, TOOLS, help_tables, hints, spoken, tool_of_key

README = (Path(__file__).parents[1] / "README.md").read_text()
KEYS = [key for tool in TOOLS for key in tool.keys]


@pytest.fixture
def session(tmp_path):
    return spotted(tmp_path, connect_sam("classical:"))


@pytest.fixture
def bench(session):
    """A workbench without a server: what the page's thread would do is done at once."""
    with bench_of(session) as bench:
        yield bench


# The table


def test_names_are_unique():
    assert len({tool.name for tool in TOOLS}) == len(TOOLS)


def test_a_key_stands_for_one_tool():
    assert len(set(KEYS)) == len(KEYS)


@pytest.mark.parametrize("key", KEYS)
def test_a_key_finds_its_tool(key):
    assert key in tool_of_key(key).keys


def test_other_keys_stay_the_browsers():
    assert [tool_of_key(key) for key in ("q", "ctrl+r", "F5", "Tab", "ctrl+c")] == [None] * 5


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_a_tool_can_be_reached_and_says_what_it_does(tool):
    assert tool.keys or tool.icon
    assert re.fullmatch(r"[A-Z].*[^.]", tool.help)


MISSING = (
    "There is nothing to save yet. Accept an object first.",
    "'Classical · no weights' cannot follow objects through planes. Choose a SAM 2.1 model.",
    "Select two objects or more to make them one: in the list, with Ctrl.",
    "No selected object is both before plane 16 and from there on. "
    "Go to the first plane on which it is another object, then split it there.",
)


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_every_verb_can_be_called_at_any_time(bench, tool):
    for prepare in (lambda: None, lambda: click(bench, *SPOTS[0])):
        prepare()
        tool.verb(bench)
        finish(bench)
        assert bench.worker.trouble in ("", *MISSING)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("ctrl+z", "Ctrl+Z"),
        ("ctrl+shift+z", "Ctrl+Shift+Z"),
        ("ArrowLeft", "←"),
        ("shift+ArrowRight", "Shift+→"),
        ("Escape", "Esc"),
        ("Delete", "Del"),
        ("Enter", "Enter"),
        ("t", "T"),
        ("?", "?"),
        ("0", "0"),
    ],
)
def test_keys_are_spoken_as_they_are_printed(key, words):
    assert spoken(key) == words


def test_a_tooltip_names_the_keys():
    assert tool_of_key("ctrl+y").label == "Redo (Ctrl+Y or Ctrl+Shift+Z)"


@pytest.mark.parametrize("tool", [tool for tool in TOOLS if tool.keys], ids=lambda tool: tool.name)
def test_the_help_has_every_key(tool):
    assert f"| {' or '.join(map(spoken, tool.keys))} | {tool.help} |" in help_tables()[1]


def test_the_help_has_every_gesture():
    assert all(f"| {what} | {does} |" in help_tables()[0] for what, does in MOUSE)


def test_the_help_has_every_key_once():
    first_cells = re.findall(r"^\| (.+?) \|", "\n".join(help_tables()), re.MULTILINE)
    words = [word for cell in first_cells for word in re.split(" or |, then ", cell)]
    assert {word: words.count(word) for word in map(spoken, KEYS)} == dict.fromkeys(map(spoken, KEYS), 1)


@pytest.mark.parametrize("key", KEYS)
def test_the_readme_has_every_key(key):
    table = README[README.index("| Gesture |") : README.index("Every accepted object")]
    *_, last = spoken(key).split("+")
    shifted_step = key.startswith("shift+") and "with Shift ±10" in table
    assert f"`{last if shifted_step else spoken(key)}`" in table


def test_the_hint_names_keys_that_are_there(session):
    before = hints(session)
    session.add_point(40, 40)
    assert all(word in hints(session) for word in ("Enter", "Esc", "?"))
    assert before == "Click to outline · right-click to exclude · ? for all keys"  # there is nothing to accept or drop


def test_the_hint_tells_the_score_of_an_outline_and_how_many_sizes_there_are(session):
    session.segmenter = Nested()
    session.click(40, 40)
    assert hints(session).startswith("Score 0.80 · size 2 of 3, G for the next · Enter")


def test_the_hint_says_that_nothing_was_found(session):
    class Blind(Nested):
        def predict(self, image, prompts, *, previous=None):
            return [replace(one, grid=-abs(one.grid)) for one in super().predict(image, prompts, previous=previous)]

    session.segmenter = Blind()
    said = []
    session.draft.param.watch(lambda _: said.append(hints(session)), "mask", onlychanged=False)
    assert session.click(40, 40) is None
    assert said[-1].startswith("Nothing was found there")


# What is greyed


@pytest.mark.parametrize("tool", [tool for tool in TOOLS if tool.icon], ids=lambda tool: tool.name)
def test_a_button_that_can_be_greyed_says_why(session, tool):
    assert tool.tip(session) == (tool.label if tool.ready(session) else f"{tool.label}: {tool.missing}")
    assert tool.ready(session) or tool.missing


def test_the_reason_is_gone_when_the_button_is_ready(bench):
    undo = bench._toolbar._buttons["undo"]
    before = undo.description
    accept(bench, *SPOTS[0])
    assert (before, undo.description) == ("Undo (Ctrl+Z): nothing has changed yet", "Undo (Ctrl+Z)")


def test_save_says_why_it_is_greyed(bench, session):
    save, tips = bench._masklist._saved._save, []
    for step in (lambda: None, lambda: accept(bench, *SPOTS[0]), lambda: (press(bench, "ctrl+s"), done(bench))):
        step()
        tips.append(save.description.partition(": ")[2])
    session.store = None
    bench._masklist.refresh()
    tips.append(save.description.partition(": ")[2])
    assert tips == ["there are none yet", "", "nothing has changed since", "there is no place to keep them"]
