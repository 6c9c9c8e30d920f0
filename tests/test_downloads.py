import hashlib
import os
from collections import deque

import pytest
from starlette.applications import Starlette
from starlette.staticfiles import StaticFiles

from seg_app.cli import main
from seg_app.errors import MissingError, SegmenterError, StorageError, UnreachableError
from seg_app.sam.checkpoints import Checkpoint, installed
from seg_app.sam.downloads import OFFICIAL, Official, download, is_intact, official
from tests.serving import running

CONTENT = os.urandom(300_000)
TINY = Official("sam2.1_hiera_tiny", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


class Mirror:
    """Serves a folder, and notes from where on a file is asked for; cuts as many answers off as it is told."""

    def __init__(self, folder):
        self.folder, self.asked, self.cuts = folder, [], deque()
        self._files = Starlette()
        self._files.mount("/", StaticFiles(directory=folder))

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return
        self.asked.append(dict(scope["headers"]).get(b"range", b"").decode())
        await self._files(scope, receive, self._cutting(send) if self.cuts else send)

    def _cutting(self, send):
        left = self.cuts.popleft()

        async def cut(message):
            nonlocal left
            body = message.get("body", b"")
            left -= len(body)
            if left < 0:
                await send({**message, "body": body[:left], "more_body": True})
                raise ConnectionError
            await send(message)

        return cut


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    mirror = Mirror(tmp_path_factory.mktemp("mirror"))
    with running(mirror) as mirror.url:
        yield mirror


@pytest.fixture
def mirror(served, monkeypatch):
    """A mirror that has the tiny checkpoint, which is a small one here."""
    monkeypatch.setitem(OFFICIAL, "tiny", TINY)
    TINY.path(served.folder).write_bytes(CONTENT)
    served.asked.clear()
    served.cuts.clear()
    return served


def test_a_checkpoint_is_fetched_and_found(mirror, tmp_path):
    path = download(TINY, tmp_path / "new", mirror=mirror.url + "/")
    assert path.read_bytes() == CONTENT
    assert installed(tmp_path / "new") == [path]
    assert Checkpoint.at(path).config == TINY.config
    assert not TINY.part(tmp_path / "new").exists()


def test_what_is_here_is_not_fetched_again(mirror, tmp_path):
    download(TINY, tmp_path, mirror=mirror.url)
    download(TINY, tmp_path, mirror=mirror.url)
    assert len(mirror.asked) == 1


def test_a_damaged_one_is_fetched_anew(mirror, tmp_path):
    TINY.path(tmp_path).write_bytes(CONTENT[:-1] + b"?")
    assert download(TINY, tmp_path, mirror=mirror.url).read_bytes() == CONTENT


def test_what_was_begun_yesterday_is_gone_on_with(mirror, tmp_path):
    TINY.part(tmp_path).write_bytes(CONTENT[:200_000])
    assert download(TINY, tmp_path, mirror=mirror.url).read_bytes() == CONTENT
    assert mirror.asked == ["bytes=200000-"]


def test_what_was_complete_but_not_renamed_is_not_fetched_again(mirror, tmp_path):
    TINY.part(tmp_path).write_bytes(CONTENT)
    assert download(TINY, tmp_path, mirror=mirror.url).read_bytes() == CONTENT
    assert mirror.asked == []


def test_a_connection_that_breaks_is_gone_on_with(mirror, tmp_path):
    mirror.cuts.extend([100_000, 50_000])
    assert download(TINY, tmp_path, mirror=mirror.url).read_bytes() == CONTENT
    assert len(mirror.asked) == 3
    assert mirror.asked[0] == ""
    assert all(asked.startswith("bytes=") for asked in mirror.asked[1:])


def test_a_server_that_knows_no_ranges_sends_everything_again(mirror, tmp_path, monkeypatch):
    TINY.part(tmp_path).write_bytes(b"x" * 100)
    monkeypatch.setattr(mirror, "_files", whole)
    assert download(TINY, tmp_path, mirror=mirror.url).read_bytes() == CONTENT


async def whole(_scope, _receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": CONTENT})


def test_progress_is_told_up_to_the_end(mirror, tmp_path):
    told = []
    download(TINY, tmp_path, mirror=mirror.url, tell=told.append)
    assert told == sorted(told)
    assert told[-1] == len(CONTENT)


def test_what_is_not_what_was_published_is_removed(mirror, tmp_path):
    TINY.path(mirror.folder).write_bytes(CONTENT[::-1])
    with pytest.raises(SegmenterError, match=r"is not what was published .* It was removed"):
        download(TINY, tmp_path, mirror=mirror.url)
    assert not TINY.path(tmp_path).exists()
    assert not TINY.part(tmp_path).exists()


def test_an_address_without_it_is_named(mirror, tmp_path):
    with pytest.raises(MissingError, match=r"404 Not Found\. Check the address"):
        download(OFFICIAL["large"], tmp_path, mirror=mirror.url)


def test_without_a_network_what_to_do_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr("seg_app.sam.downloads.ATTEMPTS", 1)
    with pytest.raises(UnreachableError, match="Run the command again"):
        download(TINY, tmp_path, mirror="http://127.0.0.1:9")


def test_a_folder_that_cannot_be_is_named(mirror, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="set SEG_APP_HOME"):
        download(TINY, tmp_path / "file", mirror=mirror.url)


@pytest.mark.parametrize("name", OFFICIAL)
def test_every_one_has_a_size_a_checksum_and_a_configuration(name):
    wanted = official(name)
    assert wanted.size_bytes > 10**8
    assert len(bytes.fromhex(wanted.sha256)) == 32
    assert wanted.config.startswith("configs/sam2.1/")


def test_a_name_that_there_is_not_lists_those_there_are():
    with pytest.raises(SegmenterError, match="tiny, small, base_plus, large"):
        official("huge")


def test_size_and_content_are_compared(tmp_path):
    TINY.path(tmp_path).write_bytes(CONTENT)
    assert is_intact(TINY.path(tmp_path), TINY)
    assert not is_intact(TINY.path(tmp_path), Official(TINY.stem, len(CONTENT), "0" * 64))
    assert not is_intact(TINY.path(tmp_path), Official(TINY.stem, 7, TINY.sha256))


# The command


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEG_APP_HOME", str(tmp_path))
    return tmp_path / "checkpoints"


def test_the_command_fetches_lists_and_verifies(mirror, folder, capsys):
    assert main(["checkpoint", "get", "tiny", "--mirror", mirror.url]) == 0
    assert main(["checkpoint", "list"]) == 0
    assert main(["checkpoint", "verify"]) == 0
    said = capsys.readouterr().out
    assert str(TINY.path(folder)) in said
    assert "here" in said
    assert "tiny       is intact" in said


def test_the_list_shows_what_is_half_here(mirror, folder, capsys):  # noqa: ARG001
    folder.mkdir()
    TINY.part(folder).write_bytes(CONTENT[:150_000])
    main(["checkpoint", "list"])
    assert "50% here" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["tiny"], ["large"], []])
def test_what_is_not_intact_fails_the_command(mirror, folder, capsys, arguments):  # noqa: ARG001
    folder.mkdir()
    TINY.path(folder).write_bytes(b"damaged")
    assert main(["checkpoint", "verify", *arguments]) == 1
    assert "Fetch it anew: seg-app checkpoint get" in capsys.readouterr().err
