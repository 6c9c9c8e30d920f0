"""The command line: one line for each error, a secret that lasts, and the names that browsers may use."""

import gc
import os
import shutil
import socket
import stat
import threading

import pytest

from seg_app.cli import _kept_secret, _login, _origins, main
from seg_app.io import Shown
from seg_app.sam.classical import ClassicalSegmenter
from seg_app.settings import Settings


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch, tmp_path):
    """Settings that need no other server, and connect to none."""
    for field in Settings.model_fields.values():
        for name in [field.alias, *getattr(field.validation_alias, "choices", ())]:
            monkeypatch.delenv(name or "SEG_APP_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEG_APP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DATA_TILED_URI", "http://127.0.0.1:1")


def error_of(capsys):
    """Return the lines of an error that was told, without what the log says."""
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("seg-app:")]


def test_an_impossible_setting_is_one_line(monkeypatch, capsys):
    monkeypatch.setenv("SEG_APP_PORT", "http")
    assert main(["serve"]) == 1
    assert capsys.readouterr().err == (
        "seg-app: SEG_APP_PORT is set to 'http': Input should be a valid integer, unable to parse string as an integer."
        " Correct or unset it.\n"
    )


def test_a_port_that_is_taken_is_one_line(capsys):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert main(["serve", "--port", str(port)]) == 1
    (line,) = error_of(capsys)
    assert f"127.0.0.1:{port}" in line
    assert "SEG_APP_PORT" in line


@pytest.mark.parametrize("arguments", [["serve", "--port", "70000"], ["serve", "--host", "192.0.2.1"]])
def test_an_address_that_cannot_be_is_one_line(capsys, arguments):
    assert main(arguments) == 1
    assert len(error_of(capsys)) == 1


def test_a_checkpoint_that_is_not_there_is_one_line(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("CHECKPOINT_PATH", str(tmp_path / "none.pt"))
    assert main(["sam"]) == 1
    (line,) = error_of(capsys)
    assert "There is no checkpoint" in line


@pytest.mark.parametrize(("flags", "device"), [([], "cpu"), (["--device", "mps"], "mps")])
def test_the_device_of_a_sam_server_is_that_of_the_flag_before_that_of_the_setting(monkeypatch, flags, device):
    monkeypatch.setenv("SEG_APP_DEVICE", "cpu")
    monkeypatch.setattr("seg_app.sam.server.serve", lambda *_, **__: None)
    monkeypatch.setattr("seg_app.engine.best_engine", lambda used: asked.append(used.device) or ClassicalSegmenter())
    asked: list[str] = []
    assert main(["sam", *flags]) == 0
    assert asked == [device]


@pytest.mark.parametrize("arguments", [[], ["fly"], ["serve", "--port", "http"]])
def test_an_impossible_command_shows_the_usage(capsys, arguments):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert "usage: seg-app" in capsys.readouterr().err


def test_help_names_both_commands(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    assert "serve" in text
    assert "sam" in text


# Who may connect


def test_browsers_of_this_machine_may_connect():
    assert sorted(_origins("127.0.0.1", 5006)) == ["127.0.0.1:5006", "localhost:5006"]


def test_a_named_host_may_be_used_by_its_name():
    assert sorted(_origins("lab.example", 80)) == ["127.0.0.1:80", "lab.example:80", "localhost:80"]


def test_a_server_of_the_lab_is_reached_by_the_name_of_its_machine():
    assert f"{socket.gethostname()}:5006" in _origins("0.0.0.0", 5006)
    assert "0.0.0.0:5006" not in _origins("0.0.0.0", 5006)


def test_a_port_that_is_not_known_yet_takes_any_name():
    assert _origins("127.0.0.1", 0) == ["*"]


# The login


def test_without_a_password_nobody_is_asked():
    assert _login(Settings.read()) == {}


def test_a_password_asks_for_the_user_and_it(monkeypatch):
    monkeypatch.setenv("USER_NAME", "ada")
    monkeypatch.setenv("USER_PASSWORD", "hush")
    assert _login(Settings.read())["basic_auth"] == {"ada": "hush"}


def test_the_secret_stays_the_same_after_a_restart(tmp_path):
    path = tmp_path / "new" / "secret"
    first = _kept_secret(path)
    assert len(first) == 64
    assert _kept_secret(path) == first


def test_only_its_owner_reads_the_secret(tmp_path):
    before = os.umask(0)
    try:
        _kept_secret(tmp_path / "secret")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_two_homes_have_two_secrets(tmp_path):
    assert _kept_secret(tmp_path / "one") != _kept_secret(tmp_path / "two")


def test_a_secret_whose_writing_was_interrupted_is_made_again(tmp_path):
    (tmp_path / "secret").touch()
    assert len(_kept_secret(tmp_path / "secret")) == 64
    assert _kept_secret(tmp_path / "secret") == _kept_secret(tmp_path / "secret")


def test_a_home_that_cannot_be_is_one_line(monkeypatch, capsys, tmp_path):
    (tmp_path / "home").write_text("")
    monkeypatch.setenv("USER_PASSWORD", "hush")
    assert main(["serve", "--port", "0"]) == 1
    (line,) = error_of(capsys)
    assert "home" in line


@pytest.fixture
def nobody_serves(monkeypatch):
    """The embedded server that is begun ends at once: a real one imports for seconds, and here nobody asks it."""
    monkeypatch.setattr("sys.executable", shutil.which("false"))


@pytest.mark.usefixtures("nobody_serves")
def test_garbage_is_collected_again_after_a_start(monkeypatch):
    monkeypatch.setattr("seg_app.app.lab_of", lambda *_: None)
    monkeypatch.setattr("panel.serve", lambda *_, **__: None)
    assert main(["serve", "--port", "0"]) == 0
    next((thread.join() for thread in threading.enumerate() if thread.name == "seg-app-warm-up"), None)
    assert gc.isenabled()
    gc.unfreeze()


def test_garbage_is_still_collected_after_a_start_that_was_refused():
    assert main(["serve", "--port", "70000"]) == 1
    assert gc.isenabled()


def test_a_file_that_is_not_there_is_one_line(monkeypatch, capsys, tmp_path):
    monkeypatch.delenv("DATA_TILED_URI")
    assert main(["serve", str(tmp_path / "nothing.tif")]) == 1
    (line,) = error_of(capsys)
    assert "nothing.tif" in line


@pytest.mark.usefixtures("nobody_serves")
@pytest.mark.parametrize("beside", ["", "http://127.0.0.1:1"])
def test_files_that_are_named_are_what_the_app_shows_also_beside_the_data_of_a_lab(monkeypatch, tmp_path, beside):
    monkeypatch.setenv("DATA_TILED_URI", beside)
    monkeypatch.setattr("panel.serve", lambda *_, **__: None)
    monkeypatch.setattr("seg_app.app.lab_of", lambda _, shown, __: asked.append(shown))
    asked: list[tuple[Shown, ...]] = []
    (tmp_path / "a.tif").touch()
    assert main(["serve", "--port", "0", str(tmp_path / "a.tif")]) == 0
    next((thread.join() for thread in threading.enumerate() if thread.name == "seg-app-warm-up"), None)
    assert asked == [(Shown(tmp_path, ("a.tif",)),)]
    gc.unfreeze()
