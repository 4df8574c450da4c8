"""Rows of the stage files, one after another: a corpus of many documents never is in memory.

Rows come in the order of the numbered rows they are made from (path, chunk, pair). Held-out
documents stand in eval_data alone; no row that is trained on holds a chunk of theirs. The
shuffle of a row's documents depends on the seed, the file and the row's id, and on nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from tasks.assemble import NumberedRow
from tasks.negatives import HardNegatives, Passage, seeded_random
from tasks.records import PretrainRow, RetrievalRow

PRETRAIN_FILE = "pretrain_data.jsonl"
INSTRUCTION_FILE = "instruction_data.jsonl"
END_TO_END_FILE = "end_to_end_data.jsonl"
REASONING_FILE = "reasoning_data.jsonl"
EVAL_FILE = "eval_data.jsonl"


class ShortRows:
    """Counts rows that have fewer documents than were asked for, so that the run can say so."""

    def __init__(self) -> None:
        self._short: Counter[str] = Counter()
        self._rows: Counter[str] = Counter()
        self._wanted: dict[str, int] = {}
        self._fewest: dict[str, int] = {}

    def add(self, file: str, *, wanted: int, got: int) -> None:
        self._rows[file] += 1
        if got < wanted:
            self._short[file] += 1
            self._wanted[file] = wanted
            self._fewest[file] = min(got, self._fewest.get(file, got))

    def notices(self) -> list[str]:
        """A sentence for each file that has such rows, in the files' order by name."""
        return [
            f"{file}: {self._short[file]} of {self._rows[file]} rows have fewer than the "
            f"{self._wanted[file]} documents asked for (at least {self._fewest[file]}): the corpus "
            "has no more chunks that do not say the answer"
            for file in sorted(self._short)
        ]


def passages(rows: Sequence[NumberedRow]) -> list[Passage]:
    """What HardNegatives is built from."""
    return [
        Passage(
            id=numbered.row.id,
            text=numbered.row.chunk,
            file_path=numbered.row.file_path,
            language=numbered.row.language,
        )
        for numbered in rows
    ]


def training_side(
    rows: Sequence[NumberedRow], held_out: Collection[str], *, trained: bool = True
) -> Iterator[NumberedRow]:
    """Rows of the documents that are trained on, or with `trained=False` of the others."""
    for numbered in rows:
        if (numbered.row.file_path not in held_out) is trained:
            yield numbered


def pretrain_rows(rows: Sequence[NumberedRow], held_out: Collection[str]) -> Iterator[PretrainRow]:
    """For each chunk a row with all its pairs (`<chunk id>-qa`), then one with its summary
    (`<chunk id>-paraphrase`) where it has a valid one."""
    for numbered in training_side(rows, held_out):
        row = numbered.row
        yield PretrainRow(
            id=f"{row.id}-qa",
            data_type="qa",
            question=tuple(pair.question for pair in row.qa_pairs),
            answers=tuple(pair.answer for pair in row.qa_pairs),
            docs=(row.chunk,),
        )
        if row.dense_summary is not None:
            yield PretrainRow(
                id=f"{row.id}-paraphrase",
                data_type="paraphrase",
                question="",
                answers=(row.dense_summary,),
                docs=(row.chunk,),
            )


def instruction_rows(
    rows: Sequence[NumberedRow],
    negatives: HardNegatives,
    held_out: Collection[str],
    *,
    top_k: int,
    seed: int,
    short: ShortRows | None = None,
) -> Iterator[RetrievalRow]:
    """A row for each pair: its chunk among `top_k` - 1 hard negatives."""
    for numbered in training_side(rows, held_out):
        yield from _pair_rows(numbered, negatives, top_k, seed, INSTRUCTION_FILE, short)


def end_to_end_rows(
    rows: Sequence[NumberedRow],
    negatives: HardNegatives,
    held_out: Collection[str],
    *,
    candidates: int,
    seed: int,
    short: ShortRows | None = None,
) -> Iterator[RetrievalRow]:
    """A row for each pair: its chunk among `candidates` - 1 hard negatives."""
    for numbered in training_side(rows, held_out):
        yield from _pair_rows(numbered, negatives, candidates, seed, END_TO_END_FILE, short)


def eval_rows(
    rows: Sequence[NumberedRow],
    negatives: HardNegatives,
    held_out: Collection[str],
    *,
    candidates: int,
    seed: int,
    short: ShortRows | None = None,
) -> Iterator[RetrievalRow]:
    """A row for each pair of a held-out document. Its negatives come from the whole corpus."""
    for numbered in training_side(rows, held_out, trained=False):
        yield from _pair_rows(
            numbered, negatives, candidates, seed, EVAL_FILE, short, training_only=False
        )


def _pair_rows(
    numbered: NumberedRow,
    negatives: HardNegatives,
    documents: int,
    seed: int,
    file: str,
    short: ShortRows | None,
    *,
    training_only: bool = True,
) -> Iterator[RetrievalRow]:
    row = numbered.row
    for id_, pair in numbered.numbered_pairs():
        picked = negatives.pick(
            pair.question, [pair.answer], [row.id], documents - 1, training_only=training_only
        )
        docs, pos_index = shuffled_documents(
            [row.chunk], [passage.text for passage in picked], (seed, file, id_)
        )
        if short is not None:
            short.add(file, wanted=documents, got=len(docs))
        yield RetrievalRow(
            id=id_,
            question=pair.question,
            docs=docs,
            answer=pair.answer,
            gold_answer=pair.answer,
            pos_index=pos_index,
        )


def shuffled_documents(
    gold: Sequence[str], others: Sequence[str], key: Sequence[object]
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Gold and other documents in an order that `key` decides, and where each gold one went."""
    order = list(range(len(gold) + len(others)))
    seeded_random(*key).shuffle(order)
    everything = [*gold, *others]
    docs = tuple(everything[at] for at in order)
    return docs, tuple(order.index(at) for at in range(len(gold)))
