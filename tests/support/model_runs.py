"""Runs of the flow with a model behind an endpoint on loopback."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flows.ingest import ingest
from tests.support import answerers
from tests.support.llm_peer import Exchange, LLMPeer

DOCUMENTS = 6
KEY = "sk-test-0123456789abcdef"


def run(source: Path, output: Path, peer: LLMPeer, **options: Any) -> dict[str, Any]:
    given = {"model": "loop", "base_url": peer.base_url, "call_attempts": 8, **options}
    return ingest(source=str(source), output=str(output), workers=1, **given)


def asked(peer: LLMPeer) -> list[Exchange]:
    """Calls about a passage: preflight asks about none."""
    return [e for e in peer.log if answerers.passage_of(e.body) is not None]
