"""The flow with a model behind an endpoint: what is called, once, and what becomes of failures."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from flows.ingest import ingest
from tasks.endpoint.failures import EndpointRefused
from tasks.errors import CostLimitReached, PreflightFailed, UsageError
from tasks.settings import settings
from tests.support import answerers
from tests.support.corpora import ROOT, clara, data_bytes, rows, write_corpus
from tests.support.llm_peer import Exchange, LLMPeer, Reply, error, text_of

pytestmark = pytest.mark.usefixtures("prefect_api")

DOCUMENTS = 6
KEY = "sk-test-0123456789abcdef"


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


def run(source: Path, output: Path, peer: LLMPeer, **options: Any) -> dict[str, Any]:
    given = {"model": "loop", "base_url": peer.base_url, "call_attempts": 8, **options}
    return ingest(source=str(source), output=str(output), workers=1, **given)


def asked(peer: LLMPeer) -> list[Exchange]:
    """Calls about a passage: preflight asks about none."""
    return [e for e in peer.log if answerers.passage_of(e.body) is not None]


def drawing(path: Path) -> None:
    """A picture that is no decoration."""
    image = Image.new("RGB", (400, 300), "white")
    draw = ImageDraw.Draw(image)
    for number in range(5):
        draw.rectangle((20 + 70 * number, 40 * number, 60 + 70 * number, 90 + 40 * number), "navy")
    image.save(path)


# --- what serves ------------------------------------------------------------------------------


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


# --- what fails -------------------------------------------------------------------------------


def test_three_calls_in_ten_fail_and_no_chunk_is_lost(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks.endpoint import patience

    monkeypatch.setattr(patience, "FIRST_DELAY_S", 0.01)
    with LLMPeer(answerers.answer, failure_rate=0.3, seed=5) as peer:
        run(source, tmp_path / "out", peer, call_attempts=20)
        assert len(rows(tmp_path / "out", "clara_training_data")) == DOCUMENTS
        counts = peer.answered()
        assert {counts[exchange.key] for exchange in asked(peer)} == {1}


def test_a_refused_key_stops_before_anything_is_extracted(
    source: Path, tmp_path: Path, peer: LLMPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong-9876543210")
    settings.cache_clear()
    with pytest.raises(PreflightFailed, match="refused the key of OPENAI_API_KEY") as caught:
        run(source, tmp_path / "out", peer)
    assert "9876543210" not in str(caught.value)
    assert not (tmp_path / "out" / ".cache" / "extract").exists()


def test_an_endpoint_that_dies_stops_the_run_and_the_same_command_continues(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks.endpoint import patience

    monkeypatch.setattr(patience, "FIRST_DELAY_S", 0.01)
    served = 0

    def dying(body: dict[str, Any]) -> Any:
        nonlocal served
        if answerers.passage_of(body) is None:
            return answerers.answer(body) if served < 3 else error(503, "gone")
        served += 1
        return answerers.answer(body) if served <= 3 else error(503, "gone")

    output = tmp_path / "out"
    with (
        LLMPeer(dying) as peer,
        pytest.raises(EndpointRefused, match="the same command") as caught,
    ):
        run(source, output, peer, concurrency=1, call_attempts=3)
    assert caught.value.exit_code == 1
    assert not (output / "manifest.json").exists()
    with LLMPeer(answerers.answer) as well:
        run(source, output, well, concurrency=1)
        assert len(asked(well)) == DOCUMENTS - 3
    assert len(rows(output, "clara_training_data")) == DOCUMENTS


def test_an_item_that_crashes_the_server_is_asked_for_again_by_every_run(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks.endpoint import patience

    monkeypatch.setattr(patience, "FIRST_DELAY_S", 0.01)
    poisoned, attempts = True, 0

    def crashing(body: dict[str, Any]) -> Any:
        nonlocal attempts
        if poisoned and "K001" in (answerers.passage_of(body) or ""):
            attempts += 1
            return error(500, "out of memory")
        return answerers.answer(body)

    with LLMPeer(crashing) as peer:
        for times in (1, 2, 3):
            run(source, tmp_path / "out", peer, call_attempts=2)
            assert attempts == 2 * times
            assert len(rows(tmp_path / "out", "clara_training_data")) == DOCUMENTS - 1
        poisoned = False
        run(source, tmp_path / "out", peer, call_attempts=2)
    assert len(rows(tmp_path / "out", "clara_training_data")) == DOCUMENTS
    assert not rows(tmp_path / "out", "rejects")


def test_when_every_item_fails_the_endpoint_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks.endpoint import patience

    monkeypatch.setattr(patience, "FIRST_DELAY_S", 0.01)
    source = write_corpus(tmp_path / "many", 12)

    def answer(body: dict[str, Any]) -> Any:
        no_passage = answerers.passage_of(body) is None
        return answerers.answer(body) if no_passage else error(500, "out of memory")

    with LLMPeer(answer) as peer, pytest.raises(EndpointRefused, match="out of memory"):
        run(source, tmp_path / "out", peer, call_attempts=2, concurrency=1)


def test_an_item_that_is_refused_is_a_reject_and_the_others_go_on(
    source: Path, tmp_path: Path
) -> None:
    def picky(body: dict[str, Any]) -> Any:
        if "K001" in (answerers.passage_of(body) or ""):
            return error(400, "Input data may contain inappropriate content.",
                         code="data_inspection_failed")  # fmt: skip
        return answerers.answer(body)

    with LLMPeer(picky) as peer:
        run(source, tmp_path / "out", peer)
        refused = rows(tmp_path / "out", "rejects")
        assert {r["reason"] for r in refused} == {"content_refused", "no_valid_pair"}
        assert len({r["file_path"] for r in refused}) == 1
        assert len(rows(tmp_path / "out", "clara_training_data")) == DOCUMENTS - 1
        calls = len(peer.log)
        assert run(source, tmp_path / "out", peer)["outcome"] == "unchanged"
        assert len(peer.log) == calls


def test_a_request_that_is_refused_as_such_stops_the_run(source: Path, tmp_path: Path) -> None:
    def strict(body: dict[str, Any]) -> Any:
        if answerers.passage_of(body) is None:
            return answerers.answer(body)
        return error(400, "Unrecognized request argument supplied: top_q", param="top_q")

    with LLMPeer(strict) as peer, pytest.raises(EndpointRefused, match="top_q"):
        run(source, tmp_path / "out", peer)


def test_max_cost_stops_before_the_limit_and_the_same_command_continues(
    source: Path, tmp_path: Path, peer: LLMPeer
) -> None:
    prices = {"price_input": 1000.0, "price_output": 1000.0}
    output = tmp_path / "out"
    # Room for some calls: a request of some 1,400 tokens is reserved by its bytes, and 4 times
    # as dear as it turns out to be.
    limit = 14.0
    with pytest.raises(CostLimitReached) as caught:
        run(source, output, peer, max_cost=limit, concurrency=1, **prices)
    assert caught.value.exit_code == 5
    before = len(asked(peer))
    assert 0 < before < DOCUMENTS
    run(source, output, peer, **prices)
    assert len(asked(peer)) == DOCUMENTS
    assert len(rows(output, "clara_training_data")) == DOCUMENTS


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


# --- the command ------------------------------------------------------------------------------


def test_a_killed_run_sends_only_what_was_not_answered(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    with LLMPeer(answerers.answer, latency_s=0.4) as peer:
        arguments = ["--model", "loop", "--base-url", peer.base_url, "--concurrency", "2"]
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.cli", "ingest", source, "-o", output, *arguments],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 120
        store = output / ".cache" / "answers"
        while not list(store.glob("*/*.json")) and time.monotonic() < deadline:
            time.sleep(0.002)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        stored = len(list(store.glob("*/*.json")))
        assert 0 < stored < DOCUMENTS
    # Another address, the same model: what is stored answers for it, and its log is clean.
    with LLMPeer(answerers.answer) as peer:
        arguments[3] = peer.base_url
        done = clara("ingest", source, "-o", output, *arguments)
        assert done.returncode == 0, done.stderr
        assert len(asked(peer)) == DOCUMENTS - stored
    assert len(rows(output, "clara_training_data")) == DOCUMENTS


def test_plan_counts_and_calls_nothing_and_preview_pays_once(
    source: Path, tmp_path: Path, peer: LLMPeer
) -> None:
    variables = {"MODEL": "loop", "BASE_URL": peer.base_url, "OPENAI_API_KEY": KEY}
    where = ("-o", tmp_path / "out")
    plan = clara("plan", source, *where, "--json", "--price-input", "1", "--price-output", "1",
                 **variables)  # fmt: skip
    assert plan.returncode == 0, plan.stderr
    found = json.loads(plan.stdout)
    steps = {step["step"]: step for step in found["steps"]}
    assert steps["synthesize"]["calls"] == found["chunks"] == DOCUMENTS
    assert steps["synthesize"]["cost"] > 0
    assert not peer.log
    shown = clara("preview", source, *where, "--chunks", "2", **variables)
    assert shown.returncode == 0, shown.stderr
    assert len(asked(peer)) == 2
    for wanted in ("synthesize: system", "synthesize: answer", "Kept: 3 pairs", "<passage-"):
        assert wanted in shown.stdout
    done = clara("ingest", source, *where, **variables)
    assert done.returncode == 0, done.stderr
    assert "documents are sent to 127.0.0.1" in done.stderr + done.stdout
    assert KEY not in plan.stdout + plan.stderr + shown.stdout + done.stdout + done.stderr
    assert len(asked(peer)) == DOCUMENTS


def test_exit_codes_and_sentences_of_the_command(source: Path, tmp_path: Path) -> None:
    with LLMPeer(answerers.answer, models=["other"]) as peer:
        missing = clara(
            "ingest", source, "-o", tmp_path / "a", MODEL="loop", BASE_URL=peer.base_url
        )
    assert missing.returncode == 4
    assert "MODEL" in missing.stderr and "other" in missing.stderr
    gone = clara(
        "ingest", source, "-o", tmp_path / "b", MODEL="m", BASE_URL="http://127.0.0.1:9/v1"
    )
    assert gone.returncode == 4
    assert "127.0.0.1:9" in gone.stderr
    for done in (missing, gone):
        assert "Traceback" not in done.stderr + done.stdout
        assert KEY not in done.stderr + done.stdout
    offline = clara("ingest", source, "-o", tmp_path / "c", "--offline", MODEL="m",
                    BASE_URL="https://api.example.com/v1")  # fmt: skip
    assert offline.returncode == 2
    assert "--offline" in offline.stderr


def test_prompts_can_be_copied_and_used(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    assert clara("prompts", "copy", folder).returncode == 0
    assert {path.name for path in folder.iterdir()} == {
        "describe.md",
        "judge.md",
        "repair.md",
        "synthesize.md",
        "two_hops.md",
    }
    again = clara("prompts", "copy", folder)
    assert again.returncode == 2
    assert "is there already" in again.stderr


def test_a_page_in_place_of_an_answer_is_made_again(source: Path, tmp_path: Path) -> None:
    with LLMPeer(answerers.answer) as peer:
        run(source, tmp_path / "first", peer, concurrency=1)
    broken = [Reply(), *[Reply(body="<html>login</html>"), Reply(cut=40), Reply(drop="in_body")]]
    with LLMPeer(answerers.answer, script=broken) as peer:
        run(source, tmp_path / "out", peer, concurrency=1)
        assert len(peer.log) == 1 + DOCUMENTS + 3
    assert data_bytes(tmp_path / "out") == data_bytes(tmp_path / "first")


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
