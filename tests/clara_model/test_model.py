from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from clara_model import Clara, ClaraConfig
from clara_model.batches import IGNORED, TrainingBatch
from clara_model.config import ADAPTERS, DECODER, ENCODER, QUERY_REASONER
from clara_model.errors import ConfigError, DataError
from tests.clara_model.conftest import scramble
from tests.clara_model.plain_model import plain_answer_loss, plain_memory
from tests.support.tiny_models import FAMILIES, tiny_base, tiny_clara

TEXTS = (
    "The pump stands in the cellar.",
    "压力容器的阀门由黄铜制成。",
    "At what pressure does the valve open? It opens at six bar.",
)


QUESTIONS = ("Where does the pump stand?", "阀门由什么制成？")


def padded(rows: list[list[int]], side: str, pad: int = 0) -> tuple[Tensor, Tensor]:
    longest = max(map(len, rows))
    ids, mask = [], []
    for row in rows:
        gap = [pad] * (longest - len(row))
        ids.append(gap + row if side == "left" else row + gap)
        ones, zeros = [1] * len(row), [0] * len(gap)
        mask.append(zeros + ones if side == "left" else ones + zeros)
    return torch.tensor(ids), torch.tensor(mask)


def documents(model: Clara, side: str = "right") -> tuple[Tensor, Tensor]:
    return padded([model.tokens.document_ids(text, 64) for text in TEXTS], side)


def prompts(model: Clara, k: int) -> tuple[Tensor, Tensor, Tensor]:
    """Two prompts of the same length, and labels on their last four tokens."""
    rows = [
        [*model.tokens.slot_ids(k), *model.tokens.text_ids(text)[:8], model.tokens.eos_id]
        for text in TEXTS[1:]
    ]
    ids = torch.tensor(rows)
    labels = ids.clone()
    labels[:, :-4] = IGNORED
    return ids, torch.ones_like(ids), labels


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_computes_what_the_specification_says(tmp_path: Path, family: str) -> None:
    model = tiny_clara(tmp_path, family)
    scramble(model)
    ids, mask = documents(model)
    expected = plain_memory(model, ids, mask)
    assert torch.allclose(model.compress(ids, mask).memory, expected, atol=1e-5)
    memory = expected.detach()[torch.tensor([[0, 1], [2, 0]])]
    prompt, ones, labels = prompts(model, 2)
    loss = model.answer_loss(memory, prompt, ones, labels)
    assert torch.allclose(loss, plain_answer_loss(model, memory, prompt, labels), atol=1e-5)


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_changes_nothing(model: Clara, side: str) -> None:
    ids, mask = documents(model, side)
    together = model.compress(ids, mask)
    alone = [
        model.compress(row[real.bool()][None], torch.ones(1, int(real.sum())))
        for row, real in zip(ids, mask, strict=True)
    ]
    assert torch.allclose(together.memory, torch.cat([a.memory for a in alone]), atol=1e-5)
    assert torch.allclose(
        together.alignment_loss, torch.stack([a.alignment_loss for a in alone]).mean(), atol=1e-6
    )
    memory = together.memory[None, :2].detach()
    prompt, ones, labels = prompts(model, 2)
    loss = model.answer_loss(memory, prompt[:1], ones[:1], labels[:1])
    gap = torch.zeros(1, 5, dtype=torch.long)
    order = (gap, prompt[:1]) if side == "left" else (prompt[:1], gap)
    masks = (gap, ones[:1]) if side == "left" else (ones[:1], gap)
    # Whatever stands on padding does not count, not even a label.
    label_gap = gap + 3
    marks = (label_gap, labels[:1]) if side == "left" else (labels[:1], label_gap)
    padded_loss = model.answer_loss(
        memory, torch.cat(order, 1), torch.cat(masks, 1), torch.cat(marks, 1)
    )
    assert torch.allclose(loss, padded_loss, atol=1e-5)
    new = model.generate(memory, prompt[:1], ones[:1], max_new_tokens=6)
    padded_new = model.generate(memory, torch.cat(order, 1), torch.cat(masks, 1), max_new_tokens=6)
    assert new.tolist() == padded_new.tolist()


def test_alignment_is_the_squared_difference_of_the_means(model: Clara) -> None:
    ids, mask = documents(model)
    one, real = ids[:1, : int(mask[0].sum())], mask[:1, : int(mask[0].sum())]
    embeddings = torch.cat([model.base.get_input_embeddings()(one), model.memory_rows[None]], 1)
    with model.active(ENCODER):
        hidden = model.base.base_model(inputs_embeds=embeddings)[0][0]
    m = len(model.memory_token_ids)
    expected = (hidden[:-m].mean(0) - hidden[-m:].mean(0)).pow(2).mean()
    assert torch.allclose(model.compress(one, real).alignment_loss, expected, atol=1e-6)


def test_generation_is_greedy_decoding_and_stops_at_eos(model: Clara) -> None:
    ids, mask = documents(model)
    memory = model.compress(ids, mask).memory[None, :2].detach()
    prompt, ones, _ = prompts(model, 2)
    new = model.generate(memory, prompt[:1], ones[:1], max_new_tokens=8)[0].tolist()
    assert 1 <= len(new) <= 8
    sequence = prompt[:1]
    for token in new:
        labels = torch.cat([sequence, torch.tensor([[token]])], 1)
        losses = []
        for candidate in range(model.table_rows):
            labels[0, -1] = candidate
            if candidate in model.memory_token_ids:
                continue
            if candidate in (token, 65, 200):
                only = torch.full_like(labels, IGNORED)
                only[0, -1] = candidate
                loss = model.answer_loss(memory, labels, torch.ones_like(labels), only)
                losses.append((float(loss), candidate))
        assert min(losses)[1] == token
        sequence = torch.cat([sequence, torch.tensor([[token]])], 1)
    assert model.tokens.eos_id not in new[:-1]


def batch_of(model: Clara, stage: str) -> TrainingBatch:
    ids, mask = documents(model)
    prompt, ones, labels = prompts(model, 1 if stage == "compression" else 2)
    index = {
        "compression": [[0], [2]],
        "instruction": [[0, 1], [2, 0]],
        "end_to_end": [[0, 1, 2], [2, 1, 0]],
    }[stage]
    queries, query_mask = padded([model.tokens.document_ids(t, 64) for t in QUESTIONS], "right")
    return TrainingBatch(
        stage=stage,  # type: ignore[arg-type]
        row_ids=("a", "b"),
        input_ids=prompt,
        attention_mask=ones,
        labels=labels,
        document_index=torch.tensor(index),
        document_keys=("0", "1", "2"),
        document_ids=ids,
        document_mask=mask,
        query_ids=queries if stage == "end_to_end" else None,
        query_mask=query_mask if stage == "end_to_end" else None,
        positives=torch.tensor([[True, False, False], [False, True, False]])
        if stage == "end_to_end"
        else None,
    )


def gradients(model: Clara, batch: TrainingBatch) -> dict[str, Tensor]:
    model.zero_grad(set_to_none=True)
    out = model(batch)
    loss = out.answer_loss_sum / out.label_tokens
    if out.documents:
        loss = loss + 0.1 * out.alignment_sum / out.documents
    loss.backward()
    return {
        name: p.grad.clone()
        for name, p in model.trainable_parameters().items()
        if p.grad is not None
    }


@pytest.mark.parametrize("stage", ["compression", "instruction", "end_to_end"])
def test_what_trains_in_a_stage_and_nothing_else(model: Clara, stage: str) -> None:
    model.set_stage(stage)
    expected = {
        "compression": {"memory_rows", ENCODER, DECODER},
        "instruction": {ENCODER, DECODER},
        "end_to_end": {DECODER, QUERY_REASONER},
    }[stage]
    model.train()
    grads = gradients(model, batch_of(model, stage))
    assert {name.split(".")[0] for name in grads} == expected
    assert all(float(g.abs().sum()) > 0 for g in grads.values())
    assert not any(p.requires_grad for n, p in model.base.named_parameters() if "lora" not in n)
    trained = {id(p) for p in model.trainable_parameters().values()}
    assert all((id(p) in trained) == p.requires_grad for p in model.parameters())


@pytest.mark.parametrize("stage", ["compression", "instruction", "end_to_end"])
def test_gradients_with_checkpointing_equal_those_without(tmp_path: Path, stage: str) -> None:
    model = tiny_clara(tmp_path)
    scramble(model)
    model.set_stage(stage)
    scramble(model, seed=11)  # the query reasoner, a copy until now, becomes another adapter
    model.train()
    batch = batch_of(model, stage)
    plain = gradients(model, batch)
    model.enable_gradient_checkpointing()
    recomputed = gradients(model, batch)
    model.enable_gradient_checkpointing(False)
    assert plain.keys() == recomputed.keys()
    for name, grad in plain.items():
        assert torch.allclose(grad, recomputed[name], atol=1e-5), name


def test_checkpointing_recomputes(model: Clara, monkeypatch: pytest.MonkeyPatch) -> None:
    model.set_stage("compression")
    model.train()
    calls = []
    layer = model.base.base_model.layers[0].self_attn
    layer.register_forward_hook(lambda *_: calls.append(model._adapters.current))
    model.enable_gradient_checkpointing()
    gradients(model, batch_of(model, "compression"))
    assert sorted(calls) == [DECODER, DECODER, ENCODER, ENCODER]


def test_frozen_documents_have_no_dropout_and_are_what_an_index_holds(tmp_path: Path) -> None:
    model = tiny_clara(tmp_path, lora_dropout=0.5)
    scramble(model)
    model.set_stage("end_to_end")
    batch = batch_of(model, "end_to_end")
    assert batch.document_ids is not None and batch.document_mask is not None
    index = model.eval().compress(batch.document_ids, batch.document_mask).memory
    model.train()
    with torch.no_grad():
        during = model.compress(batch.document_ids, batch.document_mask).memory
        # Q, a copy of E, does train, and has its dropout on.
        first = model.encode_query(batch.query_ids, batch.query_mask)
        second = model.encode_query(batch.query_ids, batch.query_mask)
    assert torch.equal(during, index)
    assert not torch.equal(first, second)


def test_end_to_end_selects_the_best_and_reads_them_best_first(model: Clara) -> None:
    model.set_stage("end_to_end")
    batch = batch_of(model, "end_to_end")
    out = model(batch)
    assert out.scores is not None and out.selected is not None
    order = out.scores.argsort(dim=1, descending=True)[:, :2]
    assert torch.equal(out.selected, order)
    ids, mask = documents(model)
    documents_memory = model.compress(ids, mask).memory
    rows = batch.document_index.gather(1, order)
    loss = model.answer_loss(
        documents_memory[rows], batch.input_ids, batch.attention_mask, batch.labels
    )
    assert torch.allclose(loss, out.answer_loss_sum / out.label_tokens, atol=1e-5)
    assert out.retrieval_sum is not None and float(out.retrieval_sum.detach()) > 0


def test_documents_from_a_cache_give_the_same_step(model: Clara) -> None:
    from dataclasses import replace

    model.set_stage("end_to_end")
    batch = batch_of(model, "end_to_end")
    expected = model(batch)
    with torch.no_grad():
        memory = model.compress(batch.document_ids, batch.document_mask).memory
    cached = replace(batch, document_ids=None, document_mask=None, document_memory=memory)
    assert torch.allclose(model(cached).answer_loss_sum, expected.answer_loss_sum, atol=1e-5)


def test_missing_candidates_are_never_selected(model: Clara) -> None:
    from dataclasses import replace

    model.set_stage("end_to_end")
    batch = batch_of(model, "end_to_end")
    fewer = replace(batch, document_index=torch.tensor([[0, 1, -1], [2, 1, 0]]))
    out = model(fewer)
    assert 2 not in out.selected[0].tolist()
    out.answer_loss_sum.backward()
    assert all(
        torch.isfinite(p.grad).all() for p in model.adapter_parameters(QUERY_REASONER).values()
    )
    too_few = replace(batch, document_index=torch.tensor([[0, -1, -1], [2, 1, 0]]))
    with pytest.raises(ConfigError, match="only 1 candidates"):
        model(too_few)


def test_the_query_reasoner_starts_as_a_copy_of_the_encoder(model: Clara) -> None:
    ids, mask = documents(model)
    assert QUERY_REASONER not in model.adapter_names
    before = model.compress(ids, mask).memory
    assert torch.equal(model.encode_query(ids, mask), before)
    model.set_stage("end_to_end")
    assert model.adapter_names == ADAPTERS
    assert torch.equal(model.encode_query(ids, mask), before)


def test_the_decoder_is_continued_unless_a_new_one_is_asked_for(model: Clara) -> None:
    before = {k: p.clone() for k, p in model.adapter_parameters(DECODER).items()}
    model.set_stage("instruction")
    assert all(torch.equal(p, before[k]) for k, p in model.adapter_parameters(DECODER).items())
    model.set_stage("instruction", reset_decoder=True)
    after = model.adapter_parameters(DECODER)
    assert all(float(p.abs().sum()) == 0 for k, p in after.items() if "lora_B" in k)


def test_the_base_trains_only_when_told_to(model: Clara) -> None:
    model.set_stage("compression", train_base=True)
    grads = gradients(model.train(), batch_of(model, "compression"))
    assert any(name.startswith("base.") for name in grads)
    model.set_stage("instruction")
    assert not any(name.startswith("base.") for name in model.trainable_parameters())


def test_memory_takes_over_rows_that_exist_and_tables_grow_where_they_must(tmp_path: Path) -> None:
    spacious = tiny_clara(tmp_path, "qwen3")
    assert spacious.table_rows == 444
    exact = tiny_clara(tmp_path, "mistral")
    assert exact.table_rows == exact.tokens.size == len(exact.tokenizer) == 427
    assert exact.base.get_output_embeddings().weight.shape[0] == 427
    assert exact.memory_token_ids == [420, 421, 422, 423]
    rows = exact.memory_rows
    assert float(torch.pdist(rows).min()) > 0  # not one row for all of them


def test_same_seed_same_model(tmp_path: Path) -> None:
    base = tiny_base(tmp_path / "base")
    config = ClaraConfig(doc_max_length=64, compression_rate=16, lora_r=4)
    one, two = Clara.from_base(base, config), Clara.from_base(base, config)
    other = Clara.from_base(base, config.model_copy(update={"seed": 1}))
    first = one.adapter_parameters(ENCODER)
    key = next(k for k in first if "lora_A" in k)
    assert torch.equal(first[key], two.adapter_parameters(ENCODER)[key])
    assert torch.equal(one.memory_rows, two.memory_rows)
    assert not torch.equal(first[key], other.adapter_parameters(ENCODER)[key])
    assert not torch.equal(one.memory_rows, other.memory_rows)


def test_half_precision_keeps_float32_adapters_and_scores(tmp_path: Path) -> None:
    base = tiny_base(tmp_path / "base")
    config = ClaraConfig(
        doc_max_length=64, compression_rate=16, lora_r=4, lora_dropout=0.0, top_k=2
    )
    model = Clara.from_base(base, config, dtype="bfloat16")
    exact = Clara.from_base(base, config)
    scramble(model)
    scramble(exact)
    for one in (model, exact):
        one.set_stage("end_to_end")
    assert {p.dtype for p in model.trainable_parameters().values()} == {torch.float32}
    batch = batch_of(model, "end_to_end")
    out, expected = model(batch), exact(batch)
    assert out.scores is not None and out.scores.dtype == torch.float32
    assert out.answer_loss_sum.dtype == torch.float32
    assert torch.allclose(out.answer_loss_sum, expected.answer_loss_sum, rtol=0.05)
    assert model.compress(batch.document_ids, batch.document_mask).memory.dtype == torch.bfloat16
    assert (
        model.generate(
            model.compress(batch.document_ids, batch.document_mask).memory[None, :2],
            batch.input_ids[:1],
            batch.attention_mask[:1],
            max_new_tokens=3,
        ).shape[0]
        == 1
    )


def test_what_a_caller_does_wrong_is_said(model: Clara) -> None:
    ids, mask = documents(model)
    memory = model.compress(ids, mask).memory
    prompt, ones, labels = prompts(model, 2)
    with pytest.raises(DataError, match="no more slots than documents"):
        model.answer_loss(memory[:2, None], prompt, ones, labels)
    with pytest.raises(DataError, match="2 prompts were given with the memory of 1"):
        model.answer_loss(memory[None, :2], prompt, ones, labels)
    with pytest.raises(KeyError, match="query_reasoner_adapter"):
        model.adapter_parameters(QUERY_REASONER)
    with pytest.raises(ConfigError, match="'stage9' is no stage"):
        model.set_stage("stage9")
