"""Questions over two documents, in words of the model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.support import answerers
from tests.support.corpora import rows
from tests.support.llm_peer import LLMPeer, text_of
from tests.support.model_runs import run

pytestmark = pytest.mark.usefixtures("prefect_api", "kept_workers")


_COMPANY = (
    "Halden & Sons was founded in 1911 in the town of Bergen. Halden & Sons builds rescue boats of "
    "oak for the northern harbours, and it employs 64 carpenters in two yards by the fjord."
)


_FOUNDER = (
    "The engineer Ingrid Solberg worked for the shipyard Halden & Sons for thirty years. She drew "
    "the plans of the lighthouse tender Vega, which sailed from the harbour until the great storm."
)


def _two_companies(body: dict[str, Any]) -> Any:
    passage = answerers.passage_of(body) or ""

    def pair(kind: str, question: str, answer: str, quote: str, own: str | None = None) -> Any:
        return {
            "type": kind,
            "question": question,
            "question_in_passage_language": own,
            "answer": answer,
            "quote": quote,
        }

    if "founded in 1911" in passage:
        pairs = [
            pair("fact", "In which town was Halden & Sons founded?", "Bergen", "town of Bergen"),
            pair("fact", "How many carpenters does Halden & Sons employ?", "64 carpenters",
                 "it employs 64 carpenters"),
        ]  # fmt: skip
    elif "Ingrid Solberg" in passage:
        pairs = [
            pair("fact", "For which shipyard did the engineer Ingrid Solberg work?",
                 "Halden & Sons", "worked for the shipyard Halden & Sons"),
        ]  # fmt: skip
    elif "two pairs" in text_of(body) or "entity" in text_of(body):
        return {
            "question": "In which town was the shipyard founded for which the engineer Ingrid "
            "Solberg worked?"
        }
    else:
        return answerers.answer(body)
    return {"dense_summary": " ".join(passage.split(". ")[:1]) + ".", "pairs": pairs}


def test_two_hops_are_asked_in_words_of_the_model(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "company.txt").write_text(_COMPANY)
    (source / "founder.txt").write_text(_FOUNDER)
    # A file that gives no chunk comes first.
    Image.new("RGB", (300, 300), "grey").save(source / "a.png")
    with LLMPeer(_two_companies) as peer:
        given = {"vision_model": "eyes", "vision_base_url": peer.base_url, "eval_fraction": 0.0}
        run(source, tmp_path / "out", peer, **given)
        calls = len(peer.log)
        assert run(source, tmp_path / "out", peer, **given)["outcome"] == "unchanged"
        assert len(peer.log) == calls
    asked_for = [row["question"] for row in rows(tmp_path / "out", "reasoning_data")]
    assert any("for which the engineer Ingrid Solberg worked" in question for question in asked_for)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    steps = {step["step"]: step["calls"] for step in manifest["usage"]["now"]["by_step"]}
    assert steps["two_hops"] == 1
    assert manifest["models"]["synthesis"]["host"].startswith("127.0.0.1")
