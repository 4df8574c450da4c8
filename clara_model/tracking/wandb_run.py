"""A stage as a run in wandb: online with credentials, offline without, never a question asked.

What is sent: figures of steps and evaluations, and the options of training, filtered by
`public_config`. No text of the data (unless asked for), no code, no git remote, no host name, no
list of packages, no system metrics. Whatever fails in wandb is said once and stops nothing.
"""

from __future__ import annotations

import json
import os
import shlex
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from clara_model.tracking.options import TrackingOptions, WandbChoice
from clara_model.tracking.public_config import public_config
from clara_model.tracking.records import EvaluationMetrics, StepMetrics
from clara_model.training.callbacks import Callback

if TYPE_CHECKING:
    from clara_model.training.loop import Trainer

Say = Callable[[str], None]
Mode = Literal["online", "offline", "off"]

DEFAULT_PROJECT = "clara-pipeline"
_IDENTITY_NAME = "clara-run.json"
_INIT_TIMEOUT_S = 30.0
_FINISH_TIMEOUT_S = 60.0
_NOT_FIGURES = {"kind", "step", "total_steps", "stage", "samples"}
_MODES: dict[str, Mode] = {
    "online": "online",
    "run": "online",
    "offline": "offline",
    "dryrun": "offline",
    "disabled": "off",
}
"""Values of WANDB_MODE."""


@dataclass(frozen=True)
class RunIdentity:
    """What a resumed stage goes on with; kept beside wandb's files."""

    run_id: str
    group: str


class WandbRun(Callback):
    """Logs a stage to wandb; its files are under `folder`/wandb."""

    def __init__(
        self,
        options: TrackingOptions,
        *,
        folder: Path,
        name: str,
        config: Mapping[str, Any],
        say: Say = print,
    ) -> None:
        self._options = options
        self._folder = folder
        self._name = name
        self._config = public_config(config)
        self._say = say
        self._run: Any = None

    def on_start(self, trainer: Trainer) -> None:
        try:
            self._start(resumed=trainer.step > 0)
        except Exception as error:
            self._give_up("could not start", error)

    def on_step_end(self, trainer: Trainer, metrics: StepMetrics) -> None:
        self._log("train", metrics.step, _figures(metrics))

    def on_evaluate(self, trainer: Trainer, metrics: EvaluationMetrics) -> None:
        self._log("eval", metrics.step, _figures(metrics))
        if self._options.wandb_samples and metrics.samples and self._run is not None:
            self._log("eval", metrics.step, {"samples": _table(metrics)})

    def on_end(self, trainer: Trainer) -> None:
        if self._run is None:
            return
        done = trainer.step >= trainer.total_steps or trainer.stop_reason is not None
        try:
            self._run.finish(exit_code=0 if done else 1)
        except Exception as error:
            self._give_up("could not finish", error)
        self._run = None

    def _start(self, resumed: bool) -> None:
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # reports to its makers, on errors
        mode = self._mode()
        if mode == "off":
            return
        identity = self._identity(resumed)
        if mode == "online":
            try:
                self._run = self._init("online", identity, resumed)
            except Exception as error:
                self._say(f"wandb: {_first_line(error)} Offline instead.")
                mode = "offline"
        if mode == "offline":
            self._run = self._init("offline", identity, resumed)
        if mode == "online":
            self._say(f"wandb: {self._run.url}")
        else:
            runs = shlex.quote(str(self._folder / "wandb")) + "/offline-run-*"
            self._say(f"wandb: offline. To send the run later: wandb login; wandb sync {runs}")

    def _mode(self) -> Mode:
        mode = chosen_mode(self._options.wandb, os.environ)
        if mode in ("off", "offline"):
            return mode
        try:
            has_credentials = _log_in()
        except Exception as error:  # a key of the wrong form, a service that cannot be reached
            self._say(f"wandb: {_first_line(error)} Offline instead.")
            return "offline"
        if mode == "online" and not has_credentials:
            self._say("wandb: online was asked for, but there is no WANDB_API_KEY and no login.")
        return "online" if has_credentials else "offline"

    def _init(self, mode: Mode, identity: RunIdentity, resumed: bool) -> Any:
        import wandb

        options = self._options
        settings = {
            "mode": mode,
            # A folder that is not there, wandb would replace by a temporary one.
            "root_dir": str(self._folder),
            "use_dot_wandb": False,
            "run_id": identity.run_id,
            "run_name": self._name,
            "run_group": identity.group,
            "run_job_type": "train",
            "project": options.wandb_project or os.environ.get("WANDB_PROJECT") or DEFAULT_PROJECT,
            "init_timeout": _INIT_TIMEOUT_S,
            "finish_timeout": _FINISH_TIMEOUT_S,
            **_QUIET_AND_PRIVATE,
        }
        if options.wandb_entity:
            settings["entity"] = options.wandb_entity
        if resumed and mode == "online":
            settings["resume"] = "allow"
        return wandb.init(config=self._config, settings=wandb.Settings(**settings))

    def _identity(self, resumed: bool) -> RunIdentity:
        """The run's id, new unless it is resumed, and the group that the stages share."""
        path = self._folder / "wandb" / _IDENTITY_NAME
        known = _read_identity(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        identity = RunIdentity(
            run_id=known.run_id if resumed and known else uuid.uuid4().hex[:8],
            group=self._group(),
        )
        temporary = path.with_name(f".{path.name}.tmp")
        temporary.write_text(json.dumps(identity.__dict__), encoding="utf-8")
        temporary.replace(path)
        return identity

    def _group(self) -> str:
        given = self._options.wandb_group or os.environ.get("WANDB_RUN_GROUP")
        if given:
            return given
        output = self._folder.resolve().parent
        for path in sorted(output.glob(f"*/wandb/{_IDENTITY_NAME}")):
            if identity := _read_identity(path):
                return identity.group
        return f"{output.name}-{uuid.uuid4().hex[:6]}"

    def _log(self, prefix: str, step: int, figures: Mapping[str, Any]) -> None:
        if self._run is None:
            return
        try:
            self._run.log({f"{prefix}/{name}": value for name, value in figures.items()}, step=step)
        except Exception as error:
            self._give_up("failed", error)

    def _give_up(self, what: str, error: Exception) -> None:
        self._run = None
        self._say(f"wandb {what}: {_first_line(error)} Training goes on without it.")


_QUIET_AND_PRIVATE: dict[str, Any] = {
    "silent": True,
    "quiet": True,
    "console": "off",
    "symlink": False,
    "save_code": False,
    "disable_code": True,
    "disable_git": True,
    "disable_job_creation": True,
    "host": "",
    "program": "",
    "program_relpath": "",
    "program_abspath": "",
    "x_disable_meta": True,
    "x_disable_stats": True,
    "x_disable_machine_info": True,
    "x_save_requirements": False,
}


def chosen_mode(choice: WandbChoice, environ: Mapping[str, str]) -> Mode | Literal["auto"]:
    """What the option says; where it is `auto`, WANDB_MODE; `auto` where neither settles it."""
    if choice == "auto":
        return _MODES.get(environ.get("WANDB_MODE", "").strip().lower(), "auto")
    return choice


def _log_in() -> bool:
    """Whether there are credentials: a key, a token file, or a login in the user's netrc."""
    import wandb

    wandb.setup(wandb.Settings(silent=True, quiet=True))
    return bool(wandb.login(prompt=False))


def _figures(metrics: StepMetrics | EvaluationMetrics) -> dict[str, Any]:
    return metrics.model_dump(mode="json", exclude=_NOT_FIGURES, exclude_none=True)


def _table(metrics: EvaluationMetrics) -> Any:
    import wandb

    columns: list[str | int] = ["row_id", "question", "gold", "answer"]
    rows = [[s.row_id, s.question, " | ".join(s.gold), s.answer] for s in metrics.samples]
    return wandb.Table(columns=columns, data=rows)


def _read_identity(path: Path) -> RunIdentity | None:
    try:
        return RunIdentity(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    line = lines[0].rstrip(".") if lines else "no reason given"
    return f"{type(error).__name__}: {line}."
