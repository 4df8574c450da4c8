from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from clara_model import Clara
from clara_model.batches import TrainingBatch
from clara_model.errors import CheckpointError, ConfigError
from clara_model.training import document_cache
from clara_model.training.document_cache import DocumentCache, encoder_hash
from tests.clara_model.training.conftest import Recorder, Workshop


class Counted:
    """Counts the documents that a model encodes."""

    def __init__(self, model: Clara, room: int = 10**9) -> None:
        self.documents = 0
        compress = model.compress

        def counting(ids: torch.Tensor, mask: torch.Tensor) -> Any:
            if len(ids) > room:
                raise torch.OutOfMemoryError("CUDA out of memory")
            self.documents += len(ids)
            return compress(ids, mask)

        model.compress = counting  # type: ignore[method-assign]


def batch_of(workshop: Workshop, model: Clara, rows: int = 6) -> TrainingBatch:
    trainer = workshop.trainer("end_to_end", model=model)
    return trainer.feed.collate(trainer.feed.examples[:rows])


@pytest.mark.parametrize("kind", ["memory", "disk"])
def test_a_run_encodes_each_document_once_and_learns_the_same(
    kind: str, workshop: Workshop, tmp_path: Path
) -> None:
    curves, counted = [], []
    for choice in ("off", kind):
        recorder = Recorder()
        trainer = workshop.trainer(
            "end_to_end",
            output=tmp_path / choice,
            callbacks=(recorder,),
            document_cache=choice,
            epochs=2,
        )
        counted.append(Counted(trainer.model))
        trainer.train()
        curves.append(recorder.losses)
    distinct = {d.key for e in trainer.feed.examples for d in e.documents}
    assert counted[1].documents == len(distinct) == 15
    assert sum(metrics.documents for metrics in recorder.steps) == 15
    assert counted[0].documents > 30
    assert curves[0] == pytest.approx(curves[1], abs=1e-5)


def test_on_disk_it_serves_the_next_process_and_no_other_encoder(
    workshop: Workshop, tmp_path: Path
) -> None:
    model = workshop.model("end_to_end")
    batch = batch_of(workshop, model)
    first = DocumentCache(model, tmp_path, documents_at_a_time=4, shard_bytes=2000)
    filled, lengths = first.fill(batch)
    first.flush()
    assert len(lengths) == len(batch.document_keys) == len(first)
    assert len(list(tmp_path.glob("*/*.safetensors"))) > 1

    counted = Counted(model)
    again, lengths = DocumentCache(model, tmp_path).fill(batch)
    assert (lengths, counted.documents) == ([], 0)
    assert torch.equal(again.document_memory, filled.document_memory)
    assert again.document_ids is None

    with torch.no_grad():
        next(iter(model.adapter_parameters("encoder_adapter").values())).add_(1e-3)
    other = DocumentCache(model, tmp_path)
    assert len(other) == 0
    assert len(other.fill(batch)[1]) == len(batch.document_keys)


def test_what_was_cut_off_by_a_kill_is_encoded_again(workshop: Workshop, tmp_path: Path) -> None:
    model = workshop.model("end_to_end")
    batch = batch_of(workshop, model)
    first = DocumentCache(model, tmp_path)
    first.fill(batch)
    first.flush()
    next(tmp_path.glob("*/*.json")).unlink()
    second = DocumentCache(model, tmp_path)
    assert len(second) == 0
    second.fill(batch)
    second.flush()
    assert len(DocumentCache(model, tmp_path)) == len(batch.document_keys)


def test_memory_is_what_the_encoder_gives_without_dropout(workshop: Workshop) -> None:
    model = workshop.model("end_to_end", lora_dropout=0.1)
    batch = batch_of(workshop, model)
    wanted = model.eval().compress(batch.document_ids, batch.document_mask).memory
    model.train()
    state = torch.get_rng_state()
    filled, _ = DocumentCache(model, documents_at_a_time=4).fill(batch)
    assert torch.allclose(filled.document_memory, wanted, atol=1e-5)
    assert model.training
    assert torch.equal(torch.get_rng_state(), state)


def test_too_many_documents_at_a_time_become_fewer(workshop: Workshop) -> None:
    model = workshop.model("end_to_end")
    batch = batch_of(workshop, model)
    counted = Counted(model, room=3)
    cache = DocumentCache(model)
    assert len(cache.fill(batch)[1]) == counted.documents == len(cache)


def test_a_corrupt_shard_is_named(workshop: Workshop, tmp_path: Path) -> None:
    model = workshop.model("end_to_end")
    batch = batch_of(workshop, model)
    cache = DocumentCache(model, tmp_path)
    cache.fill(batch)
    cache.flush()
    shard = next(tmp_path.glob("*/*.safetensors"))
    shard.write_bytes(shard.read_bytes()[:100])
    with pytest.raises(CheckpointError, match="delete the folder"):
        DocumentCache(model, tmp_path).fill(batch)
    shard.with_suffix(".json").write_text("[")
    with pytest.raises(CheckpointError, match=r"json of the document cache cannot be read"):
        DocumentCache(model, tmp_path)


def test_few_files_are_open_at_a_time(
    workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document_cache, "_OPEN_SHARDS", 2)
    model = workshop.model("end_to_end")
    batch = batch_of(workshop, model)
    cache = DocumentCache(model, tmp_path, documents_at_a_time=1, shard_bytes=1)
    wanted, _ = DocumentCache(model).fill(batch)
    filled, _ = cache.fill(batch)
    assert torch.allclose(filled.document_memory, wanted.document_memory, atol=1e-5)


def test_the_hash_is_of_the_encoder_alone(workshop: Workshop) -> None:
    model = workshop.model("end_to_end")
    before = encoder_hash(model)
    with torch.no_grad():
        next(iter(model.adapter_parameters("decoder_adapter").values())).add_(1.0)
    assert encoder_hash(model) == before
    with torch.no_grad():
        model.memory_rows[0, 0] += 1.0
    assert encoder_hash(model) != before


def test_no_cache_where_the_base_trains_or_nothing_can_be_written(workshop: Workshop) -> None:
    said: list[str] = []
    model = workshop.model("end_to_end")
    model.set_stage("end_to_end", train_base=True)
    trainer = workshop.trainer("end_to_end", model=model, say=said.append)
    assert trainer.cache is None
    assert "encoded again at every step" in said[0]
    with pytest.raises(ConfigError, match="needs an output folder"):
        workshop.trainer("end_to_end", document_cache="disk")
