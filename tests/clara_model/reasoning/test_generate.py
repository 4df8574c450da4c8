"""The loop of writing and searching: where it cuts, what it puts in, when it stops."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import AddedToken
from torch import Tensor

from clara_model import Clara, ClaraConfig
from clara_model.errors import ConfigError, DataError
from clara_model.prompts import build_prompt, closing_ids
from clara_model.reasoning import generate
from clara_model.reasoning.examples import reasoning_example
from clara_model.reasoning.generate import ReasoningAnswer, answer_in_steps
from clara_model.reasoning.segments import information_ids
from tests.clara_model.reasoning.reasoning_row import reasoning_row
from tests.support.tiny_models import byte_level_tokenizer, tiny_base

DOCUMENTS = ["The pump stands in the cellar.", "The valve is of brass.", "六巴"]


@pytest.fixture
def memory(model: Clara) -> Tensor:
    encoded = [torch.tensor([model.tokens.document_ids(text, 64)]) for text in DOCUMENTS]
    with torch.no_grad():
        return torch.cat([model.compress(ids, torch.ones_like(ids)).memory for ids in encoded])


class Script:
    """Stands in for the reader: makes the model write given ids, and notes what it is given."""

    def __init__(self, model: Clara, ids: list[int]) -> None:
        self.parts: list[list[int]] = []
        self.memory: list[Tensor] = []
        self._ids = iter(ids)
        self._size = model.tokens.base_size

    def __call__(self, model: Clara) -> Script:
        return self

    @property
    def read_ids(self) -> list[int]:
        return [id_ for part in self.parts for id_ in part]

    @property
    def length(self) -> int:
        return len(self.read_ids)

    def read(self, ids: list[int], memory: Tensor | None = None) -> Tensor:
        self.parts.append(ids)
        if memory is not None:
            self.memory.append(memory)
        return torch.nn.functional.one_hot(torch.tensor(next(self._ids, 0)), self._size)

    def back_to(self, length: int) -> None:
        while self.length > length:
            self.parts.pop()


def written(
    model: Clara, memory: Tensor, monkeypatch: pytest.MonkeyPatch, *stretches: str, **limits: int
) -> tuple[ReasoningAnswer, Script]:
    """What comes of a model that writes these stretches, each tokenised alone, and then eos."""
    ids = [id_ for text in stretches for id_ in model.tokens.text_ids(text)]
    script = Script(model, [*ids, model.tokens.eos_id])
    monkeypatch.setattr(generate, "_Reader", script)
    return answer_in_steps(model, "What is it of?", memory, **limits), script


def test_it_searches_reads_and_answers(
    model: Clara, memory: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = reasoning_row("What is it of?", DOCUMENTS, [("pump", 0), ("valve", 1)], "brass")
    example = reasoning_example(row, model.tokens, model.config)
    answer, script = written(
        model,
        memory,
        monkeypatch,
        "<search>pump</search>",
        "<search>valve</search>",
        "<answer>brass</answer>",
    )
    assert (answer.answer, answer.stopped_because) == ("brass", "answer")
    assert [step.query for step in answer.steps] == ["pump", "valve"]
    for step, shown in zip(answer.steps, script.memory, strict=True):
        query = torch.tensor([model.tokens.document_ids(step.query, 64)])
        encoded = model.encode_query(query, torch.ones_like(query)).flatten(1)
        cosines = torch.cosine_similarity(encoded, memory.flatten(1))
        assert step.documents == (int(cosines.argmax()),)
        assert step.scores[0] == pytest.approx(float(cosines.max()), abs=1e-5)
        assert torch.equal(shown, memory[list(step.documents)])
    # What was read is what training would have shown, up to the last token of </answer>.
    trained = example.input_ids.tolist()[: -len(closing_ids(model.tokens)) - 1]
    assert script.read_ids == trained
    assert answer.new_tokens == len(example.labels[example.labels >= 0]) - len(
        closing_ids(model.tokens)
    )


def test_several_documents_are_read_best_first(
    model: Clara, memory: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, script = written(model, memory, monkeypatch, "<search>pump</search>", top_k=3)
    step = answer.steps[0]
    assert sorted(step.documents) == [0, 1, 2]
    assert list(step.scores) == sorted(step.scores, reverse=True)
    assert torch.equal(script.memory[0], memory[list(step.documents)])
    assert information_ids(model.tokens, 3) == script.parts[-1][1:]


@pytest.mark.parametrize(
    ("stretches", "limits", "why", "steps"),
    [
        (["<search>a</search>"] * 5, {"max_steps": 2}, "steps", 2),
        (["<search>a</search>"] * 5, {"max_steps": 1}, "steps", 1),
        (["<think>" + "so and so " * 30], {"max_new_tokens": 20}, "tokens", 0),
        (["<search>a</search>", "<think>on"], {"max_new_tokens": 17}, "tokens", 1),
        (["<search>never closed"], {}, "end", 0),
        (["<answer>half"], {}, "end", 0),
        (["brass"], {}, "end", 0),
        (["so</search>"], {}, "malformed", 0),
        (["brass</answer>"], {}, "malformed", 0),
        (["<search> </search>"], {}, "malformed", 0),
    ],
)
def test_it_stops_without_an_answer_and_says_why(
    model: Clara,
    memory: Tensor,
    monkeypatch: pytest.MonkeyPatch,
    stretches: list[str],
    limits: dict[str, int],
    why: str,
    steps: int,
) -> None:
    answer, _ = written(model, memory, monkeypatch, *stretches, **limits)
    assert answer.answer is None
    assert answer.stopped_because == why
    assert len(answer.steps) == steps
    assert answer.new_tokens <= limits.get("max_new_tokens", 512)
    assert answer.written.startswith(stretches[0][:5])


def test_text_behind_a_closing_tag_is_not_read(tmp_path: Path, monkeypatch: Any) -> None:
    tokenizer = byte_level_tokenizer()
    tokenizer.add_tokens([AddedToken(">\n<", normalized=False)])
    folder = tiny_base(tmp_path / "base", tokenizer=tokenizer, layers=1)
    model = Clara.from_base(folder, ClaraConfig(doc_max_length=32, compression_rate=16))
    memory = torch.randn(2, 2, 64)
    answer, script = written(
        model, memory, monkeypatch, "<search>pump</search>\n<", "<answer>brass</answer>"
    )
    assert answer.answer == "brass"
    start = build_prompt(model.tokens, "reasoning", 0, "What is it of?")
    assert script.read_ids[: len(start)] == start
    assert script.parts[1] == [
        *model.tokens.text_ids("<search>pump</search>"),
        *information_ids(model.tokens, 1),
    ]


@pytest.mark.parametrize(
    ("family", "options"),
    [("qwen3", {}), ("mistral", {"sliding_window": 8}), ("phi3", {})],
)
def test_reading_bit_by_bit_is_reading_at_once(
    family: str, options: dict[str, Any], tmp_path: Path
) -> None:
    folder = tiny_base(tmp_path / "base", family, **options)
    model = Clara.from_base(folder, ClaraConfig(doc_max_length=32, compression_rate=16))
    shown = torch.randn(2, 2, 64, generator=torch.Generator().manual_seed(0))
    text = model.tokens.text_ids("The pump stands in the cellar")
    slots = information_ids(model.tokens, 2)
    with torch.no_grad():
        at_once = generate._Reader(model).read([*text, *slots, *text], shown)
        reader = generate._Reader(model)
        reader.read(text[:5])
        reader.read(model.tokens.text_ids("what is taken back"))
        reader.back_to(5)
        for id_ in text[5:]:
            reader.read([id_])
        reader.read(slots, shown)
        bit_by_bit = reader.read(text)
    assert reader.length == len([*text, *slots, *text])
    base = model.tokens.base_size
    assert bool(torch.isneginf(at_once[base:]).all())
    torch.testing.assert_close(bit_by_bit[:base], at_once[:base], atol=1e-4, rtol=1e-4)


def test_it_writes_what_generate_writes(model: Clara, memory: Tensor) -> None:
    model.train()
    prompt = torch.tensor([build_prompt(model.tokens, "reasoning", 0, "What is it of?")])
    added = list(range(model.tokens.base_size, model.table_rows))
    plain = model.generate(
        memory[None], prompt, torch.ones_like(prompt), max_new_tokens=6, suppress_tokens=added
    )
    answer = answer_in_steps(model, "What is it of?", memory, max_new_tokens=6)
    assert answer.written == model.tokenizer.decode(plain[0], skip_special_tokens=True)
    assert model.training


def test_limits_and_candidates_that_cannot_be_are_refused(model: Clara, memory: Tensor) -> None:
    with pytest.raises(ConfigError, match="top_k is 4 and there are 3 candidates"):
        answer_in_steps(model, "q", memory, top_k=4)
    with pytest.raises(ConfigError, match="top_k is 1 and there are 0"):
        answer_in_steps(model, "q", memory[:0])
    with pytest.raises(ConfigError, match="max_steps is 0"):
        answer_in_steps(model, "q", memory, max_steps=0)
    with pytest.raises(ConfigError, match="max_new_tokens is -1"):
        answer_in_steps(model, "q", memory, max_new_tokens=-1)
    with pytest.raises(DataError, match=r"\[N, 4, 64\]"):
        answer_in_steps(model, "q", memory[:, :2])
