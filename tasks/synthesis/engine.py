"""What a synthesizer is: something that turns one chunk into a summary and pairs.

The extractive engine answers at once, a chunk at a time, in a worker process. The engine that
calls a model (`tasks.synthesis.llm`) works on whole documents, asynchronously, and has the same
`synthesizer` and `cache_identity`.
"""

from __future__ import annotations

from typing import Protocol

from tasks.records import Synthesis, Synthesizer, TextChunk


class SynthesisEngine(Protocol):
    """An engine serves a whole run; its answers are cached under `cache_identity`."""

    @property
    def synthesizer(self) -> Synthesizer:
        """Written into every row: which engine, which model, which prompt."""
        ...

    @property
    def cache_identity(self) -> str:
        """Changes whenever the same chunk could get another answer."""
        ...

    def synthesize(self, chunk: TextChunk, seed: int) -> Synthesis:
        """A chunk without a valid pair comes back with empty `qa_pairs`; the caller rejects it."""
        ...
