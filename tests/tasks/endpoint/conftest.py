from __future__ import annotations

from collections.abc import Iterator

import pytest

from tasks.settings import settings
from tests.support.preflights import KEY

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture
def endpoint_key(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The key of the endpoint, and no proxy of the developer's."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    settings.cache_clear()
    yield monkeypatch
    settings.cache_clear()
