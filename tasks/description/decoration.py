"""Pictures that say nothing: rules, single colours, icons, logos on every page.

Recognised by their pixels and their places, before a model is paid to look at them. In doubt a
picture is no decoration: a call costs little, a lost figure cannot be asked for again.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from tasks.description.appearance import appearance_of
from tasks.description.engine import PictureContext
from tasks.errors import FileRejected

REASON = "decoration"

# Up to this size on both sides a picture is a bullet, an arrow, an emoji. Formulas and labels
# that stand in a line of text are as low, and wider.
_ICON_SIDE_PX = 48
# A rule is this many times as long as it is thick.
_RULE_ASPECT = 8
# Along a rule no pixel differs by more from the next; text differs by 100 and more.
_SMOOTH_WITHIN = 16
# A rule, plain, dashed or dotted, is made of few kinds of slices across it; one letter alone has
# as many. Slices are of a kind within what JPEG changes.
_RULE_KINDS = 6
_KIND_WITHIN = 24


def decoration_reason(picture: Image.Image, context: PictureContext) -> FileRejected | None:
    """Why a picture in mode RGB needs no description; None where it may show something.

    Whatever has a caption is no icon and no rule: someone took it for a figure.
    """
    size = f"{picture.width} x {picture.height} pixels"
    if context.repeated:
        return repeated_reason()
    if appearance_of(picture) == "plain":
        return _decoration(f"The picture is an area of one colour ({size}).")
    if context.caption:
        return None
    if max(picture.size) <= _ICON_SIDE_PX:
        return _decoration(f"The picture is as small as an icon ({size}).")
    if _is_rule(picture):
        return _decoration(f"The picture is a line or a bar without any mark on it ({size}).")
    return None


def repeated_reason() -> FileRejected:
    """Of a picture that its document repeats, whatever it shows."""
    return _decoration("The picture stands on at least half of its document's pages, like a logo.")


def _decoration(detail: str) -> FileRejected:
    return FileRejected(REASON, detail)


def _is_rule(picture: Image.Image) -> bool:
    if max(picture.size) < _RULE_ASPECT * min(picture.size):
        return False
    pixels = np.asarray(picture).astype(np.int16)
    slices = pixels if picture.height > picture.width else pixels.transpose(1, 0, 2)
    if np.abs(np.diff(slices, axis=0)).max() <= _SMOOTH_WITHIN:
        return True  # one colour, or a gradient from end to end
    return _kinds(slices.reshape(len(slices), -1)) <= _RULE_KINDS


def _kinds(slices: np.ndarray) -> int:
    """Number of different slices; counting ends above what a rule may have."""
    kinds = 0
    while len(slices) and kinds <= _RULE_KINDS:
        slices = slices[np.abs(slices - slices[0]).max(axis=1) > _KIND_WITHIN]
        kinds += 1
    return kinds
