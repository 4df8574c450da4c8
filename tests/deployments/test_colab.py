"""The Colab notebook: a valid one, whose functions do here what they are to do there."""

from __future__ import annotations

import ast
import io
import json
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
import typer

NOTEBOOK = Path(__file__).parents[2] / "deployments" / "colab.ipynb"


def cells(kind: str, tag: str | None = None) -> list[str]:
    notebook = json.loads(NOTEBOOK.read_text("utf-8"))
    return [
        "".join(cell["source"])
        for cell in notebook["cells"]
        if cell["cell_type"] == kind and (tag is None or tag in cell["metadata"].get("tags", []))
    ]


@pytest.fixture(scope="module")
def functions() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for source in cells("code", "functions"):
        exec(compile(source, str(NOTEBOOK), "exec"), found)
    return found


def test_it_is_a_notebook() -> None:
    notebook = json.loads(NOTEBOOK.read_text("utf-8"))
    assert notebook["nbformat"] == 4 and notebook["nbformat_minor"] >= 5
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len({*ids}) == len(ids)
    for cell in notebook["cells"]:
        assert cell["cell_type"] in ("code", "markdown")
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None
    assert {"nbformat", "nbformat_minor", "metadata", "cells"} == {*notebook}


def test_every_cell_is_python_and_every_name_is_known() -> None:
    defined: set[str] = set(dir(__builtins__)) | set(__builtins__)  # type: ignore[call-overload]
    used: set[str] = set()
    for source in cells("code"):
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Name):
                (used if isinstance(node.ctx, ast.Load) else defined).add(node.id)
            elif isinstance(node, ast.FunctionDef | ast.arg | ast.alias):
                name = node.arg if isinstance(node, ast.arg) else node.name
                defined.add(getattr(node, "asname", None) or name)
    assert used - defined == set()


def test_a_t4_gets_float16_and_nf4_and_an_a100_neither(functions: dict[str, Any]) -> None:
    flags = functions["precision_flags"]
    t4 = flags((7, 5), 15 << 30)
    assert t4[t4.index("--dtype") + 1] == "float16"
    assert t4[t4.index("--quantization") + 1] == "nf4"
    assert flags((8, 0), 40 << 30) == ["--dtype", "auto"]


def test_its_command_is_one_of_ours(functions: dict[str, Any]) -> None:
    from flows.cli import app

    flags = functions["precision_flags"]((7, 5), 15 << 30)
    command = functions["train_command"]("pack.tar.gz", "out", "base", flags)
    assert command[:4] == [sys.executable, "-m", "flows.cli", "train"]
    train = typer.main.get_command(app).commands["train"]  # type: ignore[attr-defined]
    parsed = train.make_context("train", command[4:])
    assert parsed.params["quantization"] == "nf4" and parsed.params["dtype"] == "float16"


def test_colabs_torch_is_kept(functions: dict[str, Any], tmp_path: Path) -> None:
    wheel = io.BytesIO()
    with zipfile.ZipFile(wheel, "w") as files:
        files.writestr(
            "clara-1.dist-info/METADATA",
            "Name: clara\nRequires-Dist: torch<2.16,>=2.15\nRequires-Dist: prefect>=3\n"
            'Requires-Dist: prefect-ray; extra == "ray"\nRequires-Dist: Triton\n\ntext',
        )
    pack = tmp_path / "pack.tar.gz"
    with tarfile.open(pack, "w:gz") as archive:
        for name, content in (("x/README.md", b"-"), ("x/wheel/clara-1.whl", wheel.getvalue())):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    (tmp_path / "content").mkdir()
    taken = functions["wheel_of"](str(pack), str(tmp_path / "content"))
    assert taken == tmp_path / "content" / "clara-1.whl"
    assert functions["requirements_of"](taken) == ["prefect>=3"]
    assert any(line.startswith("torch==") for line in functions["constraints"]())
    empty = tmp_path / "empty.tar.gz"
    tarfile.open(empty, "w:gz").close()
    with pytest.raises(SystemExit, match="holds no wheel"):
        functions["wheel_of"](str(empty), str(tmp_path))


@pytest.mark.parametrize(
    ("way", "password"), [("cloud", "PREFECT_API_KEY"), ("tunnel", "PREFECT_API_AUTH_STRING")]
)
def test_keys_are_in_the_environment_and_nowhere_else(
    functions: dict[str, Any], way: str, password: str
) -> None:
    given = functions["worker_environment"](way, lambda name: f"https://secret-{name}")
    assert given[password] == f"https://secret-{password}"
    assert given["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert "secret" not in " ".join(functions["worker_command"]())
    assert "gpu-pool" in functions["worker_command"]()


def test_a_tunnel_without_tls_is_refused(functions: dict[str, Any]) -> None:
    with pytest.raises(SystemExit, match="https"):
        functions["worker_environment"]("tunnel", lambda name: f"http://{name}")
