"""A small corpus, a model that answers well, and its key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.endpoint import patience
from tasks.settings import settings
from tests.support import answerers
from tests.support.corpora import write_corpus
from tests.support.llm_peer import LLMPeer
from tests.support.model_runs import DOCUMENTS, KEY


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_corpus(tmp_path / "source", DOCUMENTS)


@pytest.fixture
def peer() -> Iterator[LLMPeer]:
    with LLMPeer(answerers.answer, api_key=KEY) as started:
        yield started


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls that failed are made again almost at once."""
    monkeypatch.setattr(patience, "FIRST_DELAY_S", 0.01)
