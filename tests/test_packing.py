"""Names that browsers send: made safe, or refused before anything comes."""

from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np
import pytest
import zarr
from hypothesis import example, given
from hypothesis import strategies as st

from seg_app.errors import StorageError, UnreadableError, UnsafeNameError
from seg_app.io import packing
from seg_app.io.packing import packed, safe_name

MARK = ("a.zarr/zarr.json", 9)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/a.tif", "a.tif"),
        ("C:\\lab\\a.tif", "a.tif"),
        ("<b>a</b>.tif", "b_.tif"),
        ("a\x00\n#?*.tif", "a_.tif"),
        ("con.tif", "_con.tif"),
        (".hidden.tif", "hidden.tif"),
        ("a.tif. ", "a.tif"),
        ("x" * 300 + ".tif", "x" * 120 + ".tif"),
        ("µ 中 (1).tif", "µ 中 (1).tif"),
    ],
)
def test_a_name_is_made_safe(name, safe):
    assert safe_name(name) == safe


@pytest.mark.parametrize("name", ["..", "/", "", "..."])
def test_a_name_of_which_nothing_is_left_is_refused(name):
    with pytest.raises(UnsafeNameError, match="no name"):
        safe_name(name)


@pytest.mark.parametrize(
    ("name", "size", "message"),
    [
        ("a.exe", 1, r"Known formats: .*\.tif"),
        ("a.zarr", 1, "Cannot open"),
        ("a.tif", 0, "is empty"),
        ("a.tif", 5 * 10**9, r"5,000 MB.*4,000 MB.*seg-app serve"),
        ("a.txt", 10**8, "100 MB"),
    ],
)
def test_what_nobody_could_open_is_refused_before_it_comes(name, size, message):
    with pytest.raises(UnreadableError, match=message):
        packed([(name, size)])


def test_an_unknown_format_is_told_which_ones_are_known():
    with pytest.raises(UnreadableError, match=r"Known formats: .*\.tif, \.tiff, and Zarr folders"):
        packed([("a.exe", 1)])


def members(folder: Path) -> list[tuple[str, int]]:
    """Return the files of a folder as a page announces them."""
    return [(p.relative_to(folder.parent).as_posix(), p.stat().st_size) for p in folder.rglob("*") if p.is_file()]


@pytest.mark.parametrize("name", ["a.zarr", "a.ome.zarr", "A.ZARR", "no ending", "µ 中 (1)"])
@pytest.mark.parametrize(
    ("version", "keys"),
    [
        (3, {"name": "default", "separator": "/"}),
        (3, {"name": "default", "separator": "."}),
        (3, {"name": "v2", "separator": "."}),
        (2, {"name": "v2", "separator": "/"}),
        (2, {"name": "v2", "separator": "."}),
    ],
)
def test_every_file_that_zarr_writes_is_taken_as_it_is(tmp_path, name, version, keys):
    group = zarr.open_group(tmp_path / name, mode="w", zarr_format=version, attributes={"a": 1})
    shards = {"shards": (4, 4)} if version == 3 else {}
    for path, shape in (("0", (4, 8)), ("labels/cells 1/0", (2, 4, 4)), ("scalar", ())):
        array = group.create_array(
            path, shape=shape, dtype="u1", chunks=(2,) * len(shape) or "auto", chunk_key_encoding=keys,
            **(shards if len(shape) == 2 else {}),
        )  # fmt: skip
        array[...] = np.ones(shape)
    files = members(tmp_path / name)
    assert len(files) > 10
    assert packed(files) == dict(files)


HOSTILE = st.lists(
    st.one_of(
        st.sampled_from(["..", ".", "", "c", "0", "1.0", "a.zarr", "zarr.json", ".zattrs", "C:", "con", "aux.x", "~"]),
        st.text(st.sampled_from("a0.c/\\:\0\n\u202e\ud800 *"), max_size=4),
        st.text(max_size=3),
    ),
    min_size=1,
    max_size=4,
).map("/".join)


@given(st.lists(HOSTILE, max_size=4))
@example(["a.zarr/../../b.zarr/zarr.json"])
@example(["a.zarr/0", "a.zarr/0/0"])
def test_whatever_a_name_is_nothing_leaves_the_folder_or_meets_another(names):
    try:
        paths = [PurePosixPath(path) for path in packed([MARK, *((name, 1) for name in names)])]
    except (StorageError, UnreadableError):
        return
    assert len({*paths}) == len(names) + 1
    assert not {*paths} & {parent for path in paths for parent in path.parents}
    for path in paths:
        assert PureWindowsPath(str(path)).parts == path.parts
        assert not {"", ".", "..", "/"} & {*path.parts}
        assert not path.is_absolute()
        assert not any(ord(letter) < 32 or letter in ':\\*"' for letter in str(path))


@pytest.mark.parametrize(
    "path",
    [
        "a.zarr/../zarr.json",
        "a.zarr/../../etc/0",
        "../a.zarr/zarr.json",
        "/etc/zarr.json",
        "a.zarr//0",
        "a.zarr/",
        "a.zarr/C:/0",
        "a.zarr/x\\..\\0",
        "a.zarr/..\\0",
        "a.zarr/x\0/0",
        "a.zarr/con/0",
        "a.zarr/nul.txt/0",
        "a.zarr/x./0",
        "a.zarr/.git/0",
        "a.zarr/\ud800/0",
        "a.zarr/" + "1" * 250,
        "a.zarr/" + "x/" * 20 + "0",
        "a.zarr/x/" + "中" * 80 + "/0",
        "a.zarr/run.py",
        "a.zarr/.htaccess",
        "a.zarr/0/c/-1",
        "a.zarr/0/c/1.",
        "a.zarr/٣",
        "a.zarr/grain.tif",
        "a.zarr/zarr.json\n",
    ],
)
def test_a_path_that_no_zarr_folder_has_is_refused(path):
    with pytest.raises(UnsafeNameError):
        packed([MARK, (path, 1)])


@pytest.mark.parametrize(
    "names",
    [
        ["a.tif", "a.tif"],
        ["a#.tif", "a?.tif"],
        ["a.zarr/zarr.json"],
        ["a.zarr/0", "a.zarr/0/0"],
        ["a.zarr/0/0", "a.zarr/0"],
        ["a.zarr/0/0/0", "a.zarr/0"],
        ["b.tif/zarr.json", "b.tif"],
        ["b.tif", "b.tif/zarr.json"],
        ["b#.zarr/zarr.json", "b?.zarr/0"],
    ],
)
def test_nothing_is_where_something_else_is(names):
    with pytest.raises(UnsafeNameError):
        packed([MARK, *((name, 1) for name in names)])


@pytest.mark.parametrize("path", ["b/0/0", "b.zarr/0/zarr.json", "b/.zmetadata"])
def test_only_a_zarr_folder_has_folders(path):
    with pytest.raises(UnreadableError, match=r"'b(\.zarr)?' is no Zarr folder"):
        packed([MARK, (path, 1)])


def test_the_name_of_a_zarr_folder_is_made_safe():
    assert packed([("a:b#.zarr/.zgroup", 2), ("a:b#.zarr/0/0", 3)]) == {"a_b_.zarr/.zgroup": 2, "a_b_.zarr/0/0": 3}


def test_a_zarr_folder_counts_as_one_file_by_its_bytes():
    half = packing.MOST_BYTES // 2
    assert packed([MARK, ("a.zarr/0", half), ("b.tif", half)])
    with pytest.raises(UnreadableError, match=r"'a\.zarr' has 4,000 MB, and at most 4,000 MB.*seg-app serve"):
        packed([MARK, ("a.zarr/0", half), ("a.zarr/1", half)])
    with pytest.raises(UnreadableError, match=r"'a\.zarr/0/zarr\.json' has 17 MB, and at most 17 MB"):
        packed([MARK, ("a.zarr/0/zarr.json", packing.MOST_METADATA_BYTES + 1)])
    with pytest.raises(UnreadableError, match=r"'a\.zarr/0' is empty"):
        packed([MARK, ("a.zarr/0", 0)])


def test_zarr_folders_have_many_files_but_not_endlessly_many(monkeypatch):
    monkeypatch.setattr(packing, "MOST_FILES", 2)
    monkeypatch.setattr(packing, "MOST_MEMBERS", 5)
    files = [MARK, *((f"a.zarr/{n}", 1) for n in range(4)), ("b.tif", 1), ("c.tif", 1)]
    assert len(packed(files)) == 7
    with pytest.raises(UnsafeNameError, match=r"Write larger chunks.*seg-app serve"):
        packed([*files, ("b.zarr/zarr.json", 1)])
    with pytest.raises(UnsafeNameError, match="Open fewer"):
        packed([*files, ("d.tif", 1)])
