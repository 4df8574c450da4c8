"""What a base's chat template writes around a message, and token ids of text that is not trusted.

A template is rendered once with placeholders; texts of users are put into the rendered text, never
into the template. Special tokens are recognised only where the template or this project wrote them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple

from clara_model.errors import ConfigError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from clara_model.tokens import TokenSpace

PLAIN_TEMPLATE = (
    "{%- for message in messages %}"
    "{%- if message.role == 'assistant' %}{{- message.content + eos_token }}"
    "{%- else %}{{- message.content + '\\n\\n' }}{%- endif %}{%- endfor %}"
)
"""`chat_template: plain`: the messages with an empty line between, the answer closed by eos."""

# Some templates write today's date. What a model was trained on and what it is asked with must
# not differ by the day, so that the clock stands still for them.
_STOPPED_CLOCK = (
    "{%- macro strftime_now(format) -%}{{- format | replace('%d', '01') | replace('%m', '01')"
    " | replace('%b', 'Jan') | replace('%B', 'January') | replace('%Y', '2025')"
    " | replace('%y', '25') | replace('%a', 'Wed') | replace('%A', 'Wednesday') -}}"
    "{%- endmacro %}"
)
_SYSTEM = "CLARA-SYSTEM-TEXT"
_USER = "CLARA-USER-TEXT"
_ANSWER = "CLARA-ANSWER-TEXT"


class Piece(NamedTuple):
    """A stretch of a prompt. Special tokens are recognised in it only if it is `trusted`."""

    text: str
    trusted: bool


@dataclass(frozen=True)
class ChatFrame:
    """What the template writes before and after a user's message and an assistant's answer."""

    user_head: str
    """From the start to the message; the system text is in it."""
    user_tail: str
    """From the message to where the answer begins (the generation prompt)."""
    answer_head: str
    """What the template puts between the generation prompt and the answer, often nothing."""
    answer_tail: str
    """What it puts after the answer, often the end of the turn."""


def settle_chat_template(
    tokenizer: PreTrainedTokenizerFast, choice: Literal["own", "plain"]
) -> None:
    """Gives `tokenizer`, in place, the template that `ClaraConfig.chat_template` asks for.

    Raises ConfigError where the base's own is asked for and it has none.
    """
    if choice == "plain":
        tokenizer.chat_template = PLAIN_TEMPLATE
    else:
        _template_of(tokenizer)


def chat_frame(tokenizer: PreTrainedTokenizerFast, system: str) -> ChatFrame:
    """The frame that the tokenizer's template gives a prompt whose system text is `system`.

    Thinking is switched off (`enable_thinking=False`). Where the template refuses the system role
    or leaves it out, the system text stands in front of the user's. Raises ConfigError where there
    is no template, or where it does not write the messages as they are.
    """
    template = _template_of(tokenizer)
    special = tuple(sorted((k, str(v)) for k, v in tokenizer.special_tokens_map.items()))
    return _frame(_Renderer(tokenizer, template, special), system)


def guarded_ids(tokens: TokenSpace, pieces: Sequence[Piece]) -> list[int]:
    """Token ids of the pieces' text, tokenised in one go: words may grow together over a border.

    A special token that begins in a piece that is not trusted is spelt out as plain text.
    """
    text = "".join(piece.text for piece in pieces)
    encoding = tokens.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    ids: list[int] = encoding["input_ids"]
    special = _special_ids(tokens)
    if special.isdisjoint(ids):
        return ids
    suspects = _untrusted_spans(pieces)
    guarded: list[int] = []
    for id_, (start, end) in zip(ids, encoding["offset_mapping"], strict=True):
        # A token that swallows the white space before it begins at its first visible character.
        begins = start + len(text[start:end]) - len(text[start:end].lstrip())
        if id_ in special and any(low <= begins < high for low, high in suspects):
            guarded.extend(tokens.text_ids(text[start:end]))
        else:
            guarded.append(id_)
    return guarded


def _untrusted_spans(pieces: Sequence[Piece]) -> list[tuple[int, int]]:
    spans, start = [], 0
    for piece in pieces:
        end = start + len(piece.text)
        if not piece.trusted and piece.text:
            spans.append((start, end))
        start = end
    return spans


@lru_cache(maxsize=8)
def _special_ids(tokens: TokenSpace) -> frozenset[int]:
    added = tokens.tokenizer.added_tokens_decoder
    return frozenset(id_ for id_, token in added.items() if token.special)


def _template_of(tokenizer: PreTrainedTokenizerFast) -> str:
    try:
        template: str = tokenizer.get_chat_template()
    except ValueError as error:
        raise ConfigError(
            "The base model's tokenizer has no chat template to write prompts with. Name an "
            "instruction-tuned base, or use a plain one with --chat-template plain "
            "(`chat_template: plain` in a configuration)."
        ) from error
    if "strftime_now" in template:
        template = _STOPPED_CLOCK + template
    return template


@dataclass(frozen=True)
class _Renderer:
    tokenizer: PreTrainedTokenizerFast
    template: str
    special: tuple[tuple[str, str], ...]
    """Part of the key of the cache: templates write bos and eos by name."""

    def render(self, messages: list[dict[str, str]], *, answered: bool) -> str:
        rendered = self.tokenizer.apply_chat_template(
            messages,
            chat_template=self.template,
            tokenize=False,
            add_generation_prompt=not answered,
            enable_thinking=False,
        )
        assert isinstance(rendered, str)
        return rendered


@lru_cache(maxsize=64)
def _frame(renderer: _Renderer, system: str) -> ChatFrame:
    if _takes_system(renderer):
        asked, lead = [{"role": "system", "content": system}], ""
    else:
        asked, lead = [], f"{system}\n\n"
    asked = [*asked, {"role": "user", "content": _USER}]
    prompt = _rendered(renderer, asked, answered=False)
    whole = _rendered(renderer, [*asked, {"role": "assistant", "content": _ANSWER}], answered=True)
    user_head, user_tail = _around(prompt, _USER)
    answer_head, answer_tail = _around(whole, _ANSWER)
    # A template may write a past answer otherwise than it asks for one (thinking left out).
    answer_head = answer_head.removeprefix(prompt) if answer_head.startswith(prompt) else ""
    return ChatFrame(user_head + lead, user_tail, answer_head, answer_tail)


def _takes_system(renderer: _Renderer) -> bool:
    from jinja2 import TemplateError

    messages = [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": _USER}]
    try:
        return _SYSTEM in renderer.render(messages, answered=False)
    except TemplateError:
        return False


def _rendered(renderer: _Renderer, messages: list[dict[str, str]], *, answered: bool) -> str:
    from jinja2 import TemplateError

    try:
        return renderer.render(messages, answered=answered)
    except TemplateError as error:
        raise ConfigError(
            f"The base model's chat template cannot write a question and its answer: {error}. "
            "Use a plain one with --chat-template plain (`chat_template: plain` in a "
            "configuration)."
        ) from error


def _around(rendered: str, placeholder: str) -> tuple[str, str]:
    if rendered.count(placeholder) != 1:
        raise ConfigError(
            "The base model's chat template does not write a message once and as it is (it was "
            f"found {rendered.count(placeholder)} times). Use a plain one with --chat-template "
            "plain (`chat_template: plain` in a configuration)."
        )
    head, _, tail = rendered.partition(placeholder)
    return head, tail
