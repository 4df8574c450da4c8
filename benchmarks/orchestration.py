"""What Prefect costs: `ingest` under a deployment against plain Python, a stage, the database.

    uv run python -m benchmarks.orchestration [--kinds text pdf] [--documents 100] [--repeats 3]
        [--growth 300]

`clara up` starts a server, a CPU and a GPU worker with a CLARA_HOME of their own in a temporary
folder; `clara down` ends them. Documents are small markdown files, which share task runs, and PDFs
of three pages, each a task run of its own. Prints, for each kind,
- seconds of `ingest` as a run of ingest/cpu (from Running to its end) and of the same functions in
  plain Python (benchmarks/plain_ingest.py), by turns, and what is between their medians;
- bytes by which the server's SQLite database grows for a thousand documents;
then seconds from the submission of a run to Running (the worker's poll and the process's imports),
and from the submission of a run of train-stage/gpu to the first line of its trainer.
Run it on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.reingest import make_document
from benchmarks.served import Served, served

_PAGES = 3  # of a PDF
_ROOT = Path(__file__).parent.parent


def corpus(folder: Path, documents: int, kind: str, first: int = 0) -> Path:
    """Documents that no other corpus of this script has."""
    folder.mkdir(parents=True)
    for number in range(first, first + documents):
        path, text = folder / f"sheet-{number:06d}.md", make_document(number)
        if kind == "pdf":
            _pages(text, path.with_suffix(".pdf"))
        else:
            path.write_text(text)
    return folder


def _pages(text: str, path: Path) -> None:
    """A PDF that has the lines of a text on each of its pages, as text."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_pdf import PdfPages
    from matplotlib.figure import Figure

    with rc_context({"pdf.fonttype": 42}), PdfPages(path) as pages:
        for page in range(1, _PAGES + 1):
            figure = Figure(figsize=(8.27, 11.69))
            for number, line in enumerate([f"Page {page}", *text.splitlines()]):
                figure.text(0.08, 0.93 - 0.022 * number, line.strip("# "), fontsize=7)
            pages.savefig(figure)


def plain_seconds(source: Path, output: Path, environment: dict[str, str]) -> float:
    """Of one run in a process of its own, start-up not counted."""
    command = [sys.executable, "-m", "benchmarks.plain_ingest", str(source), str(output)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=_ROOT, env=environment)
    if done.returncode:
        raise SystemExit(f"the plain run failed:\n{done.stderr[-2000:]}")
    return float(done.stdout.split()[-1])


def compare(served_by: Served, folder: Path, documents: int, kind: str, repeats: int) -> Path:
    """Prints the runs by turns and the difference; gives a data set that was made."""
    source = corpus(folder / "source", documents, kind)
    plain, deployed, waits = [], [], []
    for number in range(repeats):
        seconds = plain_seconds(source, folder / f"plain-{number}", served_by.environment)
        plain.append(seconds)
        output = folder / f"deployed-{number}"
        run = served_by.run(
            "ingest/cpu", source=str(source), output=str(output), workers=2, offline=True
        )
        deployed.append(run.total_run_time.total_seconds())
        waits.append((run.start_time - run.created).total_seconds())
        print(
            f"{kind} {number + 1}: plain {plain[-1]:.2f} s, deployed {deployed[-1]:.2f} s, from "
            f"submission to Running {waits[-1]:.1f} s",
            flush=True,
        )
        _same(folder / f"plain-{number}", output)
    without, within = statistics.median(plain), statistics.median(deployed)
    print(
        f"{kind}: ingest of {documents} documents: plain {without:.2f} s, deployed {within:.2f} s; "
        f"Prefect adds {within - without:.2f} s, {100 * (within / without - 1):.1f} %, "
        f"{1000 * (within - without) / documents:.1f} ms a document (medians of {repeats})"
    )
    print(f"{kind}: from submission to Running: {statistics.median(waits):.1f} s (median)")
    return folder / "deployed-0"


def _same(one: Path, other: Path) -> None:
    for path in sorted(one.glob("*.jsonl")):
        if path.read_bytes() != (other / path.name).read_bytes():
            raise SystemExit(f"{path.name} differs between the plain and the deployed run")


def stage(served_by: Served, data: Path, folder: Path) -> None:
    """Prints how long it takes from a stage's submission to its trainer's first line."""
    options = {
        "batch_size": 4,
        "evaluation_rows": 0,
        "sample_answers": 0,
        "wandb": "off",
        "chart": False,
        "device": "cpu",
    }
    served_by.run(
        "train/cpu",
        data=str(data),
        output=str(folder / "model"),
        stages="compression",
        base_model="smollm2",
        preset="small",
        max_steps=1,
        options=options,
    )
    child = served_by.latest("train-stage")
    log = folder / "model" / "compression" / "trainer.log"
    first = served_by.time_of_line(child, log.read_text(encoding="utf-8").splitlines()[0])
    running = (child.start_time - child.created).total_seconds()
    print(
        f"a stage, from submission to its trainer's first line: "
        f"{(first - child.created).total_seconds():.1f} s, {running:.1f} s of it until Running"
    )


def growth(served_by: Served, folder: Path, documents: int, kind: str) -> None:
    """Prints what a run of so many documents leaves in the server's database."""
    source = corpus(folder / "many", documents, kind, first=10**5)
    before = served_by.database_bytes()
    served_by.run("ingest/cpu", source=str(source), output=str(folder / "many-out"), workers=2)
    grown = served_by.database_bytes() - before
    print(
        f"{kind}: server database: {grown / 1e6:.2f} MB for a run of {documents} documents, "
        f"{grown / documents / 1e3:.1f} KB a document, {grown / documents / 1e3:.1f} MB a thousand"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", nargs="+", choices=("text", "pdf"), default=["text", "pdf"])
    parser.add_argument("--documents", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--growth", type=int, default=300, help="0: not measured")
    parser.add_argument("--stage", action=argparse.BooleanOptionalAction, default=True)
    given: Any = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="clara-orchestration-") as name,
        served(Path(name) / "home") as served_by,
    ):
        for kind in given.kinds:
            folder = Path(name) / kind
            data = compare(served_by, folder, given.documents, kind, given.repeats)
            if given.growth:
                growth(served_by, folder, given.growth, kind)
        if given.stage:
            stage(served_by, data, Path(name))


if __name__ == "__main__":
    main()
