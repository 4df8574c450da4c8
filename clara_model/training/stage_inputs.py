"""What a stage starts from: its data, a base or a parent checkpoint, and the model's shape."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clara_model.base_models import resolve_base
from clara_model.checkpoint import (
    DataProvenance,
    load_checkpoint,
    parent_checkpoint,
    read_checkpoint_record,
)
from clara_model.checkpoints.base import describe_base
from clara_model.checkpoints.files import file_sha256
from clara_model.config import ClaraConfig, Stage
from clara_model.data.files import StageFile, stage_file
from clara_model.errors import ConfigError, DataError
from clara_model.loading import resolve_dtype
from clara_model.training.config import TrainConfig
from clara_model.training.options import identity as options_identity
from clara_model.training.results import RESULT_FILE, flattened

if TYPE_CHECKING:
    import torch

    from clara_model.checkpoint import ParentCheckpoint
    from clara_model.model import Clara

EVAL_FILE = "eval_data.jsonl"
_CHANGEABLE = frozenset({"top_k", "temperature", "alignment_weight", "seed"})
"""Fields of ClaraConfig that no weight depends on."""


@dataclass(frozen=True)
class StageInputs:
    """Settled before the model is loaded, so that a finished stage costs nothing."""

    stage: Stage
    config: TrainConfig
    shape: ClaraConfig
    parent_folder: Path | None
    parent: ParentCheckpoint | None
    data_file: Path
    data: DataProvenance
    identity: dict[str, Any]
    """What decides what is learnt, as flat JSON values."""

    def load_model(self, device: torch.device) -> Clara:
        """The model that training starts from, in its stage. Raises CheckpointError and others."""
        from clara_model.model import Clara

        how: dict[str, Any] = {
            "device": str(device),
            # `auto` was settled by the device that trains, which may not be the one to load on.
            "dtype": self.identity["dtype"],
            "attention": self.config.attention,
            "quantization": self.config.quantization,
        }
        if self.parent_folder is not None:
            model = load_checkpoint(self.parent_folder, base=self.config.base_model, **how)
            model.config = self.shape
        else:
            name = _base_name(self.config)
            model = Clara.from_base(resolve_base(name), self.shape, **how)
            # A hub name stays one: the checkpoint is then found on other machines.
            model.base_name = name
        reset = self.stage == "instruction" and self.config.instruction.reset_decoder
        model.set_stage(self.stage, reset_decoder=reset)
        return model


def stage_inputs(
    config: TrainConfig, stage: Stage, parent_folder: Path | None, device: torch.device
) -> StageInputs:
    """Raises ConfigError, DataError, CheckpointError and BaseModelError for what cannot work."""
    file = stage_file(stage, config.data)
    data = _data_provenance(file, Path(config.data))
    parent = None if parent_folder is None else parent_checkpoint(parent_folder)
    base: dict[str, Any] = {}
    if parent_folder is None:
        shape = config.model.clara_config()
        described = describe_base(resolve_base(_base_name(config)), _base_name(config))
        base = {
            "config": described.config_fingerprint,
            "weights": described.weights_fingerprint,
        }
    else:
        shape = _changed_shape(parent_folder, config)
    identity = {
        "stage": stage,
        "data": data.files,
        "limit_rows": config.limit_rows,
        "decoder_max_length": config.decoder_max_length,
        "options": options_identity(config.options(stage)),
        "model": shape.model_dump(mode="json"),
        "base": base,
        "parent": parent.sha256 if parent else None,
        "dtype": str(resolve_dtype(config.dtype, device)).removeprefix("torch."),
        "quantization": config.quantization,
    }
    if stage in ("end_to_end", "reasoning"):
        identity["candidates"] = config.candidates
    return StageInputs(
        stage=stage,
        config=config,
        shape=shape,
        parent_folder=parent_folder,
        parent=parent,
        data_file=file,
        data=data,
        identity=json.loads(json.dumps(flattened(identity))),
    )


def held_out_file(config: TrainConfig) -> Path | None:
    """The file of held-out rows; None where there is none. Raises DataError for a named one."""
    if config.eval_data is not None:
        named = Path(config.eval_data)
        if not named.is_file():
            raise DataError(f"There is no {named}, which was named for evaluation (eval_data).")
        return named
    data = Path(config.data)
    own = (data if data.is_dir() else data.parent) / EVAL_FILE
    # Rows that are trained on are not held out.
    return own if own.is_file() and own != data else None


def check_data(config: TrainConfig) -> None:
    """Looks at the data of all stages, so that none of them is refused after hours of another.

    Rows of the first stage are left to its own start, and those of a finished one to its identity.
    Raises DataError.
    """
    files = {stage: stage_file(stage, config.data) for stage in config.stages}
    held_out_file(config)
    for stage in config.stages[1:]:
        if (config.output / stage / RESULT_FILE).is_file():
            continue
        for _ in islice(StageFile(files[stage], stage), config.limit_rows):
            pass
        if config.eval_data is not None and config.options(stage).evaluation_rows:
            for _ in StageFile(Path(config.eval_data), stage):
                pass


def _base_name(config: TrainConfig) -> str:
    if config.base_model is None:
        raise ConfigError(
            "Neither a base model nor a checkpoint to start from is named: give base_model "
            "(`clara model list` shows what is here) or init_from."
        )
    return config.base_model


def _changed_shape(parent_folder: Path, config: TrainConfig) -> ClaraConfig:
    shape = read_checkpoint_record(parent_folder).config
    asked = config.model.given()
    for name in sorted(asked.keys() - _CHANGEABLE):
        if asked[name] != getattr(shape, name):
            raise ConfigError(
                f"{name} {asked[name]} was asked for, and the checkpoint {parent_folder} has "
                f"{getattr(shape, name)}, which its weights depend on: leave {name} out, or start "
                "from the base."
            )
    changes = {name: asked[name] for name in asked.keys() & _CHANGEABLE - {"seed"}}
    return shape.model_copy(update=changes)


def _data_provenance(file: Path, given: Path) -> DataProvenance:
    folder = given if given.is_dir() else file.parent
    manifest = folder / "manifest.json"
    engines: dict[str, Any] = {}
    if manifest.is_file():
        try:
            said = json.loads(manifest.read_bytes())
        except ValueError as error:
            raise DataError(f"{manifest} cannot be read ({error}): ingest again.") from error
        models = said.get("models") if isinstance(said, dict) else None
        engines = models if isinstance(models, dict) else {}
    return DataProvenance(
        name=(given if given.is_dir() else file).resolve().name,
        manifest_sha256=file_sha256(manifest) if manifest.is_file() else None,
        files={file.name: file_sha256(file)},
        engines=engines,
    )
