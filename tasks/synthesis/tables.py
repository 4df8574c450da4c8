"""Questions about table cells and key-value lines: a value is asked by what names it.

A fact asks for one cell by its row and column. A reasoning question weighs two numbers of one
column against each other and is answered by a cell that names a row.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tasks.synthesis.candidates import AskedIn, Candidate, Frame
from tasks.synthesis.chinese_sentence import good_subject
from tasks.synthesis.english_lexicon import BE, FINITE, HAVE, MODALS
from tasks.synthesis.glossary import EN_TO_ZH, ZH_TO_EN
from tasks.synthesis.passage import Passage, Span, Table
from tasks.synthesis.topic import Topic
from tasks.synthesis.wordlist import words
from tasks.text import is_han

_UNIT_SUFFIX = re.compile(r"\s*[(（\[][^()（）\[\]]*[)）\]]\s*$")
_NUMBER = re.compile(r"(?P<number>[-−]?\d[\d,]*(?:\.\d+)?)\s*(?P<unit>[^\d\s/]*)$")
_EMPTY = re.compile(r"[-–—/\\.*?？×xX✓√\s]*|[Nn]/?[Aa]\.?|none|无|暂无")
_VALUE_HEADERS = frozenset(
    words("""
        value values data specification specifications spec detail details content parameter 值 数值
        参数值 参数 规格 内容 数据 取值 指标
    """)
)
_TEXT_HEADERS = frozenset(
    words("""
        description meaning function purpose explanation remark remarks note notes comment
        comments 说明 描述 含义 功能 作用 意义 解释 备注 注释 用途
    """)
)
_ORDINAL_HEADERS = frozenset({"no", "no.", "#", "序号", "编号", "id", "item", "项目", "index"})
_NOT_A_KEY = re.compile(
    r"(?:notes?|warnings?|caution|important|tips?|examples?|see(?: also)?|sources?|hint|danger"
    r"|figures?|fig\.?|tables?|chart|e\.g|i\.e|question|answer|q|a|http\w*|step|attention|todo"
    r"|text(?: in the picture)?|size|image|picture"
    r"|注意?|注意事项|警告|提示|说明|例如|比如|备注|示例|例|参见|参考|来源|小心|重要|问|答|图|表"
    r"|即|如下|其中|文字|图中文字|图片)\s*[\d.\-A-Z]*",
    re.IGNORECASE,
)
_DATES = re.compile(r"(?:1[5-9]|20)\d\d$")
_MARKUP = re.compile(r"\*\*|`|\[\^?\d+\]")
_HIGH_ZH = re.compile(r"价|率|温|压|度|级|分|速|频|成本|收入|功|费|额")
_HIGH_EN = re.compile(
    r"price|rate|temperature|voltage|pressure|speed|frequency|cost|revenue|score|level|share|power"
    r"|percent|limit|dose|concentration|fee",
    re.IGNORECASE,
)
_ATTRIBUTE_ZH = re.compile(
    r"(?:值|量|率|度|数|额|时间|日期|年份|要求|功能|优点|缺点|产物|范围|价格|单位|类型|状态|级别|周期|语言|用途|名称"
    r"|面积|体积|压|流|速|温|重|长|宽|高|径|距|比|成本|费用|费|电阻|寿命|尺寸|大小|容积|剂量|浓度|次数|人口)$"
)
_ATTRIBUTES = frozenset(
    words("""
        age amount area average budget capacity charge class code concentration consumption cost
        count current date deadline density depth diameter dimensions distance dosage dose duration
        efficiency employees energy factor fee flow frequency grade growth hardness height interval
        length level life limit load loss mass maximum minimum mode model noise number output
        percentage performance population power pressure price quantity range rank rate rating ratio
        resistance resolution result revenue salary sales score share size speed status strength
        target temperature thickness time total turnover value velocity voltage volume weight width
        year yield
    """)
)
_MAX_ROWS = 40


def table_candidates(passage: Passage, topic: Topic) -> Iterator[Candidate]:
    for table in passage.tables:
        yield from _cells(passage.text, table, topic)
        yield from _two_cells(passage.text, table)


def pair_candidates(passage: Passage, topic: Topic) -> Iterator[Candidate]:
    """ "Rated voltage: 230 V" asked for the entity that the document or section names."""
    owner = topic.entity if topic.owns else topic.nearest
    for unit in passage.units:
        if unit.kind != "pair" or unit.key is None or unit.value is None:
            continue
        key, value = _plain(unit.key.of(passage.text)), unit.value.of(passage.text)
        if _NOT_A_KEY.fullmatch(key) or not _answerable(value) or not owner:
            continue
        if has_han(key) and not good_subject(key):
            continue
        if has_han(owner) and not has_han(key + value):
            continue
        if re.search(r"[>=→]|^[在是]", value):
            continue
        if owner.lower() in key.lower() or key.lower() in owner.lower():
            continue
        words = len(value.split()) + sum(is_han(c) for c in value) / 2
        if words > 12 or value.endswith((":", "：", ",", "，", "、", ";")):
            continue
        answer = _without_full_stop(passage.text, unit.value)
        if topic.owns:
            yield _attribute(key, owner, answer, value, 0.9, "pair")
        else:
            yield _in_context(key, topic, answer, value)


def _cells(text: str, table: Table, topic: Topic) -> Iterator[Candidate]:
    header = [_plain(_UNIT_SUFFIX.sub("", cell.of(text))) for cell in table.header]
    label = _label_column(header, text, table)
    if label is None:
        return
    if len(set(header)) < len(header):
        return
    labels = [_label(text, row, label) for row in table.rows]
    key_value = len(header) - label == 2 and header[-1].lower() in _VALUE_HEADERS
    for row, name in zip(table.rows[:_MAX_ROWS], labels, strict=False):
        if not name or labels.count(name) > 1 or len(row) != len(table.header):
            continue
        for column in range(label + 1, len(row)):
            value = row[column].of(text)
            if not _answerable(value) or value == name or row[column].of(text) == name:
                continue
            if key_value:
                if topic.owns:
                    yield _attribute(name, topic.entity, row[column], value, 0.9, "cell")
                elif topic.nearest:
                    yield _in_context(name, topic, row[column], value)
            elif _good_header(header[column]):
                shown = _numbered(name, header[label])
                if shown:
                    yield _cell(shown, header, column, label, row[column], value, topic)


def _cell(
    name: str,
    header: list[str],
    column: int,
    label: int,
    answer: Span,
    value: str,
    topic: Topic,
) -> Candidate:
    attribute = header[column]
    if attribute.lower() not in _TEXT_HEADERS:
        if value[:1].isdigit() and not _is_attribute(attribute):
            return _under(name, attribute, answer, topic)
        return _attribute(attribute, name, answer, value, 0.92, "cell")
    kind = header[label]
    if has_han(attribute + name):
        named = f"{kind}“{name}”" if has_han(kind) else f"“{name}”"
        return Candidate("fact", f"{named}的{attribute}是什么？", answer, "zh", 0.8, "cell")
    noun = f"the {_inside(kind)} " if 1 <= len(kind.split()) <= 3 and kind.isascii() else ""
    verb = "are" if _plural(attribute) else "is"
    question = f"What {verb} the {_inside(attribute)} of {noun}“{name}”?"
    return Candidate("fact", question, answer, "en", 0.8, "cell")


def _is_attribute(header: str) -> bool:
    """Whether a header names a property of its rows, and not one more thing they differ by."""
    if has_han(header):
        return header in ZH_TO_EN or bool(_ATTRIBUTE_ZH.search(header))
    words = header.lower().split()
    return header.lower() in EN_TO_ZH or words[-1] in _ATTRIBUTES or words[0] in _ATTRIBUTES


def _under(name: str, header: str, answer: Span, topic: Topic) -> Candidate:
    """A cell of a table whose columns are things as its rows are."""
    if has_han(name + header):
        lead = f"就{topic.nearest}而言，" if topic.nearest else ""
        question = f"{lead}{name}对应“{header}”的数值是多少？"
        return Candidate("fact", question, answer, "zh", 0.8, "matrix")
    plain = topic.nearest and not has_han(topic.nearest)
    lead = f"In the context of {topic.context}, what" if plain else "What"
    question = f"{lead} is the value for “{name}” under “{header}”?"
    return Candidate("fact", question, answer, "en", 0.8, "matrix")


def _in_context(key: str, topic: Topic, answer: Span, value: str) -> Candidate:
    if has_han(key):
        how = "是多少" if value[:1].isdigit() and not _DATES.search(value) else "是什么"
        question = f"就{topic.nearest}而言，{key}{how}？"
        return Candidate("fact", question, answer, "zh", 0.8, "pair")
    verb = "are" if _plural(key) else "is"
    question = f"In the context of {topic.context}, what {verb} the {_inside(key)}?"
    return Candidate("fact", question, answer, "en", 0.8, "pair")


def _numbered(name: str, kind: str) -> str:
    """A row that is named by a number says of what: "umask 0022"."""
    if any(character.isalpha() for character in name):
        return name
    if not _good_header(kind):
        return ""
    return f"{kind}为{name}时" if has_han(kind) else f"{_inside(kind)} {name}"


def _attribute(
    key: str, owner: str, answer: Span, value: str, weight: float, source: str
) -> Candidate:
    """ "What is the KEY of OWNER?" in the language of the key."""
    frame = Frame("value", owner, key, value[:1].isdigit())
    if has_han(key) or (has_han(owner) and not _wordy(key)):
        how = "是多少" if value[:1].isdigit() and not _DATES.search(value) else "是什么"
        link = "" if key.startswith(("对", "在", "与", "是否")) else "的"
        question = f"{owner}{link}{key}{how}？"
        return Candidate("fact", question, answer, "zh", weight, source, frame)
    verb, *rest = key.split()
    form = FINITE.get(verb.lower())
    if form is not None and form.tense == "present_s" and (rest or verb.endswith("es")):
        # A header that is a verb ("Holds back") is asked as one.
        asked = " ".join((form.base, *rest))
        question = f"What does {_with_article(owner)} {asked}?"
        return Candidate("fact", question, answer, "en", weight - 0.1, source)
    verb = "are" if _plural(key) else "is"
    question = f"What {verb} the {_inside(key)} of {_with_article(owner)}?"
    return Candidate("fact", question, answer, "en", weight, source, frame)


def _two_cells(text: str, table: Table) -> Iterator[Candidate]:
    header = [_plain(_UNIT_SUFFIX.sub("", cell.of(text))) for cell in table.header]
    label = _label_column(header, text, table)
    if label is None or len(table.rows) < 2:
        return
    for column in range(label + 1, len(header)):
        if not _good_header(header[column]) or header[column].lower() in _TEXT_HEADERS:
            continue
        if not _is_attribute(header[column]):
            continue
        numbers = _column_numbers(text, table, label, column)
        if len(numbers) < 2 or len(numbers) < len(table.rows) * 0.6:
            continue
        ordered = sorted(numbers, key=lambda item: (item[0], item[1].start))
        (low, low_cell), (high, high_cell) = ordered[0], ordered[-1]
        names = _plain(low_cell.of(text)), _plain(high_cell.of(text))
        if low == high or names[0] == names[1] or not all(names):
            continue
        first, second = (names[0], names[1]) if low_cell.start < high_cell.start else names[::-1]
        attribute = header[column]
        if has_han(attribute + first):
            more = "更高" if _HIGH_ZH.search(attribute) else "更大"
            question = f"{first}和{second}相比，哪一个的{attribute}{more}？"
            asked: AskedIn = "zh"
        else:
            more = "higher" if _HIGH_EN.search(attribute) else "greater"
            either = f"{_with_article(first)} or {_with_article(second)}"
            question = f"Which has the {more} {_inside(attribute)}, {either}?"
            asked = "en"
        yield Candidate("reasoning", question, high_cell, asked, 0.85, "two-cells")


def _column_numbers(text: str, table: Table, label: int, column: int) -> list[tuple[float, Span]]:
    """Numbers of a column that share one unit, with the cells that name their rows."""
    found: list[tuple[float, Span]] = []
    units: set[str] = set()
    for row in table.rows:
        if len(row) != len(table.header):
            continue
        match = _NUMBER.fullmatch(_plain(row[column].of(text)))
        if match is None or not _label(text, row, label):
            continue
        units.add(match["unit"])
        number = match["number"].replace(",", "").replace("−", "-")
        if match["unit"] == "" and _DATES.fullmatch(number):
            return []
        found.append((float(number), row[label]))
    return found if len(units) == 1 else []


def _label_column(header: list[str], text: str, table: Table) -> int | None:
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


def _label(text: str, row: tuple[Span, ...], column: int) -> str:
    name = _plain(row[column].of(text)) if column < len(row) else ""
    if not any(c.isalnum() for c in name) or len(name) > 50 or len(name.split()) > 8:
        return ""
    return "" if re.search(r"[?？。|<>]|^\[|\.$|上一页|下一页", name) else name


def _good_header(text: str) -> bool:
    if not any(c.isalpha() for c in text) or len(text) > 40 or len(text.split()) > 5:
        return False
    return not re.search(r"[?？。:：|<>]|\[|上一页|下一页", text) and (
        text.lower() not in _ORDINAL_HEADERS
    )


def _answerable(value: str) -> bool:
    if (
        not value
        or _EMPTY.fullmatch(value)
        or " ; " in value
        or "[IMAGE" in value
        or "<br" in value
    ):
        return False
    return len(value) <= 300 and value.count("**") % 2 == 0 and not value.startswith("**")


def _without_full_stop(text: str, span: Span) -> Span:
    end = span.end
    while end > span.start + 1 and text[end - 1] in "。.;；":
        end -= 1
    return Span(span.start, end)


def _plain(text: str) -> str:
    return " ".join(_MARKUP.sub("", text).replace("\\", "").split())


def has_han(text: str) -> bool:
    return any(is_han(character) for character in text)


def _wordy(key: str) -> bool:
    return len(key) > 3 and key.isascii()


def _plural(noun: str) -> bool:
    last = noun.split()[-1].lower()
    return last.endswith("s") and not last.endswith(("ss", "us", "is", "series", "as"))


def _inside(text: str) -> str:
    """A label as it is written inside a sentence: acronyms and names keep their capitals."""
    first = text.split()[0]
    keep = (len(first) > 1 and (not first[1:].islower())) or (len(first) == 1 and first != "A")
    return text if keep else text[:1].lower() + text[1:]


def _is_verb(word: str) -> bool:
    form = FINITE.get(word.lower())
    return word.lower() in BE | MODALS | HAVE or (form is not None and form.tense != "past")


def _with_article(owner: str) -> str:
    """ "the pump" for a common noun of a row, a name as it is."""
    words = owner.split()
    if len(words) > 2 and any(_is_verb(w) for w in words[1:]):
        return f"“{owner}”"
    if len(words) > 1 and words[0][0].isupper() and all(w.islower() for w in words[1:]):
        return f"the {_inside(owner)}"
    return owner
