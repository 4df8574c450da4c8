"""The options of `clara train`, made from the models that training uses: one list, not two.

Every option is left out by default: a preset, a configuration file and a flag each go before the
one named earlier, and `clara_model.training.config` puts them together.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import typer
from pydantic import BaseModel

from clara_model.config import ClaraConfig
from clara_model.tracking.options import TrackingOptions
from clara_model.training.config import ModelOptions, TrainConfig
from clara_model.training.options import PRESETS, PresetName, TrainOptions

# Named by the command itself, or made of several options.
_OWN = frozenset({"data", "output", "base_model", "stages"})
_SECTIONS = frozenset({"model", "tracking", "compression", "instruction", "end_to_end"})
_SECTIONS_AND_OWN = _OWN | _SECTIONS | {"reasoning"}
_WORDS_WITH_DEFAULT = frozenset({"preset"})
# For fields that a reader of the source needs no words for, and a reader of --help does.
_WORDS = {
    "preset": "paper or small; default: small on a CPU or for few rows, else paper.",
    "device": "auto, cpu, cuda or mps.",
    "dtype": "Precision of the base; auto: what the device is fast in.",
    "attention": "How attention is computed; auto: flash-attention where it is installed.",
    "quantization": "Load the base in nf4 or int8 (bitsandbytes, CUDA only).",
    "lora_r": "Rank of the adapters.",
    "lora_alpha": "What the adapters are scaled by, over lora_r. Default: twice lora_r.",
    "wandb_project": "wandb's project. Default: WANDB_PROJECT, else clara-pipeline.",
    "wandb_entity": "wandb's user or team. Default: WANDB_ENTITY, else the account's own.",
    "lora_dropout": "Dropout of the adapters that train.",
    "separator": "Put <SEP> behind each document's memory slots.",
    "shard_base": "Share out the frozen base's layers over the processes, for a base that does not "
    "fit on one device. Tested on CPUs only so far.",
    "seed": "Of what is drawn: new adapters and memory rows, the order of rows, dropout.",
    "learning_rate": "Highest learning rate of the schedule.",
    "epochs": "Passes over the data.",
    "max_gradient_norm": "Longer gradients are shortened to this.",
    "weight_decay": "AdamW's weight decay.",
    "adam_betas": "AdamW's two betas.",
    "adam_epsilon": "AdamW's epsilon.",
    "checkpoint_every_steps": "Steps between two checkpoints to resume from.",
    "checkpoints_kept": "Checkpoints to resume from that are kept, the newest ones.",
    "evaluate_every_steps": "Steps between two evaluations; default: before the first step and "
    "after the last.",
    "sample_answer_tokens": "Longest generated answer of an evaluation, in tokens.",
    "progress_every_s": "Seconds between two lines of progress.",
    "chart_every_s": "Seconds between two drawings of the chart.",
}
_FLAGS = {"progress_every_s": "--progress-every", "chart_every_s": "--chart-every"}


def train_options(command: Callable[..., None]) -> Callable[..., None]:
    """Replaces a command's `**options` by one typed option for each thing that can be chosen.

    Typer reads a command's signature; this writes it.
    """
    signature = inspect.signature(command, eval_str=True)
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    made = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[
                _flag_type(annotation) | None,  # type: ignore[operator]
                typer.Option(_declaration(name, annotation), help=help_),
            ],
        )
        for name, annotation, help_ in training_fields()
    ]
    keyword_only = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
    parameters = [*keyword_only, *made]
    command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    return command


def training_fields() -> Iterator[tuple[str, Any, str]]:
    """Name, type and help of every option; a name that several models share comes once."""
    seen: set[str] = set(_SECTIONS_AND_OWN)
    for model in (TrainConfig, ModelOptions, TrainOptions, TrackingOptions):
        words = _field_docs(ClaraConfig if model is ModelOptions else model)
        for name, field in model.model_fields.items():
            if name not in seen:
                seen.add(name)
                # A model's shape says what it is, and its defaults, in ClaraConfig.
                shape = ClaraConfig.model_fields.get(name) if model is ModelOptions else None
                default = (shape or field).default
                yield name, field.annotation, _help(name, words.get(name, ""), default)


def flag_of(name: str) -> str:
    """The command's flag for an option."""
    return _FLAGS.get(name, f"--{name.replace('_', '-')}")


def _declaration(name: str, annotation: Any) -> str:
    flag = flag_of(name)
    return f"{flag}/--no-{flag[2:]}" if _plain_type(annotation) is bool else flag


def _plain_type(annotation: Any) -> Any:
    """The type without `| None`."""
    if get_origin(annotation) in (Union, UnionType):
        [plain] = [part for part in get_args(annotation) if part is not NoneType]
        return plain
    return annotation


def _flag_type(annotation: Any) -> Any:
    plain = _plain_type(annotation)
    return str if plain is Path else plain


def _help(name: str, words: str, default: Any) -> str:
    """What it is, and what it is where nobody chooses."""
    what = _WORDS.get(name) or words.replace("`", "").replace("None:", "Default:")
    values = {preset: _preset_value(preset, name, default) for preset in PRESETS}
    if any(name in preset for preset in PRESETS.values()):
        stated = ", ".join(f"{preset} {value}" for preset, value in values.items())
        return f"{what} Presets: {stated}."
    return what if default is None or name in _WORDS_WITH_DEFAULT else f"{what} Default: {default}."


def _preset_value(preset: PresetName, name: str, default: Any) -> str:
    values = PRESETS[preset]
    apart = {
        stage: section[name]
        for stage, section in values.items()
        if isinstance(section, dict) and name in section
    }
    usual = f"{values.get(name, default)}"
    if not apart:
        return usual
    [other] = set(apart.values())
    return f"{usual} ({' and '.join(apart)} {other})"


@cache
def _field_docs(model: type[BaseModel]) -> dict[str, str]:
    """The string under each field of a model's source."""
    source = Path(str(sys.modules[model.__module__].__file__)).read_text(encoding="utf-8")
    [body] = [
        node.body
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef) and node.name == model.__name__
    ]
    docs = {}
    for field, after in itertools.pairwise(body):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
        ):
            docs[field.target.id] = " ".join(str(after.value.value).split())
    return docs
