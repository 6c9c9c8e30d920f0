"""Which models can be chosen, in which order, and what is said of them."""

import pytest

from seg_app.errors import SegmenterError
from seg_app.sam import stock_of
from seg_app.sam.checkpoints import SIZES


@pytest.fixture
def put(tmp_path):
    """Return a function that puts empty checkpoints into a folder, and returns their addresses."""

    def put(*stems, folder=tmp_path):
        paths = [folder / f"{stem}.pt" for stem in stems]
        for path in paths:
            path.touch()
        return [f"local:{path}" for path in paths]

    return put


def titles(stock):
    return [offer.title for offer in stock.offers]


def test_the_default_comes_first_and_all_others_follow_by_size(tmp_path, put) -> None:
    put("sam2.1_hiera_large", "sam2.1_hiera_tiny")
    stock = stock_of("classical:", tmp_path, device="cpu")
    assert titles(stock) == ["Classical · no weights", "SAM 2.1 tiny", "SAM 2.1 large", "SAM 2.1 micro (bundled)"]
    assert [offer.is_default for offer in stock.offers] == [True, False, False, False]


def test_a_server_is_offered_by_its_host_and_no_password_is_shown(tmp_path) -> None:
    stock = stock_of("http://ada:hush@lab.example:8001/", tmp_path, device="cpu")
    assert titles(stock)[0] == "SAM server at lab.example:8001"
    assert not any("hush" in offer.title + offer.judgement for offer in stock.offers)


def test_what_the_settings_name_besides_the_default_is_offered(tmp_path, put) -> None:
    (folder := tmp_path / "mine").mkdir()
    (own,) = put("ours", folder=folder)
    stock = stock_of("http://lab:8001", tmp_path, others=["http://lab:8001", own], device="cpu")
    assert titles(stock)[:2] == ["SAM server at lab:8001", "SAM 2.1 ours (CHECKPOINT_PATH)"]


def test_a_checkpoint_that_is_given_by_another_path_is_offered_once(tmp_path, put) -> None:
    put("sam2.1_hiera_tiny")
    (tmp_path / "link").symlink_to(tmp_path)
    stock = stock_of(f"local:{tmp_path / 'link' / 'sam2.1_hiera_tiny.pt'}", tmp_path, device="cpu")
    assert titles(stock)[0] == "SAM 2.1 tiny (CHECKPOINT_PATH)"
    assert "SAM 2.1 tiny" not in titles(stock)


def test_no_two_are_called_the_same(tmp_path, put) -> None:
    (folder := tmp_path / "mine").mkdir()
    (own,) = put("sam2.1_hiera_tiny", folder=folder)
    put(*(f"{family}_hiera_{size}" for family in ("sam2", "sam2.1") for size in SIZES))
    found = titles(stock_of(own, tmp_path, device="cpu"))
    assert len(set(found)) == len(found) == 11


@pytest.mark.parametrize(("gpu", "large", "tiny"), [(False, "slow", "suits"), (True, "suits", "larger")])
def test_it_is_said_which_size_suits_the_machine(tmp_path, put, monkeypatch, gpu, large, tiny) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: gpu)
    put("sam2.1_hiera_large", "sam2.1_hiera_tiny")
    said = {offer.title: offer.judgement for offer in stock_of("classical:", tmp_path).offers}
    assert large in said["SAM 2.1 large"]
    assert tiny in said["SAM 2.1 tiny"]


def test_where_there_are_no_official_weights_it_is_said_how_to_get_some(tmp_path, put) -> None:
    without = stock_of("classical:", tmp_path, device="cpu").advice
    put("sam2.1_hiera_tiny")
    assert "seg-app checkpoint get tiny" in without
    assert stock_of("classical:", tmp_path, device="cpu").advice == ""


@pytest.mark.usefixtures("without_sam2")
def test_that_no_sam_answers_is_said_unless_that_was_asked_for(tmp_path) -> None:
    assert "pip install 'seg-app[sam]'" in stock_of("classical:", tmp_path, device="cpu").lack
    assert stock_of("classical:", tmp_path, others=["classical:"], device="cpu").lack == ""
    assert stock_of("http://lab:8001", tmp_path, device="cpu").lack == ""


@pytest.mark.usefixtures("without_sam2")
def test_without_sam2_its_models_are_left_out_and_it_is_said_how_to_install_it(tmp_path, put) -> None:
    (tiny,) = put("sam2.1_hiera_tiny")
    stock = stock_of("classical:", tmp_path, others=[tiny])
    assert titles(stock) == ["Classical · no weights"]
    assert "pip install 'seg-app[sam]'" in stock.advice


def test_a_device_that_is_not_there_is_named(tmp_path, put) -> None:
    put("sam2.1_hiera_tiny")
    with pytest.raises(SegmenterError, match="no device 'tpu'"):
        stock_of("classical:", tmp_path, device="tpu")
