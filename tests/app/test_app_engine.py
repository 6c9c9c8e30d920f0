"""Which segmenter the settings ask for, and which others are offered."""

import sys

import pytest
from embedded import EMBEDDED
from serving import running

from seg_app.engine import engine_of, shelf_of
from seg_app.errors import (
    SegmenterError,
)
from seg_app.sam import Device, get_ready
from seg_app.sam.classical import ClassicalSegmenter
from seg_app.sam.connect import ENGINES
from seg_app.sam.server import create_app

pytestmark = EMBEDDED


def sam_server(token):
    return running(create_app(ClassicalSegmenter(), token=token))


def test_a_sam_server_gets_its_token(settings_of):
    with sam_server("hush") as url:
        with pytest.raises(SegmenterError, match="token is missing"):
            engine_of(settings_of(BACKEND_URL=url))
        segmenter = engine_of(settings_of(BACKEND_URL=url, BACKEND_TOKEN="hush"))
        assert segmenter.name.startswith("Classical")
        segmenter.close()


def test_what_the_settings_name_is_the_default_among_the_models(settings_of):
    with sam_server(None) as url:
        shelf = shelf_of(settings_of(BACKEND_URL=url))
        first, *others = shelf.stock().offers
        get_ready(shelf.default)
        assert (first.title, first.is_default) == (f"SAM server at {url.partition('//')[2]}", True)
        assert [offer.title for offer in others] == ["Classical · no weights"]
        shelf.default.close()


def test_a_checkpoint_is_offered_with_its_configuration(settings_of, monkeypatch, tmp_path):
    monkeypatch.delitem(sys.modules, "sam2")  # it is installed after all
    monkeypatch.setitem(ENGINES, "local", lambda address: address)
    (tmp_path / "ours.pt").touch()
    settings = settings_of(CHECKPOINT_PATH=tmp_path / "ours.pt", MODEL_CONFIG="ours.yaml", SEG_APP_DEVICE="cpu")
    first, *_ = shelf_of(settings).stock().offers
    assert (first.title, first.is_default) == ("SAM 2.1 ours (CHECKPOINT_PATH)", True)
    assert (engine_of(settings, first.address).config, engine_of(settings, "local:other.pt").config) == (
        "ours.yaml",
        None,
    )


def test_a_checkpoint_of_an_unknown_name_needs_its_configuration(settings_of, tmp_path):
    (tmp_path / "ours.pt").write_bytes(b"")
    with pytest.raises(SegmenterError, match="MODEL_CONFIG"):
        engine_of(settings_of(CHECKPOINT_PATH=tmp_path / "ours.pt"))


def test_an_official_checkpoint_in_the_home_is_used_with_its_own_configuration(settings_of, monkeypatch, tmp_path):
    monkeypatch.delitem(sys.modules, "sam2")  # it is installed after all
    monkeypatch.setitem(ENGINES, "local", lambda address: address)
    tiny = tmp_path / "home" / "checkpoints" / "sam2.1_hiera_tiny.pt"
    tiny.parent.mkdir(parents=True)
    tiny.touch()
    address = engine_of(settings_of(MODEL_CONFIG="of another.yaml", SEG_APP_DEVICE="cpu"))
    assert (address.path, address.config, address.device) == (str(tiny), None, Device("cpu"))


def test_the_classical_segmenter_can_be_asked_for(settings_of):
    assert engine_of(settings_of(BACKEND_URL="classical:")).name == "Classical · no weights"
