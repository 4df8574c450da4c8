"""Checkpoints to resume from: `checkpoints/step-000123/`, complete or absent, at most K of them.

What trains, AdamW's moments and what the loop and its callbacks remember, as safetensors and JSON.
The schedule, the order of rows and all that is drawn at random follow from the step (loop.py,
randomness.py), so that a resumed run computes what an undisturbed one does. The manifest with the
hash of every file is written last; the folder gets its name when all of it is on the disk.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from clara_model.checkpoints.files import file_sha256
from clara_model.errors import CheckpointError
from clara_model.training.results import RESULT_FILE, differences
from clara_model.training.storage import named_write_errors, sync, write_json, write_tensors

if TYPE_CHECKING:
    from torch import Tensor

    from clara_model.training.session import TrainingSession

FORMAT = "clara-training-state"
FORMAT_VERSION = 1
_TRAINED, _OPTIMIZER, _STATE, _MANIFEST = (
    "trained.safetensors",
    "optimizer.safetensors",
    "state.json",
    "manifest.json",
)


class ResumeStates:
    """The checkpoints of one stage's run.

    `identity` is what decides what is learnt; states of another identity are not resumed from,
    and go once there is one of this.
    """

    def __init__(self, output: Path | None, kept: int, identity: dict[str, Any]) -> None:
        self._folder = None if output is None else output / "checkpoints"
        self._kept = kept
        # As it comes back from a file: lists for tuples.
        self._identity = json.loads(json.dumps(identity))

    @property
    def last(self) -> Path | None:
        """The newest complete checkpoint of this run."""
        return next(reversed(self._own()), None)

    def save(self, trainer: TrainingSession) -> Path | None:
        """Writes the state of `trainer` unless that of its step is there already; its folder.

        None where nothing is kept. The main process only.

        Raises StorageFull or TrainingFailed; what was there before is whole then.
        """
        if self._folder is None:
            return None
        target = self._folder / f"step-{trainer.step:06d}"
        if target in self._own():
            return target
        draft = self._folder / f".{target.name}.draft"
        with named_write_errors(f"The checkpoint {target}"):
            try:
                shutil.rmtree(draft, ignore_errors=True)
                draft.mkdir(parents=True)
                write_tensors(draft / _TRAINED, trainer.parameters)
                write_tensors(draft / _OPTIMIZER, trainer.optimization.moments())
                write_json(draft / _STATE, {"identity": self._identity, **trainer.memory()})
                hashes = {
                    name: file_sha256(draft / name) for name in (_TRAINED, _OPTIMIZER, _STATE)
                }
                manifest = {"format": FORMAT, "format_version": FORMAT_VERSION, "files": hashes}
                write_json(draft / _MANIFEST, manifest)
                shutil.rmtree(target, ignore_errors=True)
                draft.rename(target)
                sync(self._folder)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
        self._prune()
        return target

    def load_into(self, trainer: TrainingSession) -> Path | None:
        """Brings `trainer` to where the newest checkpoint stands; None where there is none.

        Raises CheckpointError where it is corrupt or does not fit the model.
        """
        last = self.last
        if last is None:
            return None
        _check_hashes(last)
        _load_trained(last, trainer)
        trainer.optimization.load_moments(_tensors(last / _OPTIMIZER))
        trainer.remember(_json(last / _STATE))
        return last

    def drop_result(self) -> None:
        """Takes away the result of an earlier run, where there is one. The main process only.

        Raises TrainingFailed.
        """
        if self._folder is not None:
            result = self._folder.parent / RESULT_FILE
            with named_write_errors(f"{result}"):
                result.unlink(missing_ok=True)

    def differences(self) -> list[str]:
        """How an unfinished run of this folder was another one than this, as words."""
        if self._folder is None or (self._folder.parent / RESULT_FILE).is_file():
            return []
        own = self._own()
        others = [folder for folder in self._complete() if folder not in own]
        if not others:
            return []
        theirs = _json(others[-1] / _STATE).get("identity")
        return differences(theirs if isinstance(theirs, dict) else {}, self._identity)

    def _complete(self) -> list[Path]:
        if self._folder is None:
            return []
        found = self._folder.glob("step-[0-9]*")
        complete = [folder for folder in found if (folder / _MANIFEST).is_file()]
        return sorted(complete, key=lambda folder: int(folder.name.removeprefix("step-")))

    def _own(self) -> list[Path]:
        return [
            folder
            for folder in self._complete()
            if _json(folder / _STATE).get("identity") == self._identity
        ]

    def _prune(self) -> None:
        assert self._folder is not None
        keep = set(self._own()[-self._kept :])
        for folder in self._folder.iterdir():
            if folder not in keep:
                # Its manifest first: a folder that is half gone must not look complete.
                (folder / _MANIFEST).unlink(missing_ok=True)
                shutil.rmtree(folder, ignore_errors=True)


def _load_trained(folder: Path, trainer: TrainingSession) -> None:
    saved = _tensors(folder / _TRAINED)
    shapes = {name: tuple(p.shape) for name, p in trainer.parameters.items()}
    if {name: tuple(t.shape) for name, t in saved.items()} != shapes:
        odd = sorted(set(saved) ^ set(shapes)) or [
            name for name in saved if tuple(saved[name].shape) != shapes[name]
        ]
        raise CheckpointError(
            f"The checkpoint {folder} is of another model ({', '.join(odd[:3])}): delete it, or "
            "choose another output folder."
        )
    with torch.no_grad():
        for name, parameter in trainer.parameters.items():
            parameter.copy_(saved[name])


def _check_hashes(folder: Path) -> None:
    manifest = _json(folder / _MANIFEST)
    if manifest.get("format") != FORMAT or manifest.get("format_version") != FORMAT_VERSION:
        raise CheckpointError(
            f"The checkpoint {folder} was written by another version of this program: delete it "
            "to train anew, or go on with the version that wrote it."
        )
    for name in (_TRAINED, _OPTIMIZER, _STATE):
        path = folder / name
        if not path.is_file() or file_sha256(path) != manifest.get("files", {}).get(name):
            raise CheckpointError(
                f"The checkpoint {folder} is corrupt: {name} is not what was written. Delete the "
                "folder; training then goes on from the one before it, or from the start."
            )


def _tensors(path: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    return load_file(path)


def _json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{path} cannot be read ({error}): delete the folder {path.parent}; training then goes "
            "on from the one before it, or from the start."
        ) from error
    if not isinstance(values, dict):
        raise CheckpointError(f"{path} is no state of training: delete the folder {path.parent}.")
    return values
