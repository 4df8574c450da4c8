"""Synthesis for a batch of documents' chunks, as a worker process does it."""

from __future__ import annotations

from functools import lru_cache

from tasks.errors import EngineUnavailable, WorkerDied
from tasks.jobs import Chunks, Done, Syntheses, SynthesizeJob
from tasks.synthesis.engine import SynthesisEngine


@lru_cache(maxsize=2)
def engine_named(name: str) -> SynthesisEngine:
    """The engine of that name. Raises EngineUnavailable."""
    if name == "extractive":
        from tasks.synthesis.extractive import ExtractiveSynthesizer

        return ExtractiveSynthesizer()
    raise EngineUnavailable(f"there is no synthesis engine named {name!r}: use 'extractive'")


def synthesize(job: SynthesizeJob) -> Done:
    """Stores Syntheses under the key of each document."""
    cache = job.cache()
    engine = engine_named(job.engine)
    made = 0
    for item in job.documents:
        if job.is_done(cache, item.key):
            continue
        chunks = cache.get("chunk", item.chunk_key, Chunks)
        if chunks is None:
            raise WorkerDied(f"the cache lost chunk {item.chunk_key} during the run")
        syntheses = tuple(engine.synthesize(chunk, job.seed) for chunk in chunks.chunks)
        cache.put(job.step, item.key, Syntheses(syntheses=syntheses))
        made += len(syntheses)
    return Done(made=made)
