"""Questions that reach plain prose, pictures, lists and traditional Chinese."""

from __future__ import annotations

import pytest

from tasks.records import QAPair, TextChunk
from tasks.synthesis.extractive import synthesize
from tasks.synthesis.rules import check_pair
from tasks.synthesis.traditional import is_traditional, restore, simplified_copy
from tasks.text import language_of


def chunk(text: str, *headings: str) -> TextChunk:
    return TextChunk(text=text, headings=headings, language=language_of(text), tokens=len(text))


def pairs(text: str, *headings: str) -> dict[str, QAPair]:
    passage = chunk(text, *headings)
    found = synthesize(passage, 0).qa_pairs
    for pair in found:
        assert check_pair(pair, passage) == []
        assert pair.evidence is not None
        assert text[pair.evidence.start : pair.evidence.end] == pair.answer
    return {pair.question: pair for pair in found}


@pytest.mark.parametrize(
    ("sentence", "statement", "answer"),
    [
        (
            "Ferric salts work over a wider range, from about 5 to 8.5.",
            "Ferric salts work over a wider range, from about ____",
            "5 to 8.5",
        ),
        (
            "However, settling tanks of this kind need water below 25 °C.",
            "",
            "",
        ),
        (
            "However, settling tanks must have water below 25 °C.",
            "Settling tanks must have water below ____",
            "25 °C",
        ),
        (
            'Engineers at the plant called it the "Blue Giant" for years.',
            "Engineers at the plant called it the ‘____’ for years",
            "Blue Giant",
        ),
        (
            "Six beakers are stirred slowly beside the tank near Lake Geneva.",
            "Six beakers are stirred slowly beside the tank near ____",
            "Lake Geneva",
        ),
    ],
)
def test_english_sentences_are_completed(sentence: str, statement: str, answer: str) -> None:
    asked = {q: p for q, p in pairs(sentence, "Water treatment").items() if "statement" in q}
    if not statement:
        assert asked == {}
        return
    assert any(f"“{statement}”" in q and p.answer == answer for q, p in asked.items()), asked


@pytest.mark.parametrize(
    ("sentence", "question", "answer"),
    [
        (
            "双层滤料滤池的上层是无烟煤，下层是石英砂。",
            "就过滤而言，在“双层滤料滤池的上层是无烟煤，下层是____”一句中，空白处应填什么？",
            "石英砂",
        ),
        (
            "沉淀下来的絮体排入污泥池，含固率为0.5%至2%。",
            "就过滤而言，在“沉淀下来的絮体排入污泥池，含固率为____”一句中，空白处应填哪个数值？",
            "0.5%至2%",
        ),
    ],
)
def test_chinese_sentences_are_completed(sentence: str, question: str, answer: str) -> None:
    assert pairs(sentence, "过滤")[question].answer == answer


@pytest.mark.parametrize(
    "sentence",
    [
        "It works over a wider range, from about 5 to 8.5.",
        "These salts work over a wider range, from about 5 to 8.5.",
        "The five steps of treatment.",
        "Over a wider range, from about 5 to 8.5 and",
        "这种滤池的滤速一般为每小时5至15米，需要经常冲洗。",
    ],
)
def test_what_does_not_stand_alone_is_not_quoted(sentence: str) -> None:
    asked = pairs(sentence, "过滤" if "滤" in sentence else "Dosing of salts")
    assert not any("____" in question for question in asked)


def test_completions_only_fill_up() -> None:
    """Where templates give enough, nothing is blanked."""
    table = "\n".join(
        ["| Model | Weight (kg) | Rated power |", "|---|---|---|"]
        + [f"| {name} | {n}.5 | {n}0 W |" for n, name in enumerate(("A1", "B2", "C3", "D4"), 1)]
    )
    asked = pairs(f"{table}\n\nFerric salts work over a wider range, from about 5 to 8.5.", "Pumps")
    assert len(asked) == 5
    assert not any("____" in question for question in asked)


def test_one_question_crosses_languages() -> None:
    found = pairs("Ferric salts were added at a dose of 35 mg/L in winter.", "Dosing")
    crossing = [p for p in found.values() if p.type == "cross_lingual"]
    assert [p.question_language for p in crossing] == ["zh"]
    assert crossing[0].question.startswith("就“Dosing”而言，“")


def test_traditional_chinese_is_asked_in_its_own_characters() -> None:
    text = "萬宜水庫於1978年落成，容量約2.8億立方米。水務署是負責全港供水的政府部門。"
    found = pairs(text, "香港供水小史")
    assert len(found) >= 2
    own = "".join(q for q, p in found.items() if p.question_language == "zh")
    assert "萬宜水庫" in own and "万" not in own and "么" not in own
    assert any(p.answer == "1978年" for p in found.values())


def test_the_simplified_copy_has_the_same_length() -> None:
    text = "乾隆年間，臺灣與澎湖之間的航線約爲一百餘里，後來裡外都改為鐵路。"
    assert len(simplified_copy(text)) == len(text)
    assert is_traditional(text) and not is_traditional("乾隆年间的台湾，航线很长，道路很多。")
    assert restore("台湾与澎湖之间的航线有多长？", (text,)) == "臺灣與澎湖之間的航線有多長？"


def test_a_pictures_words_are_asked_and_never_its_size() -> None:
    text = (
        "Picture titled “Section of a rapid filter”. The picture is a flat graphic of 800 x 600 "
        "pixels. Text in it, in reading order: Raw water inlet; Anthracite; Quartz sand; Gravel: "
        "supporting layer; Clear water outlet."
    )
    found = pairs(text)
    listed = found["Which labels appear in the picture titled “Section of a rapid filter”?"]
    assert listed.answer.startswith("Raw water inlet") and listed.answer.endswith("outlet")
    assert not any("pixels" in p.answer or "graphic" in p.answer for p in found.values())


def test_a_chinese_picture() -> None:
    text = (
        "这幅图片是平面图形，大小为900 x 640像素。图中文字按阅读顺序为：快滤池剖面示意图；"
        "过滤方向；承托层：砾石；配水系统。\n\n图1　双层滤料快滤池"
    )
    found = pairs(text, "过滤")
    assert found["在题为“双层滤料快滤池”的图中，“承托层”旁注明了什么？"].answer == "砾石"
    assert not any("像素" in p.answer or "平面" in p.answer for p in found.values())


def test_an_axis_is_no_list_of_labels() -> None:
    text = (
        "Picture titled “Share of acid”. The picture is a flat graphic of 80 x 60 pixels. Text in "
        "it, in reading order: 100; 80; 60; 40; 20; 0; acid; pH."
    )
    assert not any("labels" in question for question in pairs(text))


def test_lists_on_one_line() -> None:
    found = pairs(
        "Sweet Tea (2001) ; Blues Singer (2003) ; Bring 'Em In (2005) ; Skin Deep (2008)", "A Guy"
    )
    asked = "In the context of A Guy, which year is given for “Skin Deep”?"
    assert found[asked].answer == "2008" or len(found) == 5
    assert all(p.answer.isdigit() for p in found.values())


def test_the_items_that_a_sentence_counts() -> None:
    found = pairs("1. 增加4项指标：高氯酸盐、乙草胺、土臭素和乐果。它们都有限值。", "主要变化")
    assert found["就主要变化而言，增加的4项指标是哪些？"].answer == "高氯酸盐、乙草胺、土臭素和乐果"


def test_a_header_is_not_translated_by_guess() -> None:
    text = "| Step | Check |\n|---|---|\n| Flocculation | Flocs of 2 mm |\n| Filtration | 1 NTU |"
    assert not any("支票" in question for question in pairs(text, "Treatment"))
