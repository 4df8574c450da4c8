"""How long a run takes that finds nothing new, and what a document costs as a corpus grows.

    uv run python benchmarks/reingest.py [--sizes 100,1000]

Makes corpora of small markdown documents in a temporary folder and runs `clara ingest` on each:
first, unchanged, with one document changed, and with one removed. Prints wall time, the time
inside the flow, and what each step did. Start-up is what is left: Python, Prefect and its server.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

_SUBJECTS = ("pump", "valve", "filter", "motor", "sensor", "relay", "tank", "boiler", "fan")
_PARTS = ("pressure", "voltage", "flow", "mass", "noise", "power", "speed", "temperature")


def make_document(number: int) -> str:
    """A data sheet of about 120 words that no other document equals."""
    rng = random.Random(number)
    subject = f"{rng.choice(_SUBJECTS)} M{number:05d}"
    lines = [f"# The {subject}", ""]
    for part in rng.sample(_PARTS, 5):
        lines.append(
            f"The rated {part} of the {subject} is {rng.randint(10, 9999)} units, because "
            f"its housing H{rng.randint(1, 500)} was tested at {rng.randint(1, 90)} degrees."
        )
    lines += ["", "| Part | Value |", "| --- | --- |"]
    lines += [f"| {part} limit | {rng.randint(100, 99999)} |" for part in rng.sample(_PARTS, 3)]
    return "\n".join(lines) + "\n"


def ingest(source: Path, output: Path) -> tuple[float, dict[str, Any]]:
    """Wall seconds of the whole command, and its summary."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "flows.cli", "ingest", str(source), "-o", str(output), "--json"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent.parent,
    )
    if done.returncode:
        raise SystemExit(f"clara ingest failed with {done.returncode}:\n{done.stderr[-2000:]}")
    return time.perf_counter() - started, json.loads(done.stdout)


def show(name: str, documents: int, wall_s: float, summary: dict[str, Any]) -> None:
    inside = summary["seconds"]
    worked = {step: f["done"] for step, f in summary["steps"].items() if f["done"]}
    worked.pop("discover", None)
    print(
        f"{name:<22} {documents:>6} documents  wall {wall_s:7.2f} s  in the flow {inside:7.2f} s  "
        f"start-up {wall_s - inside:5.2f} s  {1000 * inside / documents:7.2f} ms a document  "
        f"{summary['outcome']} {worked}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="100,1000")
    sizes = [int(size) for size in parser.parse_args().sizes.split(",")]
    for documents in sizes:
        with tempfile.TemporaryDirectory(prefix="clara-reingest-") as folder:
            source, output = Path(folder) / "source", Path(folder) / "out"
            source.mkdir()
            for number in range(documents):
                (source / f"sheet-{number:05d}.md").write_text(make_document(number))
            show("first run", documents, *ingest(source, output))
            show("unchanged", documents, *ingest(source, output))
            (source / "sheet-00003.md").write_text(make_document(10**6))
            show("one changed", documents, *ingest(source, output))
            (source / "sheet-00004.md").unlink()
            show("one removed", documents - 1, *ingest(source, output))


if __name__ == "__main__":
    main()
