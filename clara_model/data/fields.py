"""Single fields of a row under the names that this project and the reference's data give them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clara_model.errors import DataError

# What is trained on, and what counts as right: a reasoning row's `answer` is a trace.
_TARGET_NAMES = ("answer", "answers", "golden_answers", "gold_answer")
_GOLD_NAMES = ("golden_answers", "answers", "gold_answer", "answer")
_DOCUMENT_NAMES = ("docs", "context", "content")
_QUOTED_MAX = 60


@dataclass(frozen=True)
class RowFields:
    """The fields of one row. Every method raises DataError for what is missing or malformed."""

    row: Mapping[str, Any]
    where: str

    def error(self, problem: str) -> DataError:
        return DataError(f"{self.where}: {problem}.")

    def row_id(self, default: str) -> str:
        given = self.row.get("id", default)
        if isinstance(given, bool) or not isinstance(given, str | int):
            raise self.error(f"`id` is {_quoted(given)}, neither a text nor a number")
        return str(given)

    def required(self, name: str) -> Any:
        if name not in self.row:
            raise self.error(f"the field `{name}` is missing{self._there_are()}")
        return self.row[name]

    def texts(self, name: str) -> tuple[str, ...]:
        """One text or a list of texts, none of them empty."""
        value = self.required(name)
        texts = [value] if isinstance(value, str) else value
        if not isinstance(texts, list):
            raise self.error(f"`{name}` is {_quoted(value)}, neither a text nor a list of texts")
        if not texts:
            raise self.error(f"`{name}` is an empty list")
        for at, text in enumerate(texts):
            named = f"`{name}`" if texts is not value else f"`{name}` number {at}"
            if not isinstance(text, str):
                raise self.error(f"{named} is {_quoted(text)}, not a text")
            if not text.strip():
                raise self.error(f"{named} is empty")
            if any("\ud800" <= char <= "\udfff" for char in text):
                raise self.error(f"{named} holds half a character (an unpaired surrogate)")
        return tuple(texts)

    def documents(self) -> tuple[str, ...]:
        return self.texts(self._first_of(_DOCUMENT_NAMES, "documents"))

    def answers(self) -> tuple[str, ...]:
        """What is trained on: the first of the answers' names that the row has."""
        return self.texts(self._first_of(_TARGET_NAMES, "answer"))

    def gold_answers(self) -> tuple[str, ...]:
        """What counts as right."""
        return self.texts(self._first_of(_GOLD_NAMES, "answer"))

    def positives(self, documents: int) -> tuple[int, ...] | None:
        """`pos_index`, each position once; None where it is missing, null or an empty list."""
        value = self.row.get("pos_index")
        positions = [value] if isinstance(value, int) else value
        if positions is None or positions == []:
            return None
        if not isinstance(positions, list) or not all(
            isinstance(at, int) and not isinstance(at, bool) for at in positions
        ):
            raise self.error(f"`pos_index` is {_quoted(value)}, not a list of positions")
        for at in positions:
            if not 0 <= at < documents:
                raise self.error(
                    f"`pos_index` names document {at}, but there are {documents}, counted from 0"
                )
        return tuple(dict.fromkeys(positions))

    def _first_of(self, names: tuple[str, ...], meaning: str) -> str:
        for name in names:
            if self.row.get(name) is not None:
                return name
        raise self.error(
            f"it has no {meaning} (looked for {', '.join(f'`{n}`' for n in names)})"
            f"{self._there_are()}"
        )

    def _there_are(self) -> str:
        return f"; its fields are {', '.join(f'`{name}`' for name in self.row) or 'none'}"


def _quoted(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _QUOTED_MAX else f"{text[:_QUOTED_MAX]}..."
