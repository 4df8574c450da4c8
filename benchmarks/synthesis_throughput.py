"""How fast synthesis is against an endpoint of known latency, and what it costs as it grows.

    python -m benchmarks.synthesis_throughput

A loopback endpoint answers every call after one second. `clara ingest` runs as a user runs it, at
concurrency 32, on corpora of about 100, 400 and 1,600 chunks. Printed for each: chunks and calls,
the wall time of the step and its ratio to the ideal (calls x latency / concurrency), the whole
command, memory of the command's process at its peak, task runs on the Prefect server. Then the
loop that this replaces: one call after another, half a second's sleep between them, on a few of
the same requests in the same run.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

ROOT = Path(__file__).parents[1]
LATENCY_S = 1.0
PAUSE_S = 0.5
CONCURRENCY = 32
SEQUENTIAL_CALLS = 12

_PARTS = ("impeller", "gasket", "shaft", "bearing", "housing", "gauge", "coupling", "flange")
_PLACES = ("Lyon", "Porto", "Gdansk", "Turin", "Malmo", "Bergen", "Ghent", "Graz")


def sheet(number: int) -> str:
    """A section of some 600 characters: one chunk, because two of them are too long for one."""
    name, place = f"pump K{number:05d}", _PLACES[number % len(_PLACES)]
    lines = [
        f"# Sheet {number:05d}\n",
        f"The {name} was built in {1900 + number % 120} in {place}. The rated pressure of the "
        f"{name} is {number % 90 + 11} bar. The {name} needs a new gasket every "
        f"{number % 20 + 3} months because its shaft of steel grade S{300 + number} runs hot. "
        f"The mass of the {name} is {number % 700 + 40} kilograms.",
    ]
    for at in range(3):
        part = _PARTS[(number + at) % len(_PARTS)]
        lines.append(
            f"The {part} of the {name} was inspected on day {number % 300 + at} of the year and "
            f"measured {number % 50 + at + 5} millimetres at its widest point."
        )
    return " ".join(lines)


def write_corpus(folder: Path, chunks: int) -> None:
    """Documents of a hundred sections each: extraction is a task run a document."""
    folder.mkdir(parents=True)
    for start in range(0, chunks, 100):
        text = "\n\n".join(sheet(number) for number in range(start, min(start + 100, chunks)))
        (folder / f"sheets-{start:05d}.md").write_text(text, encoding="utf-8")


def start_endpoint() -> tuple[subprocess.Popen[str], str]:
    """The endpoint in a process of its own, and its base URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.slow_endpoint", "--latency", str(LATENCY_S)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def ingest(source: Path, output: Path, base_url: str) -> tuple[dict[str, Any], float, int]:
    """Summary of a run of the command, its wall seconds, its peak memory in bytes."""
    import psutil

    environment = {**os.environ, "MODEL": "loopback", "BASE_URL": base_url}
    started = time.monotonic()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "flows.cli", "ingest", str(source), "--output", str(output)),
            *("--concurrency", str(CONCURRENCY), "--json"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment,
    )
    peak = 0

    def watch() -> None:
        nonlocal peak
        while process.poll() is None:
            try:
                peak = max(peak, psutil.Process(process.pid).memory_info().rss)
            except psutil.NoSuchProcess:
                return
            time.sleep(0.1)

    threading.Thread(target=watch, daemon=True).start()
    out, errors = process.communicate()
    if process.returncode != 0:
        raise SystemExit(f"clara ingest failed:\n{errors[-3000:]}")
    return json.loads(out), time.monotonic() - started, peak


def task_runs(run_name: str) -> int:
    """Task runs that the Prefect server keeps for a run of the flow."""
    from flows.local_server import connect

    connect()
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName

    with get_client(sync_client=True) as client:
        wanted = FlowRunFilter(name=FlowRunFilterName(any_=[run_name]))
        return len(client.read_task_runs(flow_run_filter=wanted, limit=200))


def sequential(base_url: str) -> float:
    """Seconds a chunk of the loop that this replaces."""
    from tasks.prompting import load_prompts
    from tasks.records import TextChunk
    from tasks.synthesis.llm import LLMSynthesizer

    synthesizer = LLMSynthesizer("loopback", load_prompts(None), {}, None)
    started = time.monotonic()
    for number in range(SEQUENTIAL_CALLS):
        chunk = TextChunk(text=sheet(number), language="en", tokens=200)
        messages = [
            {"role": m.role, "content": m.text} for m in synthesizer.first_request(chunk).messages
        ]
        body = json.dumps({"model": "loopback", "messages": messages}).encode("utf-8")
        request = Request(
            f"{base_url}/chat/completions", body, {"Content-Type": "application/json"}
        )
        with urlopen(request) as response:
            response.read()
        time.sleep(PAUSE_S)
    return (time.monotonic() - started) / SEQUENTIAL_CALLS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--chunks", type=int, nargs="+", default=[100, 400, 1600])
    arguments = parser.parse_args()
    endpoint, base_url = start_endpoint()
    try:
        slow = sequential(base_url)
        print(f"one call after another, {PAUSE_S} s between them: {slow:.2f} s a chunk")
        with tempfile.TemporaryDirectory(prefix="clara-throughput-") as folder:
            for wanted in arguments.chunks:
                _measure(Path(folder), wanted, base_url, slow)
    finally:
        endpoint.terminate()


def _measure(folder: Path, wanted: int, base_url: str, slow: float) -> None:
    source, output = folder / f"source-{wanted}", folder / f"out-{wanted}"
    write_corpus(source, wanted)
    summary, wall, peak = ingest(source, output, base_url)
    manifest = json.loads((output / "manifest.json").read_text(encoding="utf-8"))
    steps = manifest["usage"]["now"]["by_step"]
    calls = sum(step["calls"] for step in steps if step["step"] in ("synthesize", "repair"))
    chunks, seconds = summary["chunks"], summary["steps"]["synthesize"]["seconds"]
    ideal = calls * LATENCY_S / CONCURRENCY
    print(
        f"{chunks:5} chunks, {calls} calls: synthesis {seconds:.1f} s, {seconds / ideal:.2f} of "
        f"the ideal {ideal:.1f} s, {1000 * seconds / chunks:.1f} ms a chunk "
        f"({slow * chunks / seconds:.0f} times faster than one after another); the command "
        f"{wall:.1f} s; {peak / 1e6:.0f} MB; {task_runs(f'ingest {source}')} task runs"
    )


if __name__ == "__main__":
    main()
