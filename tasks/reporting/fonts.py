"""A Chinese font inside the report, cut down to the characters that the report uses.

A reader's machine without any Chinese font (a bare Linux) would show boxes. Where the machine that
writes the report has a font whose licence allows embedding, its needed glyphs travel along; the
page prefers fonts of the reader's machine. macOS, Windows, Android and iOS all bring their own.
"""

from __future__ import annotations

import base64
import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.reporting.display import is_han

if TYPE_CHECKING:
    import uharfbuzz

FAMILY = "Report Chinese"
MAXIMUM_CHARACTERS = 2_000
MAXIMUM_FONT_BYTES = 1_200_000
# Under the SIL Open Font License or Apache 2.0: a subset may be embedded and passed on. Fonts that
# come with an operating system may not, so they are never looked for.
EMBEDDABLE_FONTS = (
    "NotoSansCJKsc-Regular.otf",
    "NotoSansCJK-Regular.ttc",
    "NotoSansSC-Regular.otf",
    "NotoSansSC-Regular.ttf",
    "SourceHanSansSC-Regular.otf",
    "SourceHanSansCN-Regular.otf",
    "SourceHanSans-Regular.ttc",
    "DroidSansFallbackFull.ttf",
    "DroidSansFallback.ttf",
)


def font_folders() -> list[Path]:
    """Where fonts are installed on this system; folders that do not exist are harmless."""
    home = Path.home()
    if sys.platform == "darwin":
        return [home / "Library/Fonts", Path("/Library/Fonts")]
    own = Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share") / "fonts"
    return [own, home / ".fonts", Path("/usr/local/share/fonts"), Path("/usr/share/fonts")]


def find_font(folders: list[Path] | None = None) -> Path | None:
    """The first embeddable Chinese font, by the order of EMBEDDABLE_FONTS, then by path."""
    found: dict[str, Path] = {}
    for folder in font_folders() if folders is None else folders:
        for parent, children, names in os.walk(folder):
            children.sort()
            for name in sorted(set(names) & set(EMBEDDABLE_FONTS)):
                found.setdefault(name, Path(parent) / name)
    return next((found[name] for name in EMBEDDABLE_FONTS if name in found), None)


def chinese_characters(text: str) -> str:
    """The distinct Chinese characters of a text: the most frequent 2,000, in code point order."""
    counts = Counter(c for c in text if is_han(c) or _is_chinese_punctuation(c))
    frequent = sorted(counts, key=lambda c: (-counts[c], c))[:MAXIMUM_CHARACTERS]
    return "".join(sorted(frequent))


def font_face(text: str, font: Path | None) -> str:
    """CSS that embeds the glyphs of `font` for the Chinese characters of `text`.

    Empty where there is no font, nothing Chinese, or a subset beyond 1.2 MB: the page then leaves
    it to the reader's fonts.
    """
    characters = chinese_characters(text)
    if font is None or not characters:
        return ""
    subset = _subset(font, characters)
    if len(subset) > MAXIMUM_FONT_BYTES:
        return ""
    encoded = base64.b64encode(subset).decode("ascii")
    kind = "opentype" if subset[:4] == b"OTTO" else "truetype"
    return (
        f'@font-face{{font-family:"{FAMILY}";font-display:block;'
        f"src:url(data:font/{'otf' if kind == 'opentype' else 'ttf'};base64,{encoded})"
        f' format("{kind}")}}'
    )


def _subset(font: Path, characters: str) -> bytes:
    import uharfbuzz

    wanted = uharfbuzz.SubsetInput()
    wanted.unicode_set.set({ord(character) for character in characters})
    # Vertical and ruby forms would double the glyphs, and the page uses none of them.
    wanted.layout_feature_tag_set.set(set())
    wanted.flags = uharfbuzz.SubsetFlags.NO_HINTING
    return bytes(uharfbuzz.subset(_simplified_face(font), wanted).blob.data)


def _simplified_face(font: Path) -> uharfbuzz.Face:
    """The face of a font collection that is drawn for simplified Chinese, else its first."""
    import uharfbuzz

    blob = uharfbuzz.Blob.from_file_path(str(font))
    first = uharfbuzz.Face(blob, 0)
    for index in range(first.count):
        face = uharfbuzz.Face(blob, index)
        family = face.get_name(uharfbuzz.OTNameIdPredefined.FONT_FAMILY) or ""
        if family.endswith((" SC", " CN")):
            return face
    return first


def _is_chinese_punctuation(character: str) -> bool:
    code = ord(character)
    return (
        0x3000 <= code <= 0x303F
        or 0x3105 <= code <= 0x312F
        or 0xFF01 <= code <= 0xFF60
        or 0xFFE0 <= code <= 0xFFE6
    )
