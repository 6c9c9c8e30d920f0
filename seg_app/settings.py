"""Every setting of the app: read from the environment and from `.env`, by app.py and cli.py only."""

from __future__ import annotations

from pathlib import Path

from platformdirs import user_data_path
from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from seg_app.errors import SettingsError


class Settings(BaseSettings):
    """What can be set. Unset or empty means the default, which needs no other server."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, frozen=True, extra="ignore", populate_by_name=True
    )

    data_tiled_uri: str | None = Field(
        None,
        alias="DATA_TILED_URI",
        description="The lab's Tiled server or a container on it. Unset: the embedded one.",
    )
    data_tiled_api_key: SecretStr | None = Field(
        None, alias="DATA_TILED_API_KEY", description="The key for DATA_TILED_URI. It stays on the server."
    )
    drops_url: str | None = Field(
        None,
        alias="DROPS_URL",
        description="The Drops server that images are opened from and masks are saved on. Unset: a local folder.",
    )
    drops_user: str = Field(
        "", validation_alias=AliasChoices("DROPS_USER", "USERNAME"), description="The user for DROPS_URL."
    )
    drops_password: SecretStr = Field(
        SecretStr(""),
        validation_alias=AliasChoices("DROPS_PASSWORD", "PASSWORD"),
        description="Its password.",
    )
    masks_root: str | None = Field(
        None,
        alias="MASKS_ROOT",
        description="The folder of the masks: in MASK_TILED_URI, else on Drops, or here when neither is set.",
    )
    mask_tiled_uri: str | None = Field(
        None,
        alias="MASK_TILED_URI",
        description="A Tiled container that masks are saved in, made where it is missing. Unset: Drops, or a folder.",
    )
    mask_tiled_api_key: SecretStr | None = Field(
        None, alias="MASK_TILED_API_KEY", description="The key for MASK_TILED_URI, which must allow to write."
    )
    checkpoint_path: Path | None = Field(
        None,
        alias="CHECKPOINT_PATH",
        description="A SAM 2.1 checkpoint. Unset: an official one in SEG_APP_HOME/checkpoints; else the bundled one.",
    )
    sam_config: str | None = Field(
        None, alias="MODEL_CONFIG", description="The model configuration of CHECKPOINT_PATH. Unset: told by its name."
    )
    backend_url: str | None = Field(
        None,
        alias="BACKEND_URL",
        description="A SAM server (`seg-app sam`), instead of a model in this process; or `classical:`, which is none.",
    )
    backend_token: SecretStr | None = Field(
        None, alias="BACKEND_TOKEN", description="The token that the SAM server asks for."
    )
    device: str = Field("auto", alias="SEG_APP_DEVICE", description="cuda, mps, cpu, or auto: the best there is.")
    compiled: bool = Field(
        False,
        alias="SEG_APP_COMPILE",
        description="1: compile the image encoder of SAM 2.1 when it is loaded, which takes about a minute.",
    )
    half: bool = Field(
        True,
        alias="SEG_APP_HALF",
        description="1: with CUDA SAM 2.1 computes in half precision, where the GPU has it; 0: in single precision.",
    )
    user_name: str = Field("", alias="USER_NAME", description="Who works here; with USER_PASSWORD, the login.")
    user_password: SecretStr | None = Field(
        None, alias="USER_PASSWORD", description="Set it and the app asks for USER_NAME and this password."
    )
    home: Path = Field(
        default_factory=lambda: user_data_path("seg_app"),
        alias="SEG_APP_HOME",
        description="Where journals, the embedded Tiled and the samples are kept.",
    )
    cache_gb: float = Field(
        4.0,
        alias="SEG_APP_CACHE_GB",
        description="How many GB (10⁹ bytes) of images that SAM 2.1 has seen are kept in SEG_APP_HOME/cache, "
        "as many of levels of large planes, and on a SAM server a quarter as many of the images themselves; 0: none.",
        ge=0,
    )
    host: str = Field("127.0.0.1", alias="SEG_APP_HOST", description="The address to listen on; 0.0.0.0 for a lab.")
    port: int = Field(5006, alias="SEG_APP_PORT", description="The port to listen on.", ge=0, le=65535)
    origins: str = Field(
        "",
        alias="SEG_APP_ORIGINS",
        description="host:port names that browsers use, with commas; behind a proxy.",
    )

    @property
    def checkpoints(self) -> Path:
        """The folder in which official checkpoints are looked for."""
        return self.home / "checkpoints"

    @property
    def cache(self) -> Path:
        """The folder in which what a model made of images is kept."""
        return self.home / "cache"

    @property
    def cache_bytes(self) -> int:
        """The bound of that folder."""
        return round(self.cache_gb * 10**9)

    @classmethod
    def read(cls) -> Settings:
        """Read the environment and `.env`. Raises SettingsError that names the setting."""
        try:
            return cls()  # type: ignore[call-arg]
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(map(str, first["loc"]))
            raise SettingsError(f"{name} is set to {first['input']!r}: {first['msg']}. Correct or unset it.") from error
