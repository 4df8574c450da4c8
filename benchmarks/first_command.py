"""How long a new user waits: `clara --help`, and the README's first command.

    uv run python benchmarks/first_command.py

The environment is installed; everything else is as on the first day: an empty CLARA_HOME (so the
local Prefect server is started too) and no cache. Prints seconds, and the second run's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent


def seconds_of(*arguments: str, home: Path) -> tuple[float, str]:
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "flows.cli", *arguments],
        cwd=ROOT,
        env={**os.environ, "CLARA_HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    return time.perf_counter() - started, done.stdout


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="clara-first-") as folder:
        home, out = Path(folder) / "home", str(Path(folder) / "out")
        helps = [seconds_of("--help", home=home)[0] for _ in range(5)]
        print(f"clara --help: best of five {min(helps):.2f} s, worst {max(helps):.2f} s")
        command = ("ingest", "examples/documents", "--output", out, "--json")
        try:
            first_s, summary = seconds_of(*command, home=home)
            counts = json.loads(summary)
            print(
                f"first run: {first_s:.0f} s, {counts['documents']} documents, "
                f"{counts['chunks']} chunks, {counts['pairs']} pairs"
            )
            print(f"second run: {seconds_of(*command, home=home)[0]:.1f} s")
        finally:
            seconds_of("server", "stop", home=home)


if __name__ == "__main__":
    main()
