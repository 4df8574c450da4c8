"""How the cells and headers of a table are named in a question."""

from __future__ import annotations

import re

from tasks.synthesis.english.lexicon import BE, FINITE, HAVE, MODALS
from tasks.synthesis.glossary import EN_TO_ZH, ZH_TO_EN
from tasks.synthesis.passage import Span, Table
from tasks.synthesis.wordlist import words
from tasks.text import is_han

_UNIT_SUFFIX = re.compile(r"\s*[(（\[][^()（）\[\]]*[)）\]]\s*$")
_EMPTY = re.compile(
    r"[-–—/\\.*?？×xX✓√\s]*|[Nn]/?[Aa]\.?|none|same|ditto|同上|同左|无|暂无|见上|略"
)
_ORDINAL_HEADERS = frozenset({"no", "no.", "#", "序号", "编号", "id", "item", "项目", "index"})
_QUALITIES = frozenset(
    words("none poor fair good average superior excellent perfect normal high low medium yes no")
)
_COMMON_ENDS = ("tion", "sion", "ment", "ness", "ing", "ity")
_MARKUP = re.compile(r"\*\*|`|\[\^?\d+\]")
_ATTRIBUTE_ZH = re.compile(
    r"(?:值|量|率|度|数|额|时间|日期|年份|要求|功能|优点|缺点|产物|范围|价格|单位|类型|状态|级别|周期|语言|用途|名称"
    r"|面积|体积|压|流|速|温|重|长|宽|高|径|距|比|成本|费用|费|电阻|寿命|尺寸|大小|容积|剂量|浓度|次数|人口)$"
)
ATTRIBUTES = frozenset(
    words("""
        age amount area average budget capacity charge class code concentration consumption cost
        count current date deadline density depth diameter dimensions distance dosage dose
        duration efficiency employees energy factor fee flow frequency grade growth hardness
        height interval length level life limit load loss mass maximum minimum mode model noise
        number output percentage performance population power pressure price quantity range rank
        rate rating ratio resistance resolution result revenue salary sales score share size
        speed status strength target temperature thickness time total turnover value velocity
        voltage volume weight width year yield
    """)
)


def column_name(text: str) -> str:
    """A column's name without its unit; of "Limit 限值" the Chinese half."""
    name = plain(_UNIT_SUFFIX.sub("", text))
    han = re.sub(r"[A-Za-z][\w./-]*|\s+", "", name)
    both = re.fullmatch(r"[A-Za-z][\w ./-]*\s+\D+|[^A-Za-z]+\s+[A-Za-z][A-Za-z ./-]*", name)
    return han if both and sum(is_han(c) for c in han) >= 2 else name


def is_attribute(header: str) -> bool:
    """Whether a header names a property of its rows, and not one more thing they differ by."""
    if has_han(header):
        return header in ZH_TO_EN or bool(_ATTRIBUTE_ZH.search(header))
    words = header.lower().split()
    return header.lower() in EN_TO_ZH or words[-1] in ATTRIBUTES or words[0] in ATTRIBUTES


def is_measure(header: str) -> bool:
    """Whether a header names a quantity: two rows may be compared by it."""
    if has_han(header):
        return bool(_ATTRIBUTE_ZH.search(header))
    words = header.lower().split()
    return words[-1] in ATTRIBUTES or words[0] in ATTRIBUTES


def numbered(name: str, kind: str) -> str:
    """A row that is named by a number says of what: "umask 0022"."""
    if any(character.isalpha() for character in name):
        return name
    if not good_header(kind):
        return ""
    return f"{kind}为{name}时" if has_han(kind) else f"{inside(kind)} {name}"


def label_column(header: list[str], text: str, table: Table) -> int | None:
    """The first column that names its rows, past a column of running numbers."""
    for column in range(min(2, len(header) - 1)):
        cells = [row[column].of(text) for row in table.rows if column < len(row)]
        if header[column].lower() in _ORDINAL_HEADERS and all(
            c.strip(".").isdigit() for c in cells
        ):
            continue
        if any(any(ch.isalnum() for ch in cell) for cell in cells):
            return column
    return None


def row_name(text: str, row: tuple[Span, ...], column: int) -> str:
    name = plain(row[column].of(text)) if column < len(row) else ""
    if not any(c.isalnum() for c in name) or len(name) > 50 or len(name.split()) > 8:
        return ""
    if re.fullmatch(r"第.{1,3}个?.{0,2}|[（(].*[)）]", name):
        return ""
    return "" if re.search(r"[?？。|<>]|^\[|[.:：]$|上一页|下一页", name) else name


def good_header(text: str) -> bool:
    if not any(c.isalpha() for c in text) or len(text) > 40 or len(text.split()) > 5:
        return False
    return not re.search(r"[?？。:：|<>]|\[|上一页|下一页", text) and (
        text.lower() not in _ORDINAL_HEADERS
    )


def answerable(value: str) -> bool:
    if (
        not value
        or _EMPTY.fullmatch(value)
        or " ; " in value
        or "[IMAGE" in value
        or "<br" in value
        or value.startswith(("The picture ", "Picture titled", "这幅图片", "图片标题"))
    ):
        return False
    return len(value) <= 300 and value.count("**") % 2 == 0 and not value.startswith("**")


def without_full_stop(text: str, span: Span) -> Span:
    end = span.end
    while end > span.start + 1 and text[end - 1] in "。.;；":
        end -= 1
    return Span(span.start, end)


def plain(text: str) -> str:
    return " ".join(_MARKUP.sub("", text).replace("\\", "").split())


def has_han(text: str) -> bool:
    return any(is_han(character) for character in text)


def wordy(key: str) -> bool:
    return len(key) > 3 and key.isascii()


def plural(noun: str) -> bool:
    last = noun.split()[-1].lower()
    return last.endswith("s") and not last.endswith(("ss", "us", "is", "series", "as"))


def inside(text: str) -> str:
    """A label as it is written inside a sentence: acronyms and names keep their capitals."""
    first = text.split()[0]
    keep = (len(first) > 1 and (not first[1:].islower())) or (len(first) == 1 and first != "A")
    return text if keep else text[:1].lower() + text[1:]


def _is_verb(word: str) -> bool:
    form = FINITE.get(word.lower())
    return word.lower() in BE | MODALS | HAVE or (form is not None and form.tense != "past")


def with_article(owner: str) -> str:
    """ "the pump" for a common noun of a row, a name as it is."""
    words = owner.split()
    if len(words) > 2 and any(_is_verb(w) for w in words[1:]):
        return f"“{owner}”"
    if len(words) > 1 and words[0][0].isupper() and all(w.islower() for w in words[1:]):
        return f"the {inside(owner)}"
    if len(words) == 1 and owner.lower() in _QUALITIES:
        return f"“{owner}”"
    if len(words) == 1 and owner.lower().endswith(_COMMON_ENDS) and owner[1:].islower():
        return owner.lower()
    return re.sub(r"^The ", "the ", owner)
