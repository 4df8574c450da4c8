"""A data set of a few rows with its manifest, as a folder: nothing is ingested for it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from tasks.manifest import MANIFEST_FILE, FileEntry, Manifest, StepVersions

PRETRAIN = {
    "id": "a-0",
    "data_type": "qa",
    "question": ["水泵的压力是多少？"],
    "answers": ["6巴"],
    "docs": ["水泵的工作压力为6巴。"],
}
ASSET = "extracted_assets/0123456789abcdef.jpg"


def write_small_data_set(folder: Path) -> dict[str, bytes]:
    """Its files by name: two for training, one that training does not read, a picture."""
    row = (json.dumps(PRETRAIN, ensure_ascii=False) + "\n").encode()
    files = {
        "pretrain_data.jsonl": row,
        "instruction_data.jsonl": b"",
        "eval_data.jsonl": b"",
        "raw_knowledge.jsonl": b"{}\n",
        ASSET: b"\xff\xd8 a picture",
    }
    entries = {
        name: FileEntry(
            sha256=hashlib.sha256(data).hexdigest(),
            bytes=len(data),
            rows=data.count(b"\n") if name.endswith(".jsonl") else None,
        )
        for name, data in files.items()
    }
    manifest = Manifest(
        versions=StepVersions(clara_pipeline="0", python="3.11"),
        models={},
        sources={},
        files=entries,
        options={},
        seed=7,
        started_at="2026-11-23T00:00:00+00:00",
        ended_at="2026-11-23T00:00:01+00:00",
    )
    files[MANIFEST_FILE] = manifest.to_json()
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return files
