"""Questions that wait for the device: together, given up, in their order."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from seg_app.records import Box, Point, Prompts
from seg_app.sam.scheduler import Priority
from seg_app.sam.together import Together
from tests.segmenter_contract import CENTRE, OUTSIDE, disc_on_noise
from tests.threads import until


def test_a_click_while_the_window_is_prepared_does_not_encode_it_again(engine, encoded, monkeypatch) -> None:
    encoding, go = threading.Event(), threading.Event()
    forward = engine._predictor.model.forward_image
    monkeypatch.setattr(
        engine._predictor.model, "forward_image", lambda image: (encoding.set(), go.wait(), forward(image))[-1]
    )
    with ThreadPoolExecutor(2) as pool:
        pool.submit(engine.embed, disc_on_noise())
        encoding.wait()
        click = pool.submit(engine.predict, disc_on_noise(), Prompts((CENTRE,)))
        until(lambda: engine._scheduler.waiting)
        go.set()
        assert len(click.result()) == 3
    assert len(encoded) == 1


@pytest.fixture
def passes(engine, monkeypatch) -> list[int]:
    """How many questions went through each pass of the decoder from now on; four go through one."""
    seen, encoder = [], engine._predictor.model.sam_prompt_encoder
    forward = encoder.forward
    monkeypatch.setattr(encoder, "forward", lambda **named: seen.append(len(named["points"][0])) or forward(**named))
    monkeypatch.setattr(engine, "_clicks", Together(4, turn=engine._clicks._turn))
    return seen


def ask_at_once(engine, questions) -> list[list]:
    """Ask questions (prompts, further arguments) about one image that all wait for the device, which is busy."""
    with ThreadPoolExecutor(len(questions)) as pool:
        with engine._scheduler.turn(Priority.CLICK):
            answers = [pool.submit(engine.predict, disc_on_noise(), prompts, **more) for prompts, more in questions]
            until(lambda: engine._clicks.waiting == len(questions))
        return [answer.result() for answer in answers]


@pytest.mark.parametrize("kind", ["points", "several points", "boxes", "corrections"])
def test_clicks_that_wait_for_the_same_window_are_answered_in_one_go(engine, passes, kind) -> None:
    trace = engine.predict(disc_on_noise(), Prompts((CENTRE,)))[0].trace
    points = [Point(x, 50) for x in range(30, 70, 10)]
    questions = {
        "points": [(Prompts((point,)), {}) for point in points],
        "several points": [(Prompts((CENTRE, point)), {}) for point in points],
        "boxes": [(Prompts((), Box(point.x - 9, 30, point.x + 9, 70)), {}) for point in points],
        "corrections": [(Prompts((CENTRE, point)), {"previous": trace}) for point in points],
    }[kind]
    alone = [engine.predict(disc_on_noise(), prompts, **more) for prompts, more in questions]
    passes.clear()
    together = ask_at_once(engine, questions)
    assert passes == [4]
    for one, other in zip(np.concatenate(alone), np.concatenate(together), strict=True):
        np.testing.assert_allclose(other.logits, one.logits, rtol=1e-4, atol=1e-4)
        assert other.score == pytest.approx(one.score, abs=1e-5)


def test_questions_of_different_kinds_that_wait_do_not_mix(engine, passes) -> None:
    questions = [
        (Prompts((CENTRE,)), {}),
        (Prompts((CENTRE,), Box(30, 20, 90, 80)), {}),
        (Prompts((CENTRE, OUTSIDE)), {}),
    ]
    alone = [engine.predict(disc_on_noise(), prompts, **more) for prompts, more in questions]
    passes.clear()
    together = ask_at_once(engine, questions)
    assert passes == [1, 1, 1]
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(other[0].logits, one[0].logits)


def test_moving_on_gives_up_what_has_not_begun(engine, encoded) -> None:
    here, there = disc_on_noise(), np.ascontiguousarray(disc_on_noise()[::-1])
    with ThreadPoolExecutor(2) as pool, engine._scheduler.turn(Priority.CLICK):
        first = pool.submit(engine.embed, here, client="ada")
        until(lambda: engine._scheduler.waiting)
        second = pool.submit(engine.embed, there, client="ada")
        assert first.result() is None
    second.result()
    assert len(encoded) == 1


def test_a_preview_encodes_only_what_is_quick_to_encode(engine, encoded, monkeypatch) -> None:
    monkeypatch.setattr("seg_app.sam.engine.QUICK_S", 0.0)
    slow = engine.preview(disc_on_noise(), CENTRE), len(encoded)
    monkeypatch.setattr("seg_app.sam.engine.QUICK_S", float("inf"))
    quick = engine.preview(disc_on_noise(), CENTRE), len(encoded)
    assert (slow, len(quick[0]), quick[1]) == (([], 0), 3, 1)


def test_a_preview_waits_for_the_clicks_and_gives_way_to_the_next_one(engine) -> None:
    image, had = disc_on_noise(), []
    engine.embed(image)

    def ask(word, ask_for):
        waiting = len(engine._scheduler.waiting)
        future = pool.submit(lambda: (ask_for(), had.append(word))[0])
        until(lambda: len(engine._scheduler.waiting) > waiting or future.done())
        return future

    with ThreadPoolExecutor(4) as pool, engine._scheduler.turn(Priority.CLICK):
        first = ask("first", lambda: engine.preview(image, CENTRE, client="ada"))
        pool.submit(lambda: had.append("second") if engine.preview(image, CENTRE, client="ada") else None)
        assert first.result() == []
        ask("click", lambda: engine.predict(image, Prompts((CENTRE, OUTSIDE))))
    assert had == ["first", "click", "second"]
