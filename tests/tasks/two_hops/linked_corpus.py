"""A corpus in a cache whose pairs share entities, in both languages, and a model's double."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

from tasks.assemble import NumberedRow, number_pairs
from tasks.cache import StepCache
from tasks.corpus import Corpus, CorpusEntry, CorpusPlan
from tasks.endpoint.chat import ChatAnswer, ChatRequest
from tasks.endpoint.options import EndpointOptions
from tasks.heldout import sketch
from tasks.jobs import Chunks, Syntheses
from tasks.options import IngestOptions
from tasks.records import Usage
from tasks.storage import Location
from tests.tasks.dataset_rows import pair, source, synthesis, text_chunk, training_row

TEXTS: list[tuple[str, str, list[tuple[str, str]]]] = [
    (
        "plant.txt",
        "Plant 7 is cooled by the Frigo compressor. Plant 7 was built in 1998.",
        [
            ("Which compressor cools Plant 7?", "the Frigo compressor"),
            ("When was Plant 7 built?", "1998"),
        ],
    ),
    (
        "frigo.txt",
        "The Frigo compressor uses ammonia as its refrigerant.",
        [("Which refrigerant does the Frigo compressor use?", "ammonia")],
    ),
    (
        "厂房.txt",
        "九号厂房由极光压缩机冷却。该厂房建于1996年。",
        [("九号厂房由哪台压缩机冷却？", "极光压缩机"), ("九号厂房建于哪一年？", "1996年")],
    ),
    ("极光.txt", "极光压缩机使用丙烷作为制冷剂。", [("极光压缩机使用什么制冷剂？", "丙烷")]),
]
GOOD = {
    "en": "Which refrigerant does the compressor that cools Plant 7 use?",
    "zh": "冷却九号厂房的压缩机使用什么制冷剂？",
}
ENDPOINT = EndpointOptions(
    need="text",
    base_url="http://127.0.0.1:9/v1",
    model="qwen-turbo",
    concurrency=4,
    cache_uri="/nowhere",
)
USAGE = Usage(prompt_tokens=100, completion_tokens=20)


def linked_rows() -> list[NumberedRow]:
    return number_pairs([training_row(path, text, pairs) for path, text, pairs in TEXTS])


def linked_corpus(folder: Path, **options: object) -> Corpus:
    """The texts, chunked and synthesized, in a cache below `folder`."""
    cache = StepCache(Location(str(folder / "cache")))
    entries = []
    for number, (path, text, pairs) in enumerate(TEXTS):
        key = f"{number:064x}"
        chunk = text_chunk(text, "zh" if text[0] > "一" else "en")
        made = synthesis(*(pair(question, answer, text) for question, answer in pairs))
        cache.put("chunk", key, Chunks(chunks=(chunk,), sketch=sketch(text)))
        cache.put("synthesize", key, Syntheses(syntheses=(made,)))
        entries.append(
            CorpusEntry(
                file=source(path, doc_id=key),
                outcome_step="extract",
                outcome_key=key,
                chunk_key=key,
                synthesis_key=key,
            )
        )
    settings = {"eval_fraction": 0.0, "candidates": 3, **options}
    plan = CorpusPlan(
        entries=tuple(sorted(entries, key=lambda entry: entry.file.file_path)),
        rejects=(),
        options=IngestOptions(**settings),  # type: ignore[arg-type]
    )
    return Corpus(plan, cache)


class Model:
    """Answers by a function of the request, and notes what it was asked."""

    def __init__(self, answer: Callable[[ChatRequest], str | Exception | None]) -> None:
        self._answer = answer
        self.asked: list[ChatRequest] = []
        self.finished = 0

    async def ask(self, request: ChatRequest) -> ChatAnswer:
        self.asked.append(request)
        found = self._answer(request)
        if isinstance(found, Exception):
            raise found
        await asyncio.sleep(0)
        self.finished += 1
        text = json.dumps({"question": found}, ensure_ascii=False)
        return ChatAnswer(text=text, usage=USAGE, model="qwen-turbo")


def good_answer(request: ChatRequest) -> str:
    return GOOD["zh" if "厂房" in request.messages[-1].text else "en"]
