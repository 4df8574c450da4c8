from __future__ import annotations

import pytest

from tasks.matching import matchable, says
from tasks.negatives import HardNegatives, Passage
from tasks.stage_rows import passages
from tasks.text import language_of
from tests.tasks.dataset_rows import pump_rows


def index(*texts: str, held_out: tuple[str, ...] = (), seed: int = 0) -> HardNegatives:
    return HardNegatives(
        (
            Passage(id=f"c{at}", text=text, file_path=f"f{at}", language=language_of(text))
            for at, text in enumerate(texts)
        ),
        seed,
        held_out,
    )


def ids(found: list[Passage]) -> list[str]:
    return [passage.id for passage in found]


@pytest.mark.parametrize(
    ("text", "phrase", "said"),
    [
        ("It runs at 15 bar.", "5 bar", False),
        ("It runs at 5 bar.", "5 BAR", True),
        ("It runs at 5.2 bar.", "5", False),
        ("A share of 5 percent.", "5%", True),
        ("A share of 5 percent.", "5", False),
        ("the brass-ware shop", "brass", True),
        ("the brassware shop", "brass", False),
        ("压力为１２ＭＰａ。", "12 MPa", True),
        ("臺灣的電機工廠", "电机", True),
        ("于二〇二四年三月五日成立", "2024年3月5日", True),
        ("anything", "", False),
        ("anything", "—", False),
    ],
)
def test_a_phrase_is_found_as_words_after_normalising(text: str, phrase: str, said: bool) -> None:
    assert says(matchable(text), matchable(phrase)) is said


def test_the_hardest_come_first_and_the_gold_chunk_never() -> None:
    corpus = index(
        "The brass pump delivers water at 12 bar.",
        "Apples are harvested in September.",
        "The steel pump delivers water at 15 bar.",
        "Water is wet.",
    )
    picked = corpus.pick("At what pressure does the pump deliver water?", ["12 bar"], ["c0"], 3)
    assert ids(picked) == ["c2", "c3", "c1"]


def test_a_chunk_that_says_the_answer_is_no_negative_and_is_replaced() -> None:
    corpus = index(
        "The brass pump delivers water at 12 bar.",
        "The steel pump delivers water at 12 BAR too.",
        "The iron pump delivers water at 112 bar.",
        "Nothing of the kind.",
    )
    picked = corpus.pick("At what pressure does the pump deliver water?", ["12 bar"], ["c0"], 2)
    assert ids(picked) == ["c2", "c3"]


def test_near_duplicates_of_the_gold_chunk_and_equal_negatives_are_left_out() -> None:
    numbers = " ".join(f"n{at}" for at in range(30))
    gold = f"The pump {numbers}: brass wheel."
    corpus = index(gold, gold.replace("brass", "bronze"), "pump alpha", "Pump  ALPHA!", "pump beta")
    picked = corpus.pick("What is the pump?", ["brass"], ["c0"], 10)
    assert ids(picked) == ["c2", "c4"]


def test_a_chinese_question_finds_chinese_chunks_by_bigrams() -> None:
    corpus = index(
        "水泵的额定压力为十二兆帕。",
        "苹果在九月收获。",
        "风机的额定压力为三兆帕。",
        "The pump is made of brass.",
    )
    assert ids(corpus.search("水泵的额定压力是多少？", 2)) == ["c0", "c2"]
    assert ids(corpus.pick("水泵的额定压力是多少？", ["十二兆帕"], ["c0"], 1)) == ["c2"]


def test_a_question_in_the_other_language_also_gets_neighbours_of_the_gold_chunk() -> None:
    corpus = index(
        "The Aster pump has a brass impeller.",
        "黄铜叶轮的材质是什么意思。",
        "叶轮是黄铜的材质。",
        "The Boreal pump has a steel impeller.",
        "The Cirrus pump has a bronze impeller.",
    )
    picked = corpus.pick("Aster 泵的叶轮是什么材质？", ["brass"], ["c0"], 4)
    languages = [passage.language for passage in picked[:4]]
    assert languages == ["zh", "en", "zh", "en"]


def test_training_rows_draw_from_training_documents_only() -> None:
    texts = [f"The pump number {at} delivers water at {at} bar." for at in range(12)]
    held = ("f3", "f4", "f5")
    corpus = index(*texts, held_out=held)
    assert corpus.available() == 9
    assert corpus.available(training_only=False) == 12
    trained = corpus.pick("Which pump delivers water?", ["0 bar"], ["c0"], 20)
    assert len(trained) == 8
    assert not {passage.file_path for passage in trained} & set(held)
    of_all = corpus.pick("Which pump delivers water?", ["3 bar"], ["c3"], 20, training_only=False)
    assert len(of_all) == 11


def test_fewer_documents_give_fewer_negatives() -> None:
    assert index("only one").pick("Which?", ["one"], ["c0"], 5) == []
    assert ids(index("one here", "two there").pick("Which?", ["one"], ["c0"], 5)) == ["c1"]
    assert index("one", "two").pick("Which?", ["one"], ["c0"], 0) == []
    assert index("——", "…").pick("?", ["one"], ["c0"], 5) == []


def test_a_pick_does_not_depend_on_the_picks_before_it() -> None:
    rows = pump_rows()
    first, second = (HardNegatives(passages(rows), seed=5) for _ in range(2))
    calls = [
        (pair.question, [pair.answer], [numbered.row.id], 6)
        for numbered in rows
        for _, pair in numbered.numbered_pairs()
    ]
    forward = [ids(first.pick(*call)) for call in calls]
    backward = [ids(second.pick(*call)) for call in reversed(calls)]
    assert forward == backward[::-1]


def test_a_random_fill_depends_on_the_seed_alone() -> None:
    texts = ["gold word", *(f"unrelated{at}" for at in range(50))]
    picks = [ids(index(*texts, seed=seed).pick("zzz?", ["word"], ["c0"], 10)) for seed in (1, 1, 2)]
    assert picks[0] == picks[1] != picks[2]
    assert len(set(picks[0])) == 10


def test_a_small_pick_is_the_beginning_of_a_large_one() -> None:
    rows = pump_rows()
    corpus = HardNegatives(passages(rows), seed=0)
    row = rows[0].row
    large = corpus.pick(row.qa_pairs[0].question, ["brass"], [row.id], 6)
    assert corpus.pick(row.qa_pairs[0].question, ["brass"], [row.id], 3) == large[:3]


def test_unknown_and_repeated_ids_are_errors() -> None:
    with pytest.raises(KeyError):
        index("one").pick("Which?", ["one"], ["c9"], 1)
    with pytest.raises(ValueError, match="same id"):
        HardNegatives([Passage("x", "a", "f", "en"), Passage("x", "b", "f", "en")], 0)
