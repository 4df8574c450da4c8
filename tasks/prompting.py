"""Prompts: markdown files of ours in `tasks/prompts`, each of which a user can replace.

A prompt is a system message, a line `--- user ---`, and a user message, with placeholders such
as `{{passage}}`. They are filled in one pass: what a document's text says about placeholders is
text. A prompt's hash is part of every cache key that it decides, and of the manifest.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field

from tasks.endpoint.chat import ChatMessage
from tasks.errors import UsageError
from tasks.records import Record

PromptName = Literal["describe", "synthesize", "repair", "judge", "two_hops"]

OUR_PROMPTS = Path(__file__).parent / "prompts"
_USER_LINE = re.compile(r"^--- user ---[ \t]*\r?\n", re.MULTILINE)
_PLACEHOLDER = re.compile(r"\{\{\s*([a-z_]+)\s*\}\}")

# What a prompt must hold to make sense, and what it may hold beside it.
_REQUIRED: dict[PromptName, frozenset[str]] = {
    "describe": frozenset({"language"}),
    "synthesize": frozenset({"passage", "shape"}),
    "repair": frozenset({"complaints", "shape"}),
    "judge": frozenset({"passage", "pairs", "shape"}),
    "two_hops": frozenset({"pairs", "shape"}),
}
_OPTIONAL: dict[PromptName, frozenset[str]] = {
    "describe": frozenset({"context", "caption", "heading", "neighbouring_text", "filename"}),
    "synthesize": frozenset(
        {
            "headings",
            "language",
            "other_language",
            "least_characters",
            "most_characters",
            "pair_count",
        }
    ),
    "repair": frozenset({"language", "other_language", "least_characters", "most_characters"}),
    "judge": frozenset({"language"}),
    "two_hops": frozenset({"language"}),
}


class Prompt(Record):
    """One template."""

    name: PromptName
    system: str
    user: str
    sha256: str = Field(description="of the file's text")

    def messages(self, values: Mapping[str, str]) -> tuple[ChatMessage, ...]:
        """System and user message with every placeholder filled. Raises KeyError for a hole."""

        def fill(template: str) -> str:
            return _PLACEHOLDER.sub(lambda found: values[found[1]], template).strip()

        system = fill(self.system)
        user = ChatMessage(role="user", text=fill(self.user))
        return (ChatMessage(role="system", text=system), user) if system else (user,)


class Prompts(Record):
    """All templates of a run."""

    by_name: dict[PromptName, Prompt]

    def __getitem__(self, name: PromptName) -> Prompt:
        return self.by_name[name]

    def hash_of(self, *names: PromptName) -> str:
        """One hash over several prompts, 16 hex digits."""
        text = "\n".join(self.by_name[name].sha256 for name in names)
        return hashlib.sha256(text.encode("ascii")).hexdigest()[:16]

    def hashes(self) -> dict[str, str]:
        """What the manifest holds."""
        return {name: prompt.sha256 for name, prompt in sorted(self.by_name.items())}


@lru_cache(maxsize=4)
def load_prompts(folder: str | None) -> Prompts:
    """Our prompts, those in `folder` in their place.

    Raises UsageError for a folder that is not there, a file that is no prompt of ours, a
    template without a placeholder that it needs, or with one that nothing fills.
    """
    found = {name: _parse(name, OUR_PROMPTS / f"{name}.md") for name in _REQUIRED}
    if folder is None:
        return Prompts(by_name=found)
    own = Path(folder).expanduser()
    if not own.is_dir():
        raise UsageError(
            f"--prompts {folder!r} is no folder: `clara prompts copy {folder}` makes it"
        )
    files = sorted(own.glob("*.md"))
    if not files:
        raise UsageError(
            f"--prompts {folder!r} holds no prompt: `clara prompts copy {folder}` fills it"
        )
    for path in files:
        name = next((known for known in _REQUIRED if known == path.stem), None)
        if name is None:
            raise UsageError(
                f"{path} is no prompt of this program: it knows {', '.join(sorted(_REQUIRED))}"
            )
        found[name] = _parse(name, path)
    return Prompts(by_name=found)


def copy_prompts(folder: Path) -> list[Path]:
    """Writes our prompts into `folder`. Raises UsageError where one would be overwritten."""
    copies = {folder / f"{name}.md": OUR_PROMPTS / f"{name}.md" for name in sorted(_REQUIRED)}
    there = [path for path in copies if path.exists()]
    if there:
        raise UsageError(f"{there[0]} is there already: name another folder, or move it away")
    folder.mkdir(parents=True, exist_ok=True)
    for copy, ours in copies.items():
        copy.write_bytes(ours.read_bytes())
    return list(copies)


def _parse(name: PromptName, path: Path) -> Prompt:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the prompt {path} cannot be read as UTF-8 text: {error}") from error
    parts = _USER_LINE.split(text)
    if len(parts) != 2:
        raise UsageError(
            f"the prompt {path} needs exactly one line `--- user ---` between the system message "
            "and the user message"
        )
    used = set(_PLACEHOLDER.findall(text))
    missing = sorted(_REQUIRED[name] - used)
    unknown = sorted(used - _REQUIRED[name] - _OPTIONAL[name])
    if missing:
        raise UsageError(f"the prompt {path} lacks the placeholder {{{{{missing[0]}}}}}")
    if unknown:
        allowed = ", ".join(sorted(_REQUIRED[name] | _OPTIONAL[name]))
        raise UsageError(
            f"nothing fills the placeholder {{{{{unknown[0]}}}}} of the prompt {path}: "
            f"there are {allowed}"
        )
    return Prompt(
        name=name,
        system=parts[0],
        user=parts[1],
        sha256=hashlib.sha256(text.encode("utf-8")).hexdigest(),
    )
