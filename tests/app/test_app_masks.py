"""Where the settings say that masks are kept: here, on Drops, in Tiled."""

import pytest
from builders import square
from embedded import EMBEDDED
from serving import nobody

from seg_app.app import lab_of, store_of
from seg_app.errors import (
    SegAppError,
    SettingsError,
    UnreachableError,
)
from seg_app.records import ImageId, MaskFile

pytestmark = EMBEDDED


def test_masks_go_where_masks_root_says(settings_of, tmp_path):
    assert store_of(settings_of(MASKS_ROOT=tmp_path / "mine")).where == str(tmp_path / "mine")


@pytest.mark.parametrize(("root", "folder"), [("", "drops/ada/masks"), ("drops/lab/", "drops/lab")])
def test_masks_go_to_drops_into_the_folder_of_the_user(settings_of, root, folder):
    store = store_of(settings_of(DROPS_URL="http://drops", USERNAME="ada", PASSWORD="hush", MASKS_ROOT=root))
    assert store.where == f"Drops at http://drops/{folder}"


def test_masks_go_to_tiled_where_it_is_set_for_them(settings_of, lab, home):
    key, uri = (home / "tiled" / "api_key").read_text(), f"{lab.source.uri}/api/v1/metadata/lab/masks"
    names = {"DROPS_URL": "http://drops", "DROPS_USER": "ada"}
    store = store_of(settings_of(**names, MASK_TILED_URI=uri, MASK_TILED_API_KEY=key, MASKS_ROOT="ada"))
    file = MaskFile(ImageId("local", "tiny", (1, 20, 30), "uint8"), (square(2, 3),))
    path = store.save(file)
    assert store.where == f"Tiled at {lab.source.uri}/lab/masks/ada"
    assert store.load(path) == file
    assert path == "ada/local/tiny/tiny.npz"
    lab.source.client.delete_contents("lab", recursive=True, external_only=False)


def test_the_app_starts_while_the_tiled_of_the_masks_is_away(settings_of, home):
    lab = lab_of(settings_of(SEG_APP_HOME=home, MASK_TILED_URI=nobody(), MASK_TILED_API_KEY="key1"))
    with pytest.raises(UnreachableError, match="MASK_TILED_URI"):
        lab.store.list(ImageId("local", "tiny", (1, 2, 3), "uint8"))


def test_an_address_of_masks_that_is_none_is_named(settings_of):
    with pytest.raises(SettingsError, match="MASK_TILED_URI"):
        store_of(settings_of(MASK_TILED_URI="lab"))


def test_drops_that_are_not_there_are_named(settings_of):
    url = nobody()
    store = store_of(settings_of(DROPS_URL=url, DROPS_USER="ada", DROPS_PASSWORD="hush"))
    with pytest.raises(UnreachableError, match=f"{url}.*DROPS_URL"):
        store.save(MaskFile(ImageId("local", "tiny", (1, 2, 3), "uint8")))


@pytest.mark.parametrize(
    ("names", "named"),
    [({"DROPS_URL": "drops", "DROPS_USER": "ada"}, "DROPS_URL"), ({"DROPS_URL": "http://drops"}, "DROPS_USER")],
)
def test_half_a_setting_of_drops_is_named(settings_of, names, named):
    with pytest.raises(SettingsError, match=named):
        store_of(settings_of(**names))


@pytest.mark.parametrize("root", ["../masks", "drops//masks"])
def test_a_folder_that_drops_cannot_have_is_an_error_of_ours(settings_of, root):
    with pytest.raises(SegAppError, match="Cannot use"):
        store_of(settings_of(DROPS_URL="http://drops", DROPS_USER="ada", MASKS_ROOT=root))
