"""DATA.md's rules for pairs, summaries and sets of pairs."""

from __future__ import annotations

import pytest

from tasks.records import Evidence, Language, QAPair, QuestionType, TextChunk
from tasks.synthesis.rules import (
    check_pair,
    check_set,
    check_summary,
    dangling_pronoun,
    near_duplicate,
    question_is_in,
)

TEXT = "Hydrotec was founded in 1990 by John Smith. Its pumps run on 230 V."
CHUNK = TextChunk(text=TEXT, language="en", tokens=20)


def pair(
    question: str,
    answer: str = "1990",
    *,
    kind: QuestionType = "fact",
    asked: Language = "en",
    at: int | None = None,
) -> QAPair:
    start = TEXT.find(answer) if at is None else at
    return QAPair(
        type=kind,
        question=question,
        answer=answer,
        question_language=asked,
        answer_language="en",
        evidence=Evidence(start=start, end=start + len(answer)),
    )


def reasons(made: QAPair, chunk: TextChunk = CHUNK) -> set[str]:
    return {dropped.reason for dropped in check_pair(made, chunk)}


def test_a_good_pair_breaks_nothing() -> None:
    assert reasons(pair("When was Hydrotec founded?")) == set()
    assert reasons(pair("Hydrotec 是什么时候成立的？", kind="cross_lingual", asked="zh")) == set()


@pytest.mark.parametrize(
    "question",
    [
        "According to the text, when was Hydrotec founded?",
        "When was Hydrotec founded, as mentioned above?",
        "What does this document say about Hydrotec?",
        "根据上文，Hydrotec 是什么时候成立的？",
        "文中提到的 Hydrotec 是什么时候成立的？",
    ],
)
def test_questions_stand_alone(question: str) -> None:
    assert "question-refers-to-text" in reasons(pair(question))


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("When was it founded?", "it"),
        ("Why did he leave the company?", "he"),
        ("What do these pumps need?", "these"),
        ("它是什么时候成立的？", "它"),
        ("该公司是什么时候成立的？", "该"),
        ("When did Ada Lovelace publish her notes?", ""),
        ("What does the pump do with its filter?", ""),
        ("Why is it important to rinse a filter?", ""),
        ("其他国家的限值是多少？", ""),
        ("应该如何更换滤芯？", ""),
        ("When was “It” published?", ""),
    ],
)
def test_dangling_pronouns(question: str, found: str) -> None:
    assert dangling_pronoun(question) == found


@pytest.mark.parametrize(
    "question",
    [
        "What is shown in manual.pdf?",
        "On what page is Hydrotec named?",
        "这个信息的页码是多少？",
        "What is the file name of Hydrotec?",
    ],
)
def test_questions_about_files_and_pages(question: str) -> None:
    assert "question-about-file" in reasons(pair(question))


@pytest.mark.parametrize("question", ["What is **Hydrotec**?", "What is | --- | here?"])
def test_markup(question: str) -> None:
    assert "question-markup" in reasons(pair(question))


def test_form_of_a_question() -> None:
    assert "question-form" in reasons(pair("Hydrotec was founded."))
    assert "question-form" in reasons(pair("Why?"))
    assert "question-form" in reasons(pair("When was\nHydrotec founded?"))


def test_a_question_does_not_hold_its_answer() -> None:
    assert "answer-in-question" in reasons(pair("Was Hydrotec founded in 1990?"))
    assert "answer-in-question" not in reasons(pair("Was Hydrotec founded after 19903?"))


def test_a_choice_names_its_answer() -> None:
    made = pair("Which is older, Hydrotec or John Smith?", "John Smith", kind="reasoning")
    assert reasons(made) == set()


def test_evidence_is_the_answer_word_for_word() -> None:
    assert "evidence-mismatch" in reasons(pair("When was Hydrotec founded?", at=3))
    beyond = pair("When was Hydrotec founded?", at=len(TEXT) + 5)
    assert "evidence-mismatch" in reasons(beyond)


def test_empty_answer() -> None:
    assert "answer-empty" in reasons(pair("When was Hydrotec founded?", ". ", at=0))


def test_languages() -> None:
    assert "question-language" in reasons(pair("When was Hydrotec founded?", asked="zh"))
    assert "pair-type" in reasons(pair("Hydrotec 是什么时候成立的？", asked="zh"))
    assert "pair-type" in reasons(pair("When was Hydrotec founded?", kind="cross_lingual"))


def test_an_answer_in_another_language_is_no_answer() -> None:
    made = pair("When was Hydrotec founded?").model_copy(
        update={"answer": "一九九〇年成立于柏林", "evidence": None}
    )
    assert "answer-language" in reasons(made)


def test_carried_terms_do_not_decide_the_language_of_a_question() -> None:
    assert question_is_in("“the boot loader”是什么？", "zh")
    assert question_is_in("What is the rated voltage of 海德公司?", "en")
    assert not question_is_in("What is a boot loader?", "zh")


@pytest.mark.parametrize(
    ("share", "valid"), [(0.49, False), (0.5, True), (0.8, True), (0.81, False), (1.0, False)]
)
def test_summary_length(share: float, valid: bool) -> None:
    chunk = TextChunk(text="x" * 200, language="en", tokens=1)
    assert (check_summary("x" * round(200 * share), chunk) is None) == valid


def test_summary_of_a_short_chunk_is_not_measured() -> None:
    assert check_summary("x" * 10, TextChunk(text="x" * 199, language="en", tokens=1)) is None
    assert check_summary(" ", CHUNK) is not None


def test_what_a_set_lacks() -> None:
    fact = pair("When was Hydrotec founded?")
    found = {dropped.reason for dropped in check_set([fact, fact], CHUNK)}
    assert found == {"pair-count", "no-reasoning", "no-cross-lingual", "near-duplicate"}


def test_near_duplicates() -> None:
    one = pair("When was Hydrotec founded?")
    assert near_duplicate(one, pair("When was the Hydrotec company founded?"))
    assert not near_duplicate(one, pair("What do Hydrotec's pumps run on?", "230 V"))
    other = pair("Hydrotec 是什么时候成立的？", kind="cross_lingual", asked="zh")
    assert not near_duplicate(one, other)


def test_a_completion_question_must_not_hold_its_answer() -> None:
    text = "Alum works best at a pH of 6 to 7, and 6 to 7 is common."
    passage = TextChunk(text=text, headings=(), language="en", tokens=20)
    told = QAPair(
        type="fact",
        question="Which figure completes the statement “Alum works at ____, and 6 to 7 is common”?",
        answer="6 to 7",
        question_language="en",
        answer_language="en",
        evidence=None,
    )
    assert "answer-in-question" in [drop.reason for drop in check_pair(told, passage)]


@pytest.mark.parametrize(
    ("question", "dangles"),
    [
        ("Why does better coagulation lower them?", True),
        ("When the filter clogs, how do you clean it?", False),
        ("Which year completes the statement “They were built in ____”?", False),
    ],
)
def test_an_object_that_nothing_names(question: str, dangles: bool) -> None:
    assert bool(dangling_pronoun(question)) is dangles


# --- pairs in free wording -------------------------------------------------------------------


def free(question: str, answer: str = "In 1990.", **more: object) -> QAPair:
    found = {"type": "fact", "question_language": "en", "answer_language": "en", **more}
    return QAPair.model_validate({"question": question, "answer": answer, **found})


def free_reasons(made: QAPair, chunk: TextChunk = CHUNK) -> set[str]:
    return {dropped.reason for dropped in check_pair(made, chunk, wording="free")}


def test_evidence_of_free_wording_is_a_quote_and_not_the_answer() -> None:
    quoted = free("When was Hydrotec founded?", evidence=Evidence(start=0, end=29))
    assert free_reasons(quoted) == set()
    assert "evidence-mismatch" in reasons(quoted)
    beyond = free("When was Hydrotec founded?", evidence=Evidence(start=500, end=510))
    assert free_reasons(beyond) == {"evidence-mismatch"}


@pytest.mark.parametrize(
    "question",
    [
        "Which company still sells its first pump?",
        "In its first year, how many pumps did Hydrotec sell?",
        "What was the former name of Hydrotec?",
        "What is the title of the article that Ada Lovelace wrote in 1843?",
        "Who is the author of “Notes on Pumps”?",
        "What does the term 'This Way Up' mean on a Hydrotec box?",
        "How many pages does Hydrotec's catalogue have?",
        "What share of those under the age of 18 uses a Hydrotec pump?",
        "Why did it become common to buy Hydrotec pumps?",
        "What is shared by the pumps in the section of Hydrotec that makes them?",
        "What is the `---` line of a Hydrotec file for?",
    ],
)
def test_english_questions_that_explain_what_they_point_at(question: str) -> None:
    assert free_reasons(free(question)) == set()


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ("When did she found it?", "question-dangling"),
        ("Where are these pumps sold?", "question-dangling"),
        ("What is the weight of the latter?", "question-dangling"),
        ("What is Hydrotec, as mentioned in the document?", "question-refers-to-text"),
        ("According to the passage, when was Hydrotec founded?", "question-refers-to-text"),
        ("What does the author say about Hydrotec?", "question-refers-to-text"),
        ("What is the subject of the document?", "question-refers-to-text"),
        ("Which of the following is true of Hydrotec?", "question-refers-to-text"),
        ("What does the figure above show of Hydrotec?", "question-refers-to-text"),
        ("What is shown in hydrotec.png?", "question-about-file"),
        ("On which page is Hydrotec named?", "question-about-file"),
        ("What is **Hydrotec**?", "question-markup"),
    ],
)
def test_english_questions_that_do_not_stand_alone(question: str, reason: str) -> None:
    assert reason in free_reasons(free(question))


@pytest.mark.parametrize(
    "question",
    [
        "日本文化有什么特点？",
        "梁的挠度应该如何表示？",
        "张三在会上表示了什么？",
        "水泵上表面的温度是多少？",
        "“滤芯”在中文中如何表达？",
        "18岁以上的居民有多少？",
        "任正非在其自传中说了什么？",
        "吉他有几根弦？",
        "根据材料力学，梁的挠度是多少？",
        "《红楼梦》的作者是谁？",
        "海上文明起源于哪里？",
        "水泵为什么会失去其压力？",
        "该如何更换 Hydrotec 的滤芯？",
        "海德公司成立于1990年，该公司的总部在哪里？",
        "因此产生的沉淀物叫什么？",
    ],
)
def test_chinese_questions_whose_characters_only_look_like_pointing(question: str) -> None:
    made = free(question, type="cross_lingual", question_language="zh")
    assert free_reasons(made) == set()


@pytest.mark.parametrize(
    "question",
    [
        "根据上文，海德公司何时成立？",
        "文中提到的海德公司何时成立？",
        "它是什么时候成立的？",
        "該公司是什麼時候成立的？",
        "这种方法为什么更快？",
        "图中显示了海德公司的什么？",
        "作者认为海德公司怎么样？",
        "上述方法有什么优点？",
        "如图所示的设备叫什么？",
        "以上内容说明了什么？",
        "用户如何在该系统中登录？",
    ],
)
def test_chinese_questions_that_do_not_stand_alone(question: str) -> None:
    made = free(question, type="cross_lingual", question_language="zh")
    assert free_reasons(made) & {"question-refers-to-text", "question-dangling"}


def test_answers_that_a_question_may_name() -> None:
    assert free_reasons(free("Was Hydrotec founded in 1990 or 1991?", "1990")) == set()
    assert free_reasons(free("Is it not true that pumps run on 230 V?", "Yes.")) == set()
    made = free("海德公司的水泵是不是用230伏？", "是", type="cross_lingual", question_language="zh")
    assert free_reasons(made) == set()
    assert free_reasons(free("Who is John Smith?", "John Smith")) == {"answer-in-question"}


def test_names_of_the_other_script_are_no_translation() -> None:
    english = chunk_of("The engineer Li Yijian (李夷簡) built it.", "en")
    assert free_reasons(free("Who built the mill?", "Li Yijian (李夷簡)"), english) == set()
    chinese = chunk_of("使用 Docker Compose 部署，重15千克。", "zh")
    for answer in ("Docker Compose", "15 kg"):
        made = free("用什么部署系统？", answer, question_language="zh", answer_language="zh")
        assert free_reasons(made, chinese) == set()
    made = free("怎么部署系统？", "Deploy it with containers.", question_language="zh")
    assert "answer-language" in free_reasons(made, chinese)


def chunk_of(text: str, language: Language) -> TextChunk:
    return TextChunk(text=text, language=language, tokens=20)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("Who founded Hydrotec?", "John Smith"), ("When was Hydrotec founded?", "1990"), False),
        (("When was pump 17 built?", "1990"), ("When was pump 18 built?", "1990"), False),
        (
            ("How many pumps started the test at the Hydrotec plant?", "Thirteen"),
            ("How many pumps finished the test at the Hydrotec plant?", "Seven"),
            False,
        ),
        (
            ("When was Hydrotec founded?", "In 1990."),
            ("In which year was Hydrotec founded?", "in 1990"),
            True,
        ),
        (("Is a pump allowed indoors?", "Yes"), ("Is a filter allowed outdoors?", "Yes"), False),
        (("Who founded Hydrotec?", "John Smith"), ("Who founded Hydrotec?", "Smith"), True),
    ],
)
def test_near_duplicates_in_free_wording(
    one: tuple[str, str], other: tuple[str, str], same: bool
) -> None:
    assert near_duplicate(free(*one), free(*other), wording="free") is same
    assert near_duplicate(free(*other), free(*one), wording="free") is same


def test_a_set_is_held_against_the_wording_s_own_duplicates() -> None:
    evidence = Evidence(start=0, end=29)
    pairs = [
        free("Who founded Hydrotec?", "John Smith", evidence=evidence),
        free("When was Hydrotec founded?", evidence=evidence),
    ]
    freely = {dropped.reason for dropped in check_set(pairs, CHUNK, wording="free")}
    assert "near-duplicate" not in freely
    assert "near-duplicate" in {dropped.reason for dropped in check_set(pairs, CHUNK)}
