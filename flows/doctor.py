"""`clara doctor`: what would serve here and why, and what is broken."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import shutil
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from clara_model.errors import ModelError
from flows import doctor_model, doctor_server
from flows.findings import Finding, Level
from tasks.errors import EXIT_DONE, EXIT_FAILED, ClaraError
from tasks.model_options import ModelOptions
from tasks.settings import settings

if TYPE_CHECKING:
    from tasks.endpoint.configured import EngineChoice

_LEAST_FREE_BYTES = 2 << 30
_MARKS = {"ok": "ok    ", "note": "note  ", "broken": "BROKEN"}


def run_doctor(json_report: bool) -> int:
    """Prints the findings; returns 1 where something is broken."""
    findings = examine()
    if json_report:
        print(json.dumps([f.model_dump() for f in findings], ensure_ascii=False, indent=2))
    else:
        width = max(len(f.subject) for f in findings)
        for finding in findings:
            print(f"{_MARKS[finding.level]}  {finding.subject:<{width}}  {finding.detail}")
    broken = any(finding.level == "broken" for finding in findings)
    if not json_report:
        print("Something is broken." if broken else "Everything that is needed works.")
    return EXIT_FAILED if broken else EXIT_DONE


def examine() -> list[Finding]:
    """All findings, in the order in which they build on one another."""
    checks: list[tuple[str, Callable[[], Finding]]] = [
        ("python", _python),
        ("packages", _packages),
        ("extraction", _extraction),
        ("heron", _heron),
        ("ocr", _ocr),
        ("chunk length", _chunk_length),
        ("description", _description),
        ("synthesis", _synthesis),
        ("key and endpoint", _endpoint),
        ("base model", doctor_model.base_model),
        ("accelerator", doctor_model.accelerator),
        ("acceleration", doctor_model.acceleration),
        ("Prefect server", doctor_server.server),
        ("CLARA_HOME", _home),
        ("memory and disk", _resources),
    ]
    return [_guarded(subject, check) for subject, check in checks]


def _guarded(subject: str, check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except (ClaraError, ModelError) as error:
        return Finding(subject=subject, level="broken", detail=str(error))
    except Exception as error:
        return Finding(subject=subject, level="broken", detail=f"{type(error).__name__}: {error}")


def _python() -> Finding:
    found = platform.python_version()
    supported = (3, 11) <= sys.version_info[:2] <= (3, 13)
    detail = f"{found} on {platform.system()} {platform.machine()}"
    if not supported:
        detail += "; this project needs 3.11 to 3.13"
    return Finding(subject="python", level="ok" if supported else "broken", detail=detail)


def _packages() -> Finding:
    names = (
        *("docling", "prefect", "rapidocr", "onnxruntime", "bm25s"),
        *("torch", "transformers", "peft", "accelerate"),
    )
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if missing:
        detail = f"missing: {', '.join(missing)}; install the project again"
        return Finding(subject="packages", level="broken", detail=detail)
    return Finding(
        subject="packages", level="ok", detail=", ".join(f"{n} {_version(n)}" for n in names)
    )


def _extraction() -> Finding:
    from tasks.extraction.engines import choose_profile

    choice = choose_profile("auto")
    return Finding(
        subject="extraction",
        level="note" if choice.name == "native" else "ok",
        detail=f"{choice.name}: {choice.reason}",
    )


def _heron() -> Finding:
    from tasks.extraction.engines import heron_is_cached

    if heron_is_cached():
        return Finding(subject="heron", level="ok", detail="its weights are in the local cache")
    return Finding(
        subject="heron",
        level="note",
        detail="docling's own layout and table models are not in the local cache; they are "
        "optional, and `--extraction heron` needs them",
    )


def _ocr() -> Finding:
    from tasks.extraction.engines import ocr_model_folder

    folder = ocr_model_folder()
    if folder is None:
        detail = "RapidOCR's models are missing: `pip install --force-reinstall rapidocr`"
        return Finding(subject="ocr", level="broken", detail=detail)
    return Finding(subject="ocr", level="ok", detail=f"RapidOCR {_version('rapidocr')}")


def _chunk_length() -> Finding:
    from tasks.tokenizer import make_limit

    limit = make_limit(None, None, None, settings().home)
    level: Level = "ok" if limit.unit == "tokens" else "note"
    return Finding(
        subject="chunk length",
        level=level,
        detail=f"at most {limit.maximum} {limit.unit} ({limit.identity})",
    )


def _description() -> Finding:
    from tasks.endpoint.configured import choose_description

    return _engine("description", choose_description(ModelOptions(), cache_uri="", offline=False))


def _synthesis() -> Finding:
    from tasks.endpoint.configured import choose_synthesis

    return _engine("synthesis", choose_synthesis(ModelOptions(), cache_uri="", offline=False))


def _engine(subject: str, choice: EngineChoice) -> Finding:
    """Nothing is sent from here: an endpoint is asked by the commands that are about to use it."""
    from tasks.endpoint.api_keys import api_key_for
    from tasks.endpoint.base_url import travels_in_the_clear

    detail = f"{choice.engine}: {choice.reason}"
    if choice.endpoint is None:
        return Finding(subject=subject, level="ok", detail=detail)
    api_key_for(choice.endpoint)  # raises where it would be called in vain
    level: Level = "note" if travels_in_the_clear(choice.endpoint.base_url) else "ok"
    detail += " Not asked now: `clara preview` and a run check it with one small call."
    return Finding(subject=subject, level=level, detail=detail)


def _endpoint() -> Finding:
    from tasks.endpoint.api_keys import keys_that_are_set
    from tasks.endpoint.configured import choose_description, choose_synthesis
    from tasks.endpoint.configured_values import text_base_url

    options = ModelOptions()
    keys = keys_that_are_set()
    verb = "is" if len(keys) == 1 else "are"
    parts = [f"{' and '.join(keys)} {verb} set" if keys else "no key is set"]
    for what, choose in (("documents", choose_synthesis), ("pictures", choose_description)):
        endpoint = choose(options, cache_uri="", offline=False).endpoint
        if endpoint is not None:
            with_key = f"with {endpoint.key_variable}" if endpoint.key_variable else "without a key"
            parts.append(f"{what} go to {endpoint.host} {with_key}")
    if len(parts) == 1:
        if settings().base_url:
            parts.append(f"BASE_URL is {text_base_url(options)[0]}")
        parts.append("without MODEL or VISION_MODEL nothing is called")
    return Finding(subject="key and endpoint", level="ok", detail="; ".join(parts))


def _home() -> Finding:
    home = settings().home
    nearest = next(folder for folder in (home, *home.parents) if folder.exists())
    if not os.access(nearest, os.W_OK):
        detail = f"{home} cannot be written to: set CLARA_HOME to a folder of yours"
        return Finding(subject="CLARA_HOME", level="broken", detail=detail)
    return Finding(subject="CLARA_HOME", level="ok", detail=str(home))


def _resources() -> Finding:
    import psutil

    from tasks.worker_pool import default_workers

    home = settings().home
    nearest = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(nearest).free
    memory = psutil.virtual_memory().total
    detail = (
        f"{memory / 2**30:.0f} GiB of memory, {free / 2**30:.0f} GiB of disk free; "
        f"{default_workers()} workers by default"
    )
    level: Level = "ok" if free > _LEAST_FREE_BYTES else "note"
    return Finding(subject="memory and disk", level=level, detail=detail)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
