"""Rules for pairs that a model worded freely.

It may explain what it points at, answer in its own words, and quote as evidence what proves them.
"""

from __future__ import annotations

import re
from functools import lru_cache

from tasks.records import QAPair, TextChunk
from tasks.synthesis.rule_patterns import MARKS, MAX_QUESTION, MIN_QUESTION, Broken, contains
from tasks.synthesis.standing_alone import dangling, refers_to_text
from tasks.synthesis.wordlist import words
from tasks.text import count_han, language_of, normalise, search_terms

# In technical documents files are a subject like any other, and books have pages.
_FILE_FREELY = re.compile(
    r"\b(?:page number|what page|which page|on page \d+|file ?name of (?:the|this) (?:document"
    r"|image|picture|figure))\b|\b[\w-]+\.(?:pdf|docx?|pptx?|xlsx?|jpe?g|png|gif|bmp|tiff?|webp)\b"
    r"|页码|第几页|哪一页|文档的?文件名|图片的?文件名",
    re.IGNORECASE,
)
_CODE = re.compile(r"`[^`]+`")
# A heading, or the bars of a table's row; "a | b" within a sentence and |x| are none.
_SUMMARY_MARKS = re.compile(r"^\s*#{1,6} |(?:^|\s)#{2,6} \w|^\s*\|.*\||\|[^|\n]*\|[^|\n]*\|", re.M)
_SENTENCE_END = (".", "!", "?", "。", "！", "？", "…", "．", "；")
_CLOSERS = "\"'”’」』）)》 "
_CHOICE_FREELY = re.compile(r"\bor\b|还是|還是|或|哪|谁|誰", re.IGNORECASE)
_YES_OR_NO = re.compile(
    r"(?:yes|no|not|both|neither|true|false|是的?|否|不是|有|没有|沒有|能|不能|可以|不可以|会|不会|會"
    r"|不會|对|對|不对|需要|不需要|支持|不支持|允许|不允许)\W*",
    re.IGNORECASE,
)
# An answer that says that there is none.
_NO_ANSWER = re.compile(
    r"\b(?:not|n't|never|nor) (?:explicitly |specifically |directly |clearly )?(?:mentioned|stated"
    r"|specified|provided|given|described|named|indicated|clear from|mention|state|specify|provide"
    r"|say|contain|name|indicate)\b.*\b(?:text|passage|document|article|excerpt|context|content)\b"
    r"|\b(?:text|passage|document|article|excerpt|context|content) (?:does|do|did)(?: not|n't)\b"
    r"|\b(?:text|passage|document|excerpt) (?:has|gives|contains|provides|offers) no\b"
    r"|(?:文中|原文|文章|文档|文檔|本文|该文|上文|段落|材料|资料|資料)(?:里|中|内|內)?(?:并|並)?"
    r"(?:没有|沒有|未|无|無)",
    re.IGNORECASE,
)
_ANSWER_REFERS = re.compile(
    r"\b(?:according to|as (?:stated|mentioned|described) in|based on) the (?:text|passage"
    r"|document|excerpt|article|context)\b|\bthe (?:text|passage|document|excerpt) (?:says?"
    r"|states?|mentions?|describes?|explains?|notes?|suggests?|indicates?)\b"
    r"|(?:根据|根據|据|據|如)(?:上文|本文|文中|文章|文档|文檔|原文|材料|段落|资料|資料)"
    r"|(?:文中|原文|本文)(?:提到|指出|说|說|认为|認為|所述)",
    re.IGNORECASE,
)
_ASKING = frozenset(
    words("""
        what who whom whose when where why how which is are was were do does did has have had can
        could should will would the a an of in on at to by for from with and or it its
        什么 么时 时候 候的 何时 哪一 哪年 一年 哪个 哪些 多少 是多 为什 怎么 怎样 如何 是谁 哪里
        是什
    """)
)
# Of the terms of both, how many they share: questions with one answer, questions with like
# answers, and answers that are alike.
_SAME_QUESTION, _SAME_WORDS, _SAME_ANSWER = 0.6, 0.85, 0.6
# Of the chunk, for chunks of this many characters: such an answer is the chunk once more.
_LONGEST_ANSWER, _MEASURED_FROM = 0.6, 200


def check_free_pair(pair: QAPair, chunk: TextChunk) -> list[Broken]:
    """Every rule that the pair breaks: reason and detail."""
    return [
        *_check_question(pair),
        *_check_answer(pair, chunk),
        *_check_languages(pair, chunk),
    ]


def check_free_summary(summary: str, chunk: TextChunk) -> Broken | None:
    """A summary holds no markup and ends as a sentence does, even where it copies the passage."""
    plain = _CODE.sub(" ", summary)
    if MARKS.search(plain) or _SUMMARY_MARKS.search(plain):
        return "summary-form", f"The summary holds markup: {summary[:80]}"
    end = summary.strip()
    if end.rstrip(_CLOSERS).endswith(_SENTENCE_END):
        return None
    copied = normalise(chunk.text).startswith(normalise(end))
    if copied and len(normalise(end)) == len(normalise(chunk.text)):
        return None  # all of a passage without an end of its own
    told = "is a cut of the passage that" if copied else ""
    return "summary-form", f"The summary {told} ends within a sentence: {end[-60:]}".replace(
        "  ", " "
    )


def asked_twice(one: QAPair, other: QAPair) -> bool:
    """Two facts of one sentence, or one fact of two things, are no duplicates.

    "Who founded Hydrotec?" and "When was Hydrotec founded?" have one quote and two answers;
    "When was pump 17 built?" and "When was pump 18 built?" may have one answer.
    """
    first, second = _told(one.question), _told(other.question)
    if not first or not second or normalise(one.question) == normalise(other.question):
        return normalise(one.question) == normalise(other.question)
    share = len(first & second) / len(first | second)
    if share < _SAME_QUESTION or (_names_another(one, other) and _names_another(other, one)):
        return False
    if normalise(one.answer).strip(" .") == normalise(other.answer).strip(" ."):
        return share >= (_SAME_WORDS if _YES_OR_NO.fullmatch(one.answer) else _SAME_QUESTION)
    answers = _terms(one.answer), _terms(other.answer)
    common = len(answers[0] & answers[1]) / max(1, len(answers[0] | answers[1]))
    return share >= _SAME_WORDS and common >= _SAME_ANSWER


def _told(question: str) -> frozenset[str]:
    """Terms of a question without those that only ask."""
    terms = _terms(question)
    return terms - _ASKING or terms


@lru_cache(maxsize=4096)
def _terms(text: str) -> frozenset[str]:
    return frozenset(search_terms(text))


def _names_another(one: QAPair, other: QAPair) -> bool:
    """Whether the first question has a number or a Latin name that the second has not."""
    stated = re.findall(r"[^\W_]+", one.question)
    held = set(re.findall(r"[^\W_]+", other.question))
    special = [
        w for w in stated[1:] if any(map(str.isdigit, w)) or (w[0].isupper() and w.isascii())
    ]
    return any(word not in held for word in special)


def _check_question(pair: QAPair) -> list[Broken]:
    question = pair.question
    found: list[Broken] = []
    if not MIN_QUESTION <= len(question) <= MAX_QUESTION or "\n" in question:
        found.append(("question-form", f"Too short, too long or broken: {question[:80]}"))
    if not question.rstrip(_CLOSERS).endswith(("?", "？")):
        found.append(("question-form", f"Does not end as a question: {question[-60:]}"))
    if len(question) > MAX_QUESTION:
        return found
    if told := refers_to_text(question):
        found.append(("question-refers-to-text", f"“{told}” needs the text: {question}"))
    elif pointing := dangling(question):
        found.append(("question-dangling", f"“{pointing}” points at nothing: {question}"))
    if MARKS.search(_CODE.sub(" ", question)):
        found.append(("question-markup", f"Asks about markup: {question}"))
    if _FILE_FREELY.search(_CODE.sub(" ", question)):
        found.append(("question-about-file", f"Asks about a file or page: {question}"))
    return found


def _check_answer(pair: QAPair, chunk: TextChunk) -> list[Broken]:
    answer = normalise(pair.answer).strip(" .\"'")
    if not any(character.isalnum() for character in answer):
        return [("answer-empty", "The answer has no word or number.")]
    found: list[Broken] = []
    if MARKS.search(_CODE.sub(" ", pair.answer)) and pair.answer not in chunk.text:
        found.append(("answer-markup", f"The answer holds markup: {pair.answer[:80]}"))
    if _NO_ANSWER.search(pair.answer):
        found.append(("answer-empty", f"The answer says that there is none: {pair.answer[:80]}"))
    elif _ANSWER_REFERS.search(pair.answer):
        found.append(("answer-refers-to-text", f"The answer names the text: {pair.answer[:80]}"))
    long = len(chunk.text) >= _MEASURED_FROM
    if long and len(pair.answer) > _LONGEST_ANSWER * len(chunk.text):
        found.append(("answer-length", f"The answer repeats the passage: {pair.answer[:80]}"))
    told = len(answer) > 1 and contains(normalise(pair.question), answer)
    if told and not (_CHOICE_FREELY.search(pair.question) or _YES_OR_NO.fullmatch(pair.answer)):
        found.append(("answer-in-question", f"The question tells its answer: {pair.question}"))
    if pair.evidence is not None and not chunk.text[pair.evidence.start : pair.evidence.end]:
        found.append(("evidence-mismatch", "The evidence lies beyond the passage."))
    return found


def _check_languages(pair: QAPair, chunk: TextChunk) -> list[Broken]:
    found: list[Broken] = []
    if pair.question_language not in ("en", "zh"):
        found.append(("question-language", f"Neither English nor Chinese: {pair.question[:80]}"))
    if is_translated(pair.answer, chunk):
        found.append(
            ("answer-language", f"The answer is not in {chunk.language}: {pair.answer[:80]}")
        )
    crosses = pair.question_language not in (chunk.language, "other")
    if chunk.language in ("en", "zh") and crosses != (pair.type == "cross_lingual"):
        found.append(("pair-type", f"{pair.type} asked in {pair.question_language}."))
    return found


def is_translated(text: str, chunk: TextChunk) -> bool:
    """Whether an answer or a summary is in the other language than the chunk's.

    Names, codes and units of the other script are no translation, nor is what the chunk says.
    """
    if chunk.language == "en":
        han = [run for run in re.findall(r"[\u3400-\u9fff]+", text) if run not in chunk.text]
        return sum(map(len, han)) > 1 and language_of(text) == "zh"
    if chunk.language == "zh" and not count_han(text):
        held = normalise(chunk.text)
        foreign = [w for w in re.findall(r"[a-z]{3,}", normalise(text)) if w not in held]
        return len(foreign) > 1
    return chunk.language == "zh" and language_of(text) == "en"
