"""What a preview shows: a few chunks, and everything that was said about them."""

from __future__ import annotations

import io

from tasks.endpoint.chat import Asker, ChatAnswer, ChatRequest
from tasks.errors import FileRejected
from tasks.records import Record, Synthesis


class ShownExchange(Record):
    """One call: what was sent, and what came back as it came."""

    step: str
    messages: tuple[tuple[str, str], ...]
    answer: str | None
    refused: str | None = None


class ShownPicture(Record):
    """A picture that was described for a preview."""

    file_path: str
    image_id: str
    exchanges: tuple[ShownExchange, ...]
    text: str | None
    rejected: str | None = None


class ShownChunk(Record):
    """A chunk, the calls made for it, and what became of them."""

    file_path: str
    pages: tuple[int, ...]
    headings: tuple[str, ...]
    text: str
    exchanges: tuple[ShownExchange, ...]
    synthesis: Synthesis


class Preview(Record):
    """All of it."""

    pictures: tuple[ShownPicture, ...] = ()
    chunks: tuple[ShownChunk, ...] = ()
    spending: str | None = None


class Eavesdropper:
    """An Asker that notes what goes through it."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self.exchanges: list[ShownExchange] = []

    async def ask(self, request: ChatRequest) -> ChatAnswer:
        """The other asker's answer. Raises what that one raises."""
        answer: ChatAnswer | None = None
        refused: str | None = None
        try:
            answer = await self._asker.ask(request)
            return answer
        except FileRejected as error:
            refused = str(error)
            raise
        finally:
            self.exchanges.append(
                ShownExchange(
                    step=request.step,
                    messages=tuple(_shown(request)),
                    answer=answer.text if answer else None,
                    refused=refused,
                )
            )


def _shown(request: ChatRequest) -> list[tuple[str, str]]:
    from PIL import Image

    found: list[tuple[str, str]] = []
    for message in request.messages:
        text = message.text
        for picture in message.images:
            with Image.open(io.BytesIO(picture.jpeg)) as image:
                width, height = image.size
            text += f"\n[a picture of {width} x {height} pixels, {len(picture.jpeg):,} bytes]"
        found.append((message.role, text))
    return found
