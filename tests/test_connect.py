import socket
import subprocess
import sys

import pytest

from seg_app.errors import SegmenterError
from seg_app.sam import connect_sam
from seg_app.sam.checkpoints import OFFICIAL_CONFIGS, Checkpoint
from seg_app.sam.connect import ENGINES


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.mark.parametrize("uri", [None, "", "classical:"])
def test_without_an_address_the_segmenter_needs_no_weights(uri) -> None:
    assert connect_sam(uri).name == "Classical · no weights"


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
    program = "import sys, seg_app.sam; seg_app.sam.connect_sam(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
