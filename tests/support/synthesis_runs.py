"""A document through the model's synthesizer, whose answers a script gives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from tasks.endpoint.chat import ChatRequest
from tasks.prompting import load_prompts
from tasks.records import Synthesis, TextChunk
from tasks.synthesis.llm import LLMSynthesizer
from tests.support.drafted_answers import CHINESE, ENGLISH, chunk
from tests.support.scripted_asker import ScriptedAsker

PROMPTS = load_prompts(None)
LLM = LLMSynthesizer("scripted", PROMPTS, {}, None)
NOTHING: dict[str, Any] = {"dense_summary": None, "pairs": []}
EN, ZH = chunk(ENGLISH, "en"), chunk(CHINESE, "zh")


def made(
    answers: dict[str, Any] | Callable[[ChatRequest], Any],
    *chunks: TextChunk,
    llm: LLMSynthesizer = LLM,
    **more: Any,
) -> tuple[tuple[Synthesis, ...], ScriptedAsker]:
    """The document's syntheses; `answers` by step, or a function of the request."""
    script = answers if callable(answers) else (lambda request: answers[request.step])
    asker = ScriptedAsker(script, **more)
    return asyncio.run(llm.synthesize_document(chunks, asker)), asker


def one(first: dict[str, Any], of: TextChunk = EN, repair: Any = NOTHING) -> Synthesis:
    """The synthesis of one chunk, by a first and a second answer."""
    (synthesis,), _ = made({"synthesize": first, "repair": repair}, of)
    return synthesis


def reasons(synthesis: Synthesis) -> list[str]:
    return [dropped.reason for dropped in synthesis.dropped]
