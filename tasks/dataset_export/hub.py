"""A folder that `datasets.load_dataset` reads: Parquet for each kind of row, and a data card."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel

from tasks.assemble import NumberedRow
from tasks.dataset_export.card import CARD_FILE, Config, data_card
from tasks.dataset_export.destination import Destination
from tasks.dataset_export.exported import Exported, Reading
from tasks.dataset_export.facts import count_rejects
from tasks.dataset_export.parquet import ParquetFiles
from tasks.published import PublishedDataSet
from tasks.records import PretrainRow, QAPair, Record, RetrievalRow, TrainingRow
from tasks.stage_rows import (
    END_TO_END_FILE,
    EVAL_FILE,
    INSTRUCTION_FILE,
    PRETRAIN_FILE,
    REASONING_FILE,
)

CHUNKS = "chunks"


class IdentifiedPair(QAPair):
    """A pair with the id that reviews and stage files know it by."""

    id: str


class ChunkRow(TrainingRow):
    """A training row as Parquet has it."""

    qa_pairs: tuple[IdentifiedPair, ...]  # type: ignore[assignment]


class PretrainParquetRow(Record):
    """A pretraining row whose `question` is a list in every row: a column has one type."""

    id: str
    data_type: str
    question: tuple[str, ...]
    answers: tuple[str, ...]
    docs: tuple[str, ...]


def export_hub(reading: Reading, destination: Destination) -> Exported:
    """Writes the Parquet files and then the card.

    Raises DataSetChanged, StorageError; the files of a pass that failed are not there anew.
    """
    data_set = reading.data_set
    everything = [_path(config, split) for config, split in _FILES]
    destination.begin([*everything, CARD_FILE])
    rows: dict[str, int] = {}
    with ParquetFiles(destination.location) as files:
        for numbered, held_out in reading.rows():
            files.write(_path(CHUNKS, "test" if held_out else "train"), _chunk_row(numbered))
    rows.update(files.rows)
    for (config, split), name in _STAGE_FILES.items():
        with ParquetFiles(destination.location) as files:
            files.write_all(_path(config, split), _stage_rows(data_set, name))
        rows.update(files.rows)
    configs = [
        Config(
            name=config,
            files={s: _path(config, s) for c, s in _FILES if c == config and _path(c, s) in rows},
            rows={s: rows.get(_path(config, s), 0) for c, s in _FILES if c == config},
        )
        for config in dict.fromkeys(config for config, _ in _FILES)
    ]
    card = data_card(data_set.manifest, reading.facts, configs, count_rejects(data_set))
    destination.location.write_bytes(CARD_FILE, card.encode("utf-8"))
    written: dict[str, int | None] = {name: rows[name] for name in everything if name in rows}
    written[CARD_FILE] = None
    destination.finish(written)
    return Exported(files=written, facts=reading.facts)


# Held-out rows have no split but `test`, and no other row is in one.
_STAGE_FILES = {
    ("pretrain", "train"): PRETRAIN_FILE,
    ("instruction", "train"): INSTRUCTION_FILE,
    ("end_to_end", "train"): END_TO_END_FILE,
    ("end_to_end", "test"): EVAL_FILE,
    ("reasoning", "train"): REASONING_FILE,
}
_FILES = ((CHUNKS, "train"), (CHUNKS, "test"), *_STAGE_FILES)


def _path(config: str, split: str) -> str:
    return f"{config}/{split}.parquet"


def _stage_rows(data_set: PublishedDataSet, name: str) -> Iterator[BaseModel]:
    if name == PRETRAIN_FILE:
        for row in data_set.records(name, PretrainRow):
            question = (row.question,) if isinstance(row.question, str) else row.question
            yield PretrainParquetRow(
                id=row.id,
                data_type=row.data_type,
                question=tuple(text for text in question if text),
                answers=row.answers,
                docs=row.docs,
            )
    else:
        yield from data_set.records(name, RetrievalRow)


def _chunk_row(numbered: NumberedRow) -> ChunkRow:
    pairs = tuple(IdentifiedPair(id=id_, **dict(pair)) for id_, pair in numbered.numbered_pairs())
    return ChunkRow(**{**dict(numbered.row), "qa_pairs": pairs})
