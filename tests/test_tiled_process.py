"""The embedded Tiled server in a process of its own: it is there soon, says what is wrong, and never stays behind."""

import errno
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from threads import until

from seg_app.errors import StorageError, UnreachableError
from seg_app.io.tiled_process import TiledProcess
from seg_app.io.tiled_server import EmbeddedTiled

ROOT = Path(__file__).parents[1]
PARENT = """
import sys
from pathlib import Path
from seg_app.io.tiled_process import TiledProcess

server = TiledProcess(Path(sys.argv[1]))
print(server.connect().uri, flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """The folder of the data, in which the program runs, too: a file in it has the name of a module."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "tiled.py").write_text("raise SystemExit('taken')")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


@pytest.fixture(scope="module")
def server(home):
    """A server for several tests, as each start takes seconds; who connects finds it alive."""
    with TiledProcess(home / "root") as server:
        yield server


@pytest.fixture
def connect():
    """Connect to servers, and hang up at the end."""
    sources = []

    def connect(server):
        sources.append(server.connect())
        return sources[-1]

    yield connect
    for source in sources:
        source.close()


def run(*command, **options):
    """Run Python with this code; what it writes is read to the end, which is when all who could write are gone."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SEG_APP_HOME": str(options["cwd"] / "home")}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, *map(str, command)], env=environment, text=True, **pipes, **options)


def test_importing_the_module_imports_nothing_heavy():
    code = (
        "import sys, seg_app.io.tiled_process; sys.exit(bool({'tiled', 'xarray', 'panel', 'pandas'} & {*sys.modules}))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.fixture
def written(server, connect):
    """The source of the server, with an array on it that is open."""
    source = connect(server)
    source.client.delete_contents(recursive=True, external_only=False)
    source.client.write_array(np.arange(6).reshape(2, 3), key="kept")
    return source, source.open("kept")


def test_a_file_in_the_folder_of_the_program_is_not_taken_for_a_module_and_the_key_stays_hidden(home, server, connect):
    assert is_there(connect(server))
    key = (home / "root" / "api_key").read_bytes()
    assert len(key) == 64
    if (about := Path(f"/proc/{server._process.pid}")).exists():  # where there is such a folder
        assert key not in (about / "cmdline").read_bytes() + (about / "environ").read_bytes()


def test_a_stopped_server_is_gone_and_what_was_written_is_there_when_it_is_back_also_after_a_try_that_failed(
    home, server, connect, written
):
    process, catalog = server._process, home / "root" / "catalog.db"
    server.stop()
    assert process.returncode == 0
    whole = catalog.rename(home / "whole.db")
    catalog.write_bytes(b"not a database" * 100)
    with pytest.raises(StorageError, match="Move it away") as here:
        EmbeddedTiled.start(catalog.parent)
    with pytest.raises(StorageError) as apart:
        server.connect()
    assert str(apart.value) == str(here.value)
    whole.replace(catalog)
    again = connect(server)
    assert [entry.name for entry in again.browse()] == ["kept"]
    assert again.open("kept").image == written[1].image


def test_a_server_that_ends_while_it_starts_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr("sys.executable", shutil.which("false"))
    with TiledProcess(tmp_path / "root") as server, pytest.raises(StorageError, match="The log says why"):
        server.connect()


def test_a_server_that_hangs_while_it_starts_is_given_up(monkeypatch, tmp_path):
    monkeypatch.setattr("seg_app.io.tiled_process.START_TIMEOUT_S", 0.2)
    with TiledProcess(tmp_path / "root") as server:
        os.kill(server._process.pid, signal.SIGSTOP)
        with pytest.raises(StorageError, match="The log says why"):
            server.connect()


def test_a_server_that_died_comes_back_by_itself_also_a_second_time_when_it_cannot_be_begun_at_once(
    server, written, caplog, monkeypatch
):
    monkeypatch.setattr("seg_app.io.tiled_process.PAUSES_S", (0,))
    source, opened = written
    died(server)
    until(lambda: is_there(source))
    assert opened.levels[0][0, 1, 2] == 5  # what is open goes on
    with server._starting:  # nobody begins it before its port is taken
        died(server)
        taken = socket.create_server(("127.0.0.1", int(source.uri.rpartition(":")[2].partition("/")[0])))
    with taken:
        until(lambda: "Cannot listen" in caplog.text)
        monkeypatch.setattr("subprocess.Popen", no_memory)
        until(lambda: "Cannot allocate memory" in caplog.text)
    monkeypatch.undo()
    until(lambda: is_there(source))
    assert opened.levels[0][0, 1, 2] == 5


def died(server):
    process = server._process
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def no_memory(*_, **__):
    raise OSError(errno.ENOMEM, "Cannot allocate memory")


def is_there(source):
    try:
        source.browse()
    except UnreachableError:
        return False
    return True


def test_stopping_does_not_wait_for_a_start_that_hangs(monkeypatch, tmp_path):
    monkeypatch.setattr("seg_app.io.tiled_process.STOP_TIMEOUT_S", -4.9)
    server, told = TiledProcess(tmp_path / "root"), []

    def connect():
        with pytest.raises(StorageError) as error:
            server.connect()
        told.append(str(error.value))

    os.kill(server._process.pid, signal.SIGSTOP)
    waiting = threading.Thread(target=connect)
    waiting.start()
    until(server._starting.locked)
    server.stop()
    waiting.join(30)
    assert told == ["Tiled was stopped while it started."]


def test_a_program_that_is_killed_leaves_no_server_behind(tmp_path):
    parent = run("-c", PARENT, tmp_path / "root", cwd=tmp_path)
    assert "http://127.0.0.1:" in parent.stdout.readline()
    parent.kill()
    assert parent.communicate() == ("", "")  # the server has the same standard error


def is_open(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_ctrl_c_ends_the_app_and_its_server_without_a_traceback(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    # who runs the tests in the background has Ctrl+C ignored, and so would the app
    how = {"start_new_session": True, "preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    app = run("-m", "seg_app.cli", "serve", "--port", port, cwd=tmp_path, **how)
    assert "seg_app is at" in app.stdout.readline()
    until(lambda: is_open(port))  # an import that Ctrl+C falls into may swallow it
    os.killpg(app.pid, signal.SIGINT)
    _, said = app.communicate()
    assert app.returncode in (0, 130)
    assert "Traceback" not in said


def test_who_connects_when_the_app_has_ended_begins_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr("sys.executable", shutil.which("false"))  # it is gone sooner than a server
    with TiledProcess(tmp_path / "root") as server:
        pass
    with pytest.raises(StorageError, match="was stopped"):
        server.connect()
    assert server._process is None
