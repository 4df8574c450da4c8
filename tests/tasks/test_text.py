"""The normaliser, the language of a text, its sentences and its search terms."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from tasks.text import (
    clause_spans,
    han_share,
    is_readable,
    language_of,
    normalise,
    search_terms,
    sentence_spans,
    weighted_length,
)

NUMERALS = {
    "二十三": "23",
    "一百零五": "105",
    "一百零八": "108",
    "十五": "15",
    "十万": "100000",
    "三千万": "30000000",
    "三千零五万": "30050000",
    "一亿两千万": "120000000",
    "一万亿": "1000000000000",
    "三万五": "35000",
    "一百八": "180",
    "二〇二六": "2026",
    "一九九八年": "1998年",
    "三点五": "3.5",
    "六点三亿": "630000000",
    "2.5万": "25000",
    "3万5千": "35000",
    "1.2万亿": "1200000000000",
    "1,200万": "12000000",
    "百分之三十": "30%",
    "百分之二点五": "2.5%",
    "百分之百": "100%",
    "千分之三": "3‰",
    "三分之二": "2/3",
    "第三章": "第3章",
    "第十一": "第11",
    "三个月": "3个月",
    "十年": "10年",
    "两台服务器": "2台服务器",
    "五公里": "5公里",
    "貳拾叁": "23",
    "壹佰萬元": "1000000元",
    "三点五十分": "三点50分",
}
WORDS = [
    "一起",
    "万一",
    "三星",
    "十分",
    "千万别忘",
    "一些",
    "一直",
    "四川",
    "七八个",
    "二三十",
    "一五一十",
    "数百万",
    "万能",
    "百度",
    "五台山",
    "3.0万能",
    "一点",
    "三心二意",
    "零件",
    "两者",
]
DATES = [
    "2026年11月22日",
    "2026 年 11 月 22 号",
    "二〇二六年十一月二十二日",
    "2026-11-22",
    "2026/11/22",
    "2026.11.22",
    "22 November 2026",
    "22nd of November, 2026",
    "November 22, 2026",
    "Nov. 22nd 2026",
    "２０２６年１１月２２日",
]


@pytest.mark.parametrize(("text", "expected"), NUMERALS.items())
def test_numerals_become_arabic(text: str, expected: str) -> None:
    assert normalise(text) == expected


@pytest.mark.parametrize("word", WORDS)
def test_words_that_look_like_numerals_stay(word: str) -> None:
    assert normalise(word) == word


@pytest.mark.parametrize("text", DATES)
def test_dates_have_one_form(text: str) -> None:
    assert normalise(text) == "2026-11-22"


def test_months_and_dates_that_are_none() -> None:
    assert normalise("November 2026") == normalise("2026年11月") == "2026-11"
    assert normalise("2026年13月") == "2026年13月"
    assert normalise("03/04/2026") == "03/04/2026"
    assert normalise("version 1.2026.3.4") == "version 1.2026.3.4"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ＡＢＣ　１２３", "abc 123"),
        ("使用 GPU 訓練，效果更好。", "使用GPU训练,效果更好."),
        ("資料庫軟體", "资料库软体"),
        ("“Hello”—world…", '"hello"-world...'),
        ("「你好」", '"你好"'),
        ("don’t", "DON'T"),
        ("soft\u00adhyphen zero\u200bwidth", "softhyphen zerowidth"),
        ("ﬁne", "fine"),
        ("30 %", "30 percent"),
        ("百分之三十", "３０％"),
        ("1,234,567", "1234567"),
        ("苹果、香蕉", "苹果，香蕉"),
        ("line\n  break", "line break"),
        ("STRASSE", "straße"),
    ],
)
def test_spellings_that_are_one(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2½", "21/2"),
        ("10²", "102"),
        ("100，200", "100200"),
        ("100、200", "100200"),
        ("三十 5", "305"),
        ("GPU三十", "gpu30x"),
    ],
)
def test_spellings_that_are_not(one: str, other: str) -> None:
    assert normalise(one) != normalise(other)


def test_normalising_twice_changes_nothing() -> None:
    draw = random.Random(7)
    alphabet = list("aZ9 .,-:/%一二十百千万亿零两点第分之年月日个章的中國“”。，、（）１Ａ½²…—\n'號")
    for _ in range(3000):
        text = "".join(draw.choices(alphabet, k=draw.randint(1, 14)))
        once = normalise(text)
        assert normalise(once) == once, text


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Documents become training data.", "en"),
        ("文档变成训练数据。", "zh"),
        ("文檔變成訓練資料。", "zh"),
        ("使用 Docker 部署 Prefect 服务器", "zh"),
        ("什么是 Prefect work pool 的默认 concurrency limit？", "zh"),
        ("What does 深度学习 mean in this context?", "en"),
        (
            "The pump runs for twelve hours and stops when the tank is full. "
            "水泵运行十二小时，水箱满时停止运转，请勿在无水时启动。",
            "mixed",
        ),
        ("work pool 工作池", "mixed"),
        ("Насос работает двенадцать часов", "other"),
        ("これはポンプの説明です", "other"),
        ("12 34 56.7 %", "other"),
        ("| 1 | 2 |\n|---|---|\n| 3 | 4 |", "other"),
        ("", "other"),
        ("[IMAGE_REF: extracted_assets/0123456789abcdef.jpg]", "other"),
        ("看图 [IMAGE_REF: extracted_assets/0123456789abcdef.jpg] https://example.com/a/b", "zh"),
        ("```python\nimport this\nprint(this)\n```\n\n这段代码导入模块。", "zh"),
        ("```python\nimport this\n```", "en"),
    ],
)
def test_language(text: str, language: str) -> None:
    assert language_of(text) == language


def test_han_share() -> None:
    assert han_share("中文") == 1.0
    assert han_share("English") == 0.0
    assert han_share("12 %") == 0.0
    assert 0 < han_share("中文 and English words here") < 0.5


@pytest.mark.parametrize(
    ("text", "readable"),
    [
        ("Plain text", True),
        ("中文 😀 text", True),
        ("", True),
        ("\ue001\ue002\ue003", False),
        ("(cid:12)(cid:7) a", False),
        ("\ufffd" * 2 + "a" * 10, False),
        ("\ufffd" + "a" * 99, True),
    ],
)
def test_readable(text: str, readable: bool) -> None:
    assert is_readable(text) is readable


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


@pytest.mark.parametrize(
    "expected",
    [
        ["Dr. Smith paid 3.14 dollars, e.g. in coins.", "Then he left!", "Did he?"],
        ["See Fig. 3 of No. 5.", "The answer is no.", "Use v1.2.3 of it."],
        ["J. K. Rowling wrote it.", "Apple Inc. sells it.", "It ends at 5 p.m.", "The rest."],
        ["Visit https://a.example/b?c=d.e now.", "Next one."],
        ['"Is it?" she said.', "(Yes, it is.)", "“Good.”", "OK"],
        ["Wait ... what?!", "Fine."],
        ["iPhones sell well.", "iPads too."],
    ],
)
def test_english_sentences(expected: list[str]) -> None:
    assert sentences(" ".join(expected)) == expected


@pytest.mark.parametrize(
    "expected",
    [
        ["他说：“你好。”", "然后走了！", "真的吗？", "第一；", "第二。", "没有句号"],
        ["版本3.5已发布。", "详见（见图2。）", "价格是1.5万元。"],
        ["我们用Python.", "它很快.", "好"],
        ["参见 Dr. 王的文章。", "完。"],
    ],
)
def test_chinese_sentences(expected: list[str]) -> None:
    joined = "".join(expected)
    assert sentences(joined) == expected


def test_blocks_end_sentences() -> None:
    text = "# Title\nSome text that\ngoes on. End\n\n1. First item\n2. Second. More\n- dash"
    assert sentences(text) == [
        "# Title",
        "Some text that\ngoes on.",
        "End",
        "1. First item",
        "2. Second.",
        "More",
        "- dash",
    ]


def test_spans_hold_every_visible_character() -> None:
    draw = random.Random(3)
    alphabet = [
        "word ",
        "中文",
        ". ",
        "。",
        "！”",
        "? ",
        "\n",
        "\n\n",
        "- ",
        "3.5",
        " Dr. ",
        "|",
        "😀",
        "…",
    ]
    for _ in range(500):
        text = "".join(draw.choices(alphabet, k=draw.randint(0, 30)))
        for spans in (sentence_spans(text), clause_spans(text)):
            assert all(start < end for start, end in spans)
            assert all(a[1] <= b[0] for a, b in pairwise(spans))
            assert "".join("".join(text[a:b].split()) for a, b in spans) == "".join(text.split())


def test_search_terms() -> None:
    assert search_terms("抽取式問答") == ["抽取", "取式", "式问", "问答"]
    assert search_terms("是 GPU") == ["是", "gpu"]
    assert search_terms("GPT-4o costs 3.5 %") == ["gpt-4o", "gpt", "4o", "costs", "3.5%"]
    assert search_terms("C++ on 22 November 2026") == ["c++", "on", "2026-11-22"]
    assert search_terms("…！？ — | --- |") == []


def test_han_characters_weigh_three() -> None:
    assert weighted_length("ab 中文。") == 3 + 6 + 1


@pytest.mark.parametrize(
    "row", ["一", "1", "1万", ".", "_", "a-", "a@", "“", "[", "`", "```\n", "。", "<a", "\n", "é"]
)
def test_long_rows_of_anything_are_survived(row: str) -> None:
    text = row * 6000
    assert normalise(normalise(text)) == normalise(text)
    assert language_of(text) in ("en", "zh", "mixed", "other")
    assert search_terms(text) == search_terms(text)
    assert "".join(text[a:b] for a, b in sentence_spans(text)) == text.replace("\n", "")


def test_digits_of_other_scripts_and_commas_that_end_a_clause_do_not_disturb() -> None:
    assert normalise("百分之٣")
    assert normalise("26,827, and 1,234,567.") == "26827, and 1234567."
    assert normalise("1,23,4 and 12,345,6") == "1,23,4 and 12,345,6"
