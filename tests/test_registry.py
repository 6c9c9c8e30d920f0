import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from builders import IMAGE, square
from masks import SMALL

from seg_app.errors import MissingError, StorageError, UnreadableError
from seg_app.io.formats import FORMATS, format_of, module_of, reader_of
from seg_app.io.registry import load_masks, save_masks
from seg_app.records import MaskFile

VERBS = {False: ("decode", "encode"), True: ("load", "save")}


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_does_what_the_table_says(suffix: str):
    entry = FORMATS[suffix]
    read, write = (hasattr(module_of(entry), verb) for verb in VERBS[entry.is_folder])
    assert (read, write, hasattr(module_of(entry), "losses")) == (entry.reads, entry.writes, entry.writes)


def test_the_suffix_may_be_written_large():
    assert format_of("A.NPZ") is format_of("a.npz")


@pytest.mark.parametrize("as_type", [str, Path])
def test_saved_masks_are_loaded(tmp_path: Path, as_type: type):
    save_masks(as_type(tmp_path / "new/a.npz"), SMALL)
    assert load_masks(as_type(tmp_path / "new/a.npz")) == SMALL


def test_a_file_of_an_unknown_format_is_not_read():
    with pytest.raises(UnreadableError, match=r"^Cannot read 'a\.docx'\. Known formats: .*\.json, \.npz, .*\.$"):
        load_masks("a.docx")


def test_a_file_of_an_unknown_format_is_not_written(tmp_path: Path):
    with pytest.raises(StorageError, match=r"^Cannot write '.*a\.docx'\. Known formats: .*\.json, \.npz, .*\.$"):
        save_masks(tmp_path / "a.docx", SMALL)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_is_missing(tmp_path: Path):
    with pytest.raises(MissingError):
        load_masks(tmp_path / "a.npz")


def test_a_broken_file_is_told_by_its_name(tmp_path: Path):
    (tmp_path / "a.npz").write_bytes(b"broken")
    with pytest.raises(UnreadableError, match=r"Cannot read '.*a\.npz': not a mask set"):
        load_masks(tmp_path / "a.npz")


def test_formats_are_imported_on_first_use():
    code = "import sys, seg_app.io.registry; sys.exit('seg_app.io.formats.npz' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_saving_tells_what_is_lost(tmp_path: Path):
    masks = (square(0, 0, 4, number=1), square(1, 1, 2, number=2))
    file = MaskFile(IMAGE, masks)
    assert save_masks(tmp_path / "a.npz", file) == []
    assert save_masks(tmp_path / "a.tif", file) == ["In 1 mask 4 pixels are missing: they lie under smaller masks."]


def test_masks_of_another_image_are_not_taken_for_those_of_this_one(tmp_path: Path):
    save_masks(tmp_path / "a.npz", SMALL)
    assert load_masks(tmp_path / "a.npz", image=replace(SMALL.image, path="renamed")).image.path == "renamed"
    with pytest.raises(UnreadableError, match=r"a\.npz.: it belongs to an image of \(4, 60, 80\)"):
        load_masks(tmp_path / "a.npz", image=IMAGE)


def test_a_folder_is_no_file_of_a_server():
    with pytest.raises(UnreadableError, match="is a folder"):
        format_of("a.zarr")


def test_inside_of_a_folder_format_no_suffix_is_needed():
    assert reader_of("a.zarr/labels/pores") is FORMATS[".zarr"]
