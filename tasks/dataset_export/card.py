"""README.md of an export for the Hugging Face hub: front matter, and what a reader must know."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.dataset_export.facts import DataSetFacts
from tasks.manifest import Manifest
from tasks.records import Record
from tasks.reporting.display import one_line
from tasks.reporting.labels import number, plural
from tasks.reporting.markdown import escape

CARD_FILE = "README.md"

_SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
    (100_000_000, "10M<n<100M"),
    (1_000_000_000, "100M<n<1B"),
)
_NEEDS = ("extraction", "description", "synthesis")
_LANGUAGES = ("en", "zh", "mixed", "other")
_HOLDS = {
    "chunks": "a passage with its place in its document, a dense summary, and its pairs with ids, "
    "languages, evidence (code points of `chunk`) and grades where a judge was asked",
    "pretrain": "compression pretraining: questions and answers of a passage (`qa`), or its "
    "summary (`paraphrase`, where `question` is an empty list)",
    "instruction": "a question, its passage among hard negatives, the answer; `pos_index` counts "
    "from 0",
    "end_to_end": "the same among more candidates",
    "reasoning": "a trace of `<think>`, `<search>`, `<information>` and `<answer>` over one or two "
    "passages",
}


class Config(Record):
    """A kind of row: its files and its rows by split. A split without rows has no file."""

    name: str
    files: dict[str, str]
    rows: dict[str, int]


def data_card(
    manifest: Manifest,
    facts: DataSetFacts,
    configs: Sequence[Config],
    rejects: Mapping[tuple[str, str], int],
) -> str:
    """The page. Holds no time: the same data set gives the same card."""
    return (
        "\n\n".join(
            [
                _front_matter(facts, configs),
                "# Question-answer pairs from documents",
                _summary(facts),
                _configs(configs),
                _splits(manifest, facts),
                _making(manifest, facts),
                _pairs(facts),
                _rejects(rejects),
                _limits(facts),
                _licence(),
            ]
        )
        + "\n"
    )


def _front_matter(facts: DataSetFacts, configs: Sequence[Config]) -> str:
    """YAML. Every string is quoted as JSON writes it, which YAML reads alike."""
    lines = ["---", "license: unknown", *_yaml_list("language", facts.languages())]
    lines += _yaml_list("task_categories", ["question-answering"])
    lines += _yaml_list("size_categories", [_size(facts.all_pairs)])
    lines += _yaml_list("tags", ["rag", "synthetic", "clara-pipeline"])
    filled = [config for config in configs if config.files]
    if filled:
        lines.append("configs:")
    for at, config in enumerate(filled):
        lines.append(f"- config_name: {_quoted(config.name)}")
        if at == 0:
            lines.append("  default: true")
        lines.append("  data_files:")
        for split, path in config.files.items():
            lines += [f"  - split: {_quoted(split)}", f"    path: {_quoted(path)}"]
    return "\n".join([*lines, "---"])


def _yaml_list(name: str, values: Sequence[str]) -> list[str]:
    return [f"{name}:", *(f"- {_quoted(value)}" for value in values)] if values else []


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _size(rows: int) -> str:
    return next((name for limit, name in _SIZES if rows < limit), "n>1B")


def _summary(facts: DataSetFacts) -> str:
    chunks = facts.chunks.total()
    return (
        f"{plural(facts.documents, 'document')} became {plural(chunks, 'passage')} with "
        f"{plural(facts.all_pairs, 'question-answer pair')}, for "
        "[CLaRa](https://arxiv.org/abs/2511.18659) and other retrieval-augmented models: dense "
        "summaries, facts, reasoning and cross-lingual questions, hard negatives. Passages hold "
        "the text of tables, and descriptions where pictures stood; the pictures themselves are "
        "not part of this export."
    )


def _configs(configs: Sequence[Config]) -> str:
    rows = [
        [f"`{config.name}`", *(number(config.rows.get(s, 0)) for s in ("train", "test")),
         _HOLDS[config.name]]
        for config in configs
    ]  # fmt: skip
    example = (
        '```python\nfrom datasets import load_dataset\n\nload_dataset("FOLDER", "chunks")\n```'
    )
    table = _table(["Config", "`train`", "`test`", "A row holds"], rows, right=(1, 2))
    return f"## Rows\n\n{table}\n\n{example}"


def _splits(manifest: Manifest, facts: DataSetFacts) -> str:
    fraction = manifest.options.get("eval_fraction")
    asked = f" (`eval_fraction` {fraction:g}" if isinstance(fraction, (int, float)) else ""
    asked = f"{asked}, seed {manifest.seed})" if asked else ""
    if not facts.held_out_documents:
        return (
            "## Held-out documents\n\nNone is held out: there is no `test` split. Evaluate on "
            "other documents."
        )
    return (
        "## Held-out documents\n\n"
        f"`test` holds {plural(facts.held_out_documents, 'document')} of {facts.documents:,} with "
        f"{plural(facts.held_out_pairs, 'pair')}. Groups of near-duplicate documents are held out "
        f"or trained on as a whole, decided by a hash of the seed and the group's first "
        f"path{asked}: no document of `train` says the same, and no row of `train` holds a passage "
        "of `test`, as a negative neither."
    )


def _making(manifest: Manifest, facts: DataSetFacts) -> str:
    rows = [[need, *_engine(manifest.models.get(need))] for need in _NEEDS]
    table = _table(["Need", "Engine", "Model"], rows)
    passages = ", ".join(
        f"{escape(name)} ({plural(count, 'passage')})"
        for name, count in sorted(facts.synthesizers.items())
    )
    written = f"\n\nPairs and summaries were written by {passages}." if passages else ""
    prompts = ", ".join(
        f"{escape(name)} `{escape(digest[:16])}`" for name, digest in manifest.prompts.items()
    )
    prompts = f"\n\nHashes of the prompts: {prompts}." if prompts else ""
    version = one_line(manifest.versions.clara_pipeline, 40).replace("`", "")
    return (
        f"## How it was made\n\nBy clara-pipeline `{version}`, with the engines that its last run "
        f"chose:\n\n{table}{written}{prompts}"
    )


def _engine(model: Any) -> tuple[str, str]:
    """Engine and model only: an address of an endpoint is nobody's business."""
    known = model if isinstance(model, dict) else {}
    return tuple(escape(str(known.get(name) or "")) for name in ("engine", "model"))  # type: ignore[return-value]


def _pairs(facts: DataSetFacts) -> str:
    kinds = sorted({kind for kind, _ in facts.pairs})
    rows = [
        [f"`{kind}`", *(number(facts.pairs[kind, language]) for language in _LANGUAGES)]
        for kind in kinds
    ]
    rows.append(["passages", *(number(facts.chunks[language]) for language in _LANGUAGES)])
    table = _table(["Asked in", *_LANGUAGES], rows, right=(1, 2, 3, 4))
    graded = facts.grades.total()
    sentences = [
        f"{number(facts.evidenced_pairs)} of {plural(facts.all_pairs, 'pair')} have their evidence "
        "in the passage."
    ]
    if graded:
        grades = ", ".join(f"{grade}: {number(facts.grades[grade])}" for grade in range(1, 6))
        sentences.append(
            f"A judge graded {number(graded)} for faithfulness and answerability; by the lower "
            f"grade {grades}."
        )
    else:
        sentences.append("No judge graded them.")
    return f"## Pairs\n\n{table}\n\n{' '.join(sentences)}"


def _rejects(rejects: Mapping[tuple[str, str], int]) -> str:
    if not rejects:
        return "## What was left out\n\nNothing."
    ordered = sorted(rejects.items(), key=lambda item: (-item[1], item[0]))
    rows = [[escape(step), escape(reason), number(count)] for (step, reason), count in ordered]
    return "## What was left out\n\n" + _table(["Step", "Reason", "Count"], rows, right=(2,))


def _limits(facts: DataSetFacts) -> str:
    limits = [
        "Pairs are made by machine. Unless each was reviewed, some are wrong, trivial or badly "
        "worded.",
        "Rows name files and folders of the source (`file_path`, `product_area`) and hold its text "
        "word for word: whatever is confidential or personal there is so here.",
        "Text of scans and pictures is what OCR or a model read, errors included.",
        "A cross-lingual question is answered in the passage's language.",
        "A negative does not contain the answer word for word; it may say it in other words.",
    ]
    flagged = facts.flags["addresses_model"]
    if flagged:
        limits.append(
            f"{plural(flagged, 'passage')} of `chunks` "
            f"{'gives' if flagged == 1 else 'give'} orders to whoever reads "
            f"{'it' if flagged == 1 else 'them'} (flag `addresses_model`): keep them apart from "
            "instructions."
        )
    return "## Known limits\n\n" + "\n".join(f"- {limit}" for limit in limits)


def _licence() -> str:
    return (
        "## Licence\n\nThe rows are made from the source documents and quote them: their licence "
        "is that of those documents, which this program does not know. Whoever publishes this "
        "data set has to set `license` above."
    )


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    rules = ["---:" if at in right else "---" for at in range(len(headers))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (headers, rules, *rows))
