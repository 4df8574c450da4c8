"""A stage file to examples: read, checked, tokenised, counted.

Documents are tokenised once, however many rows name them, and rows share them afterwards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from clara_model.chat_templates import settle_chat_template
from clara_model.config import ClaraConfig, Stage
from clara_model.data.building import BuildOptions
from clara_model.data.examples import Document, Example
from clara_model.data.files import StageFile, stage_file
from clara_model.data.planning import Plan, Planner
from clara_model.data.pool import built
from clara_model.data.rows import StageRow
from clara_model.data.stage_data import DataCounts, StageData
from clara_model.data.truncation import refuse_truncation, truncation_of
from clara_model.errors import ConfigError, DataError
from clara_model.prompts import build_prompt
from clara_model.tokens import TokenSpace

DECODER_MAX_LENGTH = 1024
"""Most tokens of a prompt with its answer, unless another limit is given."""
DEFAULT_CANDIDATES = 20
"""Documents of a question among which end_to_end retrieves (MODEL.md, "Numbers to know")."""

Progress = Callable[[int, int], None]
"""Called with bytes read so far and bytes in all."""


def load_stage_data(
    stage: Stage,
    file_or_folder: Path | str,
    tokens: TokenSpace,
    config: ClaraConfig,
    *,
    top_k: int | None = None,
    candidates: int = DEFAULT_CANDIDATES,
    allow_truncation: bool = False,
    seed: int = 0,
    decoder_max_length: int = DECODER_MAX_LENGTH,
    workers: int | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
) -> StageData:
    """Reads and tokenises a stage file, or the stage's file of a data set's folder.

    `top_k` (default: the config's) documents are read for a question in instruction, and selected
    in end_to_end, among at most `candidates`; where `pos_index` says which answer, those are among
    them. `decoder_max_length`: most tokens of a prompt with its answer. `limit`: only the first so
    many rows. `workers`: see `pool.built`; the examples are the same whatever their number.

    Raises DataError with file and line for a malformed row and for rows with fewer documents than
    top_k; where more than 1 % of the documents would be cut, unless `allow_truncation`; and where
    no row is left. Raises ConfigError for a base without a chat template.
    """
    file = StageFile(stage_file(stage, file_or_folder), stage)
    rows = iter(file) if progress is None else _watched(file, progress)
    data = build_stage_data(
        stage,
        rows if limit is None else islice(rows, limit),
        tokens,
        config,
        top_k=top_k,
        candidates=candidates,
        allow_truncation=allow_truncation,
        seed=seed,
        decoder_max_length=decoder_max_length,
        workers=workers,
    )
    return replace(data, counts=replace(data.counts, blank_lines=file.blank_lines))


def build_stage_data(
    stage: Stage,
    rows: Iterable[StageRow],
    tokens: TokenSpace,
    config: ClaraConfig,
    *,
    top_k: int | None = None,
    candidates: int = DEFAULT_CANDIDATES,
    allow_truncation: bool = False,
    seed: int = 0,
    decoder_max_length: int = DECODER_MAX_LENGTH,
    workers: int | None = None,
) -> StageData:
    """The same from rows (`rows.parse_row`). They are read once, and their texts are not kept."""
    if decoder_max_length < 1:
        raise ConfigError(f"decoder_max_length is {decoder_max_length}: it is at least 1.")
    planner = Planner(
        stage, top_k=config.top_k if top_k is None else top_k, candidates=candidates, seed=seed
    )
    settle_chat_template(tokens.tokenizer, config.chat_template)
    # What is wrong with a template shows here, before files are read and processes start.
    build_prompt(tokens, stage, 1, "")
    options = BuildOptions(stage, tokens, config, seed, decoder_max_length)
    by_digest: dict[bytes, Document] = {}
    by_key: dict[str, Document] = {}
    examples: list[Example] = []
    skipped: Counter[str] = Counter()
    answers_cut = queries_cut = 0
    for planned, done in built(planner.jobs(rows), options, workers):
        for digest, document in zip(planned.digests, done.documents, strict=True):
            by_digest[digest] = by_key.setdefault(document.key, document)
        for plan, result in zip(planned.plans, done.rows, strict=True):
            if result.example is None:
                skipped[result.skipped] += 1
                continue
            examples.append(_with_documents(result.example, plan, by_digest, by_key))
            answers_cut += result.answer_cut
            queries_cut += result.query_cut
    if not examples:
        raise DataError(
            f"No row of stage {stage} is left of {planner.rows}; skipped: {dict(skipped)}. Raise "
            "decoder_max_length, or name another file."
        )
    truncation = truncation_of(by_key.values(), config.doc_max_length)
    if not allow_truncation:
        refuse_truncation(truncation)
    counts = DataCounts(
        rows=planner.rows,
        examples=len(examples),
        documents=len(by_key),
        blank_lines=0,
        skipped=dict(skipped),
        answers_cut=answers_cut,
        queries_cut=queries_cut,
        rows_with_fewer_documents=planner.rows_with_fewer_documents,
    )
    return StageData(stage, examples, truncation, counts)


def _with_documents(
    example: Example, plan: Plan, by_digest: dict[bytes, Document], by_key: dict[str, Document]
) -> Example:
    """With the documents that rows share; a reasoning example brings its own, which are shared."""
    if example.documents:
        shared = tuple(by_key.setdefault(d.key, d) for d in example.documents)
        return replace(example, documents=shared)
    documents = tuple(by_digest[digest] for digest in plan.documents)
    return replace(example, documents=documents, positives=plan.positives)


def _watched(file: StageFile, progress: Progress) -> Iterator[StageRow]:
    for row in file:
        progress(file.read_bytes, file.size_bytes)
        yield row
