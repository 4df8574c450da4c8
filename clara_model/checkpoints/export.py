"""A checkpoint to pass on: without the paths of this machine, with its base where asked for."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from clara_model.base_models import weight_files
from clara_model.checkpoints.adapters import ADAPTERS_FOLDER
from clara_model.checkpoints.base import INSIDE, find_checkpoint_base
from clara_model.checkpoints.files import (
    MANIFEST_FILE,
    RECORD_FILE,
    check_files,
    read_record,
    whole_folder,
    write_json,
)
from clara_model.checkpoints.write import BASE_FOLDER, CARD_FILE, LICENCES_FOLDER, write_texts
from clara_model.errors import CheckpointError

_WRITTEN_ANEW = (RECORD_FILE, MANIFEST_FILE, CARD_FILE, f"{LICENCES_FOLDER}/")
_BESIDE_WEIGHTS = ("*.json", "*.jinja", "*.txt", "*.model", "*.md", "LICENSE*", "NOTICE*")


def export_checkpoint(
    checkpoint: str | Path,
    output: str | Path,
    *,
    with_base: bool = False,
    base: str | Path | None = None,
) -> Path:
    """Copies a checkpoint to `output`, which takes its name when it is complete.

    `with_base` puts the base's files into `base/`: the folder then stands for itself, and loads
    wherever it is copied to. Without it a base that was a local folder is named by its last part
    only. `base` as for loading. Raises CheckpointError, StorageFull.
    """
    source, target = Path(checkpoint).expanduser(), Path(output).expanduser().absolute()
    if target == source.absolute():
        raise CheckpointError(f"{target} is the checkpoint itself: name another folder.")
    record, manifest = read_record(source), check_files(source)
    carried = record.base.name.startswith(INSIDE)
    name = record.base.name
    if with_base and not carried:
        base_folder, _ = find_checkpoint_base(source, record, base)
        name = f"{INSIDE}{BASE_FOLDER}"
    elif Path(name).is_absolute():
        name = Path(name).name
    record = record.model_copy(update={"base": record.base.model_copy(update={"name": name})})
    with whole_folder(target) as draft:
        for file in manifest.files:
            if not file.startswith(_WRITTEN_ANEW):
                (draft / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source / file, draft / file)
        if with_base and not carried:
            _copy_base(base_folder, draft / BASE_FOLDER)
        for config in (draft / ADAPTERS_FOLDER).glob("*/adapter_config.json"):
            told = {**json.loads(config.read_bytes()), "base_model_name_or_path": name}
            write_json(config, told)
        write_json(draft / RECORD_FILE, record)
        write_texts(draft, record)
    return target


def _copy_base(source: Path, target: Path) -> None:
    target.mkdir()
    beside = [path for pattern in _BESIDE_WEIGHTS for path in source.glob(pattern)]
    for path in {*weight_files(source), *beside}:
        shutil.copyfile(path, target / path.name)
