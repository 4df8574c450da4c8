"""What a user's environment can get wrong is a sentence, and never shows a value."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.errors import UsageError
from tasks.settings import Settings, settings


@pytest.fixture(autouse=True)
def anew() -> Iterator[None]:
    settings.cache_clear()
    yield
    settings.cache_clear()


def test_unknown_keys_and_empty_values_of_an_env_file_are_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("EXTRACTION_MODE=\nSOMETHING_ELSE=1\nMODEL=qwen-turbo\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(Settings.model_config, "env_file", ".env")
    assert settings().extraction_mode is None
    assert settings().model == "qwen-turbo"


def test_a_wrong_value_names_the_variable_and_hides_the_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EXTRACTION_MODE", "secret-looking-value")
    with pytest.raises(UsageError, match="EXTRACTION_MODE") as caught:
        settings()
    assert "secret-looking" not in str(caught.value)


def test_an_env_file_that_is_no_utf8_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_bytes("RAW_DATA_DIR=文档".encode("gbk"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(Settings.model_config, "env_file", ".env")
    with pytest.raises(UsageError, match="UTF-8"):
        settings()


def test_keys_do_not_appear_when_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    assert "sk-very-secret" not in repr(settings()) + settings().model_dump_json()
