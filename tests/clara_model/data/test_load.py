from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clara_model.batches import IGNORED
from clara_model.config import Stage
from clara_model.data.building import PROMPT_TOO_LONG, TRACE_TOO_LONG
from clara_model.data.examples import Example
from clara_model.data.load import build_stage_data, load_stage_data
from clara_model.data.rows import parse_row
from clara_model.data.stage_data import StageData
from clara_model.errors import ConfigError, DataError
from clara_model.prompts import PARAPHRASE_INSTRUCTIONS, build_training_ids, query_ids
from tests.clara_model.data.stage_rows import (
    CONFIG,
    chat_tokens,
    inst_tokens,
    qa_row,
    question_row,
    write_jsonl,
)

TOKENS = chat_tokens()


def built(stage: Stage, *rows: dict[str, Any], **options: Any) -> StageData:
    parsed = [parse_row(stage, row, f"f.jsonl:{at}", f"line-{at}") for at, row in enumerate(rows)]
    return build_stage_data(stage, parsed, TOKENS, CONFIG, **options)


def told(example: Example) -> str:
    return TOKENS.tokenizer.decode(example.input_ids[example.prompt_length :])


def same(one: StageData, other: StageData) -> bool:
    return one.counts == other.counts and all(
        np.array_equal(a.input_ids, b.input_ids)
        and [d.key for d in a.documents] == [d.key for d in b.documents]
        and a.positives == b.positives
        for a, b in zip(one.examples, other.examples, strict=True)
    )


def test_a_qa_row_is_all_its_pairs_from_one_document() -> None:
    (example,) = built("compression", qa_row(1)).examples
    assert told(example) == (
        "Question: What is pump 1?\nAnswer: Number 1.\n"
        "Question: Where?\nAnswer: In the cellar.<|im_end|>\n"
    )
    assert [d.ids.tolist() for d in example.documents] == [
        TOKENS.document_ids("Pump 1 stands in the cellar.", 64)
    ]
    assert (example.queries, example.positives) == ((), None)


def test_a_paraphrase_row_is_asked_for_in_several_ways_that_the_seed_decides() -> None:
    rows = [
        qa_row(n, id=f"p{n}", data_type="paraphrase", question="", answers=["A pump."])
        for n in range(30)
    ]
    data = built("compression", *rows)
    assert {e.question for e in data.examples} == set(PARAPHRASE_INSTRUCTIONS["en"])
    assert {told(e) for e in data.examples} == {"A pump.<|im_end|>\n"}
    assert same(data, built("compression", *rows))
    assert not same(data, built("compression", *rows, seed=1))


def test_instruction_takes_top_k_documents_with_the_positives() -> None:
    data = built("instruction", *(question_row(n, documents=6) for n in range(12)))
    for number, example in enumerate(data.examples):
        assert len(example.documents) == 2
        assert example.positives is not None
        answering = example.documents[example.positives[0]].ids.tolist()
        assert answering == TOKENS.document_ids(f"Pump {number} is here.", 64)
        made = build_training_ids(
            TOKENS, "instruction", 2, f"Where is pump {number}?", f"room {number}"
        )
        assert example.input_ids.tolist() == made.input_ids
        assert example.labels.tolist() == made.labels
        assert example.prompt_ids.tolist() == made.input_ids[: made.prompt_length]
        assert example.answers == (f"room {number}",)
    assert {e.positives for e in data.examples} == {(0,), (1,)}


def test_end_to_end_takes_candidates_and_asks_for_top_k() -> None:
    rows = [question_row(1, documents=6), question_row(2, documents=3)]
    data = built("end_to_end", *rows, candidates=4)
    assert [len(e.documents) for e in data.examples] == [4, 3]
    assert data.counts.rows_with_fewer_documents == 1
    slots = np.isin(data.examples[0].input_ids, TOKENS.memory_token_ids).sum()
    assert slots == 2 * len(TOKENS.memory_token_ids)
    (query,) = data.examples[0].queries
    assert query.tolist() == query_ids(TOKENS, "Where is pump 1?", 64)


def test_documents_are_shared_between_rows() -> None:
    data = built("instruction", *(question_row(n, pos_index=None) for n in range(1, 9)))
    valves = {
        id(d) for e in data.examples for d in e.documents if d.key == _key("Valve 0 is shut.")
    }
    assert len(valves) == 1
    assert data.counts.documents == len({d.key for e in data.examples for d in e.documents})


def _key(text: str) -> str:
    from clara_model.data.examples import make_document

    return make_document(TOKENS, text, 64).key


def test_rows_with_too_few_documents_are_refused_with_a_top_k_that_works() -> None:
    rows = [question_row(1, 5), question_row(2, 4), question_row(3, 3), question_row(4, 5)]
    for stage in ("instruction", "end_to_end"):
        with pytest.raises(DataError) as caught:
            built(stage, *rows, top_k=5)
        assert str(caught.value).startswith("f.jsonl:1: the row has 4 documents, and top_k is 5.")
        assert "2 rows have too few, the fewest 3: set top_k to 3" in str(caught.value)
        assert len(built(stage, *rows, top_k=3).examples) == 4


def test_numbers_that_cannot_work_are_refused() -> None:
    with pytest.raises(ConfigError, match="candidates is 2 and top_k is 3"):
        built("end_to_end", question_row(1), top_k=3, candidates=2)
    with pytest.raises(ConfigError, match="top_k is 0"):
        built("instruction", question_row(1), top_k=0)
    with pytest.raises(ConfigError, match="decoder_max_length is 0"):
        built("instruction", question_row(1), decoder_max_length=0)


def test_what_is_cut_or_skipped_is_counted() -> None:
    rows = [
        question_row(1),
        question_row(2, answer="room " * 50),
        question_row(3, question="a" * 300),
    ]
    data = built("end_to_end", *rows, decoder_max_length=200)
    assert [e.row_id for e in data.examples] == ["q1", "q2"]
    assert data.counts.skipped == {PROMPT_TOO_LONG: 1}
    assert data.counts.answers_cut == 1
    cut = data.examples[1]
    assert cut.decoder_tokens == 200
    assert TOKENS.eos_id not in cut.labels
    assert cut.labels[-1] != IGNORED
    longer = built("end_to_end", *rows, decoder_max_length=2000)
    assert (longer.counts.answers_cut, longer.counts.queries_cut) == (0, 1)
    said = " ".join(data.counts.notices() + longer.counts.notices())
    assert f"1 of 3 rows are skipped: {PROMPT_TOO_LONG} 1." in said
    assert "1 of 2 answers are cut at decoder_max_length" in said
    assert "1 of 3 questions are cut at doc_max_length" in said
    assert "3 of 3 rows have fewer documents than `candidates`" in said
    with pytest.raises(DataError, match="No row of stage instruction is left of 3"):
        built("instruction", *rows, decoder_max_length=20)


def test_cut_documents_are_refused_unless_allowed(tmp_path: Path) -> None:
    file = write_jsonl(
        tmp_path / "a.jsonl", [qa_row(1), qa_row(2, docs=["The pump is here. " * 40])]
    )
    with pytest.raises(DataError, match=r"en 50\.0% of 2"):
        load_stage_data("compression", file, TOKENS, CONFIG)
    data = load_stage_data("compression", file, TOKENS, CONFIG, allow_truncation=True)
    assert data.truncation.total.cut == 1
    assert max(len(d.ids) for e in data.examples for d in e.documents) == 64


def test_a_folder_is_read_up_to_the_limit_and_progress_is_told(tmp_path: Path) -> None:
    rows = [question_row(n) for n in range(6)]
    file = write_jsonl(tmp_path / "instruction_data.jsonl", rows)
    with file.open("a") as more:
        more.write("\n\n")
    told: list[tuple[int, int]] = []
    data = load_stage_data(
        "instruction", tmp_path, TOKENS, CONFIG, progress=lambda done, of: told.append((done, of))
    )
    assert data.counts.rows == data.counts.examples == 6
    assert data.counts.blank_lines == 2
    assert data.counts.notices() == ["2 blank lines are passed over."]
    assert told[-1] == (file.stat().st_size - 2, file.stat().st_size)
    few = load_stage_data("instruction", tmp_path, TOKENS, CONFIG, limit=4)
    assert [e.row_id for e in few.examples] == ["q0", "q1", "q2", "q3"]


def trace_row(number: int, thought: str = "Look.") -> dict[str, Any]:
    row = question_row(number)
    found = row["docs"][number % 3]
    trace = (
        f"<think>{thought}</think>\n<search>pump {number}</search>\n"
        f"<information>{found}</information>\n<answer>room {number}</answer>"
    )
    return {**row, "answer": trace}


def test_a_trace_brings_its_searches_and_shares_its_documents() -> None:
    data = built("reasoning", *(trace_row(n) for n in range(2)), trace_row(2, "Look. " * 200))
    assert data.counts.skipped == {TRACE_TOO_LONG: 1}
    first, second = data.examples
    assert first.slots == ((0, 0),)
    assert second.slots == ((0, 1),)
    assert second.queries[0].tolist() == query_ids(TOKENS, "pump 1", 64)
    assert second.answers == ("room 1",)
    assert second.positives == (1,)
    assert first.documents[2] is second.documents[2]
    with pytest.raises(DataError, match=r"f\.jsonl:0: "):
        built("reasoning", question_row(1))


def test_another_process_gives_the_same_examples() -> None:
    rows = [question_row(n, documents=5) for n in range(300)]
    alone = built("end_to_end", *rows, workers=0)
    assert same(alone, built("end_to_end", *rows, workers=1))


def test_a_base_without_a_template_is_refused_unless_plain_is_asked_for() -> None:
    tokens = chat_tokens(None)
    rows = [parse_row("compression", qa_row(1), "f.jsonl:1", "line-1")]
    with pytest.raises(ConfigError, match="chat_template: plain"):
        build_stage_data("compression", rows, tokens, CONFIG)
    plain = CONFIG.model_copy(update={"chat_template": "plain"})
    (example,) = build_stage_data("compression", rows, tokens, plain).examples
    text = tokens.tokenizer.decode(example.input_ids)
    assert text.startswith("You are given a document.")
    assert text.endswith(
        "answer.\n\nQuestion: What is pump 1?\nAnswer: Number 1.\nQuestion: Where?"
        "\nAnswer: In the cellar.<|im_end|>"
    )


def test_a_base_with_a_bos_and_no_system_role_is_served_too() -> None:
    rows = [parse_row("compression", qa_row(1), "f.jsonl:1", "line-1")]
    tokens = inst_tokens()
    (example,) = build_stage_data("compression", rows, tokens, CONFIG).examples
    assert example.input_ids[0] == tokens.bos_id
    assert example.documents[0].ids[1] == tokens.bos_id
