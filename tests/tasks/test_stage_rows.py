from __future__ import annotations

from collections.abc import Sequence

from tasks.assemble import NumberedRow, number_pairs
from tasks.matching import matchable, says
from tasks.negatives import HardNegatives
from tasks.records import RetrievalRow
from tasks.reviews import apply_reviews, parse_reviews
from tasks.stage_rows import (
    ShortRows,
    end_to_end_rows,
    eval_rows,
    instruction_rows,
    passages,
    pretrain_rows,
)
from tests.tasks.dataset_rows import pump_rows, training_row

HELD = ("pumps/boreal.txt", "pumps/ember.txt")


def stages(
    rows: Sequence[NumberedRow], held_out: Sequence[str] = HELD, seed: int = 0
) -> dict[str, list[RetrievalRow]]:
    corpus = HardNegatives(passages(rows), seed, held_out)
    return {
        "instruction": list(instruction_rows(rows, corpus, held_out, top_k=4, seed=seed)),
        "end_to_end": list(end_to_end_rows(rows, corpus, held_out, candidates=6, seed=seed)),
        "eval": list(eval_rows(rows, corpus, held_out, candidates=8, seed=seed)),
    }


def test_the_gold_chunk_stands_where_pos_index_says_and_no_other_says_the_answer() -> None:
    rows = pump_rows()
    gold = {id_: n.row.chunk for n in rows for id_, _ in n.numbered_pairs()}
    for name, documents in (("instruction", 4), ("end_to_end", 6), ("eval", 8)):
        made = stages(rows)[name]
        assert len(made) == 3 * (2 if name == "eval" else 6)
        for row in made:
            assert len(row.docs) == documents
            assert len(set(row.docs)) == documents
            assert row.answer == row.gold_answer
            assert [row.docs[at] for at in row.pos_index] == [gold[row.id]]
            others = [doc for at, doc in enumerate(row.docs) if at not in row.pos_index]
            assert not any(says(matchable(doc), matchable(row.answer)) for doc in others)
    positions = {row.pos_index for row in stages(rows)["end_to_end"]}
    assert len(positions) > 3


def test_no_row_that_is_trained_on_holds_a_held_out_chunk() -> None:
    rows = pump_rows()
    held = {n.row.chunk for n in rows if n.row.file_path in HELD}
    made = stages(rows)
    for row in made["instruction"] + made["end_to_end"]:
        assert not held & set(row.docs)
    for pretrain in pretrain_rows(rows, HELD):
        assert not held & set(pretrain.docs)
    held_ids = {id_ for n in rows if n.row.file_path in HELD for id_, _ in n.numbered_pairs()}
    assert {row.id for row in made["eval"]} == held_ids


def test_the_same_rows_every_time_in_the_order_of_chunks_and_pairs() -> None:
    made = stages(pump_rows())
    assert made == stages(pump_rows())
    expected = [
        id_ for n in pump_rows() if n.row.file_path not in HELD for id_, _ in n.numbered_pairs()
    ]
    assert [row.id for row in made["instruction"]] == expected
    other = stages(pump_rows(), seed=1)
    assert [r.docs for r in other["instruction"]] != [r.docs for r in made["instruction"]]


def test_ids_do_not_move_when_documents_come_and_go() -> None:
    few = {row.id for row in stages(pump_rows(4))["instruction"]}
    many = {row.id for row in stages(pump_rows(8))["instruction"]}
    assert few < many


def test_pretrain_rows_hold_all_pairs_and_the_summary() -> None:
    rows = number_pairs(
        [
            training_row(
                "a.txt",
                "甲泵重五千克。",
                [("甲泵多重？", "五千克"), ("哪台泵？", "甲泵")],
                summary="甲泵五千克。",
            ),
            training_row("b.txt", "No summary here.", [("What?", "summary")]),
        ]
    )
    made = [row.model_dump(mode="json") for row in pretrain_rows(rows, ())]
    first = rows[0].row.id
    assert made == [
        {
            "id": f"{first}-qa",
            "data_type": "qa",
            "question": ["甲泵多重？", "哪台泵？"],
            "answers": ["五千克", "甲泵"],
            "docs": ["甲泵重五千克。"],
        },
        {
            "id": f"{first}-paraphrase",
            "data_type": "paraphrase",
            "question": "",
            "answers": ["甲泵五千克。"],
            "docs": ["甲泵重五千克。"],
        },
        {
            "id": f"{rows[1].row.id}-qa",
            "data_type": "qa",
            "question": ["What?"],
            "answers": ["summary"],
            "docs": ["No summary here."],
        },
    ]


def test_a_small_corpus_gives_fewer_documents_and_says_so() -> None:
    for count in (1, 2, 3):
        rows = pump_rows(count)
        corpus = HardNegatives(passages(rows), 0)
        short = ShortRows()
        made = list(instruction_rows(rows, corpus, (), top_k=5, seed=0, short=short))
        list(end_to_end_rows(rows, corpus, (), candidates=2, seed=0, short=short))
        assert {len(row.docs) for row in made} == {count}
        assert "instruction_data.jsonl" in short.notices()[-1]
        assert f"at least {count}" in short.notices()[-1]
        assert len(short.notices()) == (2 if count == 1 else 1)


def test_enough_documents_need_no_notice_and_one_document_a_row_is_the_gold_one() -> None:
    rows = pump_rows()
    short = ShortRows()
    corpus = HardNegatives(passages(rows), 0)
    for row in instruction_rows(rows, corpus, (), top_k=1, seed=0, short=short):
        assert (len(row.docs), row.pos_index) == (1, (0,))
    assert short.notices() == []


def test_a_dropped_pair_leaves_the_other_rows_as_they_were() -> None:
    rows = pump_rows()
    dropped = f"{rows[0].row.id}-1"
    reviews = parse_reviews([f'{{"id": "{dropped}", "action": "drop"}}'])
    before = {row.id: row for row in stages(rows)["end_to_end"]}
    after = {row.id: row for row in stages(apply_reviews(rows, reviews).rows)["end_to_end"]}
    assert before.pop(dropped)
    assert before == after


def test_rows_come_one_at_a_time() -> None:
    rows = pump_rows()
    corpus = HardNegatives(passages(rows), 0)
    made = end_to_end_rows(rows, corpus, (), candidates=3, seed=0)
    assert iter(made) is made
    assert next(made).id == f"{rows[0].row.id}-0"
