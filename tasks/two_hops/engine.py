"""One question over two hops, as a model is asked for it."""

from __future__ import annotations

import json
from typing import Any

from tasks.endpoint.chat import AnswerShape, Asker, ChatRequest
from tasks.errors import FileRejected
from tasks.jobs import PairsToJoin, Rejection, TwoHopQuestion
from tasks.prompting import Prompt
from tasks.text.untrusted import fenced
from tasks.two_hops.checks import rejection_of

SHAPE = AnswerShape(
    name="two_hop_question",
    json_schema={
        "type": "object",
        "properties": {"question": {"type": ["string", "null"]}},
        "required": ["question"],
        "additionalProperties": False,
    },
)
_SHAPE_SHOWN = '{"question": "the question, or null without quotes"}'
_LANGUAGES = {"en": "English", "zh": "Chinese (中文)"}
# A question has some 50; the rest is room for a model that thinks before it answers.
_MAX_TOKENS = 1000


async def ask_for_question(item: PairsToJoin, prompt: Prompt, asker: Asker) -> TwoHopQuestion:
    """The model's question, or why it cannot be used.

    Raises AnswerPending in a batch, ClaraError for what stops the run, and FileRejected where
    the cause may pass.
    """
    try:
        answer = await asker.ask(request_for(item, prompt))
    except FileRejected as refused:
        if refused.retryable:
            raise
        return TwoHopQuestion(rejection=Rejection(reason=refused.reason, detail=refused.detail))
    written = json.loads(answer.text)["question"]
    question = " ".join(written.split()) if written else ""
    if not question:
        return TwoHopQuestion(usage=answer.usage)
    rejection = rejection_of(question, item)
    if rejection is not None:
        return TwoHopQuestion(rejection=rejection, usage=answer.usage)
    return TwoHopQuestion(question=question, usage=answer.usage)


def request_for(item: PairsToJoin, prompt: Prompt) -> ChatRequest:
    """What is sent for one link. The pairs are JSON inside a fence: their text can end neither."""
    pairs: dict[str, Any] = {
        "first": item.first.model_dump(),
        "second": item.second.model_dump(),
        "entity": item.entity,
    }
    return ChatRequest(
        step="two_hops",
        messages=prompt.messages(
            {
                "pairs": fenced(json.dumps(pairs, ensure_ascii=False, indent=1), "pairs"),
                "shape": _SHAPE_SHOWN,
                "language": _LANGUAGES[item.language],
            }
        ),
        shape=SHAPE,
        max_tokens=_MAX_TOKENS,
    )
