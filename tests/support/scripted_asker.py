"""An Asker whose answers a function gives: what was asked is kept, in order of asking."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from tasks.endpoint.chat import ChatAnswer, ChatRequest
from tasks.records import Usage

Script = Callable[[ChatRequest], "dict[str, Any] | str"]


class ScriptedAsker:
    """`script` answers with an object (sent as JSON) or a text, or raises what an asker raises.

    An answer comes after `delay(request)` turns of the event loop: so answers overtake one
    another, in an order that the test decides.
    """

    def __init__(
        self,
        script: Script,
        *,
        usage: Usage | None = None,
        delay: Callable[[ChatRequest], int] = lambda request: 0,
    ) -> None:
        self._script = script
        self._usage = usage
        self._delay = delay
        self.requests: list[ChatRequest] = []
        self.answered: list[ChatRequest] = []

    async def ask(self, request: ChatRequest) -> ChatAnswer:
        self.requests.append(request)
        for _ in range(self._delay(request)):
            await asyncio.sleep(0)
        said = self._script(request)
        self.answered.append(request)
        text = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
        return ChatAnswer(text=text, finish_reason="stop", usage=self._usage, model="scripted")

    def of_step(self, step: str) -> list[ChatRequest]:
        """The requests of one step."""
        return [request for request in self.requests if request.step == step]
