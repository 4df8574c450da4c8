"""The README.md of a checkpoint: its base, its data, what made the data, and their licences."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clara_model.checkpoints.records import CheckpointRecord, DataProvenance, Provenance

PAPER = "https://arxiv.org/abs/2511.18659"
_UNKNOWN = "not stated"
# What is behind the engines of a data set's manifest that need no endpoint.
_ENGINE_LICENCES = {
    "native": "no model",
    "embedded": "layout model CDLA and table model SLANet-plus, Apache-2.0",
    "heron": "docling's layout and table models, Apache-2.0 and CDLA-Permissive-2.0",
    "ocr": "PP-OCR models, Apache-2.0",
    "extractive": "rules of clara-pipeline, Apache-2.0; terms of CC-CEDICT, CC BY-SA 4.0, where "
    "it was installed",
}


def model_card(record: CheckpointRecord) -> str:
    """Markdown with the YAML head that model hubs read."""
    base = _base_name(record)
    sections = [
        _head(record, base),
        f"# CLaRa {record.stage or 'model'} on {base}",
        _what_it_is(record, base),
        _licences(record, base),
        _data(record.provenance),
        _training(record.provenance),
        _how_to_use(record),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def stages(provenance: Provenance) -> Iterator[Provenance]:
    """The provenance of a checkpoint and of all that it was trained from, the first one first."""
    if provenance.parent is not None and provenance.parent.provenance is not None:
        yield from stages(provenance.parent.provenance)
    yield provenance


def licence_files(provenance: Provenance) -> dict[tuple[str, str], str]:
    """{(name, text): name of the file in `licenses/`} of all licences that travel along.

    A text is there once; another text of the same name becomes LICENSE-2, LICENSE-3.
    """
    found: dict[tuple[str, str], str] = {}
    for part in stages(provenance):
        for notice in part.licences:
            if (notice.name, notice.text) not in found:
                file = _unused(notice.name, set(found.values()))
                found[notice.name, notice.text] = file
    return found


def _unused(name: str, taken: set[str]) -> str:
    path, number, file = Path(name), 1, name
    while file in taken:
        number += 1
        file = f"{path.stem}-{number}{path.suffix}"
    return file


def _base_name(record: CheckpointRecord) -> str:
    """A hub's name whole; of a folder its last part: where it lies is nobody's business."""
    name = record.base.name
    if name.startswith("./"):
        return f"the {record.base.model_type} model in {name}"
    return Path(name).name if Path(name).is_absolute() else name


def _head(record: CheckpointRecord, base: str) -> str:
    lines = ["---", "library_name: peft", "pipeline_tag: text-generation"]
    # A hub knows OWNER/NAME; the name of a folder means nothing there.
    if "/" in base and not record.base.name.startswith(("./", "/")):
        lines.append(f"base_model: {json.dumps(base)}")
    lines += ["tags:", "- clara", "- retrieval-augmented-generation", "- lora", "---"]
    return "\n".join(lines)


def _what_it_is(record: CheckpointRecord, base: str) -> str:
    config = record.config
    return (
        f"Adapters ({', '.join(record.adapters)}) and {config.memory_tokens} memory rows for "
        f"{base}. A document of at most {config.doc_max_length} tokens becomes "
        f"{config.memory_tokens} vectors, {config.compression_rate} times fewer than its tokens; "
        f"the decoder answers a question from the vectors of {config.top_k} documents "
        f"([CLaRa]({PAPER})). LoRA rank {config.lora_r}, alpha {config.alpha}; the base was in "
        f"{record.dtype} while it trained."
    )


def _licences(record: CheckpointRecord, base: str) -> str:
    lines = ["## Licences", "", f"- Base, {base}: {record.base.licence or _UNKNOWN}."]
    files = licence_files(record.provenance)
    told_before: list[list[str]] = []
    for part in stages(record.provenance):
        if part.data is not None:
            told = [f"- Data, {part.data.name}: {part.data.licence or _UNKNOWN}."]
            told += _engine_licences(part.data)
            # Stages that were trained on one data set say the same of it.
            lines += told if told not in told_before else []
            told_before.append(told)
        if part.imported_from is not None:
            names = [f"licenses/{files[one.name, one.text]}" for one in part.licences]
            said = f"see {', '.join(names)}" if names else "its folder held no licence file"
            lines.append(f"- Imported weights, {part.imported_from}: {said}.")
    lines += ["", "What a part does not state is for whoever passes the weights on to find out."]
    return "\n".join(lines)


def _engine_licences(data: DataProvenance) -> Iterator[str]:
    for need, choice in sorted(data.engines.items()):
        if not isinstance(choice, dict) or "engine" not in choice:
            continue
        model = choice.get("model") or "the model"
        said = _ENGINE_LICENCES.get(str(choice["engine"]), f"the terms of whoever serves {model}")
        yield f"  - its {need} was made by `{choice['engine']}`: {said}."


def _data(provenance: Provenance) -> str:
    parts = [part for part in stages(provenance) if part.data is not None]
    if not parts:
        return "## Data\n\nNo data was recorded."
    lines = ["## Data"]
    for part in parts:
        if part.data is not None:
            lines += ["", *_data_lines(str(part.stage or "a stage"), part.data)]
    return "\n".join(lines)


def _data_lines(stage: str, data: DataProvenance) -> Iterator[str]:
    rows = "" if data.rows is None else f", {data.rows:,} rows"
    yield f"- {stage}: {data.name}{rows}"
    yield f"  - manifest: {data.manifest_sha256 or 'none (the data set was not complete)'}"
    for name, sha256 in sorted(data.files.items()):
        yield f"  - {name}: {sha256}"
    for need, engine in sorted(data.engines.items()):
        yield f"  - {need}: {_engine(engine)}"


def _engine(engine: Any) -> str:
    if isinstance(engine, dict):
        told = {k: v for k, v in engine.items() if v is not None and k != "reason"}
        return ", ".join(f"{key} {_engine(value)}" for key, value in told.items())
    return str(engine)


def _training(provenance: Provenance) -> str:
    lines = ["## Training"]
    for part in stages(provenance):
        steps = "" if part.steps is None else f", {part.steps:,} steps"
        lines += ["", f"- {part.stage or part.imported_from or 'not trained yet'}{steps}"]
        among = part.training.get("candidates")
        for name, value in sorted(part.metrics.items()):
            if value is not None:
                of = f" (among {among} candidates)" if among and "recall_at" in name else ""
                lines.append(f"  - {name}: {value:.4g}{of}")
    packages = ", ".join(f"{name} {number}" for name, number in provenance.packages.items())
    lines += ["", f"Written {provenance.created_at} with {packages}."]
    return "\n".join(lines)


def _how_to_use(record: CheckpointRecord) -> str:
    adapter = record.adapters[-1]
    return f"""## Use

```python
from clara_model import Clara

model = Clara.load("this folder")          # base="..." where the base lies elsewhere
memory = model.compress(input_ids, attention_mask).memory
```

Each adapter is in peft's own format: `PeftModel.from_pretrained(base, "adapters/{adapter}")`."""
