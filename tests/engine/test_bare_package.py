"""Answers, corrections, masks and searches are those of the bare package with the same weights."""

import sys
from copy import deepcopy
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import ndimage

from seg_app.geometry import bits_of
from seg_app.records import Box, Point, Prompts
from seg_app.sam.autooptions import AutoOptions
from seg_app.sam.checkpoints import Checkpoint
from seg_app.sam.pointing import WindowDecoder
from seg_app.sam.scheduler import Priority
from tests.segmenter_contract import CENTRE, OUTSIDE, disc_on, disc_on_noise

OWN_OPTIONS = ("region", "excluded_rows", "windows", "blobs", "spare_above")
PACKAGE_OPTIONS = [field for field in AutoOptions.__dataclass_fields__ if field not in OWN_OPTIONS]
BOX = Box(30, 20, 90, 80)
QUESTIONS = {
    "one point": (Prompts((CENTRE,)), {"point_coords": [[60, 50]], "point_labels": [1], "multimask_output": True}),
    "a point and a box": (
        Prompts((CENTRE,), BOX),
        {"point_coords": [[60, 50]], "point_labels": [1], "box": [30, 20, 90, 80], "multimask_output": False},
    ),
    "a box": (Prompts((), BOX), {"box": [30, 20, 90, 80], "multimask_output": False}),
    "several points": (
        Prompts((CENTRE, Point(70.5, 40.25))),
        {"point_coords": [[60, 50], [70.5, 40.25]], "point_labels": [1, 1], "multimask_output": False},
    ),
    "an excluding point": (
        Prompts((CENTRE, OUTSIDE)),
        {"point_coords": [[60, 50], [110, 80]], "point_labels": [1, 0], "multimask_output": False},
    ),
}


@pytest.mark.parametrize("checkpoint", [1024, 512], indirect=True, scope="module")
@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("turned", [False, True], ids=["wide", "tall"])
def test_answers_are_those_of_the_bare_package(engine, predictor, question, turned) -> None:
    prompts, arguments = QUESTIONS[question]
    image = np.ascontiguousarray(np.pad(disc_on_noise(), ((0, 60), (0, 0), (0, 0)))) if turned else disc_on_noise()
    predictor.set_image(image)
    arguments = {k: v if k == "multimask_output" else np.array(v, dtype=np.float32) for k, v in arguments.items()}
    logits, scores, _ = predictor.predict(**arguments, return_logits=True)
    candidates = engine.predict(image, prompts)
    assert len(candidates) == len(scores)
    for candidate, index in zip(candidates, np.argsort(-scores), strict=True):
        np.testing.assert_allclose(candidate.logits, logits[index], rtol=1e-4, atol=1e-5)
        assert candidate.score == pytest.approx(scores[index], abs=1e-6)


@pytest.mark.parametrize("checkpoint", [1024, 512], indirect=True, scope="module")
@pytest.mark.parametrize("question", ["several points", "an excluding point", "a point and a box"])
def test_a_correction_is_that_of_the_bare_package(engine, predictor, question) -> None:
    prompts, arguments = QUESTIONS[question]
    predictor.set_image(disc_on_noise())
    arguments = {k: v if k == "multimask_output" else np.array(v, dtype=np.float32) for k, v in arguments.items()}
    _, scores, low = predictor.predict(np.array([[60, 50]]), np.array([1]))
    logits, _, again = predictor.predict(**arguments, mask_input=low[[scores.argmax()]], return_logits=True)
    first = engine.predict(disc_on_noise(), Prompts((CENTRE,)))[0]
    (corrected,) = engine.predict(disc_on_noise(), prompts, previous=first.trace)
    np.testing.assert_allclose(corrected.logits, logits[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(corrected.trace, again[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("checkpoint", [1024, 512], indirect=True, scope="module")
@pytest.mark.parametrize("question", ["alone", *(name for name in QUESTIONS if name != "one point")])
def test_a_mask_is_that_of_the_bare_package(engine, predictor, question) -> None:
    prompts, arguments = QUESTIONS.get(question, (Prompts(), {"multimask_output": False}))
    predictor.set_image(disc_on_noise())
    arguments = {k: v if k == "multimask_output" else np.array(v, dtype=np.float32) for k, v in arguments.items()}
    mask = disc_on(engine._grid)
    logits, scores, _ = predictor.predict(**arguments, mask_input=mask[None], return_logits=True)
    (best,) = engine.predict(disc_on_noise(), prompts, mask=mask)
    np.testing.assert_allclose(best.logits, logits[0], rtol=1e-4, atol=1e-5)
    assert best.score == pytest.approx(scores[0], abs=1e-6)


def test_a_mask_on_another_grid_is_laid_over_the_image(engine) -> None:
    rough, fine = (
        engine.predict(disc_on_noise(), Prompts(), mask=disc_on(grid))[0] for grid in ((256, 256), (96, 128))
    )
    np.testing.assert_allclose(fine.logits, rough.logits, atol=0.02)
    assert np.abs(fine.logits - engine.predict(disc_on_noise(), Prompts((CENTRE,)))[0].logits).max() > 0.1


def test_a_correction_is_another_answer_than_that_of_the_points_alone(engine) -> None:
    first, prompts = engine.predict(disc_on_noise(), Prompts((CENTRE,)))[0], Prompts((CENTRE, OUTSIDE))
    alone, corrected = (engine.predict(disc_on_noise(), prompts, previous=p)[0].logits for p in (None, first.trace))
    assert np.abs(alone - corrected).max() > 1e-3


SEARCHES = [
    # random weights agree on nothing: thresholds at which some masks pass and others do not
    AutoOptions(8, pred_iou_thresh=0.4, stability_score_offset=0.001, stability_score_thresh=0.9, box_nms_thresh=1.0),
    AutoOptions(6, pred_iou_thresh=0.4, stability_score_offset=0.001, stability_score_thresh=0.7, box_nms_thresh=0.8),
    AutoOptions(4, 7, pred_iou_thresh=0.4, stability_score_offset=0.001, box_nms_thresh=1.0, use_m2m=True),
    AutoOptions(6, pred_iou_thresh=0.4, stability_score_offset=0.001, box_nms_thresh=1.0, multimask_output=False),
    AutoOptions(
        *(4, 16, 0.4, 0.9, 0.001),
        crop_n_layers=1,
        crop_n_points_downscale_factor=2,
        box_nms_thresh=0.9,
        crop_nms_thresh=0.9,
        crop_overlap_ratio=0.2,
    ),
    AutoOptions(
        *(None, 4, 0.4, 0.7, 0.001),
        point_grids=(((0.1, 0.2), (0.4, 0.5), (0.9, 0.5), (0.6, 0.8)),),
        mask_threshold=0.01,
        box_nms_thresh=1.0,
        min_mask_region_area=15,
    ),
]
NAMES = ["grid", "doubles", "refined", "one mask", "crops", "points of one's own, without specks"]


@pytest.mark.parametrize("options", SEARCHES, ids=NAMES)
def test_a_search_finds_the_masks_of_the_bare_generator(engine, predictor, options, monkeypatch) -> None:
    from sam2.automatic_mask_generator import SAM2AutomaticMaskGenerator

    # it copies each run of each mask, which nobody changes: half of the time
    monkeypatch.setattr("sam2.utils.amg.deepcopy", lambda value: value if isinstance(value, list) else deepcopy(value))
    image = np.ascontiguousarray(disc_on_noise().repeat(4, axis=0).repeat(5, axis=1))
    named = {name: getattr(options, name) for name in PACKAGE_OPTIONS} | {"min_mask_region_area": 0}
    generator = SAM2AutomaticMaskGenerator(predictor.model, **named)
    wanted = [_tidied(entry["segmentation"], options) for entry in generator.generate(image)]
    *_, last = engine.automask(image, options)
    found = [auto.mask for auto in last.masks]
    drawn = [bits_of(mask) for mask in found]
    best = [max(_ious(bits, found, drawn)) for bits in wanted]
    assert np.mean(np.array(best) >= 0.95) >= 0.98
    assert len(last.masks) == len(wanted)


def _tidied(bits: np.ndarray, options: AutoOptions) -> np.ndarray:
    """Return a mask without specks as the package takes them out where the whole mask is at hand.

    Its generator of SAM 2 leaves that to a CUDA kernel, on the small masks that the decoder gives.
    """
    from sam2.utils.amg import remove_small_regions

    def components(image, _connectivity):
        labels, n = ndimage.label(image, np.ones((3, 3)))
        return n + 1, labels, np.bincount(labels.ravel())[:, None], None

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "cv2", SimpleNamespace(connectedComponentsWithStats=components))
        for mode in ("holes", "islands"):
            bits, _ = remove_small_regions(bits, options.min_mask_region_area, mode)
    return bits


def _ious(bits: np.ndarray, masks, drawn: list[np.ndarray]) -> list[float]:
    area = np.count_nonzero(bits)
    windows = (bits[mask.y0 : mask.y1, mask.x0 : mask.x1] for mask in masks)
    common = [np.count_nonzero(window & inside) for window, inside in zip(windows, drawn, strict=True)]
    return [both / (mask.area + area - both) for mask, both in zip(masks, common, strict=True)]


@pytest.mark.skipif(Checkpoint.bundled() is None, reason="this checkout has no weights")
def test_a_search_that_measures_on_the_device_finds_the_same(bundled, monkeypatch) -> None:
    options, found = AutoOptions(6, pred_iou_thresh=0.3, stability_score_thresh=0.7, box_nms_thresh=1.0), []
    for measures in (False, True):
        monkeypatch.setattr(WindowDecoder, "_measures", measures)
        *_, last = bundled.automask(disc_on_noise(), options)
        found.append([(auto.mask.y0, auto.mask.x0, auto.mask.counts) for auto in last.masks])
    assert found[0] == found[1]
    assert len(found[0]) > 1


def test_a_search_takes_a_turn_for_its_window_and_for_a_few_points_after_what_is_on_screen(engine, monkeypatch) -> None:
    turns, turn = [], engine._scheduler.turn
    monkeypatch.setattr(
        engine._scheduler, "turn", lambda priority, **more: turns.append(priority) or turn(priority, **more)
    )
    steps = engine.automask(disc_on_noise(), AutoOptions(2, 2))
    next(steps)
    assert turns == [Priority.AUTOMASK] * 2
    next(steps)
    assert turns == [Priority.AUTOMASK] * 3
