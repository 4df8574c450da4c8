"""Characters without a glyph that carry text past a reader, or turn it round.

Tag characters spell ASCII invisibly, runs of variation selectors and of zero-width characters
encode bytes, direction overrides show a text in another order than the one that is stored. They
are taken out. What has an honest use stays: joiners inside emoji and inside words of the scripts
that need them, one variation selector behind its base, direction marks beside Hebrew and Arabic,
the flags of England, Scotland and Wales.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from tasks.extraction.invisible import LeftOut

_TAGS = "\U000e0000-\U000e007f"
_SELECTORS = "\ufe00-\ufe0f\U000e0100-\U000e01ef"
_DIRECTION = "\u202a-\u202e\u2066-\u2069"
_MARKS = "\u200e\u200f\u061c"
_ZERO_WIDTH = "\u200b-\u200d\u2060-\u2064\ufeff\u180e\u206a-\u206f\ufff9-\ufffb"
_CONTROLS = f"{_TAGS}{_SELECTORS}{_DIRECTION}{_MARKS}{_ZERO_WIDTH}"

_ANY = re.compile(f"[{_CONTROLS}]")
# A flag is one black flag, the letters of its region as tags, and the tag that ends it.
_REGIONS = "|".join(
    "".join(chr(0xE0000 + ord(letter)) for letter in region)
    for region in ("gbeng", "gbsct", "gbwls")
)
_FLAG_OR_RUN = re.compile(f"(?P<flag>\U0001f3f4(?:{_REGIONS})\U000e007f)|(?P<run>[{_CONTROLS}]+)")
_SELECTOR = re.compile(f"[{_SELECTORS}]")
_MARK = re.compile(f"[{_MARKS}]")
_LONE = re.compile(f"[{_MARKS}{_ZERO_WIDTH}]")
_JOINER = re.compile("[\u200c\u200d]")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff]")
# Arabic and its kin, the scripts of India and South-East Asia, Mongolian.
_JOINING_SCRIPT = re.compile(
    "[\u0600-\u08ff\u0900-\u0dff\u0e00-\u109f\u1700-\u18af\ua840-\uabff\ufb50-\ufdff\ufe70-\ufefc]"
)
_EMOJI = re.compile("[\u00a9\u00ae\u203c-\u3299\U0001f000-\U0001faff]")
_RUN_THAT_SPEAKS = 3
"""Zero-width characters in a row: one or two are typography (a break hint, a forgotten mark)."""
_LONE_THAT_SPEAK = 8
"""Lone ones in one text, of two kinds at least: a single kind marks breaks and encodes nothing."""


def without_smuggled(text: str) -> tuple[str, int]:
    """The text without such characters, and how many of those taken out may have carried text.

    Lone zero-width characters go as well, but only many of them count.
    """
    if not _ANY.search(text):
        return text, 0
    counted = 0
    lone: list[str] = []

    def replace(match: re.Match[str]) -> str:
        nonlocal counted
        if match["flag"]:
            return match["flag"]
        run = match["run"]
        before = text[match.start() - 1] if match.start() else ""
        after = text[match.end()] if match.end() < len(text) else ""
        kept = _kept(run, before, after)
        gone = run[len(kept) :]
        if len(gone) < _RUN_THAT_SPEAKS and all(map(_LONE.match, gone)):
            lone.extend(gone)
        else:
            counted += len(gone)
        return kept

    cleaned = _FLAG_OR_RUN.sub(replace, text)
    if len(lone) >= _LONE_THAT_SPEAK and len(set(lone)) > 1:
        counted += len(lone)
    return cleaned, counted


def _kept(run: str, before: str, after: str) -> str:
    """The beginning of a run that has a use where it stands: at most a selector and a joiner."""
    kept = ""
    if before.strip() and _SELECTOR.match(run):
        kept = run[0]
    rest = run[len(kept) :]
    if len(rest) != 1:
        return kept
    emoji = _EMOJI.match(before) and _EMOJI.match(after)
    joins = _JOINING_SCRIPT.match(before) or _JOINING_SCRIPT.match(after)
    turns = _RIGHT_TO_LEFT.match(before) or _RIGHT_TO_LEFT.match(after)
    if (_JOINER.match(rest) and (emoji or joins)) or (_MARK.match(rest) and turns):
        kept += rest
    return kept


def clean_items(items: Iterable[Any], left_out: LeftOut) -> None:
    """Takes them out of the `text` of items that have one, in place."""
    for item in items:
        text, count = without_smuggled(item.text)
        if text is not item.text:
            item.text = text
        left_out.add("controls", count)
