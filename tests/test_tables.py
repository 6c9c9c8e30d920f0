"""Measurements as files: pandas reads both kinds, and what a table lacks is told."""

import numpy as np
import pandas as pd
import pytest
from builders import IMAGE, square

from seg_app.errors import StorageError, UnreadableError
from seg_app.io.registry import load_masks, save_masks
from seg_app.records import Calibration, ImageId, MaskFile

FILE = MaskFile(
    IMAGE, (square(class_name="pore, µ", number=1), square(3, 3, 2, number=2)), Calibration((None, 5.0, 5.0))
)
READ = {".csv": pd.read_csv, ".parquet": pd.read_parquet}


@pytest.mark.parametrize("suffix", READ)
def test_pandas_reads_a_row_for_each_mask(tmp_path, suffix):
    told = save_masks(tmp_path / f"a{suffix}", FILE, picture=np.full(IMAGE.shape, 7))
    table = READ[suffix](tmp_path / f"a{suffix}")
    assert table["class"].iloc[0] == "pore, µ"
    assert table[["number", "area_px2", "area_um2", "grey_mean"]].to_numpy() == pytest.approx(
        np.array([[1, 16, 16 * 25e-6, 7], [2, 4, 4 * 25e-6, 7]])
    )
    assert told == ["Outlines and clicks are in no table: keep the masks in another format, too."]


@pytest.mark.parametrize("suffix", READ)
def test_a_table_in_pixels_says_so(tmp_path, suffix):
    told = save_masks(tmp_path / f"a{suffix}", MaskFile(IMAGE, FILE.masks))
    assert told[1:] == ["Sizes are in pixels only: the size of a pixel is not known."]
    assert not [name for name in READ[suffix](tmp_path / f"a{suffix}") if name.endswith("_um")]


@pytest.mark.parametrize("suffix", READ)
def test_an_empty_set_is_a_table_without_rows(tmp_path, suffix):
    save_masks(tmp_path / f"a{suffix}", MaskFile(IMAGE))
    assert len(READ[suffix](tmp_path / f"a{suffix}")) == 0


@pytest.mark.parametrize("suffix", [*READ, ".png"])
def test_it_is_only_written(tmp_path, suffix):
    with pytest.raises(UnreadableError, match=r"is only written\. Known formats"):
        load_masks(tmp_path / f"a{suffix}")


@pytest.mark.parametrize("suffix", [*READ, ".png"])
def test_an_impossible_mask_is_not_written_and_leaves_nothing(tmp_path, suffix):
    with pytest.raises(StorageError, match="does not lie in its image"):
        save_masks(tmp_path / f"a{suffix}", MaskFile(ImageId("local", "a", (1, 9, 9), "uint8"), FILE.masks))
    assert list(tmp_path.iterdir()) == []
