"""What every format that reads and writes masks promises: a test class, to which each adds its suffix."""

import contextlib
import random
from dataclasses import replace
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from disks import full
from masks import SMALL, files

from seg_app.errors import SegAppError, StorageError, UnreadableError
from seg_app.geometry import paste
from seg_app.io.formats import FORMATS, module_of
from seg_app.io.registry import load_masks, save_masks
from seg_app.records import ImageId, Mask, MaskFile, Window


def plane_of(mask: Mask, image: ImageId) -> np.ndarray:
    """Return the mask on its whole plane, (rows, columns) bool."""
    return paste(mask, Window(0, 0, 0, *image.shape[1:]))


def pixels(file: MaskFile) -> list:
    """Return all that is said of each mask, and where its pixels are; how its box is drawn does not matter."""
    return [
        (replace(mask, y0=0, x0=0, height=0, width=0, counts=()), *map(tuple, np.nonzero(plane_of(mask, file.image))))
        for mask in file.masks
        if mask.area
    ]


def apart(file: MaskFile) -> MaskFile:
    """Return the masks without those that lie on an earlier one."""
    free = np.ones(file.image.shape, bool)
    kept = []
    for mask in file.masks:
        bits = plane_of(mask, file.image)
        if free[mask.z][bits].all():
            free[mask.z] &= ~bits
            kept.append(mask)
    return replace(file, masks=tuple(kept))


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Return bytes of which some were changed, cut out, doubled or made up."""
    out = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(out) + 1)
        piece = slice(start, start + chance.choice((1, 1, 2, 8, 100)))
        made_up = bytes(chance.choice((0, 0xFF, chance.randrange(256))) for _ in range(chance.randint(0, 8)))
        out[piece] = chance.choice((made_up, made_up[:1], out[piece] * 2, b"", b"9", b"-1", b"null", b"[]"))
    return bytes(out)


class FormatContract:
    """What each format that reads and writes promises. A subclass names its `suffix`."""

    suffix = ""
    overlaps = True
    """Whether a pixel may belong to several masks."""
    examples = 60
    """How many mask files go out and come back."""

    def written(self, file: MaskFile, folder: Path) -> Path:
        """Save masks as a new file in a folder and return its path."""
        path = folder / f"a{self.suffix}"
        save_masks(path, file)
        return path

    def there_and_back(self, file: MaskFile) -> MaskFile:
        """Return what is read of what was written."""
        module = module_of(FORMATS[self.suffix])
        return module.decode(module.encode(file))

    def part(self, path: Path) -> Path:
        """Return the file that is damaged: of a folder, one in it."""
        return path

    def fill_disk(self, monkeypatch) -> None:
        """Let writing fail."""
        monkeypatch.setattr("os.fsync", full)

    def test_what_goes_out_comes_back(self) -> None:
        @hypothesis.settings(max_examples=self.examples)
        @hypothesis.given(files)
        def goes_and_comes(file: MaskFile) -> None:
            file = file if self.overlaps else apart(file)
            again = self.there_and_back(file)
            assert (again.image, again.calibration) == (file.image, file.calibration)
            assert pixels(again) == pixels(file)

        goes_and_comes()

    def test_nothing_is_lost_of_masks_apart(self, tmp_path) -> None:
        numbered = [replace(mask, number=i) for i, mask in enumerate(SMALL.masks, start=1)]
        assert save_masks(tmp_path / f"a{self.suffix}", replace(SMALL, masks=tuple(numbered))) == []

    def test_masks_without_a_pixel_come_back_or_are_told(self, tmp_path) -> None:
        file = replace(SMALL, masks=(Mask("e", 0, 1, 2, 1, 1, (1,), number=1),))
        told = save_masks(tmp_path / f"a{self.suffix}", file)
        assert bool(told) == (load_masks(tmp_path / f"a{self.suffix}").masks == ())

    def test_an_empty_set_comes_back(self) -> None:
        empty = replace(SMALL, masks=())
        assert self.there_and_back(empty) == empty

    def test_every_beginning_of_a_file_is_unreadable_or_whole(self, tmp_path) -> None:
        path = self.written(SMALL, tmp_path)
        data = self.part(path).read_bytes()
        for length in range(0, len(data) - 40, 1 + len(data) // 40):
            self.part(path).write_bytes(data[:length])
            with contextlib.suppress(UnreadableError):
                assert pixels(load_masks(path)) == pixels(SMALL)
                assert length > 0

    def test_mutated_files_are_read_or_unreadable_and_nothing_else(self, tmp_path) -> None:
        path = self.written(SMALL, tmp_path)
        data, chance = self.part(path).read_bytes(), random.Random(self.suffix)
        for _ in range(200):
            self.part(path).write_bytes(mutated(data, chance))
            with contextlib.suppress(SegAppError):
                assert isinstance(load_masks(path), MaskFile)

    @pytest.mark.parametrize("shape", [(0, 1, 1), (1, -1, 1), (1, 1, 2**40)])
    def test_an_impossible_image_is_not_written_and_leaves_nothing(self, tmp_path, shape) -> None:
        with pytest.raises(StorageError, match="no image has"):
            self.written(MaskFile(ImageId("local", "a", shape, "uint8")), tmp_path)
        assert list(tmp_path.iterdir()) == []

    def test_a_full_disk_leaves_nothing(self, tmp_path, monkeypatch) -> None:
        self.fill_disk(monkeypatch)
        with pytest.raises(StorageError, match="No space left on device"):
            self.written(SMALL, tmp_path)
        assert list(tmp_path.iterdir()) == []
