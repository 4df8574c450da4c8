"""What the rules for pairs share, however a pair was worded."""

from __future__ import annotations

import re

Broken = tuple[str, str]

# Stands for the words that a completion question leaves out of a sentence.
BLANK = "____"
MIN_QUESTION, MAX_QUESTION = 5, 400
MARKS = re.compile(
    r"\[IMAGE|IMAGE_REF|IMAGE DESCRIPTION|extracted_assets|\*\*|^#+ |\]\(|\|\s*-{2,}|-{3,}|={3,}"
    r"|```|<br|</?[a-z]+>|&(?:amp|lt|gt|nbsp);|�|\(cid:",
    re.IGNORECASE | re.MULTILINE,
)


def contains(question: str, answer: str) -> bool:
    if not answer.isascii():
        return answer in question
    if len(answer) < 2:
        return False
    return re.search(rf"(?<![\w.]){re.escape(answer)}(?![\w]|\.\d)", question) is not None
