"""Text of documents is data. Here it is fenced off from the instructions around it."""

from __future__ import annotations

import hashlib


def fenced(text: str, name: str = "passage") -> str:
    """The text between two lines that it cannot close, the same for the same text.

    The marks hold a hash of the text: whoever writes a document cannot write its own hash into
    it, and where chance put it there all the same, the mark grows until it is not.
    """
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    length = 12
    while digest[:length] in text and length < len(digest):
        length += 4
    mark = f"{name}-{digest[:length]}"
    return f"<{mark}>\n{text}\n</{mark}>"
