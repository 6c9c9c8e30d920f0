"""Settings: the names that labs already use, read from the environment and `.env`."""

from pathlib import Path

import pytest
from pydantic import AliasChoices

from seg_app.errors import SettingsError
from seg_app.settings import Settings

README = Path(__file__).parents[1] / "README.md"


def names(field):
    alias = field.validation_alias
    return alias.choices if isinstance(alias, AliasChoices) else [alias]


NAMES = [name for field in Settings.model_fields.values() for name in names(field)]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch, tmp_path):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def test_without_any_setting_everything_is_embedded():
    settings = Settings.read()
    assert (settings.data_tiled_uri, settings.drops_url, settings.checkpoint_path, settings.backend_url) == (None,) * 4


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_is_in_the_readme(name):
    assert f"`{name}`" in README.read_text()


@pytest.mark.parametrize("field", Settings.model_fields.values(), ids=Settings.model_fields)
def test_every_setting_is_described(field):
    assert field.description.endswith((".", "proxy."))


@pytest.mark.parametrize(
    ("name", "attribute", "value"),
    [
        ("DATA_TILED_URI", "data_tiled_uri", "http://lab:8000"),
        ("DROPS_URL", "drops_url", "http://drops"),
        ("USERNAME", "drops_user", "ada"),
        ("MASKS_ROOT", "masks_root", "drops/ada/masks"),
        ("MASK_TILED_URI", "mask_tiled_uri", "http://lab:8000/api/v1/metadata/masks"),
        ("MODEL_CONFIG", "sam_config", "configs/sam2.1/sam2.1_hiera_t.yaml"),
        ("CHECKPOINT_PATH", "checkpoint_path", Path("/models/tiny.pt")),
        ("BACKEND_URL", "backend_url", "http://gpu:8001"),
        ("USER_NAME", "user_name", "ada"),
    ],
)
def test_names_that_labs_use_work(monkeypatch, name, attribute, value):
    monkeypatch.setenv(name, str(value))
    assert getattr(Settings.read(), attribute) == value


def test_an_empty_setting_is_an_unset_one(monkeypatch):
    monkeypatch.setenv("DATA_TILED_URI", "")
    assert Settings.read().data_tiled_uri is None


def test_a_dotenv_file_is_read_and_the_environment_wins(monkeypatch):
    Path(".env").write_text("DROPS_URL=http://from-file\nUSER_NAME=file\n")
    monkeypatch.setenv("USER_NAME", "environment")
    settings = Settings.read()
    assert (settings.drops_url, settings.user_name) == ("http://from-file", "environment")


def test_an_impossible_value_is_named(monkeypatch):
    monkeypatch.setenv("SEG_APP_PORT", "http")
    with pytest.raises(SettingsError, match="SEG_APP_PORT is set to 'http'"):
        Settings.read()


def test_settings_cannot_change():
    with pytest.raises(ValueError, match="frozen"):
        Settings.read().port = 80


@pytest.mark.parametrize(
    "name", ["DATA_TILED_API_KEY", "MASK_TILED_API_KEY", "PASSWORD", "USER_PASSWORD", "BACKEND_TOKEN"]
)
def test_secrets_are_never_printed(monkeypatch, name):
    monkeypatch.setenv(name, "hush")
    assert "hush" not in repr(Settings.read())
