"""Untrusted text made fit to be seen: nothing invisible, nothing that reorders what stands near.

Escaping is not done here (templates escape, markdown has its own): this is about characters that
survive escaping and still deceive. `readable` keeps every code point at its place, so evidence
offsets stay true.
"""

from __future__ import annotations

# Embeddings, overrides and isolates change the order of the text around them ("Trojan Source").
_REORDERING = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
_SEPARATORS = (0x2028, 0x2029)
_CONTROLS = (*range(0x20), *range(0x7F, 0xA0))
_LONE_SURROGATES = tuple(range(0xD800, 0xE000))
_UNSEEN = (*_CONTROLS, *_REORDERING, *_SEPARATORS, *_LONE_SURROGATES)

_ESCAPED = {code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" for code in _UNSEEN}
_ESCAPED.update({0x09: r"\t", 0x0A: r"\n", 0x0D: r"\r"})
_REPLACED = dict.fromkeys(
    (code for code in _UNSEEN if code not in (0x09, 0x0A)), "\N{REPLACEMENT CHARACTER}"
)


def one_line(text: str, limit: int | None = None) -> str:
    """A path, a name, a reason: what cannot be seen is written as an escape, long is cut."""
    return clip(text, limit).translate(_ESCAPED)


def readable(text: str, limit: int | None = None) -> str:
    """Prose, code point for code point: newlines and tabs stay, other controls become U+FFFD."""
    return clip(text, limit).translate(_REPLACED)


def clip(text: str, limit: int | None) -> str:
    return text if limit is None or len(text) <= limit else text[: limit - 1] + "…"


def is_han(character: str) -> bool:
    code = ord(character)
    return (
        0x4E00 <= code <= 0x9FFF
        or 0x3400 <= code <= 0x4DBF
        or 0xF900 <= code <= 0xFAFF
        or 0x20000 <= code <= 0x323AF
        or code == 0x3007
    )


def language_tag(text: str) -> str | None:
    """`zh-Hans`, `zh-Hant`, or None for text without Han characters.

    Fonts draw one code point differently for each script, and a browser takes the form from the
    `lang` attribute. The two legacy encodings tell the scripts apart: GB 2312 has no traditional
    forms and Big5 no simplified ones. What both can write counts as simplified.
    """
    han = {character for character in text if is_han(character)}
    if not han:
        return None
    simplified = sum(_fits(c, "gb2312") and not _fits(c, "big5") for c in han)
    traditional = sum(_fits(c, "big5") and not _fits(c, "gb2312") for c in han)
    return "zh-Hant" if traditional > simplified else "zh-Hans"


def _fits(character: str, encoding: str) -> bool:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
