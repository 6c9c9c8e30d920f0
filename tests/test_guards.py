"""What app and command line refuse, say and tidy up when they start."""

import socket
import threading

import pytest

from seg_app import app
from seg_app.app import data_of, served_settings
from seg_app.cli import _origins, main
from seg_app.errors import SettingsError
from seg_app.io import EmbeddedTiled
from seg_app.settings import Settings


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch, tmp_path):
    for field in Settings.model_fields.values():
        for name in [field.alias, *getattr(field.validation_alias, "choices", ())]:
            monkeypatch.delenv(name or "SEG_APP_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEG_APP_HOME", str(tmp_path / "home"))


@pytest.fixture
def served(monkeypatch, without_sam2):  # noqa: ARG001  # the classical segmenter is there at once
    """Keep the address and the token that a SAM server would be started with."""
    calls = []
    monkeypatch.setattr("seg_app.sam.server.create_app", lambda _, *, token, shared: token)  # noqa: ARG005
    monkeypatch.setattr("seg_app.sam.server.serve", lambda token, *, host, port: calls.append((host, token)))  # noqa: ARG005
    return calls


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_an_embedded_server_whose_samples_fail_is_stopped(monkeypatch, error):
    started = []

    def fail(source, _folder):
        assert source.browse() is not None  # it runs
        raise error

    start = EmbeddedTiled.start
    monkeypatch.setattr(EmbeddedTiled, "start", lambda *a, **k: started.append(start(*a, **k)) or started[-1])
    monkeypatch.setattr(app, "register_folder", fail)
    before = set(threading.enumerate())
    with pytest.raises(error):
        data_of(Settings.read())
    assert len(started) == 1
    assert not [thread for thread in set(threading.enumerate()) - before if "tiled" in thread.name]


def test_panel_serve_does_not_ignore_a_password(monkeypatch):
    assert served_settings() == Settings.read()
    monkeypatch.setenv("USER_PASSWORD", "hush")
    with pytest.raises(SettingsError, match=r"USER_PASSWORD works with `seg-app serve`") as error:
        served_settings()
    assert "hush" not in str(error.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "lab.example", "::"])
def test_a_model_is_not_lent_to_the_network_without_a_token(served, capsys, host):
    assert main(["sam", "--host", host]) == 1
    assert "Set BACKEND_TOKEN" in capsys.readouterr().err
    assert served == []


def test_with_a_token_a_model_is_lent_to_the_network(served, monkeypatch):
    monkeypatch.setenv("BACKEND_TOKEN", "secret")
    assert main(["sam", "--host", "0.0.0.0"]) == 0
    assert served == [("0.0.0.0", "secret")]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_this_machine_needs_no_token_and_hears_which_segmenter_it_gets(served, capsys, host):
    assert main(["sam", "--host", host]) == 0
    assert served == [(host, None)]
    assert "Classical · no weights is served" in capsys.readouterr().err


def test_a_server_of_the_lab_is_reached_by_its_full_name_and_its_addresses(monkeypatch):
    monkeypatch.setattr(socket, "getfqdn", lambda: "sem.lab.example")
    monkeypatch.setattr(socket, "gethostbyname_ex", lambda name: (name, [], ["192.0.2.7"]))
    assert {"sem.lab.example:5006", "192.0.2.7:5006", "localhost:5006"} <= set(_origins("0.0.0.0", 5006))


def test_a_machine_that_does_not_know_its_address_is_reached_by_its_name(monkeypatch):
    def unknown(_):
        raise socket.gaierror("no such name")

    monkeypatch.setattr(socket, "gethostbyname_ex", unknown)
    assert f"{socket.gethostname()}:80" in _origins("0.0.0.0", 80)
