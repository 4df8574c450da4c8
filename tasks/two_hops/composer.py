"""Who composes questions over two hops, and what identifies them in the cache."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from tasks.cache import content_key
from tasks.endpoint.options import EndpointOptions
from tasks.jobs import VERSIONS, PairInPassage, PairsToJoin
from tasks.prompting import load_prompts
from tasks.reasoning_links import Hop, HopLink
from tasks.records import Record


class TwoHopComposer(Record):
    """Everything beside the pairs that decides a question."""

    model: str
    prompt_hash: str
    extra_body: dict[str, Any] = Field(default_factory=dict)

    def pairs_of(self, link: HopLink) -> PairsToJoin:
        """What the model is asked about one link, under the key of its result."""
        parts: dict[str, Any] = {
            "language": link.first.row.language,
            "entity": link.entity,
            "first": _in_passage(link.first),
            "second": _in_passage(link.second),
        }
        key = content_key("two_hops", VERSIONS["two_hops"], composer=self, **parts)
        return PairsToJoin(key=key, **parts)


def composer_of(calls: EndpointOptions, prompts: str | None) -> TwoHopComposer:
    """The composer behind an endpoint; `prompts` is the folder of the user's own prompts.

    Raises UsageError for a folder of prompts that cannot be used.
    """
    return TwoHopComposer(
        model=calls.model,
        prompt_hash=load_prompts(prompts).hash_of("two_hops"),
        extra_body=calls.extra_body,
    )


def _in_passage(hop: Hop) -> PairInPassage:
    return PairInPassage(passage=hop.row.chunk, question=hop.pair.question, answer=hop.pair.answer)
