"""How right an answer is, and how well the right documents are found (MODEL.md, "Numbers").

English is compared as usual in open question answering: lower case, without punctuation, articles
and extra whitespace. Chinese is compared by characters, everything else by whole words: "art" is
not said by "cartoon". Scores are shares, 0 to 1; a corpus' score is the mean over its questions.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import lru_cache

from pydantic import BaseModel, ConfigDict

from clara_model.errors import ConfigError, DataError
from clara_model.text.language import Language, language_of
from clara_model.text.normalise import normalise, to_simplified
from clara_model.text.scripts import HAN_CLASS

Words = tuple[str, ...]

_ARTICLES = frozenset(("a", "an", "the"))
_RANGE = re.compile(r"(?<=\d)[-/](?=\d)")
# Text written without spaces: every character is a word.
_UNSPACED = HAN_CLASS + "\u3041-\u3096\u30a1-\u30fa\u30fc"
_HAN = re.compile(f"[{HAN_CLASS}]")
_WORD = re.compile(f"[{_UNSPACED}]|[^{_UNSPACED}]+")


class AnswerScores(BaseModel):
    """Means over `questions`, each 0 to 1; all 0 where there is no question."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    questions: int
    exact_match: float
    f1: float
    cover_exact_match: float


class CorpusScores(BaseModel):
    """Answer scores of all questions, and apart by language."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    overall: AnswerScores
    by_language: dict[Language, AnswerScores]


class RetrievalScores(BaseModel):
    """recall@k and precision@k by k, averaged per question over `questions`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    questions: int
    without_relevant: int
    """Questions that no candidate answers: nothing could be found, they count in no mean."""
    recall: dict[int, float]
    precision: dict[int, float]


def exact_match(prediction: str, gold: str | Sequence[str]) -> float:
    """1 where the prediction is one of the gold answers, else 0. Raises DataError without gold."""
    return _best(lambda said, wanted: float(said == wanted), prediction, gold)


def cover_exact_match(prediction: str, gold: str | Sequence[str]) -> float:
    """1 where a gold answer's words stand in the prediction one after another, else 0.

    Chinese answers are looked for by characters, so 北京 stands in 中国北京市. Raises DataError
    without gold.
    """
    return _best(lambda said, wanted: float(_stands_in(wanted, said)), prediction, gold)


def f1(prediction: str, gold: str | Sequence[str]) -> float:
    """Harmonic mean of word precision and recall (Chinese: characters), with the best gold answer.

    Raises DataError without gold.
    """
    return _best(_f1, prediction, gold)


def score_answers(
    predictions: Sequence[str],
    gold_answers: Sequence[str | Sequence[str]],
    languages: Sequence[Language] | None = None,
) -> CorpusScores:
    """Scores of a corpus; `gold_answers[i]` is one answer or several, of which the best counts.

    Languages are those of the questions where the caller knows them, otherwise of the first gold
    answer. Raises DataError where the lists differ in length or a question has no gold answer.
    """
    if languages is None:
        languages = [language_of(_listed(gold)[0]) for gold in gold_answers]
    if not len(predictions) == len(gold_answers) == len(languages):
        raise DataError(
            f"{len(predictions)} predictions, {len(gold_answers)} gold answers and "
            f"{len(languages)} languages do not belong to the same questions: give one of each."
        )
    scores = [
        (exact_match(said, gold), f1(said, gold), cover_exact_match(said, gold))
        for said, gold in zip(predictions, gold_answers, strict=True)
    ]
    of_language = {
        language: [score for score, its in zip(scores, languages, strict=True) if its == language]
        for language in sorted(set(languages))
    }
    return CorpusScores(
        overall=_means(scores),
        by_language={language: _means(some) for language, some in of_language.items()},
    )


def recall_at_k(ranking: Sequence[int], relevant: Collection[int], k: int) -> float:
    """Share of the relevant documents that are among the first `k` of `ranking`.

    `ranking` holds document indices, best first. Raises ConfigError for a k below 1, DataError
    where nothing is relevant or `ranking` names a document twice.
    """
    return _hits(ranking, relevant, k) / len(set(relevant))


def precision_at_k(ranking: Sequence[int], relevant: Collection[int], k: int) -> float:
    """Share of relevant documents among `k`; a ranking shorter than k leaves places empty.

    Raises as `recall_at_k`.
    """
    return _hits(ranking, relevant, k) / k


def score_retrieval(
    rankings: Sequence[Sequence[int]],
    relevant: Sequence[Collection[int]],
    ks: Iterable[int] = (1, 3, 5),
) -> RetrievalScores:
    """recall@k and precision@k of every k, averaged per question.

    A question with many relevant documents weighs as much as one with a single one. Questions
    without any are left out and counted. Raises as `recall_at_k`, and DataError where the lists
    differ in length.
    """
    if len(rankings) != len(relevant):
        raise DataError(
            f"{len(rankings)} rankings and {len(relevant)} sets of relevant documents do not "
            "belong to the same questions: give one of each."
        )
    answerable = [pair for pair in zip(rankings, relevant, strict=True) if pair[1]]
    wanted = tuple(ks)

    def averaged(score: Callable[[Sequence[int], Collection[int], int], float]) -> dict[int, float]:
        return {k: _mean(score(found, right, k) for found, right in answerable) for k in wanted}

    return RetrievalScores(
        questions=len(answerable),
        without_relevant=len(relevant) - len(answerable),
        recall=averaged(recall_at_k),
        precision=averaged(precision_at_k),
    )


def compared_words(text: str) -> tuple[Words, Words]:
    """The words of `text` that are compared: in the normaliser's form, and as they are written.

    The normaliser's form lets 二十三 be 23 and "22 November 2026" be 2026年11月22日. As written,
    the same date still says "22 November". Two texts match where they match in either form.
    """
    return _words(normalise(text)), _words(_as_written(text))


def _best(
    score: Callable[[Words, Words], float], prediction: str, gold: str | Sequence[str]
) -> float:
    said = compared_words(prediction)
    return max(
        score(said[form], wanted[form])
        for wanted in map(compared_words, _listed(gold))
        for form in range(2)
    )


def _listed(gold: str | Sequence[str]) -> Sequence[str]:
    listed = (gold,) if isinstance(gold, str) else gold
    if not listed:
        raise DataError("A question has no gold answer: nothing can be compared with it.")
    return listed


def _f1(said: Words, wanted: Words) -> float:
    if not said or not wanted:
        return float(said == wanted)
    common = (Counter(said) & Counter(wanted)).total()
    return 2 * common / (len(said) + len(wanted))


def _stands_in(wanted: Words, said: Words) -> bool:
    """An answer of nothing stands in nothing but nothing."""
    if not wanted:
        return not said
    length = len(wanted)
    return any(said[at : at + length] == wanted for at in range(len(said) - length + 1))


def _as_written(text: str) -> str:
    # Full-width marks separate words; NFKC would make ASCII marks of them, which join.
    text = "".join(
        " " if character > "\x7f" and _is_mark(character) else character for character in text
    )
    text = unicodedata.normalize("NFKC", text)
    if _HAN.search(text):
        text = to_simplified(text)
    return text.casefold()


def _words(text: str) -> Words:
    """Words without marks and articles; the text's own pieces where nothing else is in it.

    "+", or a grade "A", would otherwise be the same answer as any article.
    """
    pieces = _RANGE.sub(" ", text).split()
    bare = [stripped for piece in pieces if (stripped := _without_marks(piece))]
    kept = [piece for piece in bare if piece not in _ARTICLES] or bare or pieces
    return tuple(word for piece in kept for word in _WORD.findall(piece))


def _without_marks(piece: str) -> str:
    return "".join(
        character
        for at, character in enumerate(piece)
        if not _is_mark(character) or _is_inside_number(piece, at)
    )


def _is_inside_number(piece: str, at: int) -> bool:
    """Without its point 3.5 would be 35."""
    around = piece[max(0, at - 1)] + piece[at + 1 : at + 2]
    return piece[at] in ".:" and len(around) == 2 and around.isdigit()


@lru_cache(maxsize=4096)
def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] in "PS"


def _hits(ranking: Sequence[int], relevant: Collection[int], k: int) -> int:
    if k < 1:
        raise ConfigError(f"k is {k}: recall and precision are taken from the first 1 or more.")
    if not relevant:
        raise DataError("No document is relevant to a question: it has no recall.")
    if len(set(ranking)) != len(ranking):
        raise DataError(f"A ranking names a document twice: {list(ranking)}.")
    return len(set(ranking[:k]) & set(relevant))


def _means(scores: Sequence[tuple[float, float, float]]) -> AnswerScores:
    return AnswerScores(
        questions=len(scores),
        exact_match=_mean(score[0] for score in scores),
        f1=_mean(score[1] for score in scores),
        cover_exact_match=_mean(score[2] for score in scores),
    )


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed) if listed else 0.0
