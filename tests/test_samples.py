import hashlib
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import zarr
from scipy import ndimage
from skimage.measure import regionprops

sys.path.insert(0, str(Path(__file__).parents[1] / "data"))  # the scripts are no package
import make_samples as script
from databar import databar
from make_samples import make_samples
from powder import landscape
from sem_micrograph import PIXEL_SIZE_NM

from seg_app.io.ome_zarr import read_scale_nm

TRUTHS = {"fib_volume": "fib_volume_truth", "sem_micrograph": "sem_micrograph_truth"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("samples")
    make_samples(path, small=True)
    return path


def opened(folder: Path, name: str) -> zarr.Group:
    return zarr.open_group(folder / f"{name}.zarr", mode="r")


def planes(folder: Path, name: str) -> np.ndarray:
    return opened(folder, name)["0"][:]


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def objects(labels: np.ndarray) -> list[np.ndarray]:
    """Return the bits of each object of a label image, in its bounding box."""
    boxes = enumerate(ndimage.find_objects(labels.astype(np.int32)), start=1)
    return [labels[box] == number for number, box in boxes if box]


def touches_none(labels: np.ndarray, number: int) -> bool:
    """Say whether no other object is within two pixels of this one."""
    around = ndimage.binary_dilation(labels == number, iterations=2)
    return set(np.unique(labels[around])) <= {0, number}


def test_the_same_bytes_are_made_each_time(folder: Path, tmp_path: Path):
    make_samples(tmp_path, small=True)
    assert digests(tmp_path) == digests(folder)


def test_what_is_there_is_not_made_again(folder: Path):
    told = []
    make_samples(folder, small=True, tell=told.append)
    assert told == []


def test_only_what_is_missing_is_made(folder: Path, tmp_path: Path):
    shutil.copytree(folder, tmp_path / "samples")
    shutil.rmtree(tmp_path / "samples" / "sem_micrograph_truth.zarr")
    told = []
    make_samples(tmp_path / "samples", small=True, tell=told.append)
    assert told == ["Making the sample micrograph (2 of 3) ..."]
    assert digests(tmp_path / "samples") == digests(folder)


def test_every_sample_has_a_title_and_a_description(folder: Path):
    for path in make_samples(folder, small=True):
        attributes = zarr.open_group(path, mode="r").attrs
        assert attributes["title"]
        assert attributes["description"].endswith(".")


@pytest.mark.parametrize(("image", "truth"), TRUTHS.items())
def test_an_image_and_its_truth_name_each_other(folder: Path, image: str, truth: str):
    assert opened(folder, image).attrs["truth"] == f"{truth}.zarr"
    assert opened(folder, truth).attrs["truth_of"] == f"{image}.zarr"
    assert planes(folder, image).shape == planes(folder, truth).shape


def test_particles_are_brighter_than_what_is_around_them(folder: Path):
    volume, truth = planes(folder, "fib_volume"), planes(folder, "fib_volume_truth")
    inside, outside = volume[truth > 0], volume[truth == 0]
    assert np.percentile(inside, 5) > np.percentile(outside, 75)


def test_the_truth_ends_where_the_particles_end(folder: Path):
    volume, truth = planes(folder, "fib_volume"), planes(folder, "fib_volume_truth") > 0
    shape = np.ones((1, 3, 3))
    just_inside = truth & ~ndimage.binary_erosion(truth, shape, iterations=2)
    just_outside = ndimage.binary_dilation(truth, shape, iterations=2) & ~truth
    assert volume[just_inside].mean() - volume[just_outside].mean() > 8000


def test_the_powder_is_brighter_than_the_tape(folder: Path):
    image, truth = planes(folder, "sem_micrograph"), planes(folder, "sem_micrograph_truth")
    scan = image[:, : -opened(folder, "sem_micrograph").attrs["databar_rows"]]
    covered = truth[:, : scan.shape[1]] > 0
    assert np.percentile(scan[covered], 5) > np.percentile(scan[~covered], 75)


def test_nearly_all_of_a_particle_is_connected(folder: Path):
    for bits in objects(planes(folder, "fib_volume_truth")):
        pieces, _ = ndimage.label(bits)
        assert np.bincount(pieces.ravel())[1:].max() >= 0.97 * bits.sum()


def test_an_object_of_the_micrograph_is_one_region(folder: Path):
    assert {ndimage.label(bits)[1] for bits in objects(planes(folder, "sem_micrograph_truth"))} == {1}


def test_most_particles_of_the_micrograph_are_whole(folder: Path):
    shapes = regionprops(planes(folder, "sem_micrograph_truth")[0].astype(np.int32))
    convex = [shape.solidity > 0.9 for shape in shapes]
    assert np.mean(convex) > 0.85


def test_about_half_of_the_particles_of_the_micrograph_touch_no_other(folder: Path):
    labels = planes(folder, "sem_micrograph_truth")[0]
    alone = [touches_none(labels, number) for number in range(1, labels.max() + 1)]
    assert 0.4 < np.mean(alone) < 0.8


def test_the_large_micrograph_has_particles_enough_for_a_size_distribution():
    _, owner = landscape(np.random.default_rng(0), (3840, 6144))
    assert 600 < len(np.unique(owner)) - 1 < 900


def test_particles_go_on_in_the_next_plane(folder: Path):
    truth = planes(folder, "fib_volume_truth")
    same = (truth[:-1] == truth[1:]) & (truth[1:] > 0)
    assert same.sum() > 0.8 * (truth[1:] > 0).sum()


def test_there_are_particles_enough_to_click_on(folder: Path):
    assert len(objects(planes(folder, "fib_volume_truth"))) > 30
    assert len(objects(planes(folder, "sem_micrograph_truth"))) > 50


def test_the_detector_is_neither_saturated_nor_empty(folder: Path):
    volume = planes(folder, "fib_volume")
    assert volume.min() > 5_000
    assert volume.max() < 55_000


def test_the_voxels_of_the_volume_are_thicker_than_wide(folder: Path):
    assert read_scale_nm(dict(opened(folder, "fib_volume").attrs)) == (40, 10, 10)


def test_the_tags_agree_with_the_micrograph(folder: Path):
    group = opened(folder, "sem_micrograph")
    tags, rows = group.attrs["fei_metadata"], group["0"].shape[1]
    assert tags["Image"]["ResolutionY"] + tags["PrivateFei"]["DatabarHeight"] == rows
    assert tags["PrivateFei"]["DatabarHeight"] == group.attrs["databar_rows"]
    assert read_scale_nm(dict(group.attrs)) == (None, 3.375, pytest.approx(tags["Scan"]["PixelWidth"] * 1e9))


def test_nothing_in_the_databar_is_an_object(folder: Path):
    group = opened(folder, "sem_micrograph")
    assert not planes(folder, "sem_micrograph_truth")[:, -group.attrs["databar_rows"] :].any()


def test_the_scale_bar_is_as_long_as_it_says(folder: Path):
    group = opened(folder, "sem_micrograph")
    bar = group["0"][0, -group.attrs["databar_rows"] :]
    lengths = [
        (np.flatnonzero(row == 255)[[0, -1]] @ [-1, 1]) for row in bar[: len(bar) // 2, 300:] if row.max() == 255
    ]
    assert max(lengths) * 3.375 == pytest.approx(200, abs=4)


def test_a_long_scale_bar_is_in_micrometres():
    right_half = databar((256, 6144), PIXEL_SIZE_NM)[:, 3072:]
    below_the_line = right_half[209:220].max(axis=0) == 255
    assert ndimage.label(below_the_line)[1] == 1  # the stem of the µ


def test_one_photograph_is_in_colour(folder: Path):
    assert opened(folder, "immunohistochemistry")["0"].shape == (3, 1, 512, 512)


def test_the_command_says_where_the_samples_are(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert script.main([str(folder), "--small"]) == 0
    assert capsys.readouterr().out == f"8 samples are in {folder}.\n"


def test_the_command_says_why_it_cannot_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "file").touch()
    assert script.main([str(tmp_path / "file"), "--small"]) == 1
    assert "Cannot write" in capsys.readouterr().err
