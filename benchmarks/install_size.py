"""What a first installation downloads and occupies.

    uv run python benchmarks/install_size.py

Clones this repository into a temporary folder, runs `uv sync` there with an empty cache, and
prints seconds, the size of the environment and the size of its CUDA libraries. The bytes that
travel are fewer: packages are compressed; they are read off the wheels that uv kept.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent


def folder_bytes(folder: Path) -> int:
    """Bytes of all regular files below a folder; a file with several names counts once."""
    seen: dict[int, int] = {}
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            status = path.stat()
            seen[status.st_ino] = status.st_size
    return sum(seen.values())


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="clara-install-") as folder:
        clone, cache = Path(folder) / "clone", Path(folder) / "cache"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        started = time.perf_counter()
        subprocess.run(["uv", "sync", "-q", "--cache-dir", str(cache)], cwd=clone, check=True)
        seconds = time.perf_counter() - started
        packages = next((clone / ".venv").glob("lib/python*/site-packages"))
        cuda = sum(folder_bytes(path) for path in packages.glob("nvidia*"))
        figures = {
            "seconds": round(seconds),
            "environment_GB": round(folder_bytes(clone / ".venv") / 1e9, 2),
            "of_it_cuda_GB": round(cuda / 1e9, 2),
            "download_GB": round(_wheel_bytes(clone) / 1e9, 2),
        }
        print(json.dumps(figures))


def _wheel_bytes(clone: Path) -> int:
    """Sizes of the wheels that the lock file chose for this machine, as the lock file says."""
    import tomllib

    from packaging.tags import sys_tags
    from packaging.utils import parse_wheel_filename

    tags = {tag: rank for rank, tag in enumerate(sys_tags())}
    installed = {
        path.name.rsplit("-", 1)[0].rsplit(".dist", 1)[0].lower().replace("_", "-")
        for path in (clone / ".venv").glob("lib/python*/site-packages/*.dist-info")
    }
    total = 0
    lock = tomllib.loads((clone / "uv.lock").read_text())
    for package in lock["package"]:
        name = f"{package['name']}-{package.get('version', '')}".lower()
        if not any(name == item or name == item.replace("_", "-") for item in installed):
            continue
        fitting = []
        for wheel in package.get("wheels", []):
            file = wheel.get("url", "").rsplit("/", 1)[-1]
            ranks = [tags[tag] for tag in parse_wheel_filename(file)[3] if tag in tags]
            if ranks and "size" in wheel:
                fitting.append((min(ranks), wheel["size"]))
        if fitting:
            total += min(fitting)[1]
    return total


if __name__ == "__main__":
    main()
