import pickle
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import ndimage

from seg_app.errors import SegmenterError
from seg_app.geometry import bits_of
from seg_app.records import Box, Point, Prompts
from seg_app.sam import CacheLimits, connect_sam
from seg_app.sam.autooptions import AutoOptions
from seg_app.sam.checkpoints import Checkpoint
from seg_app.sam.decoding import WindowDecoder
from seg_app.sam.engine import Sam2Segmenter, _Embedding
from seg_app.sam.loading import device_of, model_key
from seg_app.sam.precision import Precision
from seg_app.sam.scheduler import Priority
from seg_app.sam.together import Together
from tests.segmenter_contract import CENTRE, OUTSIDE, SegmenterContract, disc_on, disc_on_noise
from tests.threads import until
from tests.tiny_sam import TINY, bare_predictor, tiny_checkpoint

pytestmark = [
    # the sam2 package scripts its transforms
    pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def checkpoint(request, tmp_path_factory) -> Checkpoint:
    """A tiny SAM 2.1 with random weights, of the input size of the official ones unless a test asks for another."""
    folder = tmp_path_factory.mktemp("model") / "of our own, v=1"
    folder.mkdir()
    return tiny_checkpoint(folder, image_size=getattr(request, "param", 1024))


@pytest.fixture(scope="module")
def predictor(checkpoint):
    """The package's own image predictor with the same weights."""
    return bare_predictor(checkpoint)


@pytest.fixture(scope="module")
def engine(checkpoint):
    segmenter = Sam2Segmenter(checkpoint, device="cpu")
    yield segmenter
    segmenter.close()


@pytest.fixture
def encoded(engine, monkeypatch) -> list:
    """The images that the encoder sees from now on; those of before are forgotten."""
    engine.close()
    seen, forward = [], engine._predictor.model.forward_image
    monkeypatch.setattr(engine._predictor.model, "forward_image", lambda image: seen.append(image) or forward(image))
    return seen


class TestSam2Segmenter(SegmenterContract):
    trained = False

    @pytest.fixture
    def segmenter(self, engine):
        return engine


@pytest.fixture(scope="module")
def bundled():
    """The model that comes along, which is trained."""
    segmenter = connect_sam("bundled:", device="cpu")
    yield segmenter
    segmenter.close()


@pytest.mark.skipif(Checkpoint.bundled() is None, reason="this checkout has no weights")
class TestBundledSegmenter(SegmenterContract):
    obedient = False

    @pytest.fixture
    def segmenter(self, bundled):
        return bundled


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
def test_a_search_finds_the_masks_of_the_bare_generator(engine, predictor, options) -> None:
    from sam2.automatic_mask_generator import SAM2AutomaticMaskGenerator

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


def test_one_point_gives_three_readings_and_two_points_one(engine) -> None:
    image = disc_on_noise()
    counts = [len(engine.predict(image, p)) for p in (Prompts((CENTRE,)), Prompts((CENTRE, Point(62, 50))))]
    assert counts == [3, 1]


def test_random_weights_tell_places_apart(engine) -> None:
    here, there = (engine.predict(disc_on_noise(), Prompts((p,)))[0].logits for p in (CENTRE, Point(110, 80)))
    assert np.abs(here - there).max() > 1e-3


def test_a_second_click_on_an_image_does_not_encode_it_again(engine, encoded) -> None:
    for x in (50, 60):
        engine.predict(disc_on_noise(), Prompts((Point(x, 50),)))
    assert len(encoded) == 1


def test_a_click_after_embedding_encodes_nothing(engine, encoded) -> None:
    engine.embed(disc_on_noise())
    engine.predict(disc_on_noise(), Prompts((CENTRE,)))
    assert len(encoded) == 1


def test_going_back_to_an_image_encodes_nothing_and_answers_as_before(engine, encoded) -> None:
    images = [disc_on_noise(), np.pad(disc_on_noise(), ((0, 40), (0, 0), (0, 0)))]
    first = [engine.predict(image, Prompts((CENTRE,)))[0].logits for image in images]
    again = [engine.predict(image, Prompts((CENTRE,)))[0].logits for image in images]
    assert len(encoded) == 2
    for before, after in zip(first, again, strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("checkpoint", [512], indirect=True, scope="module")
def test_windows_are_kept_up_to_a_number_of_bytes(checkpoint) -> None:
    segmenter = Sam2Segmenter(checkpoint, device="cpu", cache=CacheLimits(memory_bytes=1_200_000))
    for grey in range(3):  # 32 × 32² + 8 × 64² + 4 × 128² numbers of 4 bytes each
        segmenter.embed(np.full((8, 8, 3), grey, dtype=np.uint8))
    assert segmenter._embeddings.memory_bytes == 2 * 524_288


@pytest.fixture
def engines(checkpoint, tmp_path, monkeypatch):
    """Return a function that makes engines on one folder, as a restart does, and the images that they encode."""
    seen, limits = [], CacheLimits(tmp_path / "cache")

    def start(of: Checkpoint = checkpoint) -> Sam2Segmenter:
        segmenter = Sam2Segmenter(of, device="cpu", cache=limits)
        model = segmenter._predictor.model
        forward = model.forward_image
        monkeypatch.setattr(model, "forward_image", lambda image: seen.append(image) or forward(image))
        return segmenter

    return start, seen


def test_the_first_click_on_an_image_of_yesterday_encodes_nothing(engines) -> None:
    start, encoded = engines
    yesterday, today = start(), start()
    before = yesterday.predict(disc_on_noise(), Prompts((CENTRE,)))[0]
    yesterday.close()
    after = today.predict(disc_on_noise(), Prompts((CENTRE,)))[0]
    assert len(encoded) == 1
    np.testing.assert_allclose(after.logits, before.logits, rtol=1e-4, atol=1e-5)


def test_what_is_encoded_sooner_than_read_is_not_kept_on_disk(engines, tmp_path, monkeypatch) -> None:
    start, encoded = engines
    monkeypatch.setattr("seg_app.sam.engine.READING_S", float("inf"))
    for segmenter in (start(), start()):
        segmenter.embed(disc_on_noise())
        segmenter.close()
    assert (len(encoded), list(tmp_path.glob("cache/*"))) == (2, [])


def test_another_checkpoint_encodes_for_itself(engines, tmp_path) -> None:
    start, encoded = engines
    (tmp_path / "other").mkdir()
    for segmenter in (start(), start(tiny_checkpoint(tmp_path / "other", seed=1))):
        segmenter.embed(disc_on_noise())
        segmenter.close()
    assert len(encoded) == 2


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_what_comes_back_from_disk_is_what_was_encoded(engine, dtype) -> None:
    features = {"high_res_feats": [torch.randn(1, 2, 4, 4, dtype=dtype)], "image_embed": torch.randn(1, 2, 2, 2)}
    back = engine._unpacked(engine._packed(_Embedding(features, (8, 9))))
    assert back.shape == (8, 9)
    assert [tensor.dtype for tensor in back.tensors] == [dtype, torch.float32]
    assert torch.equal(back.features["high_res_feats"][0], features["high_res_feats"][0])
    assert torch.equal(back.features["image_embed"], features["image_embed"])


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
    questions = [(Prompts((CENTRE,)), {}), (Prompts((CENTRE,), BOX), {}), (Prompts((CENTRE, OUTSIDE)), {})]
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


def test_says_which_model_runs_where(engine) -> None:
    assert engine.name == "SAM 2.1 tiny · cpu"


@pytest.mark.parametrize("checkpoint", [1024, 512], indirect=True, scope="module")
def test_the_input_size_is_that_of_the_model(checkpoint, engine) -> None:
    assert f"image_size: {engine.input_size}\n" in Path(checkpoint.config).read_text()


def test_what_embeddings_depend_on_has_another_key(checkpoint, tmp_path, monkeypatch) -> None:
    single, config = Precision(torch.device("cpu"), torch.float32), tmp_path / "other.yaml"
    config.write_text(TINY.replace("image_size: 1024", "image_size: 512"))
    keys = [
        model_key(checkpoint, single),
        model_key(checkpoint, replace(single, dtype=torch.bfloat16)),
        model_key(checkpoint, replace(single, device=torch.device("cuda"))),
        model_key(replace(checkpoint, config=str(config)), single),
        model_key(replace(checkpoint, weights=config), single),
    ]
    monkeypatch.setattr("seg_app.sam.loading.PREPROCESSING", 0)
    assert len({*keys, model_key(checkpoint, single)}) == 6


def test_weights_of_half_precision_compute_in_single_precision(checkpoint, tmp_path) -> None:
    weights = torch.load(checkpoint.weights, weights_only=True)["model"]
    torch.save({"model": {name: tensor.half() for name, tensor in weights.items()}}, tmp_path / "half.pt")
    engine = Sam2Segmenter(Checkpoint(tmp_path / "half.pt", checkpoint.config), device="cpu")
    assert {parameter.dtype for parameter in engine._predictor.model.parameters()} == {torch.float32}
    assert engine.predict(disc_on_noise(), Prompts((CENTRE,)))[0].logits.dtype == np.float32


@pytest.mark.skipif(Checkpoint.bundled() is None, reason="this checkout has no weights")
def test_the_bundled_model_says_that_it_came_along(bundled) -> None:
    assert bundled.name == "SAM 2.1 micro (bundled) · cpu"


def test_a_failing_device_is_a_segmenter_error(engine, monkeypatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory.\nTried to allocate 9 GiB")

    monkeypatch.setattr(engine._predictor.model.sam_prompt_encoder, "forward", fail)
    with pytest.raises(SegmenterError, match=r"out of memory\. When the device is out of memory, use a smaller model"):
        engine.predict(disc_on_noise(), Prompts((CENTRE,)))


def test_connects_by_path(checkpoint) -> None:
    segmenter = connect_sam(f"local:{checkpoint.weights}", config=checkpoint.config, device="cpu")
    assert segmenter.name == "SAM 2.1 tiny · cpu"


@pytest.mark.parametrize("device", ["tpu", "cuda:9x", "", "cpu:", "cpu:1"])
def test_a_device_that_is_not_there_is_named(checkpoint, device) -> None:
    with pytest.raises(SegmenterError, match="There is no device"):
        Sam2Segmenter(checkpoint, device=device)


@pytest.mark.parametrize("device", ["cuda:9x", "cuda:", "cuda:01", "cuda:2"])
def test_of_two_graphics_cards_there_is_no_third(monkeypatch, device) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert device_of("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(SegmenterError, match="There is no device"):
        device_of(device)


class Hostile:
    """A pickle that makes a file when it is opened."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("save", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value, protocol=2))])
def test_a_checkpoint_with_code_is_refused_and_not_run(checkpoint, tmp_path, save) -> None:
    save({"model": Hostile(tmp_path / "was here")}, tmp_path / "hostile.pt")
    with pytest.raises(SegmenterError, match="it is damaged, or holds more than weights"):
        Sam2Segmenter(Checkpoint(tmp_path / "hostile.pt", checkpoint.config), device="cpu")
    assert not (tmp_path / "was here").exists()


@pytest.mark.parametrize("content", [{"weights": {}}, {"model": 3}, torch.zeros(3), [1]])
def test_weights_of_something_else_are_refused(checkpoint, tmp_path, content) -> None:
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(SegmenterError, match=r"is no SAM 2\.1 checkpoint"):
        Sam2Segmenter(Checkpoint(tmp_path / "other.pt", checkpoint.config), device="cpu")


@pytest.mark.parametrize("weights", [{}, {"a": torch.zeros(1)}])
def test_missing_or_further_weights_are_refused(checkpoint, tmp_path, weights) -> None:
    torch.save({"model": weights}, tmp_path / "other.pt")
    with pytest.raises(SegmenterError, match="Set MODEL_CONFIG"):
        Sam2Segmenter(Checkpoint(tmp_path / "other.pt", checkpoint.config), device="cpu")


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda _: b"", lambda _: b"no model at all"])
def test_a_damaged_checkpoint_is_refused(checkpoint, tmp_path, damage) -> None:
    (tmp_path / "damaged.pt").write_bytes(damage(checkpoint.weights.read_bytes()))
    with pytest.raises(SegmenterError, match="it is damaged, or holds more than weights"):
        Sam2Segmenter(Checkpoint(tmp_path / "damaged.pt", checkpoint.config), device="cpu")


def test_weights_and_configuration_must_fit(checkpoint) -> None:
    with pytest.raises(SegmenterError, match=r"Cannot load .*tiny\.pt.*they do not fit"):
        Sam2Segmenter(Checkpoint(checkpoint.weights, "configs/sam2.1/sam2.1_hiera_t.yaml"), device="cpu")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("model: [", "Cannot build a model"),
        ("sizes: 3", "needs the key 'model'"),
        ("model:", "needs the key 'model'"),
        ("- 1", "needs the key 'model'"),
        ("model: {_target_: os.system, command: 'true'}", "asks for 'os.system'"),
        ("model: {_target_: sam2.modeling.NoSuchThing}", "Only classes of sam2"),
        ("model: {_target_: sam2.modeling.no_such_module.Thing}", "Only classes of sam2"),
        ("model: {_target_: sam2.build_sam.torch.load, f: evil.pt}", r"asks for 'sam2\.build_sam\.torch\.load'"),
        ("model: {_target_: sam2.modeling.sam2_base.torch.load, f: evil.pt}", "Only classes of sam2"),
        ("model: {_target_: sam2.modeling.sam2_base.trunc_normal_}", "Only classes of sam2"),
        ("model: {_target_: sam2.modeling.sam2_base.SAM2Base, no_such: 3}", "Cannot build a model"),
        (
            "model: {_target_: sam2.modeling.sam2_base.SAM2Base, image_encoder: {_target_: builtins.eval}}",
            "asks for 'builtins.eval'",
        ),
        ("defaults: [x]\nmodel: {_target_: sam2.x}", "no 'defaults'"),
        (TINY.replace("image_size: 1024", "image_size: 1040"), r"image_size 1040\. It must be a multiple of 32"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_refused(checkpoint, tmp_path, config, message) -> None:
    (tmp_path / "mine.yaml").write_text(config)
    with pytest.raises(SegmenterError, match=message):
        Sam2Segmenter(Checkpoint(checkpoint.weights, str(tmp_path / "mine.yaml")), device="cpu")


def test_a_configuration_that_is_nowhere_is_named(checkpoint) -> None:
    with pytest.raises(SegmenterError, match=r"Cannot build a model from the configuration 'nowhere\.yaml'"):
        Sam2Segmenter(Checkpoint(checkpoint.weights, "nowhere.yaml"), device="cpu")


def test_the_names_of_the_package_work_after_a_file_was_used(engine) -> None:
    from hydra import compose

    assert compose("configs/sam2.1/sam2.1_hiera_s.yaml").model.image_size == engine.input_size
