"""What models are asked, once, and what becomes of their answers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from tasks.errors import UsageError
from tests.support import answerers
from tests.support.corpora import data_bytes, rows
from tests.support.llm_peer import LLMPeer, text_of
from tests.support.model_runs import DOCUMENTS, KEY, asked, run

pytestmark = pytest.mark.usefixtures("prefect_api", "kept_workers")


def drawing(path: Path) -> None:
    """A picture that is no decoration."""
    image = Image.new("RGB", (400, 300), "white")
    draw = ImageDraw.Draw(image)
    for number in range(5):
        draw.rectangle((20 + 70 * number, 40 * number, 60 + 70 * number, 90 + 40 * number), "navy")
    image.save(path)


def test_a_model_writes_every_row_and_everything_is_counted(
    source: Path, tmp_path: Path, peer: LLMPeer
) -> None:
    prices = {"price_input": 1.0, "price_output": 2.0, "currency": "EUR"}
    summary = run(source, tmp_path / "out", peer, **prices)
    training = rows(tmp_path / "out", "clara_training_data")
    assert len(training) == DOCUMENTS
    for row in training:
        assert row["synthesizer"] == {
            "engine": "llm",
            "model": "loop",
            "prompt_hash": row["synthesizer"]["prompt_hash"],
        }
        assert row["usage"]["prompt_tokens"] > 0
        assert {pair["type"] for pair in row["qa_pairs"]} == {"fact", "reasoning", "cross_lingual"}
        for pair in row["qa_pairs"]:
            span = pair["evidence"]
            assert span and row["chunk"][span["start"] : span["end"]]
        assert 0.5 <= len(row["dense_summary"]) / len(row["chunk"]) <= 0.8
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert len(manifest["prompts"]["synthesize"]) == 64
    steps = {step["step"]: step for step in manifest["usage"]["now"]["by_step"]}
    assert steps["synthesize"]["calls"] == DOCUMENTS
    assert steps["preflight"]["calls"] == 1
    now = manifest["usage"]["now"]
    spent = (now["prompt_tokens"] + 2 * now["completion_tokens"]) / 1e6
    assert manifest["cost"]["now"] == pytest.approx(spent)
    assert manifest["cost"]["currency"] == "EUR"
    assert summary["cost"]["now"] == manifest["cost"]["now"]
    everything = b"".join(p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file())
    assert KEY.encode() not in everything


def test_nothing_is_asked_twice(source: Path, tmp_path: Path, peer: LLMPeer) -> None:
    output = tmp_path / "out"
    run(source, output, peer)
    first, calls = data_bytes(output), len(peer.log)
    assert run(source, output, peer)["outcome"] == "unchanged"
    assert len(peer.log) == calls, "an unchanged run needs no preflight"
    # Other options of this run's own: every answer is in the cache, so nobody is asked.
    (output / "manifest.json").unlink()
    run(source, output, peer, concurrency=2)
    assert len(peer.log) == calls
    assert data_bytes(output) == first
    (source / "south" / "sheet-000.txt").write_text(
        "The boiler K777 was built in 1977 in Lyon. The rated pressure of the boiler K777 is 77 "
        "bar. The boiler K777 needs a new gasket every 7 months because its shaft of steel grade "
        "S777 runs hot. The mass of the boiler K777 is 777 kilograms, and its colour is red.\n"
    )
    run(source, output, peer)
    assert len(asked(peer)) == DOCUMENTS + 1
    assert len(peer.log) == calls + 2  # one preflight, one chunk


def test_a_vision_model_alone_describes_and_the_rest_is_embedded(
    tmp_path: Path, peer: LLMPeer
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    drawing(source / "drawing.png")
    Image.new("RGB", (300, 300), "grey").save(source / "grey.png")
    summary = run(
        source,
        tmp_path / "out",
        peer,
        model=None,
        vision_model="eyes",
        vision_base_url=peer.base_url,
    )
    images = [r for r in rows(tmp_path / "out", "raw_knowledge") if r["source_type"] == "image"]
    assert [row["describer"] for row in images] == [{"engine": "vision", "model": "eyes"}]
    assert "arrow" in images[0]["content"]
    assert summary["rejects"]["decoration"] == 1
    assert all(answerers.has_image(exchange.body) for exchange in peer.log)
    for row in rows(tmp_path / "out", "clara_training_data"):
        assert row["synthesizer"]["engine"] == "extractive"


def test_a_key_alone_calls_nothing(source: Path, tmp_path: Path, peer: LLMPeer) -> None:
    run(source, tmp_path / "out", peer, model=None)
    assert not peer.log
    reasons = json.loads((tmp_path / "out" / "manifest.json").read_text())["models"]
    assert reasons["synthesis"]["engine"] == "extractive"


def test_prompts_of_ones_own_make_other_answers(
    source: Path, tmp_path: Path, peer: LLMPeer
) -> None:
    from tasks.prompting import OUR_PROMPTS

    own = tmp_path / "prompts"
    own.mkdir()
    text = (OUR_PROMPTS / "synthesize.md").read_text(encoding="utf-8")
    (own / "synthesize.md").write_text(f"Write like a plumber.\n{text}", encoding="utf-8")
    run(source, tmp_path / "out", peer)
    run(source, tmp_path / "out", peer, prompts=str(own))
    assert len(asked(peer)) == 2 * DOCUMENTS
    assert "plumber" in text_of(asked(peer)[-1].body)
    (own / "synthesize.md").write_text(text.replace("{{passage}}", ""), encoding="utf-8")
    from tasks.prompting import load_prompts

    load_prompts.cache_clear()
    with pytest.raises(UsageError, match="passage"):
        run(source, tmp_path / "out", peer, prompts=str(own))


def test_a_judge_drops_what_it_grades_low(source: Path, tmp_path: Path) -> None:
    def judging(body: dict[str, Any]) -> Any:
        numbers = [int(n) for n in re.findall(r'"number": (\d+)', text_of(body))]
        if not numbers:
            return answerers.answer(body)
        return {
            "grades": [
                {"number": n, "faithfulness": 5, "answerability": 2 if n == 1 else 5}
                for n in numbers
            ]
        }

    with LLMPeer(judging) as peer:
        run(source, tmp_path / "out", peer, judge=True)
    training = rows(tmp_path / "out", "clara_training_data")
    assert all(len(row["qa_pairs"]) == 2 for row in training)
    assert all(pair["grade"]["answerability"] == 5 for row in training for pair in row["qa_pairs"])
    reasons = [reject["reason"] for reject in rows(tmp_path / "out", "rejects")]
    assert reasons.count("judged_low") == DOCUMENTS
