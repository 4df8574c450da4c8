"""A Chinese font inside the report, cut down to the characters that the report uses.

A reader's machine without any Chinese font (a bare Linux) would show boxes. Where the machine that
writes the report has a font whose licence allows embedding, its needed glyphs travel along, and
the page looks the same everywhere. Elsewhere (macOS and Windows bring fonts that may not be passed
on) the page names the fonts that systems come with.

The style sheet names the embedded family first. Behind another family Chromium lays text out with
boxes while the glyphs are being decoded, and never comes back to it.
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

MAXIMUM_CHARACTERS = {"zh-Hans": 2_000, "zh-Hant": 1_000}
FAMILIES = {"zh-Hans": "Report Chinese", "zh-Hant": "Report Chinese Traditional"}
# Endings of family names in a font collection, the face to prefer for a script first.
_FACES = {"zh-Hans": (" SC", " CN"), "zh-Hant": (" TC", " TW")}
# Latin letters stay with the fonts of the page, whatever the embedded font holds.
_UNICODE_RANGE = (
    "U+3000-303F,U+3105-312F,U+3400-4DBF,U+4E00-9FFF,U+F900-FAFF,"
    "U+FF01-FF60,U+FFE0-FFE6,U+20000-323AF"
)
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


def chinese_characters(text: str, limit: int) -> str:
    """The distinct Chinese characters of a text: the most frequent, in code point order."""
    counts = Counter(c for c in text if is_han(c) or _is_chinese_punctuation(c))
    frequent = sorted(counts, key=lambda c: (-counts[c], c))[:limit]
    return "".join(sorted(frequent))


def font_face(text: str, font: Path | None, script: str = "zh-Hans") -> str:
    """CSS that embeds the glyphs of `font` for the Chinese characters of `text`.

    `script` is zh-Hans or zh-Hant: it chooses the family name and, in a collection, the face.
    About 400 bytes a character, at most 2,000 characters (1,000 traditional): rarer ones are left
    to the reader's fonts. Empty where there is no font that can be read, or nothing Chinese.
    """
    characters = chinese_characters(text, MAXIMUM_CHARACTERS[script])
    if font is None or not characters:
        return ""
    subset = _subset(font, characters, script)
    if subset is None:
        return ""
    encoded = base64.b64encode(subset).decode("ascii")
    name = "opentype" if subset[:4] == b"OTTO" else "truetype"
    return (
        f'@font-face{{font-family:"{FAMILIES[script]}";font-display:block;'
        f"unicode-range:{_UNICODE_RANGE};"
        f'src:url(data:font/{name[0]}tf;base64,{encoded}) format("{name}")}}'
    )


def _subset(font: Path, characters: str, script: str) -> bytes | None:
    import uharfbuzz

    wanted = uharfbuzz.SubsetInput()
    wanted.unicode_set.set({ord(character) for character in characters})
    # Vertical and ruby forms would double the glyphs, and the page uses none of them.
    wanted.layout_feature_tag_set.set(set())
    wanted.flags = uharfbuzz.SubsetFlags.NO_HINTING
    try:
        return bytes(uharfbuzz.subset(_face(font, script), wanted).blob.data)
    except (uharfbuzz.HarfBuzzError, RuntimeError):
        # Unreadable or broken. A report in the reader's own fonts is better than none.
        return None


def _face(font: Path, script: str) -> uharfbuzz.Face:
    """The face of a font collection that is drawn for the script, else its first."""
    import uharfbuzz

    blob = uharfbuzz.Blob.from_file_path(str(font))
    first = uharfbuzz.Face(blob, 0)
    for index in range(first.count):
        face = uharfbuzz.Face(blob, index)
        family = face.get_name(uharfbuzz.OTNameIdPredefined.FONT_FAMILY) or ""
        if family.endswith(_FACES[script]):
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
