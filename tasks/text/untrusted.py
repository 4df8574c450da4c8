"""Text of documents is data. Here it is fenced off from the instructions around it.

What nobody sees and a model reads all the same is taken out of what is sent; text that gives
orders to a model is recognised, so that its rows can be marked.
"""

from __future__ import annotations

import hashlib
import re

from tasks.text.orders_chinese import chinese_orders
from tasks.text.orders_english import english_orders
from tasks.text.plain_form import hidden_ascii, plain_form

# Tag characters spell ASCII that no screen shows. Embeddings, overrides and isolates show a text
# in another order than a model reads it.
_SMUGGLING = re.compile("[\U000e0000-\U000e007f\u202a-\u202e\u2066-\u2069]")
# One of these is spelling (Persian, emoji, variants of Han characters); a row of them is a code.
_CODED = re.compile(
    "(?<=[\u200b-\u200f\u2060-\u2064\ufeff])[\u200b-\u200f\u2060-\u2064\ufeff]+"
    "|(?<=[\ufe00-\ufe0f\U000e0100-\U000e01ef])[\ufe00-\ufe0f\U000e0100-\U000e01ef]+"
)


def fenced(text: str, name: str = "passage") -> str:
    """The text between two lines that it cannot close, the same for the same text.

    The marks hold a hash of the text: whoever writes a document cannot write its own hash into
    it, and where chance put it there all the same, the mark grows until it is not. Characters
    that smuggle are left out.
    """
    text = without_smuggled(text)
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    length = 12
    while digest[:length] in text and length < len(digest):
        length += 4
    mark = f"{name}-{digest[:length]}"
    return f"<{mark}>\n{text}\n</{mark}>"


def without_smuggled(text: str) -> str:
    """The text without characters that say to a model what they show to nobody.

    Those are tag characters, what overrides the direction of text, and rows of zero-width
    characters or of variation selectors, of which the first is kept.
    """
    return _CODED.sub("", _SMUGGLING.sub("", text))


def addresses_model(text: str) -> bool:
    """Whether the text gives orders to a model that reads it, in English or Chinese.

    Also where the orders are written in full-width or look-alike letters, with something
    invisible or with blanks and punctuation between their letters or words, or in tag characters.
    """
    forms = (plain_form(part) for part in (text, hidden_ascii(text)) if part)
    return any(english_orders(form) or chinese_orders(form) for form in forms)
