"""The stand-in for Drops, against the page that describes the real server."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from drops_server import DropsServer, glob_node


@pytest.fixture
def there(tmp_path: Path) -> Iterator[DropsServer]:
    with DropsServer(tmp_path, "ann", "secret") as server:
        yield server


def post(there: DropsServer, verb: str, **kwargs) -> requests.Response:
    return requests.post(f"{there.url}/{verb}/", headers={"Authorization": there.key}, timeout=10, **kwargs)


def test_the_stand_in_answers_an_upload_with_200_whatever_happens(there: DropsServer):
    answers = [post(there, "upload", data={"path": "a/"}, files={"f": ("b", b"1")}) for _ in range(2)]
    assert [a.status_code for a in answers] == [200, 200]
    assert answers[0].text == '{"status":"ok"}'
    assert re.match(r'\{"status":\{"errno":-17,"code":"EEXIST",', answers[1].text)


def test_the_stand_in_joins_path_and_name_as_strings(there: DropsServer, tmp_path: Path):
    post(there, "upload", data={"path": "a"}, files={"f": ("b%20c.txt", b"1")})
    assert (tmp_path / "ab c.txt").read_bytes() == b"1"


def test_the_stand_in_overwrites_when_told(there: DropsServer, tmp_path: Path):
    (tmp_path / "b").write_bytes(b"old")
    post(there, "upload", data={"path": "", "clobber": "1"}, files={"f": ("b", b"new")})
    assert (tmp_path / "b").read_bytes() == b"new"


def test_the_stand_in_dies_of_two_files(there: DropsServer):
    post(there, "upload", data={"path": "a/"}, files={"f": ("b", b"1"), "g": ("c", b"1")})
    there._thread.join()
    assert not there.alive


def test_the_stand_in_never_says_404_to_a_get(there: DropsServer, tmp_path: Path):
    (tmp_path / "a b.txt").write_bytes(b"1")
    assert requests.get(f"{there.url}/a%20b.txt", timeout=10).content == b"1"
    answer = requests.get(f"{there.url}/none", timeout=10)
    assert [a.status_code for a in (*answer.history, answer)] == [301, 200]
    assert answer.url == f"{there.url}/none/"
    assert answer.text.startswith("<!DOCTYPE html>")


def test_the_stand_in_lists_as_node_does(there: DropsServer, tmp_path: Path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/b.txt").write_bytes(b"12345")
    (tmp_path / "a/.hidden").write_bytes(b"")
    (entry,) = post(there, "list", json={"search": "a"}).json()
    assert (entry["name"], entry["size"], entry["is_dir"]) == ("/a/b.txt", 5, False)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry["mtime"])
    assert post(there, "list", data={"search": ""}).text == "{}"
    assert post(there, "list", data={"search": "none"}).text == "[]"


def test_the_stand_in_tells_a_missing_file_and_a_wrong_password(there: DropsServer):
    assert post(there, "filez", data={"file": "none"}).status_code == 404
    assert requests.post(f"{there.url}/filez/", data={"file": "none"}, timeout=10).status_code == 401


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*", ["a", "ab", "b", "[a]", "{a,b}", "+(a)", "a*"]),
        ("[ab]", ["a", "b"]),
        ("[!a]", ["b"]),
        (r"\[a\]", ["[a]"]),
        ("[a]", ["a"]),
        ("a?", ["ab", "a*"]),
        (r"a\*", ["a*"]),
        ("{a,b}", ["a", "b"]),
        (r"\{a,b\}", ["{a,b}"]),
        ("+(a)", ["a"]),
        (r"+\(a\)", ["+(a)"]),
        ("@(a|b)", ["a", "b"]),
        ("!(a)", ["ab", "b", "[a]", "{a,b}", "+(a)", "a*"]),
        (".hidden", [".hidden"]),
        ("../x", []),
    ],
)
def test_the_stand_in_knows_the_patterns_of_node_glob(tmp_path: Path, pattern: str, expected: list[str]):
    for name in ("a", "ab", "b", "[a]", "{a,b}", "+(a)", "a*", ".hidden"):
        (tmp_path / name).touch()
    assert sorted(found.name for found in glob_node(tmp_path, pattern)) == sorted(expected)
