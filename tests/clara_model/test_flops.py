"""Useful operations, held against what torch counts while the model runs."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from clara_model import Clara
from clara_model.batches import IGNORED, TrainingBatch
from clara_model.config import DECODER, ENCODER, Stage
from clara_model.flops import (
    BatchWork,
    ModelShape,
    batch_work,
    named_peak_flops_per_s,
)
from tests.support.tiny_models import tiny_clara

ROWS, DOCUMENT, QUERY, BEFORE, ANSWER, LABELS = 3, 20, 9, 6, 10, 7
WIDTH, LAYERS, MEMORY = 64, 2, 4
SLOTS = {"compression": 1, "instruction": 2, "end_to_end": 2}
DOCUMENTS = {"compression": 1, "instruction": 2, "end_to_end": 4}


@pytest.fixture(scope="module", params=["qwen3", "phi3"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Clara:
    """Tied and untied, with separate and with fused projections."""
    return tiny_clara(tmp_path_factory.mktemp("flops"), request.param)


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Clara:
    return tiny_clara(tmp_path_factory.mktemp("flops"), "qwen3")


def _ids(rows: int, length: int) -> Tensor:
    return torch.randint(5, 300, (rows, length), generator=torch.Generator().manual_seed(0))


def _batch(model: Clara, stage: Stage) -> TrainingBatch:
    """Three rows without padding."""
    n = ROWS * DOCUMENTS[stage]
    slots = torch.tensor(model.tokens.slot_ids(SLOTS[stage])).expand(ROWS, -1)
    ids = torch.cat([_ids(ROWS, BEFORE), slots, _ids(ROWS, ANSWER)], dim=1)
    labels = ids.clone()
    labels[:, :-LABELS] = IGNORED
    query = _ids(ROWS, QUERY) if stage == "end_to_end" else None
    return TrainingBatch(
        stage=stage,
        row_ids=("a", "b", "c"),
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        labels=labels,
        document_index=torch.arange(n).view(ROWS, -1),
        document_keys=tuple(str(i) for i in range(n)),
        document_ids=_ids(n, DOCUMENT),
        document_mask=torch.ones(n, DOCUMENT, dtype=torch.long),
        query_ids=query,
        query_mask=None if query is None else torch.ones_like(query),
    )


def _attention(model: Clara, batch: TrainingBatch) -> float:
    """Worked out apart from the code under test: 4 * width a pair, three times with backward."""

    def pairs(length: int, rows: int) -> float:
        return rows * length * (length + 1) / 2

    assert batch.document_ids is not None
    documents = pairs(DOCUMENT + MEMORY, len(batch.document_ids))
    decoder = pairs(batch.input_ids.shape[1], ROWS)
    if batch.stage == "end_to_end":
        query = pairs(QUERY + MEMORY, ROWS)
        return 4 * WIDTH * LAYERS * (documents + 3 * query + 3 * decoder)
    return 4 * WIDTH * LAYERS * 3 * (documents + decoder)


def _counted_products(model: Clara, batch: TrainingBatch) -> int:
    """Matrix products that torch sees in a forward and a backward pass, attention's left out."""
    counter = FlopCounterMode(display=False)
    with counter:
        output = model(batch)
        (output.answer_loss_sum + output.alignment_sum).backward()
    model.zero_grad()
    return counter.get_flop_counts()["Global"][torch.ops.aten.mm]


def test_compression_is_what_torch_counts(model: Clara) -> None:
    model.set_stage("compression")
    batch = _batch(model.train(), "compression")
    useful = batch_work(ModelShape.of(model), batch).useful_flops
    assert useful - _attention(model, batch) == _counted_products(model, batch)


@pytest.mark.parametrize("stage", ["instruction", "end_to_end"])
def test_other_stages_are_within_a_part_of_a_layer(model: Clara, stage: Stage) -> None:
    """Nothing before the first layer trains there, so that autograd leaves its last product out."""
    model.set_stage(stage)
    batch = _batch(model.train(), stage)
    useful = batch_work(ModelShape.of(model), batch).useful_flops
    if stage == "end_to_end":
        useful -= 4 * ROWS * DOCUMENTS[stage] * (1 + SLOTS[stage]) * MEMORY * WIDTH
    counted = _counted_products(model, batch)
    assert counted <= useful - _attention(model, batch) <= 1.05 * counted


def test_a_base_that_trains_costs_half_as_much_again(qwen: Clara) -> None:
    qwen.set_stage("compression", train_base=True)
    batch = _batch(qwen.train(), "compression")
    useful = batch_work(ModelShape.of(qwen), batch, train_base=True).useful_flops
    assert useful - _attention(qwen, batch) == _counted_products(qwen, batch)
    qwen.set_stage("compression")


def test_padding_is_no_work(qwen: Clara) -> None:
    batch = _batch(qwen, "end_to_end")
    assert batch.document_ids is not None and batch.document_mask is not None

    def pad(ids: Tensor, value: int) -> Tensor:
        return torch.nn.functional.pad(ids, (0, 13), value=value)

    padded = replace(
        batch,
        input_ids=pad(batch.input_ids, 1),
        attention_mask=pad(batch.attention_mask, 0),
        labels=pad(batch.labels, IGNORED),
        document_ids=pad(batch.document_ids, 1),
        document_mask=pad(batch.document_mask, 0),
    )
    shape = ModelShape.of(qwen)
    assert batch_work(shape, padded) == batch_work(shape, batch)


def test_documents_from_a_cache_are_no_work_and_filling_it_is_all_of_theirs(qwen: Clara) -> None:
    qwen.set_stage("end_to_end")
    shape = ModelShape.of(qwen)
    batch = _batch(qwen, "end_to_end")
    cached = replace(
        batch, document_ids=None, document_mask=None, document_memory=torch.zeros(12, MEMORY, WIDTH)
    )
    whole, rest = batch_work(shape, batch), batch_work(shape, cached)
    filling = BatchWork(12 * (DOCUMENT + MEMORY), shape.encoding_flops([DOCUMENT] * 12))
    assert rest + filling == whole
    assert rest.tokens == ROWS * (QUERY + MEMORY) + batch.input_ids.numel()


def test_retrieval_pretraining_leaves_the_decoder_out(qwen: Clara) -> None:
    qwen.set_stage("end_to_end")
    shape = ModelShape.of(qwen)
    batch = _batch(qwen, "end_to_end")
    work = batch_work(shape, batch, decoder=False)
    assert work.tokens == ROWS * (QUERY + MEMORY) + 12 * (DOCUMENT + MEMORY)
    decoder = shape.pass_flops([batch.input_ids.shape[1]] * ROWS, DECODER, "adapter")
    assert batch_work(shape, batch).useful_flops > work.useful_flops + decoder


def test_a_sliding_window_bounds_attention(qwen: Clara) -> None:
    shape = replace(ModelShape.of(qwen), layer_weights=0, adapter_weights={}, windows=(None, 3))
    pairs = (5 * 6 / 2) + (1 + 2 + 3 + 3 + 3)
    assert shape.pass_flops([5], ENCODER, "none") == 4 * WIDTH * pairs


@pytest.mark.parametrize(
    ("name", "dtype", "tflops"),
    [
        ("NVIDIA H100 80GB HBM3", torch.bfloat16, 989.4),
        ("NVIDIA H100 PCIe", torch.bfloat16, 756.0),
        ("NVIDIA H200", torch.float16, 989.4),
        ("NVIDIA GH200 480GB", torch.bfloat16, 989.4),
        ("NVIDIA A100-SXM4-80GB", torch.bfloat16, 312.0),
        ("NVIDIA A10G", torch.bfloat16, 70.0),
        ("NVIDIA L4", torch.bfloat16, 121.0),
        ("NVIDIA L40S", torch.bfloat16, 362.0),
        ("NVIDIA GeForce RTX 4090", torch.bfloat16, 165.2),
        ("Tesla T4", torch.float16, 65.0),
        ("Tesla V100-SXM2-16GB", torch.float16, 125.0),
        ("Tesla T4", torch.bfloat16, None),
        ("NVIDIA H100 80GB HBM3", torch.float32, None),
        ("NVIDIA H100 80GB HBM3 MIG 1g.10gb", torch.bfloat16, None),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", torch.bfloat16, None),
        ("Quadro RTX 4000", torch.float16, None),
    ],
)
def test_what_a_device_can_do(name: str, dtype: torch.dtype, tflops: float | None) -> None:
    expected = None if tflops is None else pytest.approx(tflops * 1e12)
    assert named_peak_flops_per_s(name, dtype) == expected
