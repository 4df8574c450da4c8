"""What the environment says: variables and `.env`, read once, never written.

Only what this project reads is declared. Unknown keys of a `.env` are ignored, because that
file is shared with other programs. Keys are `SecretStr`: they do not appear when printed.
"""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from pathlib import Path

from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from tasks.errors import UsageError
from tasks.options import ExtractionMode


def platform_data_folder() -> Path:
    """The platform's folder for a program's own data, by its conventions."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    return Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local" / "share"))


class Settings(BaseSettings):
    """Configuration by environment; flags and flow parameters override it."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    openai_api_key: SecretStr | None = None
    base_url: str | None = Field(
        default=None, validation_alias=AliasChoices("BASE_URL", "OPENAI_BASE_URL")
    )
    model: str | None = None
    vision_model: str | None = None
    vision_base_url: str | None = None
    vision_api_key: SecretStr | None = None
    raw_data_dir: str | None = None
    extraction_mode: ExtractionMode | None = None
    clara_home: Path = Field(default_factory=lambda: platform_data_folder() / "clara")
    clara_aws_block: str | None = None
    prefect_api_url: str | None = None
    clara_server_host: str = "127.0.0.1"
    clara_server_port: int | None = Field(default=None, ge=1, le=65535)
    clara_output: str | None = None
    clara_work_folder: Path | None = None

    @property
    def home(self) -> Path:
        """CLARA_HOME, absolute: our server, caches and prepared models live there."""
        return self.clara_home.expanduser().absolute()


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process.

    Raises UsageError, without the value: it may be a key.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = str(first["loc"][0]).upper() if first["loc"] else "the environment"
        raise UsageError(f"the setting {name} cannot be used: {first['msg']}") from None
    except UnicodeDecodeError:
        raise UsageError("the file .env is no UTF-8 text: save it as UTF-8") from None
