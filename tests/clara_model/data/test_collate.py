from __future__ import annotations

from dataclasses import replace

import torch

from clara_model.batches import IGNORED
from clara_model.config import Stage
from clara_model.data.collate import collate, collate_prompts
from clara_model.data.examples import Example
from clara_model.data.load import build_stage_data
from clara_model.data.rows import parse_row
from tests.clara_model.data.stage_rows import CONFIG, chat_tokens, question_row

TOKENS = chat_tokens()


def examples(stage: Stage, *documents: int, known: bool = True) -> list[Example]:
    rows = [question_row(n, count) for n, count in enumerate(documents)]
    if not known:
        rows[0]["pos_index"] = None
    parsed = [parse_row(stage, row, "f.jsonl:1", "line-1") for row in rows]
    return build_stage_data(stage, parsed, TOKENS, CONFIG).examples


def test_rows_are_padded_on_the_right_to_the_longest_of_the_batch() -> None:
    made = examples("end_to_end", 3, 2, 4)
    batch = collate(made, TOKENS, "end_to_end")
    assert batch.row_ids == ("q0", "q1", "q2")
    assert batch.input_ids.shape[1] == max(e.decoder_tokens for e in made)
    for at, example in enumerate(made):
        real = example.decoder_tokens
        assert batch.input_ids[at, :real].tolist() == example.input_ids.tolist()
        assert batch.labels[at, :real].tolist() == example.labels.tolist()
        assert batch.attention_mask[at].tolist() == [1] * real + [0] * (
            batch.input_ids.shape[1] - real
        )
        assert (batch.labels[at, real:] == IGNORED).all()
        assert (batch.input_ids[at, real:] == TOKENS.pad_id).all()
    assert batch.input_ids.dtype == batch.document_index.dtype == torch.long
    assert batch.label_tokens == sum(int((e.labels != IGNORED).sum()) for e in made)


def test_a_document_that_several_rows_name_appears_once() -> None:
    made = examples("end_to_end", 3, 2, 4)
    batch = collate(made, TOKENS, "end_to_end")
    assert batch.document_ids is not None
    assert batch.document_mask is not None
    assert len(set(batch.document_keys)) == len(batch.document_keys) == len(batch.document_ids)
    assert len(batch.document_keys) < sum(len(e.documents) for e in made)
    assert batch.document_index.shape == (3, 4)
    for at, example in enumerate(made):
        index = batch.document_index[at].tolist()
        assert index[len(example.documents) :] == [-1] * (4 - len(example.documents))
        for number, document in zip(index, example.documents, strict=False):
            assert batch.document_keys[number] == document.key
            real = batch.document_mask[number].bool()
            assert batch.document_ids[number][real].tolist() == document.ids.tolist()


def test_positives_are_marked_where_every_row_knows_them() -> None:
    batch = collate(examples("end_to_end", 3, 2, 4), TOKENS, "end_to_end")
    assert batch.positives is not None
    assert batch.positives.nonzero().tolist() == [[0, 0], [1, 1], [2, 2]]
    first = examples("end_to_end", 3)[0]
    twice = replace(first, documents=(*first.documents, first.documents[0]))
    marks = collate([twice], TOKENS, "end_to_end").positives
    assert marks is not None and marks.tolist() == [[True, False, False, True]]
    unknown = examples("end_to_end", 3, 2, known=False)
    assert collate(unknown, TOKENS, "end_to_end").positives is None


def test_only_retrieving_stages_have_queries() -> None:
    made = examples("end_to_end", 3, 2)
    batch = collate(made, TOKENS, "end_to_end")
    assert batch.query_ids is not None
    assert batch.query_mask is not None
    for at, example in enumerate(made):
        real = batch.query_mask[at].bool()
        assert batch.query_ids[at][real].tolist() == example.queries[0].tolist()
    assert collate(examples("instruction", 2, 2), TOKENS, "instruction").query_ids is None


def searching(*, queries: int, slots: tuple[tuple[int, int], ...]) -> Example:
    (made,) = examples("end_to_end", 4)
    question = made.queries[0]
    return replace(made, queries=tuple(question[: 3 + n] for n in range(queries)), slots=slots)


def test_reasoning_has_a_row_for_each_search() -> None:
    two = searching(queries=2, slots=((0, 2), (1, 0), (1, 3)))
    one = searching(queries=1, slots=((0, 1),))
    batch = collate([two, one], TOKENS, "reasoning")
    assert batch.query_mask is not None
    assert batch.query_mask.sum(1).tolist() == [3, 4, 3]
    assert batch.slot_queries is not None
    assert batch.slot_documents is not None
    assert batch.slot_queries.tolist() == [[0, 1, 1], [2, -1, -1]]
    assert batch.slot_documents.tolist() == [[2, 0, 3], [1, -1, -1]]
    assert batch.positives is not None
    assert batch.positives.shape == (3, 4)
    assert batch.positives.nonzero().tolist() == [[0, 2], [1, 0], [1, 3], [2, 1]]


def test_prompts_alone_carry_no_label() -> None:
    made = examples("instruction", 2, 2)
    batch = collate_prompts(made, TOKENS, "instruction")
    assert batch.label_tokens == 0
    for at, example in enumerate(made):
        real = batch.attention_mask[at].bool()
        assert batch.input_ids[at][real].tolist() == example.prompt_ids.tolist()
