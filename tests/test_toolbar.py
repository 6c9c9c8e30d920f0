"""The table of tools: every verb exists, every key does what it says, and the README knows all of them."""

import re
from dataclasses import replace
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from benches import bench_of
from builders import Nested

from seg_app.io import LocalFolder, MaskStore
from seg_app.models import Session, Volume
from seg_app.records import Prompts
from seg_app.sam import connect_sam
from seg_app.views.gestures import Gesture
from seg_app.views.toolbar import MOUSE, TOOLS, help_tables, hints, spoken, tool_of_key

README = (Path(__file__).parents[1] / "README.md").read_text()
KEYS = [key for tool in TOOLS for key in tool.keys]
SPOTS = ((15, 15), (45, 45))
"""(x, y) of the middles of two bright squares, the same on all planes."""


class Patient:
    """The classical segmenter, which answers when it is let."""

    name, input_size = "Patient", 1024

    def __init__(self):
        self._inner = connect_sam("classical:")
        self.may_answer = Event()
        self.may_answer.set()

    def embed(self, image, *, client=""):
        """Not needed."""

    def predict(self, image, prompts, *, previous=None):
        assert self.may_answer.wait(30)
        return self._inner.predict(image, prompts, previous=previous)

    def close(self):
        self._inner.close()


@pytest.fixture
def segmenter():
    return Patient()


@pytest.fixture
def session(segmenter, tmp_path):
    plane = np.full((60, 60), 20, np.uint8)
    for x, y in SPOTS:
        plane[y - 8 : y + 8, x - 8 : x + 8] = 220
    store = MaskStore(LocalFolder(tmp_path))
    return Session(Volume.from_array(np.stack([plane] * 31)), segmenter, store=store)


@pytest.fixture
def bench(session):
    """A workbench without a server: what the page's thread would do is done at once."""
    with bench_of(session) as bench:
        yield bench


def click(bench, x, y, **how):
    bench.image._on_gesture(Gesture("click", x, y, **how))


def press(bench, key):
    bench.image._on_gesture(Gesture("key", key=key))


def finish(bench):
    """Wait for the verbs that were asked for so far."""
    bench.worker.run("Waiting", lambda: None).result(30)
    assert bench.worker.trouble == ""


def accept(bench, x, y):
    click(bench, x, y)
    press(bench, "Enter")
    finish(bench)


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


NOTHING_SELECTED = "No object is selected. Click on one, then follow it through the planes."


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_every_verb_can_be_called_at_any_time(bench, tool):
    for prepare in (lambda: None, lambda: click(bench, *SPOTS[0])):
        prepare()
        tool.verb(bench)
        bench.worker.run("Waiting", lambda: None).result(30)
        assert bench.worker.trouble in ("", "There is nothing to save yet. Accept an object first.", NOTHING_SELECTED)


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
    assert all(word in hints(session) for word in ("Enter", "Esc", "?"))


def test_the_hint_tells_the_score_of_an_outline_and_how_many_sizes_there_are(session):
    session.segmenter = Nested()
    session.click(40, 40)
    assert hints(session).startswith("Score 0.80 · size 2 of 3, G for the next · Enter")


def test_the_hint_says_that_nothing_was_found(session):
    class Blind(Nested):
        def predict(self, image, prompts, *, previous=None):
            return [replace(one, logits=-abs(one.logits)) for one in super().predict(image, prompts, previous=previous)]

    session.segmenter = Blind()
    said = []
    session.draft.param.watch(lambda _: said.append(hints(session)), "mask", onlychanged=False)
    assert session.click(40, 40) is None
    assert said[-1].startswith("Nothing was found there")


# The keys


def test_enter_accepts_and_the_next_click_begins_another(bench, session):
    for x, y in SPOTS:
        accept(bench, x, y)
    assert [(mask.x0 < x < mask.x1) for mask, (x, _) in zip(session.masks.masks, SPOTS, strict=True)] == [True, True]


@pytest.mark.parametrize(("key", "z"), [("d", 14), ("f", 16), ("shift+d", 5), ("shift+ArrowRight", 25)])
def test_keys_step_through_the_planes(bench, session, key, z):
    press(bench, key)
    assert session.z == z


def test_what_was_left_on_a_plane_is_named_and_outlined_when_it_is_on_view_again(bench, session, segmenter):
    segmenter.may_answer.clear()
    click(bench, *SPOTS[0])
    press(bench, "f")
    segmenter.may_answer.set()
    finish(bench)
    said, away = hints(session), session.draft.mask
    press(bench, "d")
    finish(bench)
    assert said.startswith("Not accepted yet: plane 16 · Click to outline")
    assert (away, session.draft.mask.z, bench._status._hint.text) == (None, 15, hints(session))


def test_t_lets_a_plain_click_exclude(bench, session):
    press(bench, "t")
    click(bench, *SPOTS[0])
    assert not session.draft.prompts.points[0].include


def test_a_plain_click_on_an_object_selects_it_and_delete_deletes_it(bench, session):
    accept(bench, *SPOTS[0])
    click(bench, *SPOTS[0])
    assert len(session.masks.selected) == 1
    press(bench, "Delete")
    finish(bench)
    assert session.masks.masks == ()


def test_while_help_is_open_keys_close_it_and_do_nothing_else(bench, session):
    press(bench, "?")
    opened = bench._help.open
    press(bench, "f")
    press(bench, "Escape")
    assert (opened, bench._help.open, session.z) == (True, False, 15)


def test_keys_that_make_no_sense_now_do_nothing(bench, session):
    for key in ("Enter", "Backspace", "Delete", "ctrl+z", "ctrl+y", "Escape"):
        press(bench, key)
    finish(bench)
    assert (session.masks.masks, session.draft.prompts) == ((), Prompts())


def test_an_empty_list_is_not_saved(bench, session):
    press(bench, "ctrl+s")
    bench.worker.run("Waiting", lambda: None).result(30)
    assert bench.worker.trouble == "There is nothing to save yet. Accept an object first."
    assert session.saved_sets() == []


def test_saving_without_a_place_says_so(bench, session):
    session.store = None
    accept(bench, *SPOTS[0])
    press(bench, "ctrl+s")
    bench.worker.run("Waiting", lambda: None).result(30)
    assert "no place to keep masks" in bench.worker.trouble


# A user who is faster than the model


@pytest.mark.parametrize("next_key", ["f", "Escape", "ArrowLeft"])
def test_what_was_accepted_before_its_outline_came_is_not_lost_by_the_next_key(bench, session, segmenter, next_key):
    segmenter.may_answer.clear()
    click(bench, *SPOTS[0])
    press(bench, "Enter")
    press(bench, next_key)
    segmenter.may_answer.set()
    finish(bench)
    (mask,) = session.masks.masks
    assert (mask.z, mask.x0 < 15 < mask.x1) == (15, True)


def test_a_click_after_enter_begins_another_object(bench, session, segmenter):
    segmenter.may_answer.clear()
    for x, y in SPOTS:
        click(bench, x, y)
        press(bench, "Enter")
    segmenter.may_answer.set()
    finish(bench)
    first, second = session.masks.masks
    assert first.x1 < 30 < second.x0


@pytest.mark.parametrize(("key", "kept", "saved"), [("ctrl+s", 1, 1), ("ctrl+z", 0, 0)])
def test_keys_after_enter_are_for_what_it_accepts(bench, session, segmenter, key, kept, saved):
    segmenter.may_answer.clear()
    click(bench, *SPOTS[0])
    press(bench, "Enter")
    press(bench, key)
    segmenter.may_answer.set()
    finish(bench)
    assert (len(session.masks.masks), len(session.saved_sets())) == (kept, saved)


def test_points_taken_back_before_their_outline_came_are_gone(bench, session, segmenter):
    segmenter.may_answer.clear()
    for x, y in SPOTS:
        click(bench, x, y)
    press(bench, "Backspace")
    press(bench, "Enter")
    segmenter.may_answer.set()
    finish(bench)
    (mask,) = session.masks.masks
    assert mask.x1 < 30


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
    for step in (lambda: None, lambda: accept(bench, *SPOTS[0]), lambda: (press(bench, "ctrl+s"), finish(bench))):
        step()
        tips.append(save.description.partition(": ")[2])
    session.store = None
    bench._masklist.refresh()
    tips.append(save.description.partition(": ")[2])
    assert tips == ["there are none yet", "", "nothing has changed since", "there is no place to keep them"]
