"""Rules for the questions of templates: nothing in them explains a pronoun, so none may dangle.

The answer is a span of the passage, and that span is the evidence.
"""

from __future__ import annotations

import re

from tasks.records import Language, QAPair, TextChunk
from tasks.synthesis.rule_patterns import (
    BLANK,
    MARKS,
    MAX_QUESTION,
    MIN_QUESTION,
    Broken,
    contains,
)
from tasks.text import language_of, normalise, search_terms

_QUOTED = re.compile(r"“[^”]*”|\"[^\"]*\"|「[^」]*」|《[^》]*》|`[^`]*`|‘[^’]*’")
_REFERS_TO_TEXT = re.compile(
    r"\b(?:according to|in|from|of|by|based on|per) (?:the|this|that) (?:above |given |following )?"
    r"(?:text|passage|document|article|paragraph|excerpt|section|chapter|context|chunk|page)\b"
    r"(?! (?:of|editor|processor|box|field|file|format))"
    r"|\b(?:this|the given|the above|the provided) (?:text|passage|document|article|paragraph"
    r"|excerpt|chunk|section|chapter|manual|table|figure|image|picture|list|example)\b"
    r"|\bas (?:mentioned|stated|described|shown|noted|discussed) (?:above|below|earlier|in the)\b"
    r"|\b(?:mentioned|stated|described|discussed) (?:above|below)\b"
    r"|\b(?:mentioned|stated|described|discussed) in the (?:text|passage|document)\b"
    r"|\bthe (?:author|text|passage|document) (?:says?|states?|mentions?|describes?)\b"
    r"|(?:根据|依据|按照|据)(?:上文|本文|该文|文中|文章|文档|原文|上述|以上|材料|文本|段落|这段|该段|此文|资料|内容)"
    r"|(?:上文|本文|文中|该文档|本文档|这篇|这段|该段落|本段|本章|本节|原文|文档中|文章中)"
    r"|(?:上图|下图|上表|下表|如图|该图|此图|该表|此表|上述|前述|以上|如下)",
    re.IGNORECASE,
)
_FILE = re.compile(
    r"\b[\w-]+\.(?:pdf|docx?|pptx?|xlsx?|jpe?g|png|gif|bmp|tiff?|webp)\b"
    r"|\b(?:file ?name|filename|page number|what page|which page|how many pages|markdown)\b"
    r"|文件名|页码|第几页|哪一页|多少页",
    re.IGNORECASE,
)
# "Which is heavier, A or B?" names its answer by its nature.
_CHOICE = re.compile(r"\bwhich\b.*\bor\b|哪一?[个种款项]", re.IGNORECASE)
_PERSON = re.compile(r"\b(?:he|she|him|his|her|hers|himself|herself)\b", re.IGNORECASE)
_THING = re.compile(r"\b(?:it|its|they|them|their|theirs|itself|themselves)\b", re.IGNORECASE)
_POINTING = re.compile(
    r"\b(?:this|these|those|the (?:former|latter|same|above|following|aforementioned))\b"
    r"(?! (?:year|century)\b)|\bthat (?:is|was|one)\b(?=\?)",
    re.IGNORECASE,
)
_EXPLETIVE = re.compile(
    r"\bis it (?:that|possible|necessary|important|recommended|better|best|advisable|safe"
    r"|called|useful|easy|hard|difficult|impossible|not)\b|\bit is\b",
    re.IGNORECASE,
)
_POINTING_ZH = re.compile(
    r"两者|二者|它们?|(?<!其)他们?(?!人)|她们?|(?<![应活本])该(?=[一-鿿])(?!怎|如|做|在|用|不)|此(?!外|时此)|这[个些种里样类款台次]?"
    r"|那(?:个|些|种|里|样)|前者|后者|其(?![他它余中实间次])"
)
_NOUN_BEFORE = re.compile(r"\b(?:the|a|an|your|each|every|all|of|any)\s+\w+", re.IGNORECASE)
_ASKING = re.compile(
    r"\bIn the context of\b|\b(?:what|who|whom|whose|when|where|why|how|which|since|until|by"
    r"|often|many|much|long|is|are|was|were|be|been|do|does|did|has|have|had|can|could|may|might"
    r"|must|shall|should|will|would|you|i|we|there)\b",
    re.IGNORECASE,
)
# "Why does coagulation lower them?": an object that nothing else in the question names.
_OBJECT = re.compile(r"^[^,“]*\b(?:them|it)\?$", re.IGNORECASE)
# A bare noun stands where the subject does: "When did production leave its ...".
_SUBJECT = re.compile(r"\s*[a-z]{4,}(?:s|tion|ment|ity|ing|er|or|e|t|r|n)\b\s+\w+", re.ASCII)


def check_template_pair(pair: QAPair, chunk: TextChunk) -> list[Broken]:
    """Every rule that the pair breaks: reason and detail."""
    return [
        *_check_question(pair),
        *_check_answer(pair, chunk),
        *_check_languages(pair, chunk),
    ]


def near_duplicate_of_templates(one: QAPair, other: QAPair) -> bool:
    """Nearly the same words, or one answer asked twice."""
    return alike(one.question, other.question, same_answer=_same_answer(one, other))


def _same_answer(one: QAPair, other: QAPair) -> bool:
    if one.evidence and other.evidence and one.evidence == other.evidence:
        return True
    return normalise(one.answer) == normalise(other.answer)


def alike(one: str, other: str, *, same_answer: bool) -> bool:
    """Share of common search terms: 0.85, or 0.4 where the answers are the same."""
    first, second = set(search_terms(one)), set(search_terms(other))
    if not first or not second:
        return one == other
    return len(first & second) / len(first | second) >= (0.4 if same_answer else 0.85)


def _check_question(pair: QAPair) -> list[Broken]:
    question = pair.question
    found: list[Broken] = []
    if not MIN_QUESTION <= len(question) <= MAX_QUESTION or "\n" in question:
        found.append(("question-form", f"Too short, too long or broken: {question[:80]}"))
    if not question.rstrip().endswith(("?", "？")):
        found.append(("question-form", f"Does not end as a question: {question[-60:]}"))
    if _REFERS_TO_TEXT.search(question):
        found.append(("question-refers-to-text", f"Does not stand alone: {question}"))
    if MARKS.search(question):
        found.append(("question-markup", f"Asks about markup: {question}"))
    if _FILE.search(question):
        found.append(("question-about-file", f"Asks about a file or page: {question}"))
    if dangling := dangling_pronoun(question):
        found.append(("question-dangling", f"“{dangling}” points at nothing: {question}"))
    return found


def dangling_pronoun(question: str) -> str:
    """The first pronoun of the question that nothing before it explains, or ""."""
    plain = _EXPLETIVE.sub(" ", _QUOTED.sub(" ", question))
    if found := _POINTING_ZH.search(plain):
        return found[0]
    if found := _POINTING.search(plain):
        return found[0]
    if _OBJECT.search(plain) and not re.search(r"\b(?:when|if|after|before|once|and)\b", plain[4:]):
        return plain.rstrip("?").split()[-1]
    for pronoun in (_PERSON, _THING):
        found = pronoun.search(plain)
        if found is None:
            continue
        before = _ASKING.sub(" ", plain[: found.start()])
        # "When was Hydrotec moved from its ..." and "Why does the pump lose its ...".
        named = re.search(r"\b[A-Z0-9]\w*", before) or _NOUN_BEFORE.search(before)
        if not named and not (pronoun is _THING and _SUBJECT.match(before)):
            return found[0]
    return ""


def _check_answer(pair: QAPair, chunk: TextChunk) -> list[Broken]:
    found: list[Broken] = []
    answer = normalise(pair.answer).strip()
    if not answer or not any(character.isalnum() for character in answer):
        return [("answer-empty", "The answer has no word or number.")]
    if "[IMAGE" in pair.answer or "IMAGE_REF" in pair.answer:
        found.append(("answer-marker", f"The answer holds a picture's marker: {pair.answer[:80]}"))
    # A quoted term may hold a word of a longer answer; a name alone must not be told.
    # A completion question quotes a sentence, and that must not hold what it leaves out.
    whole = " " not in answer or BLANK in pair.question
    asked = pair.question if whole else _QUOTED.sub(" ", pair.question)
    if not _CHOICE.search(pair.question) and contains(normalise(asked), answer):
        found.append(("answer-in-question", f"The question tells its answer: {pair.question}"))
    if pair.evidence is not None:
        held = chunk.text[pair.evidence.start : pair.evidence.end]
        if not held or held != pair.answer:
            found.append(("evidence-mismatch", "The evidence is not the answer, word for word."))
    return found


def _check_languages(pair: QAPair, chunk: TextChunk) -> list[Broken]:
    found: list[Broken] = []
    if pair.question_language not in ("en", "zh"):
        found.append(("question-language", f"Neither English nor Chinese: {pair.question[:80]}"))
    elif not question_is_in(pair.question, pair.question_language):
        found.append(("question-language", f"Not {pair.question_language}: {pair.question[:80]}"))
    answer = language_of(pair.answer)
    passage = chunk.language
    # A name of the other script, verbatim from the passage, is no translation.
    translated = pair.evidence is None and pair.answer not in chunk.text
    if translated and {passage, answer} == {"en", "zh"}:
        found.append(("answer-language", f"The answer is {answer}, the passage {passage}."))
    crosses = passage in ("en", "zh") and pair.question_language not in (passage, "other")
    if crosses != (pair.type == "cross_lingual") and passage in ("en", "zh"):
        found.append(("pair-type", f"{pair.type} asked in {pair.question_language}."))
    return found


def question_is_in(question: str, language: Language) -> bool:
    """Whether the question's own words are of the language; carried terms do not count."""
    frame = _QUOTED.sub(" ", question)
    if language == "zh":
        return bool(
            re.search(r"什么|谁|哪|多少|几|何|怎|为什么|吗|多[长大高久远]|[一-鿿]{3,}", frame)
        )
    return language_of(frame) == "en" or bool(
        re.match(
            r"(?:In the context|What|Who|Whom|Whose|When|Where|Why|How|Which|Since|Until|By"
            r"|Is|Are|Was|Were|Do|Does|Did|Can|For|At|In|On)\b",
            frame.strip(),
        )
    )
