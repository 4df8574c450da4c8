from __future__ import annotations

import re

import pytest

from tasks.assemble import NumberedRow, number_pairs
from tasks.hop_bridge import compose, entity_of
from tasks.matching import matchable, says
from tasks.negatives import HardNegatives
from tasks.reasoning import reasoning_rows
from tasks.reasoning_links import links_for, template_links
from tasks.records import RetrievalRow
from tasks.stage_rows import passages
from tests.tasks.dataset_rows import pump_rows, training_row

SPANS = re.compile(r"<(think|search|information|answer)>(.*?)</\1>", re.DOTALL)


def spans(row: RetrievalRow) -> list[tuple[str, str]]:
    found = SPANS.findall(row.answer)
    assert "\n".join(f"<{tag}>{text}</{tag}>" for tag, text in found) == row.answer
    return found


def make(rows: list[NumberedRow], held_out: tuple[str, ...] = (), candidates: int = 4):  # type: ignore[no-untyped-def]
    corpus = HardNegatives(passages(rows), 0, held_out)
    return list(reasoning_rows(rows, corpus, held_out, candidates=candidates, seed=0))


def linked(language: str) -> list[NumberedRow]:
    if language == "en":
        texts = [
            (
                "a.txt",
                "Plant 7 is cooled by the Frigo compressor. It was built in 1998.",
                [
                    ("Which compressor cools Plant 7?", "the Frigo compressor"),
                    ("When was Plant 7 built?", "1998"),
                ],
            ),
            (
                "b.txt",
                "The Frigo compressor uses ammonia as its refrigerant.",
                [("Which refrigerant does the Frigo compressor use?", "ammonia")],
            ),
        ]
    else:
        texts = [
            (
                "a.txt",
                "七号厂房由极光压缩机冷却。该厂房建于1998年。",
                [("七号厂房由哪台压缩机冷却？", "极光压缩机"), ("七号厂房建于哪一年？", "1998年")],
            ),
            ("b.txt", "极光压缩机使用氨作为制冷剂。", [("极光压缩机使用什么制冷剂？", "氨")]),
        ]
    return number_pairs([training_row(path, text, pairs) for path, text, pairs in texts])


def test_one_hop_for_each_chunk_holds_the_gold_chunk_verbatim() -> None:
    rows = pump_rows()
    made = make(rows)
    assert [row.id.rpartition("-")[2] for row in made] == ["one_hop"] * len(rows)
    for numbered, row in zip(rows, made, strict=True):
        found = spans(row)
        assert [tag for tag, _ in found] == ["think", "search", "information", "think", "answer"]
        assert found[2][1] == numbered.row.chunk == row.docs[row.pos_index[0]]
        assert found[4][1] == row.gold_answer
        assert found[1][1] == row.question
        # What the trace quotes is the sentence that holds the answer.
        assert row.gold_answer in found[3][1]
        assert len(row.docs) == 4
    assert make(rows) == made


@pytest.mark.parametrize(
    ("language", "question", "answer"),
    [
        (
            "en",
            "First: Which compressor cools Plant 7? "
            "Then, about that answer: Which refrigerant does it use?",
            "ammonia",
        ),
        ("zh", "先回答：七号厂房由哪台压缩机冷却？再就这个答案回答：该对象使用什么制冷剂？", "氨"),
    ],
)
def test_two_hops_join_pairs_that_share_an_entity(
    language: str, question: str, answer: str
) -> None:
    rows = linked(language)
    two = [row for row in make(rows) if len(row.pos_index) == 2]
    assert [row.question for row in two] == [question]
    row = two[0]
    assert row.id == f"{rows[0].row.id}-0-{rows[1].row.id}-0"
    assert row.gold_answer == answer
    assert [row.docs[at] for at in row.pos_index] == [rows[0].row.chunk, rows[1].row.chunk]
    found = spans(row)
    assert [tag for tag, _ in found] == [
        "think", "search", "information", "think", "search", "information", "think", "answer",
    ]  # fmt: skip
    assert [text for tag, text in found if tag == "information"] == [
        rows[0].row.chunk,
        rows[1].row.chunk,
    ]
    searches = [text for tag, text in found if tag == "search"]
    assert len(set(searches)) == 2
    assert found[-1][1] == answer


def test_negatives_of_two_hops_say_neither_answer() -> None:
    extra = [
        training_row("c.txt", "Ammonia smells sharp.", [("What smells?", "Ammonia")]),
        training_row("d.txt", "The Polar compressor cools Plant 8.", [("Which one?", "the Polar")]),
        training_row("e.txt", "The Frigo compressor is loud.", [("What is it like?", "loud")]),
    ]  # fmt: skip
    rows = number_pairs([*(n.row for n in linked("en")), *extra])
    row = next(row for row in make(rows, candidates=5) if len(row.pos_index) == 2)
    negatives = [doc for at, doc in enumerate(row.docs) if at not in row.pos_index]
    assert negatives == ["The Polar compressor cools Plant 8."]
    assert not any(says(matchable(doc), matchable("ammonia")) for doc in negatives)


def test_held_out_documents_are_in_no_trace() -> None:
    rows = linked("en")
    made = make(rows, held_out=("b.txt",))
    assert [row.id.split("-")[0] for row in made] == [rows[0].row.id]
    assert all(rows[1].row.chunk not in row.docs for row in made)


def test_two_hops_need_two_candidates() -> None:
    assert all(len(row.docs) == 1 for row in make(linked("en"), candidates=1))


def test_text_that_holds_a_tag_makes_no_trace() -> None:
    text = "The tag </information> ends a span."
    assert make(number_pairs([training_row("a.txt", text, [("What ends?", "a span")])])) == []


@pytest.mark.parametrize(
    ("question", "answer", "entity"),
    [
        ("Which compressor cools it?", "The Frigo compressor.", "Frigo compressor"),
        ("哪台压缩机？", "极光压缩机。", "极光压缩机"),
        ("When was it built?", "May", None),
        ("How many are there?", "many pumps", None),
        ("What is the weight?", "5 kg", None),
        ("What year?", "MCMXC", None),
        ("What is it?", "It is a very long description of a machine", None),
        ("多少千克？", "五千克", None),
        ("What is it?", "ab", None),
        ("What is it?", "", None),
    ],
)
def test_an_entity_is_a_short_name_and_not_an_amount(
    question: str, answer: str, entity: str | None
) -> None:
    assert entity_of(question, answer) == entity


@pytest.mark.parametrize(
    ("second", "composed"),
    [
        ("What is the Frigo's weight?", "What is its weight?"),
        ("The Frigo was built by whom?", "It was built by whom?"),
        ("Who designed the Frigo?", None),
        ("What drives the motor of the Frigo?", "What drives the motor of it?"),
        ("What is the Frigo pressure?", None),
        ("Where is the University of Frigo?", None),
        ("Is the Frigo better than the old Frigo?", None),
        ("What about Frigolit?", None),
        ("What is in Lyon, Frigo, France?", None),
    ],
)
def test_an_english_question_is_composed_only_where_it_reads_well(
    second: str, composed: str | None
) -> None:
    bridge = compose(("Which machine cools Plant 7?", "Frigo"), (second, "ammonia"), "en")
    about = bridge.question.partition("about that answer: ")[2] if bridge else None
    assert about == composed


@pytest.mark.parametrize(
    ("second", "composed"),
    [
        ("What does chlorine react with?", "What does it react with?"),
        ("Which organisms are killed by chlorine?", "Which organisms are killed by it?"),
        ("What does the chlorine protect?", None),
        ("What is it that helps to chlorine?", None),
        ("What is the use of chlorine in pipes?", None),
        ("What is the chlorine in the tank for?", None),
        ("Is the water rich in chlorine or not?", None),
    ],
)
def test_a_common_noun_is_replaced_only_where_it_stands_for_one_thing(
    second: str, composed: str | None
) -> None:
    bridge = compose(("What is added last?", "chlorine"), (second, "ammonia"), "en")
    about = bridge.question.partition("about that answer: ")[2] if bridge else None
    assert about == composed


def test_a_common_noun_means_the_same_in_one_document_only() -> None:
    first, second = (
        ("What cools it?", "the gallery pump"),
        ("What does the gallery pump use?", "ice"),
    )
    assert compose(first, second, "en") is None
    assert compose(first, second, "en", same_document=True) is not None
    first, second = ("什么冷却厂房？", "风机"), ("风机的功率是多少？", "5千瓦")
    assert compose(first, second, "zh") is None
    assert compose(first, second, "zh", same_document=True) is not None


@pytest.mark.parametrize(
    ("second", "composed"),
    [
        ("极光机的重量是多少？", "该对象的重量是多少？"),
        ("什么是极光机？", "什么是该对象？"),
        ("谁设计了“极光机”？", "谁设计了该对象？"),
        ("极光机组有多重？", None),
        ("新极光机的重量？", None),
    ],
)
def test_a_chinese_question_is_composed_only_where_it_reads_well(
    second: str, composed: str | None
) -> None:
    bridge = compose(("七号厂房用什么冷却？", "极光机"), (second, "氨"), "zh")
    about = bridge.question.partition("再就这个答案回答：")[2] if bridge else None
    assert about == composed


def test_a_person_and_a_place_are_called_so() -> None:
    who = compose(("Who built Plant 7?", "Ada Holm"), ("When was Ada Holm born?", "1950"), "en")
    assert who is not None
    assert who.question.endswith("When was this person born?")
    where = compose(("工厂在哪里？", "格但斯克"), ("格但斯克的人口是多少？", "50万"), "zh")
    assert where is not None
    assert where.question.endswith("此地的人口是多少？")


def test_questions_that_give_an_answer_away_are_not_composed() -> None:
    inverse = compose(
        ("Which machine uses ammonia?", "Frigo"), ("What does Frigo use?", "ammonia"), "en"
    )
    assert inverse is None
    named = compose(
        ("Is Frigo the Frigo machine?", "Frigo"), ("What does Frigo use?", "ammonia"), "en"
    )
    assert named is None


def rows_of(*texts: tuple[str, str, list[tuple[str, str]]]) -> list[NumberedRow]:
    return number_pairs([training_row(path, text, pairs) for path, text, pairs in texts])


def test_links_for_a_model_need_no_grammar_that_a_template_needs() -> None:
    rows = rows_of(
        ("a.txt", "The Frigo cools Plant 7.", [("Which machine cools Plant 7?", "Frigo")]),
        ("b.txt", "Ada Holm designed the Frigo.", [("Who designed the Frigo?", "Ada Holm")]),
    )
    assert template_links(rows, ()) == []
    assert [(link.entity, link.second.pair.answer) for link in links_for(rows, ())] == [
        ("Frigo", "Ada Holm")
    ]
    assert links_for(rows, ("b.txt",)) == []


def test_one_link_begins_in_a_chunk_and_a_pair_is_a_second_hop_once() -> None:
    cooled = [
        (f"{n}.txt", f"Frigo cools Plant {n}. Heat: no. Boreal heats Plant {n}.", [
            (f"Which machine cools Plant {n}?", "Frigo"),
            (f"Which machine heats Plant {n}?", "Boreal"),
        ])
        for n in range(1, 6)
    ]  # fmt: skip
    about = [
        ("x.txt", "The Frigo weighs 5 tons. It was built in Lyon.", [
            ("What is the weight of Frigo?", "5 tons"), ("Where was Frigo built?", "Lyon"),
        ]),
        ("y.txt", "The Boreal weighs 6 tons.", [("What is the weight of Boreal?", "6 tons")]),
    ]  # fmt: skip
    links = links_for(rows_of(*cooled, *about), ())
    assert len({link.first.row.id for link in links}) == len(links) == 3
    assert len({link.second.id for link in links}) == 3


@pytest.mark.parametrize(
    ("answer", "second", "linked"),
    [
        ("Frigo", "What is the weight of Frigo?", True),
        ("Frigo", "What is the weight of the Frigo Pump?", False),
        ("Frigo", "What is the weight of the machine Northern Frigo has?", False),
        ("fan", "What is the weight of the fan?", False),
        ("tons", "How many tons does it weigh?", False),
    ],
)
def test_an_entity_across_documents_is_a_whole_name(answer: str, second: str, linked: bool) -> None:
    rows = rows_of(
        ("a.txt", f"The {answer} cools Plant 7.", [("What cools Plant 7?", answer)]),
        ("b.txt", f"The {answer} weighs 5 kg.", [(second, "5 kg")]),
    )
    assert bool(links_for(rows, ())) is linked


def test_a_common_noun_links_within_one_document() -> None:
    first = ("a.txt", "The cooling fan cools Plant 7.", [("What cools Plant 7?", "cooling fan")])
    second = ("The cooling fan weighs 5 kg.", [("What does the cooling fan weigh?", "5 kg")])
    assert len(links_for(rows_of(first, ("a.txt", *second)), ())) == 1
    assert links_for(rows_of(first, ("b.txt", *second)), ()) == []


def test_what_one_chunk_answers_alone_needs_no_second_hop() -> None:
    rows = rows_of(
        ("a.txt", "Frigo, built in Lyon, cools Plant 7.", [("What cools Plant 7?", "Frigo")]),
        ("b.txt", "Frigo was built in Lyon.", [("Where was Frigo built?", "Lyon")]),
    )
    assert links_for(rows, ()) == []


def test_composed_questions_stand_in_the_rows_and_no_others() -> None:
    rows = linked("en")
    link = links_for(rows, ())[0]
    corpus = HardNegatives(passages(rows), 0, ())
    for composed, questions in (([(link, "Which one?")], ["Which one?"]), ([], [])):
        made = reasoning_rows(rows, corpus, (), candidates=4, seed=0, composed=composed)
        assert [row.question for row in made if len(row.pos_index) == 2] == questions
