"""Questions over two hops for a batch of linked pairs, on the event loop that makes the calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from tasks.cache import StepCache
from tasks.endpoint.chat import AnswerPending, Asker
from tasks.errors import FileRejected
from tasks.jobs import Done, PairsToJoin, Rejection, TwoHopsJob
from tasks.prompting import Prompt, load_prompts
from tasks.two_hops.engine import ask_for_question


async def compose(job: TwoHopsJob, asker: Asker, advance: Callable[[int], None]) -> Done:
    """Stores a TwoHopQuestion under the key of each item, as soon as it is there.

    Where one call stops the run (ClaraError) or fails in a way that nobody foresaw, those under
    way are waited for and their results kept, none is begun, and the error is raised.
    """
    batch = _Batch(job.cache(), load_prompts(job.prompts)["two_hops"], asker, advance)
    todo = await asyncio.to_thread(batch.missing, job)
    waiting = iter(todo)
    callers = min(job.calls.concurrency, len(todo))
    await asyncio.gather(*(batch.work(waiting, job.step) for _ in range(callers)))
    if batch.failure is not None:
        raise batch.failure
    return Done(
        made=batch.made, rejected=batch.rejected, pending=batch.pending, failures=batch.failures
    )


class _Batch:
    """What the callers of one batch share."""

    def __init__(
        self, cache: StepCache, prompt: Prompt, asker: Asker, advance: Callable[[int], None]
    ) -> None:
        self._cache, self._prompt, self._asker, self._advance = cache, prompt, asker, advance
        self.made = self.rejected = self.pending = 0
        self.failure: Exception | None = None
        self.failures: dict[str, Rejection] = {}

    def missing(self, job: TwoHopsJob) -> list[PairsToJoin]:
        items = {item.key: item for item in job.pairs}
        return [item for key, item in items.items() if not job.is_done(self._cache, key)]

    async def work(self, waiting: Iterator[PairsToJoin], step: str) -> None:
        """Takes one item after another from what the callers have in common."""
        for item in waiting:
            if self.failure is not None:
                return
            try:
                result = await ask_for_question(item, self._prompt, self._asker)
                await asyncio.to_thread(self._cache.put, step, item.key, result)
            except AnswerPending:
                self.pending += 1
                continue
            except FileRejected as error:
                self.failures[item.key] = Rejection(reason=error.reason, detail=error.detail)
                continue
            except Exception as error:
                self.failure = self.failure or error
                return
            self.made += 1
            self.rejected += result.rejection is not None
            self._advance(1)
