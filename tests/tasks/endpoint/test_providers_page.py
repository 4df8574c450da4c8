"""docs/providers.md and the README stay true: their messages are real, their lines work."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.endpoint.base_url import host_name
from tasks.endpoint.configured import api_key_for, choose_description, choose_synthesis
from tasks.model_options import ModelOptions
from tasks.options import IngestOptions, flag_of
from tasks.settings import settings

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "providers.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
_GAP = "\0"


def code_messages() -> Iterator[str]:
    """Every text in the code, with a gap for what is filled in."""
    for folder in ("tasks", "flows"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value
                elif isinstance(node, ast.JoinedStr):
                    yield "".join(
                        str(part.value) if isinstance(part, ast.Constant) else _GAP
                        for part in node.values
                    )


def quoted_messages(page: str) -> list[str]:
    troubleshooting = page.split("## Troubleshooting", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"^\| `([^`]+)` \|", troubleshooting, re.MULTILINE)


def blocks() -> dict[str, list[dict[str, str]]]:
    """The variables of each fenced block, by the heading above it."""
    found: dict[str, list[dict[str, str]]] = {}
    heading = ""
    for part in re.split(r"^(## .*)$", PAGE, flags=re.MULTILINE):
        if part.startswith("## "):
            heading = part.removeprefix("## ")
            continue
        for block in re.findall(r"^```\n(.*?)^```$", part, re.MULTILINE | re.DOTALL):
            lines = dict(re.findall(r"^([A-Z_]+)=(\S+)$", block, re.MULTILINE))
            if lines:
                found.setdefault(heading, []).append(lines)
    return found


@pytest.fixture(autouse=True)
def anew() -> Iterator[None]:
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.mark.parametrize(("page", "fewest"), [(PAGE, 20), (README, 7)])
def test_quoted_messages_occur_in_the_code(page: str, fewest: int) -> None:
    messages = set(code_messages())
    quoted = quoted_messages(page)
    assert len(quoted) > fewest
    for quote in quoted:
        pieces = [re.escape(piece.strip()) for piece in quote.split("…") if piece.strip()]
        pattern = re.compile(rf"[^{_GAP}]*{_GAP}[^{_GAP}]*".join(pieces))
        starts_with_gap = quote.startswith("…")
        assert any(
            (match := pattern.search(message))
            and (_GAP in message[: match.start()]) is starts_with_gap
            for message in messages
        ), quote


@pytest.mark.parametrize(
    ("heading", "text_host", "vision_host"),
    [
        ("OpenAI", "api.openai.com", "api.openai.com"),
        (
            "Alibaba Cloud DashScope (Model Studio)",
            "dashscope.aliyuncs.com",
            "dashscope.aliyuncs.com",
        ),
        ("DeepSeek", "api.deepseek.com", None),
        ("vLLM", "localhost", "localhost"),
        ("Ollama", "localhost", "localhost"),
        ("Two endpoints at once", "api.deepseek.com", "localhost"),
    ],
)
def test_the_lines_to_type_configure_what_they_promise(
    heading: str,
    text_host: str,
    vision_host: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (lines,) = blocks()[heading]
    for name, value in lines.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    text = choose_synthesis(ModelOptions(), cache_uri="", offline=False).endpoint
    seeing = choose_description(ModelOptions(), cache_uri="", offline=False).endpoint
    assert text is not None
    assert host_name(text.base_url) == text_host
    assert api_key_for(text) == lines.get("OPENAI_API_KEY")
    if vision_host is None:
        assert seeing is None
    else:
        assert seeing is not None
        assert host_name(seeing.base_url) == vision_host
        same = vision_host == text_host
        assert api_key_for(seeing) == (lines.get("OPENAI_API_KEY") if same else None)


def test_every_extra_body_is_one_that_is_taken() -> None:
    bodies = re.findall(r"--(?:vision-)?extra-body '([^']+)'", PAGE)
    assert len(bodies) >= 5
    for body in bodies:
        assert isinstance(json.loads(body), dict)
        choose_synthesis(ModelOptions(model="m", extra_body=body), cache_uri="", offline=False)


def test_every_flag_exists() -> None:
    of_others = {"--max-model-len", "--api-key", "--chunks", "--output"}
    ours = {flag_of(name) for name in IngestOptions.model_fields}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", PAGE)) - of_others <= ours
