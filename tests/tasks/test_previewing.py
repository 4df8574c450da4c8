"""What a preview overhears: every call, with its answer, its refusal, and a word for pictures."""

from __future__ import annotations

import asyncio
import io

import pytest
from PIL import Image
from rich.console import Console

from tasks.endpoint.chat import ChatAnswer, ChatMessage, ChatRequest, ImagePart
from tasks.errors import FileRejected
from tasks.previewing import Eavesdropper, Preview, ShownChunk
from tasks.records import DroppedPair, QAPair, Synthesis, Synthesizer
from tasks.reporting.preview import show_preview


class Model:
    async def ask(self, request: ChatRequest) -> ChatAnswer:
        if "refuse" in request.messages[-1].text:
            raise FileRejected("content_refused", "the endpoint says no")
        return ChatAnswer(text='{"fine": true}', model="m")


def ask(asker: Eavesdropper, text: str, *images: ImagePart) -> None:
    message = ChatMessage(role="user", text=text, images=images)
    request = ChatRequest(step="synthesize", messages=(message,), max_tokens=5)
    asyncio.run(asker.ask(request))


def test_calls_are_noted_whatever_becomes_of_them() -> None:
    asker, stream = Eavesdropper(Model()), io.BytesIO()
    Image.new("RGB", (40, 30)).save(stream, "JPEG")
    ask(asker, "what is [bold]this[/bold]?", ImagePart(jpeg=stream.getvalue()))
    with pytest.raises(FileRejected):
        ask(asker, "refuse this")
    first, second = asker.exchanges
    assert "a picture of 40 x 30 pixels" in first.messages[0][1]
    assert first.answer == '{"fine": true}' and first.refused is None
    assert second.answer is None and "the endpoint says no" in str(second.refused)


def test_a_chunk_is_shown_with_what_was_kept_and_why_the_rest_was_not() -> None:
    asker = Eavesdropper(Model())
    ask(asker, "the same long prompt")
    pair = QAPair(
        type="fact",
        question="水泵的功率是多少？",
        answer="11 kW",
        question_language="zh",
        answer_language="en",
    )
    synthesis = Synthesis(
        dense_summary=None,
        qa_pairs=(pair,),
        dropped=(DroppedPair(reason="ungrounded", detail="Not in the passage: “12”."),),
        synthesizer=Synthesizer(engine="llm", model="m"),
    )
    chunk = ShownChunk(
        file_path="a/[red]b.txt",
        pages=(3,),
        headings=("Pumps",),
        text="text",
        exchanges=tuple(asker.exchanges),
        synthesis=synthesis,
    )
    console = Console(file=io.StringIO(), width=100, markup=False)
    show_preview(Preview(chunks=(chunk, chunk)), console)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    for wanted in ("a/[red]b.txt, page 3", "Kept: 1 pairs", "水泵的功率", "ungrounded: Not in"):
        assert wanted in shown
    assert shown.count("the same long prompt") == 1
    assert "synthesize: user, as above" in shown


def test_nothing_to_show_is_said() -> None:
    console = Console(file=io.StringIO(), width=100)
    show_preview(Preview(), console)
    assert "No document of SOURCE gave a chunk." in console.file.getvalue()  # type: ignore[attr-defined]
