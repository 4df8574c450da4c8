"""Answers compared in English and Chinese; recall and precision of retrieval."""

from __future__ import annotations

import pytest

from clara_model.errors import ConfigError, DataError
from clara_model.metrics import (
    cover_exact_match,
    exact_match,
    f1,
    precision_at_k,
    recall_at_k,
    score_answers,
    score_retrieval,
)


@pytest.mark.parametrize(
    ("prediction", "gold"),
    [
        ("The Eiffel Tower.", "eiffel tower"),
        ("  an   APPLE\n", "apple"),
        ("U.S.", "us"),
        ("It’s", "it's"),
        ("“Hamlet”", "Hamlet"),
        ("1,000", "1000"),
        ("22 November 2026", "2026年11月22日"),
        ("二十三个", "23个"),
        ("壓力容器", "压力容器"),
        ("使用 GPU 训练。", "使用GPU训练"),
        ("北京，上海", "北京、上海"),
        ("50%", "50 percent"),
        ("A", "a"),
        ("C", "c."),
        ("+", "+"),
    ],
)
def test_equal_answers_match(prediction: str, gold: str) -> None:
    assert exact_match(prediction, gold) == 1
    assert f1(prediction, gold) == 1
    assert cover_exact_match(prediction, gold) == 1


@pytest.mark.parametrize(
    ("prediction", "gold"),
    [
        ("3.5", "35"),
        ("10:30", "1030"),
        ("the", "A"),
        ("+", "-"),
        ("", "brass"),
        ("1/2", "12"),
        ("六", "七"),
        ("...", "brass"),
    ],
)
def test_different_answers_do_not(prediction: str, gold: str) -> None:
    assert exact_match(prediction, gold) == 0
    assert f1(prediction, gold) == 0
    assert cover_exact_match(prediction, gold) == 0


def test_f1_counts_words_in_english() -> None:
    # Two words of three said, two of four wanted: precision 2/3, recall 1/2.
    assert f1("red brass pump", "the brass pump of steel") == pytest.approx(4 / 7)
    # A word said twice is right once.
    assert f1("brass brass", "brass") == pytest.approx(2 / 3)
    assert f1("cartoon", "art") == 0


def test_f1_counts_characters_in_chinese_and_whole_words_between_them() -> None:
    assert f1("黄铜阀门", "黄铜") == pytest.approx(2 * 2 / 6)
    # 使 用 gpu against gpu 训 练: one in common of three and three.
    assert f1("使用GPU", "GPU 训练") == pytest.approx(1 / 3)
    # 1998 is one word: 98 is no part of it.
    assert f1("1998年", "98年") == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("prediction", "gold", "said"),
    [
        ("She drew a cartoon of it.", "art", 0),
        ("She made art, mostly.", "art", 1),
        ("It lies in the Lord of Rings.", "The Lord of the Rings", 1),
        ("Rings of the Lord", "Lord of Rings", 0),
        ("位于中国北京市。", "北京", 1),
        ("位于北方的京城", "北京", 0),
        ("It was founded on 22 November 2026.", "2026", 1),
        ("It was founded on 22 November 2026.", "22 November", 1),
        ("It was founded on 22 November 2026.", "2026年11月22日", 1),
        ("成立于2026年11月22日", "November 2026", 1),
        ("from 2010 to 2015, or 2010–2015", "2015", 1),
        ("at 15 bar", "5 bar", 0),
        ("at 1.5 bar", "5 bar", 0),
        ("有三个阀门", "三", 1),
        ("1998年", "98", 0),
        ("使用GPU训练", "GPU", 1),
        ("anything", "...", 0),
    ],
)
def test_cover_finds_whole_words_and_chinese_characters(
    prediction: str, gold: str, said: float
) -> None:
    assert cover_exact_match(prediction, gold) == said


def test_best_of_several_gold_answers_counts() -> None:
    gold = ["New York City", "NYC"]
    assert exact_match("nyc", gold) == 1
    assert f1("New York", gold) == pytest.approx(0.8)
    assert cover_exact_match("in NYC today", gold) == 1


def test_no_gold_answer_is_an_error() -> None:
    with pytest.raises(DataError, match="no gold answer"):
        f1("brass", [])
    with pytest.raises(DataError, match="no gold answer"):
        score_answers(["brass"], [[]])


def test_corpus_is_averaged_and_counted_by_language() -> None:
    scores = score_answers(
        ["made of brass", "in the cellar", "黄铜制成"],
        ["brass", ["cellar", "the basement"], "黄铜"],
    )
    assert scores.overall.questions == 3
    assert scores.overall.exact_match == 0
    assert scores.overall.cover_exact_match == 1
    assert scores.overall.f1 == pytest.approx((1 / 2 + 2 / 3 + 2 / 3) / 3)
    assert scores.by_language["en"].questions == 2
    assert scores.by_language["zh"].f1 == pytest.approx(2 / 3)


def test_languages_of_questions_may_be_given() -> None:
    scores = score_answers(["1998"], ["1998"], ["zh"])
    assert list(scores.by_language) == ["zh"]
    with pytest.raises(DataError, match="1 predictions, 2 gold"):
        score_answers(["1998"], ["1998", "1999"], ["zh", "zh"])


def test_empty_corpus_scores_nothing() -> None:
    scores = score_answers([], [])
    assert scores.overall.questions == 0
    assert scores.overall.f1 == 0
    assert scores.by_language == {}


def test_recall_and_precision_of_one_question() -> None:
    ranking = [4, 2, 0, 1]
    assert recall_at_k(ranking, [2, 1], 1) == 0
    assert recall_at_k(ranking, [2, 1], 2) == 0.5
    assert recall_at_k(ranking, {2, 1}, 10) == 1
    assert precision_at_k(ranking, [2, 1], 2) == 0.5
    assert precision_at_k(ranking, [2, 1], 10) == pytest.approx(0.2)


def test_retrieval_is_averaged_per_question_not_per_document() -> None:
    scores = score_retrieval([[0, 1, 2], [2, 0, 1], [0, 1, 2]], [[0], [0, 1], []], ks=(1, 2))
    assert scores.questions == 2
    assert scores.without_relevant == 1
    assert scores.recall == {1: 0.5, 2: pytest.approx(0.75)}
    assert scores.precision == {1: 0.5, 2: pytest.approx(0.5)}


def test_retrieval_that_cannot_be_scored_says_why() -> None:
    with pytest.raises(ConfigError, match="k is 0"):
        recall_at_k([0], [0], 0)
    with pytest.raises(DataError, match="twice"):
        precision_at_k([1, 1], [1], 1)
    with pytest.raises(DataError, match="No document is relevant"):
        recall_at_k([1], [], 1)
    with pytest.raises(DataError, match="1 rankings and 2"):
        score_retrieval([[0]], [[0], [1]])
