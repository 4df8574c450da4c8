"""Parameters of a tiny training as a flow takes them, over a data set whose manifest is true."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.tiny_training import run_options

_OWN = ("data", "output", "base_model", "preset", "max_steps")


def describe_dataset(folder: Path) -> Path:
    """Writes the manifest that names the files of a data set by their hashes."""
    from tasks.manifest import Manifest, StepVersions, measure_file

    files = {}
    for path in sorted(folder.glob("*.jsonl")):
        with path.open("rb") as stream:
            files[path.name] = measure_file(stream, counts_rows=True)
    manifest = Manifest(
        versions=StepVersions(clara_pipeline="1", python="3"),
        models={"synthesis": {"engine": "extractive"}},
        sources={},
        files=files,
        options={},
        seed=0,
        started_at="2026-01-01T00:00:00Z",
        ended_at="2026-01-01T00:00:01Z",
    )
    (folder / "manifest.json").write_bytes(manifest.to_json())
    return folder


def train_parameters(folder: Path, *, max_steps: int = 2, **options: Any) -> dict[str, Any]:
    """Parameters of the flow `train`: a second of training a stage, a checkpoint every step."""
    given = run_options(folder, max_steps=max_steps, checkpoint_every_steps=1, **options)
    describe_dataset(folder / "data")
    own = {name: given.pop(name) for name in _OWN}
    return {**own, "options": given}
