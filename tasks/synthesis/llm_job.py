"""Synthesis of a batch of documents by a model, on the loop that all calls share.

All chunks of the batch are under way at once, as far as memory allows; whoever answers bounds the
calls. A document is stored as soon as its chunks are complete. What stops the run lets the calls
under way come to their end, because they are paid, and starts no new one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tasks.cache import StepCache
from tasks.endpoint.chat import AnswerPending, Asker, ChatAnswer, ChatRequest
from tasks.errors import ClaraError, WorkerDied
from tasks.jobs import Chunks, ChunksToSynthesize, Done, Syntheses, SynthesizeJob
from tasks.prompting import load_prompts
from tasks.synthesis.llm import LLMSynthesizer

# Chunks whose documents are open at once. A chunk with its prompts and answers takes some 50 KB;
# a document that is larger than this is open alone.
_OPEN_CHUNKS = 2000


async def synthesize(job: SynthesizeJob, asker: Asker, advance: Callable[[int], None]) -> Done:
    """Stores Syntheses under the key of each document; `advance` hears of each document.

    A document whose answers wait for a batch is left out and counted as pending. Raises
    ClaraError for what stops the run, after the calls under way are stored. Raises what a single
    document failed on, a FileRejected that may pass say, after all others are stored.
    """
    if job.calls is None:
        raise ValueError("a job of the llm synthesizer names no endpoint")
    batch = _Batch(
        job=job,
        cache=job.cache(),
        synthesizer=LLMSynthesizer(
            job.calls.model, load_prompts(job.prompts), job.calls.extra_body, job.judge_min
        ),
        asker=asker,
        advance=advance,
    )
    async with asyncio.TaskGroup() as group:
        for item in job.documents:
            group.create_task(batch.work(item))
    if error := batch.stopped_by or batch.failed_on:
        raise error
    return Done(made=batch.made, pending=batch.pending)


@dataclass
class _Batch:
    """A batch under way. As an Asker it passes calls on until something stops the run."""

    job: SynthesizeJob
    cache: StepCache
    synthesizer: LLMSynthesizer
    asker: Asker
    advance: Callable[[int], None]
    made: int = 0
    pending: int = 0
    stopped_by: ClaraError | None = None
    failed_on: Exception | None = None
    open_chunks: int = 0
    closed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def work(self, item: ChunksToSynthesize) -> None:
        """Makes and stores one document. Once the run is stopped, `ask` refuses its calls."""
        try:
            if not await asyncio.to_thread(self.job.is_done, self.cache, item.key):
                async with self._room_for(len((await self._chunks(item)).chunks)):
                    await self._settle(item)
        except AnswerPending:
            self.pending += 1
        except ClaraError as error:
            self.stopped_by = self.stopped_by or error
        except Exception as error:  # raised at the end: it must not cost the other documents
            self.failed_on = self.failed_on or error

    async def ask(self, request: ChatRequest) -> ChatAnswer:
        if self.stopped_by is not None:
            raise self.stopped_by.with_traceback(None)
        try:
            return await self.asker.ask(request)
        except ClaraError as error:
            self.stopped_by = self.stopped_by or error
            raise

    async def _settle(self, item: ChunksToSynthesize) -> None:
        chunks = await self._chunks(item)
        syntheses = await self.synthesizer.synthesize_document(chunks.chunks, self)
        await asyncio.to_thread(
            self.cache.put, self.job.step, item.key, Syntheses(syntheses=syntheses)
        )
        self.made += len(syntheses)
        self.advance(1)

    async def _chunks(self, item: ChunksToSynthesize) -> Chunks:
        chunks = await asyncio.to_thread(self.cache.get, "chunk", item.chunk_key, Chunks)
        if chunks is None:
            raise WorkerDied(f"the cache lost chunk {item.chunk_key} during the run")
        return chunks

    @asynccontextmanager
    async def _room_for(self, size: int) -> AsyncIterator[None]:
        """Waits until so many chunks fit beside those that are open."""
        async with self.closed:
            await self.closed.wait_for(
                lambda: self.open_chunks == 0 or self.open_chunks + size <= _OPEN_CHUNKS
            )
            self.open_chunks += size
        try:
            yield
        finally:
            self.open_chunks -= size
            async with self.closed:
                self.closed.notify_all()
