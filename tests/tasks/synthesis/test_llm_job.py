"""A batch of documents: stored one by one, resumed, left out while they wait, stopped at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.cache import StepCache
from tasks.endpoint.chat import AnswerPending, ChatAnswer, ChatRequest
from tasks.endpoint.options import EndpointOptions
from tasks.errors import CostLimitReached, FileRejected, WorkerDied
from tasks.jobs import Chunks, ChunksToSynthesize, Done, Syntheses, SynthesizeJob
from tasks.storage import Location
from tasks.synthesis import llm_job
from tasks.synthesis.llm_job import synthesize
from tests.support.drafted_answers import ENGLISH, chunk, english_answer
from tests.support.scripted_asker import ScriptedAsker
from tests.support.synthesis_runs import LLM, NOTHING

Script = Callable[[ChatRequest], Any]


def good(request: ChatRequest) -> dict[str, Any]:
    return english_answer() if request.step == "synthesize" else NOTHING


def serial(request: ChatRequest) -> str:
    """Which document's chunk is asked about."""
    return request.messages[1].text.split("Its serial number is ")[1].split(".")[0]


class Corpus:
    """Documents of some chunks each in a cache of their own."""

    def __init__(self, folder: Path, sizes: list[int]) -> None:
        self.uri = str(folder)
        self.cache = StepCache(Location(self.uri))
        self.keys = [f"{number:02x}document" for number in range(len(sizes))]
        for number, (key, size) in enumerate(zip(self.keys, sizes, strict=True)):
            texts = [f"{ENGLISH} Its serial number is {number}-{n}." for n in range(size)]
            chunks = tuple(chunk(text, "en") for text in texts)
            self.cache.put("chunk", f"{key}-chunks", Chunks(chunks=chunks, sketch=""))

    def job(self, **more: Any) -> SynthesizeJob:
        calls = EndpointOptions(
            need="text", base_url="http://127.0.0.1/v1", model="scripted", cache_uri=self.uri
        )
        return SynthesizeJob(
            engine="llm",
            calls=calls,
            seed=1,
            documents=tuple(
                ChunksToSynthesize(key=key, chunk_key=f"{key}-chunks") for key in self.keys
            ),
            cache_uri=self.uri,
            **more,
        )

    def run(self, script: Script, **more: Any) -> tuple[Done, ScriptedAsker, list[int]]:
        asker, counted = ScriptedAsker(script), list[int]()
        done = asyncio.run(synthesize(self.job(**more), asker, counted.append))
        return done, asker, counted

    def stored(self) -> list[str]:
        return [key for key in self.keys if self.cache.has("synthesize", key, Syntheses)]

    def read(self, number: int) -> Syntheses:
        found = self.cache.get("synthesize", self.keys[number], Syntheses)
        assert found is not None
        return found

    def bytes_of(self, number: int) -> bytes:
        name = StepCache.name_of("synthesize", self.keys[number])
        return self.cache.location.read_bytes(name)


def test_each_document_is_stored_and_counted(tmp_path: Path) -> None:
    corpus = Corpus(tmp_path, [2, 1, 0])
    done, asker, counted = corpus.run(good)
    assert done == Done(made=3)
    assert counted == [1, 1, 1]
    assert corpus.stored() == corpus.keys
    assert [len(corpus.read(n).syntheses) for n in range(3)] == [2, 1, 0]
    assert len(asker.of_step("synthesize")) == 3
    assert corpus.read(1).syntheses[0].synthesizer == LLM.synthesizer


def test_the_same_answers_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = Corpus(tmp_path / "a", [3]), Corpus(tmp_path / "b", [3])
    first.run(good)
    second.run(good)
    assert first.bytes_of(0) == second.bytes_of(0)


def test_what_is_done_is_not_asked_again(tmp_path: Path) -> None:
    corpus = Corpus(tmp_path, [2, 1])
    corpus.run(good)
    done, asker, counted = corpus.run(good)
    assert done == Done(made=0) and asker.requests == [] and counted == []
    _, asker, _ = corpus.run(good, overwrite=True)
    assert len(asker.of_step("synthesize")) == 3


def test_the_judge_is_asked_where_the_job_says_so(tmp_path: Path) -> None:
    def script(request: ChatRequest) -> dict[str, Any]:
        if request.step == "judge":
            grade = {"faithfulness": 5, "answerability": 5}
            return {"grades": [{"number": n, **grade} for n in (1, 2, 3)]}
        return good(request)

    corpus = Corpus(tmp_path, [1])
    corpus.run(script, judge_min=4)
    assert all(pair.grade for pair in corpus.read(0).syntheses[0].qa_pairs)


def test_documents_that_wait_for_a_batch_are_left_out_and_all_are_asked(tmp_path: Path) -> None:
    def script(request: ChatRequest) -> dict[str, Any]:
        if serial(request) in ("0-1", "2-0"):
            raise AnswerPending
        return good(request)

    corpus = Corpus(tmp_path, [3, 1, 1])
    done, asker, counted = corpus.run(script)
    assert done == Done(made=1, pending=2) and counted == [1]
    assert {serial(r) for r in asker.of_step("synthesize")} == {"0-0", "0-1", "0-2", "1-0", "2-0"}
    assert corpus.stored() == corpus.keys[1:2]
    done, _, _ = corpus.run(good)
    assert done.pending == 0 and corpus.stored() == corpus.keys


def test_what_stops_the_run_lets_calls_under_way_end_and_starts_none(tmp_path: Path) -> None:
    """Two documents are open: the second one's call fails while the first one's is under way."""
    asked: list[str] = []
    answered: list[str] = []
    failed = asyncio.Event()

    class Client:
        async def ask(self, request: ChatRequest) -> ChatAnswer:
            asked.append(serial(request))
            if len(asked) > 1:
                failed.set()
                raise CostLimitReached("the next call could cost too much")
            await failed.wait()
            for _ in range(50):  # what was waiting for room has had its turn
                await asyncio.sleep(0)
            answered.append(serial(request))
            return await ScriptedAsker(good).ask(request)

    corpus = Corpus(tmp_path, [1] * 5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(llm_job, "_OPEN_CHUNKS", 2)
        with pytest.raises(CostLimitReached):
            asyncio.run(synthesize(corpus.job(), Client(), lambda _: None))
    assert len(asked) == 2 and answered == asked[:1]
    assert [key[1] for key in corpus.stored()] == [number[0] for number in answered]


def test_a_call_that_failed_for_now_costs_its_chunk_and_is_made_by_a_later_run(
    tmp_path: Path,
) -> None:
    def script(request: ChatRequest) -> dict[str, Any]:
        if serial(request) == "0-1":
            raise FileRejected("call_failed", "failed on it 10 times", retryable=True)
        return good(request)

    corpus = Corpus(tmp_path, [2, 1])
    corpus.run(script)
    assert corpus.stored() == corpus.keys
    assert not corpus.read(0).settled and corpus.read(1).settled
    kept, failed = corpus.read(0).syntheses
    assert kept.qa_pairs and [fault.reason for fault in failed.dropped] == ["call_failed"]
    corpus.run(good)
    assert corpus.read(0).settled
    assert corpus.read(0).syntheses[1].dense_summary is not None


def test_a_refused_chunk_is_remembered(tmp_path: Path) -> None:
    def script(request: ChatRequest) -> dict[str, Any]:
        if serial(request) == "0-1":
            raise FileRejected("content_refused", "refused")
        return good(request)

    corpus = Corpus(tmp_path, [2])
    done, _, _ = corpus.run(script)
    assert done == Done(made=2)
    kept, refused = corpus.read(0).syntheses
    assert kept.qa_pairs and not refused.qa_pairs


def test_a_cache_that_lost_its_chunks_stops_the_run(tmp_path: Path) -> None:
    corpus = Corpus(tmp_path, [1])
    corpus.cache.location.remove(StepCache.name_of("chunk", f"{corpus.keys[0]}-chunks"))
    with pytest.raises(WorkerDied, match="lost chunk"):
        corpus.run(good)


def test_memory_is_bounded_by_open_chunks(tmp_path: Path) -> None:
    corpus = Corpus(tmp_path, [2, 2, 5, 2, 1])
    asked: dict[str, set[str]] = {}
    most = 0

    def script(request: ChatRequest) -> dict[str, Any]:
        nonlocal most
        document, _ = serial(request).split("-")
        asked.setdefault(document, set()).add(serial(request))
        open_now = [d for d in asked if corpus.keys[int(d)] not in corpus.stored()]
        most = max(most, sum([2, 2, 5, 2, 1][int(d)] for d in open_now))
        return good(request)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(llm_job, "_OPEN_CHUNKS", 4)
        done, _, _ = corpus.run(script)
    assert done.made == 12
    # A document larger than the bound is open, and open alone.
    assert most == 5


def test_a_job_without_an_endpoint_is_a_mistake(tmp_path: Path) -> None:
    job = Corpus(tmp_path, [1]).job().model_copy(update={"calls": None})
    with pytest.raises(ValueError, match="no endpoint"):
        asyncio.run(synthesize(job, ScriptedAsker(good), lambda _: None))
