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


@pytest.fixture
def server(tmp_path):
    with TiledProcess(tmp_path / "root") as server:
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


def test_a_stopped_server_is_gone_and_what_was_written_is_there_when_it_is_back(server, connect):
    connect(server).client.write_array(np.arange(6).reshape(2, 3), key="kept")
    image, process = connect(server).open("kept").image, server._process
    server.stop()
    assert process.returncode == 0
    again = connect(server)
    assert [entry.name for entry in again.browse()] == ["kept"]
    assert again.open("kept").image == image


def test_a_file_in_the_folder_of_the_program_is_not_taken_for_a_module_and_the_key_stays_hidden(
    monkeypatch, tmp_path, connect
):
    (tmp_path / "tiled.py").write_text("raise SystemExit('taken')")
    monkeypatch.chdir(tmp_path)
    with TiledProcess(tmp_path / "root") as server:
        assert connect(server).browse() == []
        key = (tmp_path / "root" / "api_key").read_bytes()
        assert len(key) == 64
        if (about := Path(f"/proc/{server._process.pid}")).exists():  # where there is such a folder
            assert key not in (about / "cmdline").read_bytes() + (about / "environ").read_bytes()


def test_a_damaged_catalog_is_told_as_by_the_server_in_this_process_and_then_another_try_works(tmp_path, connect):
    catalog = tmp_path / "root" / "catalog.db"
    catalog.parent.mkdir()
    catalog.write_bytes(b"not a database" * 100)
    with pytest.raises(StorageError, match="Move it away") as here:
        EmbeddedTiled.start(catalog.parent)
    with TiledProcess(catalog.parent) as server:
        with pytest.raises(StorageError) as apart:
            server.connect()
        assert str(apart.value) == str(here.value)
        catalog.unlink()
        assert connect(server).browse() == []


def test_a_server_that_ends_while_it_starts_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr("sys.executable", shutil.which("false"))
    with TiledProcess(tmp_path / "root") as server, pytest.raises(StorageError, match="The log says why"):
        server.connect()


def test_a_server_that_hangs_while_it_starts_is_given_up(monkeypatch, server):
    monkeypatch.setattr("seg_app.io.tiled_process.START_TIMEOUT_S", 0.2)
    os.kill(server._process.pid, signal.SIGSTOP)
    with pytest.raises(StorageError, match="The log says why"):
        server.connect()


def test_a_server_that_died_comes_back_by_itself_and_what_is_open_goes_on(server, connect):
    source = connect(server)
    source.client.write_array(np.arange(6).reshape(2, 3), key="kept")
    opened = source.open("kept")
    for _ in range(2):
        process = server._process
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        until(lambda: is_there(source))
        assert opened.levels[0][0, 1, 2] == 5


def test_a_server_that_cannot_be_begun_again_is_tried_until_it_can(server, connect, caplog, monkeypatch):
    source, process = connect(server), server._process
    port = int(source.uri.rpartition(":")[2].partition("/")[0])
    with server._starting:  # nobody begins it before its port is taken
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        taken = socket.create_server(("127.0.0.1", port))
    with taken:
        until(lambda: "Cannot listen" in caplog.text)
        monkeypatch.setattr("subprocess.Popen", no_memory)
        until(lambda: "Cannot allocate memory" in caplog.text)
    monkeypatch.undo()
    until(lambda: is_there(source))


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


def test_who_connects_when_the_app_has_ended_begins_nothing(tmp_path):
    with TiledProcess(tmp_path / "root") as server:
        pass
    with pytest.raises(StorageError, match="was stopped"):
        server.connect()
    assert server._process is None
