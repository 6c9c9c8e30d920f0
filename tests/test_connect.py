import socket
import subprocess
import sys
from pathlib import Path

import pytest

from seg_app.errors import SegmenterError
from seg_app.sam import best_address, connect_best, connect_sam
from seg_app.sam.checkpoints import OFFICIAL_CONFIGS, Checkpoint
from seg_app.sam.connect import ENGINES


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture
def weights(monkeypatch) -> None:
    """An installation with weights in it; nothing here loads them."""
    bundled = Checkpoint(Path("sam2.1_hiera_micro.pt"), "sam2.1_hiera_micro.yaml", origin="bundled")
    monkeypatch.setattr(Checkpoint, "bundled", staticmethod(lambda: bundled))


@pytest.fixture
def no_weights(monkeypatch) -> None:
    """An installation from which the weights were left out."""
    monkeypatch.setattr(Checkpoint, "bundled", staticmethod(lambda: None))


def put(folder: Path, *stems: str) -> list[Path]:
    paths = [folder / f"{stem}.pt" for stem in stems]
    for path in paths:
        path.touch()
    return paths


# Which segmenter is the best


@pytest.mark.usefixtures("weights")
def test_a_checkpoint_that_is_set_goes_before_everything(tmp_path) -> None:
    put(tmp_path, "sam2.1_hiera_tiny")
    assert best_address(tmp_path / "mine.pt", tmp_path) == f"local:{tmp_path / 'mine.pt'}"


@pytest.mark.parametrize("stem", OFFICIAL_CONFIGS)
@pytest.mark.usefixtures("weights")
def test_an_official_checkpoint_goes_before_the_bundled_one(tmp_path, stem) -> None:
    (path,) = put(tmp_path, stem)
    assert best_address(None, tmp_path) == f"local:{path}"


@pytest.mark.usefixtures("weights")
def test_without_cuda_the_smallest_official_checkpoint_answers(tmp_path) -> None:
    _, _, tiny = put(tmp_path, "sam2.1_hiera_large", "sam2_hiera_tiny", "sam2.1_hiera_tiny")
    assert best_address(None, tmp_path, device="cpu") == f"local:{tiny}"


@pytest.mark.usefixtures("weights")
def test_with_cuda_the_largest_official_checkpoint_answers(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    _, large, _ = put(tmp_path, "sam2.1_hiera_base_plus", "sam2.1_hiera_large", "sam2_hiera_large")
    assert best_address(None, tmp_path, device="auto") == f"local:{large}"


@pytest.mark.parametrize("folder", [None, Path("no such folder"), Path(__file__).parent])
@pytest.mark.usefixtures("weights")
def test_without_an_official_checkpoint_the_bundled_one_answers(folder) -> None:
    assert best_address(None, folder) == "bundled:"


@pytest.mark.usefixtures("no_weights")
def test_without_any_weights_the_classical_segmenter_answers_and_the_log_says_so(caplog) -> None:
    assert best_address() == "classical:"
    assert "For SAM 2.1: seg-app checkpoint get tiny" in caplog.text


@pytest.mark.usefixtures("weights", "without_sam2")
def test_without_sam2_the_classical_segmenter_answers_and_the_log_says_why(tmp_path, caplog) -> None:
    put(tmp_path, "sam2.1_hiera_tiny")
    assert best_address(None, tmp_path) == "classical:"
    assert "SAM 2.1 needs sam2. Install it by: pip install 'seg-app[sam]'" in caplog.text


@pytest.mark.parametrize("uri", [None, "", "classical:"])
@pytest.mark.usefixtures("without_sam2")
def test_without_sam2_the_segmenter_needs_no_weights(uri) -> None:
    assert connect_sam(uri).name == "Classical · no weights"


@pytest.mark.usefixtures("without_sam2")
def test_without_sam2_a_checkpoint_says_how_to_install_it(tmp_path) -> None:
    (path,) = put(tmp_path, "sam2.1_hiera_tiny")
    with pytest.raises(SegmenterError, match=r"needs sam2, not installed here.*pip install 'seg-app\[sam\]'"):
        connect_best(path, tmp_path)


@pytest.mark.usefixtures("no_weights")
def test_bundled_weights_that_were_left_out_are_named() -> None:
    with pytest.raises(SegmenterError, match=r"no weights in it.*CHECKPOINT_PATH"):
        connect_sam("bundled:")


def test_the_bundled_checkpoint_is_both_its_files(tmp_path) -> None:
    (weights,) = put(tmp_path, "sam2.1_hiera_micro")
    assert Checkpoint.bundled(tmp_path) is None
    (tmp_path / "sam2.1_hiera_micro.yaml").touch()
    assert Checkpoint.bundled(tmp_path) == Checkpoint(weights, str(weights.with_suffix(".yaml")), origin="bundled")


@pytest.mark.parametrize(
    ("stem", "origin", "title"),
    [
        ("sam2.1_hiera_tiny", "", "SAM 2.1 tiny"),
        ("sam2.1_hiera_base_plus", "", "SAM 2.1 base plus"),
        ("sam2_hiera_large", "", "SAM 2 large"),
        ("sam2.1_hiera_micro", "bundled", "SAM 2.1 micro (bundled)"),
        ("my_hiera_try", "", "SAM 2.1 my_hiera_try"),
        ("ours", "", "SAM 2.1 ours"),
    ],
)
def test_a_checkpoint_has_a_title_for_people(stem, origin, title) -> None:
    assert Checkpoint(Path(f"{stem}.pt"), "", origin=origin).title == title


# Addresses


def test_an_unknown_scheme_names_the_known_ones() -> None:
    with pytest.raises(SegmenterError) as error:
        connect_sam("ftp://lab/model.pt")
    assert all(f"'{scheme}:'" in str(error.value) for scheme in ENGINES)


@pytest.mark.parametrize("uri", ["local:/no/such/model.pt", "/no/such/model.pt", "no_such_model.pt", r"C:\no\model.pt"])
def test_a_path_that_does_not_exist_is_named(uri) -> None:
    with pytest.raises(SegmenterError, match="There is no checkpoint"):
        connect_sam(uri)


def test_a_server_that_does_not_answer_says_how_to_start_it(free_port) -> None:
    with pytest.raises(SegmenterError, match=rf"seg-app sam --port {free_port}, or unset BACKEND_URL"):
        connect_sam(f"http://127.0.0.1:{free_port}")


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("sam2.1_hiera_tiny.pt", "configs/sam2.1/sam2.1_hiera_t.yaml"),
        ("sam2.1_hiera_small.pt", "configs/sam2.1/sam2.1_hiera_s.yaml"),
        ("sam2.1_hiera_base_plus.pt", "configs/sam2.1/sam2.1_hiera_b+.yaml"),
        ("sam2.1_hiera_large.pt", "configs/sam2.1/sam2.1_hiera_l.yaml"),
    ],
)
def test_an_official_name_tells_the_configuration(tmp_path, name, config) -> None:
    (tmp_path / name).touch()
    assert Checkpoint.at(tmp_path / name).config == config


def test_a_given_configuration_goes_before_the_name(tmp_path) -> None:
    (tmp_path / "sam2.1_hiera_tiny.pt").touch()
    assert Checkpoint.at(tmp_path / "sam2.1_hiera_tiny.pt", config="mine.yaml").config == "mine.yaml"


def test_another_name_asks_for_the_configuration(tmp_path) -> None:
    (tmp_path / "ours.pt").touch()
    with pytest.raises(SegmenterError, match="Set MODEL_CONFIG"):
        connect_sam(str(tmp_path / "ours.pt"))


def test_every_official_configuration_is_in_the_package() -> None:
    from importlib.resources import files

    assert all((files("sam2") / config).is_file() for config in OFFICIAL_CONFIGS.values())


def test_the_front_door_is_light() -> None:
    heavy = {"torch", "skimage", "httpx", "starlette", "scipy"}
    program = "import sys, seg_app.sam; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not heavy & set(loaded)


def test_the_classical_segmenter_needs_no_torch() -> None:
    program = "import sys, seg_app.sam; seg_app.sam.connect_sam('classical:'); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
