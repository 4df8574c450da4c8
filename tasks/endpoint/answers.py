"""Where answers are kept, by the hash of their request: what was paid for is never lost.

An entry is written whole or not at all, and is on the disk before its answer is used. Refusals
are kept as well: asking again would cost the same and say the same.
"""

from __future__ import annotations

from tasks.cache import StepCache
from tasks.endpoint.chat import ChatAnswer, Refusal
from tasks.endpoint.failures import ItemRefused
from tasks.storage import Location

STEP = "answers"


class AnswerStore:
    """The answers below one cache. Blocks: over a network it may take a while."""

    def __init__(self, cache_uri: str) -> None:
        self._cache = StepCache(Location(cache_uri))

    def get(self, key: str) -> ChatAnswer | None:
        """None where there is none, or none that can be read."""
        return self._cache.get(STEP, key, ChatAnswer)

    def put(self, key: str, answer: ChatAnswer) -> None:
        """Raises DiskFull, or StorageError."""
        name = StepCache.name_of(STEP, key)
        data = answer.model_dump_json().encode("utf-8")
        self._cache.location.write_bytes(name, data, durable=True)


def refused_answer(refused: ItemRefused, model: str) -> ChatAnswer:
    """A refusal as it is stored."""
    return ChatAnswer(
        text="",
        usage=refused.usage,
        model=model,
        refusal=Refusal(reason=refused.reason, detail=refused.detail),
    )


def unless_refused(answer: ChatAnswer) -> ChatAnswer:
    """The answer. Raises ItemRefused for a stored refusal."""
    if answer.refusal is not None:
        # The reason came from an ItemRefused of ours, or from one of an older version.
        raise ItemRefused(answer.refusal.reason, answer.refusal.detail)  # type: ignore[arg-type]
    return answer
