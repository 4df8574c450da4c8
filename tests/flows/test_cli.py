"""The command: help that answers at once, options that are the flow's, doctor."""

from __future__ import annotations

import ast
import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.options import IngestOptions, flag_of
from tests.support.corpora import ROOT, clara

HEAVY = ("torch", "docling", "prefect", "transformers", "numpy", "onnxruntime")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "sys.argv = ['clara', '--help']\n"
        "from flows.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "ingest" in done.stdout


def test_command_flow_and_options_agree() -> None:
    from flows.ingest import ingest

    parameters = inspect.signature(ingest.fn).parameters
    own = {"source", "output", "cache"}
    assert set(parameters) - own == set(IngestOptions.model_fields)
    for name, field in IngestOptions.model_fields.items():
        assert parameters[name].default == field.default, name
    shown = clara("ingest", "--help", COLUMNS="200").stdout
    for name in IngestOptions.model_fields:
        assert flag_of(name) in shown
    schema = ingest.parameters.model_dump()["properties"]
    assert all(schema[name].get("description") for name in schema)


def test_doctor_finds_everything_that_the_tests_need(clara_home: Path) -> None:
    done = clara(
        "doctor",
        "--json",
        OPENAI_API_KEY="sk-very-secret",
        BASE_URL="https://x.example/v1",
        VISION_MODEL="some-vl-model",
    )
    assert done.returncode == 0, done.stdout
    findings = {finding["subject"]: finding for finding in json.loads(done.stdout)}
    assert findings["extraction"]["detail"].startswith(("embedded", "heron"))
    assert findings["key and endpoint"]["detail"] == (
        "OPENAI_API_KEY is set; pictures go to x.example with OPENAI_API_KEY"
    )
    seeing, writing = findings["description"]["detail"], findings["synthesis"]["detail"]
    assert seeing.startswith("vision: VISION_MODEL is set: pictures are sent to x.example, model ")
    assert "`clara preview` and a run check it" in seeing
    assert writing.startswith("extractive: MODEL is not set")
    assert "sk-very-secret" not in done.stdout + done.stderr
    assert "Everything that is needed works." in clara("doctor").stdout


def test_doctor_fails_where_something_is_broken(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    done = clara(
        "doctor",
        CLARA_HOME=str(blocked),
        PREFECT_API_URL="http://127.0.0.1:9/api",
        MODEL="some-model",
        VISION_MODEL="some-vl-model",
        VISION_BASE_URL="https://user:sk-very-secret@x.example/v1",
    )
    assert done.returncode == 1
    assert "BROKEN" in done.stdout
    assert "127.0.0.1:9" in done.stdout
    assert "no key for the model some-model" in done.stdout
    assert "VISION_BASE_URL holds a user or a password" in done.stdout
    assert "sk-very-secret" not in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        ("tasks", {"flows", "tests", "benchmarks", "examples"}),
        ("clara_model", {"tasks", "flows", "prefect", "tests", "benchmarks", "examples"}),
        ("flows", {"tests", "benchmarks", "examples"}),
        # What runs in worker processes: Prefect would cost each of them seconds and memory.
        ("tasks/extraction", {"flows", "prefect"}),
        ("tasks/description", {"flows", "prefect"}),
        ("tasks/chunking", {"flows", "prefect"}),
        ("tasks/synthesis", {"flows", "prefect"}),
    ],
)
def test_imports_point_one_way(folder: str, forbidden: set[str]) -> None:
    for path in (ROOT / folder).rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            assert not {name.split(".")[0] for name in names} & forbidden, path


def test_tasks_read_the_normaliser_and_nothing_else_of_the_model() -> None:
    for path in (ROOT / "tasks").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            for name in names:
                assert name.split(".")[:2] == ["clara_model", "text"] or (
                    name.split(".")[0] != "clara_model"
                ), path


def test_preparing_an_unknown_model_names_the_known_ones() -> None:
    done = clara("model", "prepare", "gpt")
    assert done.returncode == 2
    assert "heron" in done.stderr
