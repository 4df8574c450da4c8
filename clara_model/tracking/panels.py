"""What `training.png` shows: as many panels as the stage has figures for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Line = dict[str, Any]
Points = list[tuple[float, float]]

_INCHES, _DPI = (12, 8), 100
_MOST_POINTS = 1500
_FEW_POINTS = 40
"""Up to here each point is marked: a curve of one or two points would not be seen."""
_WIDE_RANGE = 30.0
"""Largest over smallest value from which a logarithmic axis shows more."""
_BLUE, _ORANGE, _GREEN, _GREY = "#1f5fa8", "#d9730d", "#2b8a3e", "#868e96"


@dataclass(frozen=True)
class Curve:
    """One quantity of a panel: from steps (smoothed over a pale original) and from evaluations."""

    label: str
    key: str
    colour: str
    smooth: bool = True
    evaluated: bool = False
    """Whether evaluations have it too; drawn as points."""


@dataclass(frozen=True)
class Panel:
    title: str
    curves: tuple[Curve, ...]
    scale: float = 1.0
    limits: tuple[float, float] | None = None
    from_zero: bool = False
    may_be_logarithmic: bool = False
    note: tuple[str, str] | None = None
    """A figure of the last step to add to the title: its key and how it is written."""


_PANELS = (
    Panel(
        "loss",
        (
            Curve("with alignment", "loss", _BLUE, evaluated=True),
            Curve("answer alone", "answer_loss", _ORANGE),
        ),
        may_be_logarithmic=True,
    ),
    Panel(
        "recall",
        (
            Curve("@5", "recall_at_5", _GREEN, evaluated=True),
            Curve("@3", "recall_at_3", _ORANGE, evaluated=True),
            Curve("@1", "recall_at_1", _BLUE, evaluated=True),
        ),
        limits=(-0.02, 1.02),
    ),
    Panel(
        "answers on held-out rows",
        (
            Curve("exact match", "exact_match", _BLUE, evaluated=True),
            Curve("contains the answer", "cover_exact_match", _GREEN, evaluated=True),
            Curve("F1", "f1", _ORANGE, evaluated=True),
        ),
        limits=(-0.02, 1.02),
    ),
    Panel(
        "alignment loss",
        (Curve("training", "alignment_loss", _BLUE, evaluated=True),),
        may_be_logarithmic=True,
    ),
    Panel("retrieval loss", (Curve("training", "retrieval_loss", _BLUE),)),
    Panel(
        "score margin (cosine)",
        (
            Curve("best to second best", "score_margin", _BLUE),
            Curve("positive to best other", "positive_margin", _ORANGE),
        ),
    ),
    Panel("score entropy (nats)", (Curve("training", "score_entropy", _BLUE, evaluated=True),)),
    Panel("learning rate", (Curve("training", "learning_rate", _BLUE, smooth=False),)),
    Panel("gradient norm", (Curve("training", "grad_norm", _BLUE),), may_be_logarithmic=True),
    Panel(
        "tokens/s",
        (Curve("training", "tokens_per_s", _BLUE),),
        from_zero=True,
        note=("mfu", ", MFU {:.1%}"),
    ),
    Panel(
        "peak memory (GiB)",
        (Curve("training", "peak_memory_bytes", _BLUE, smooth=False),),
        scale=2.0**-30,
        from_zero=True,
        note=("micro_batch_size", ", micro-batch {}"),
    ),
)


def draw(steps: Sequence[Line], evaluations: Sequence[Line], title: str) -> Figure:
    """The figure of a stage from lines of `metrics.jsonl`; at least one step or evaluation."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    drawn = [d for panel in _PANELS if (d := _find_data(panel, steps, evaluations)).curves]
    columns = {1: 1, 2: 2, 3: 3, 4: 2}.get(len(drawn), 3 if len(drawn) <= 9 else 4)
    figure = Figure(figsize=_INCHES, dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(f"{title}\n{_summary(steps, evaluations)}", fontsize=13)
    grid = figure.subplots(math.ceil(len(drawn) / columns), columns, squeeze=False).flatten()
    last_step = max(line["step"] for line in [*steps[-1:], *evaluations[-1:]])
    for axes, data in zip(grid, drawn, strict=False):
        _draw_panel(axes, data)
        axes.set_xlim(0, 1.03 * max(1, last_step))
        note = data.panel.note
        known = steps[-1].get(note[0]) if note and steps else None
        words = note[1].format(known) if note and known is not None else ""
        axes.set_title(data.panel.title + words, fontsize=11)
    for axes in grid[len(drawn) :]:
        axes.set_visible(False)
    return figure


@dataclass(frozen=True)
class _CurveData:
    curve: Curve
    trained: Points
    held_out: Points


@dataclass(frozen=True)
class _PanelData:
    panel: Panel
    curves: tuple[_CurveData, ...]


def _find_data(panel: Panel, steps: Sequence[Line], evaluations: Sequence[Line]) -> _PanelData:
    """The curves that there are points for; one that repeats the curve before it is left out."""
    found: list[_CurveData] = []
    for curve in panel.curves:
        trained = _points(curve, steps, panel.scale)
        held_out = _points(curve, evaluations, panel.scale) if curve.evaluated else []
        repeats = bool(found) and trained == found[-1].trained and not held_out
        if (trained or held_out) and not repeats:
            found.append(_CurveData(curve, trained, held_out))
    return _PanelData(panel, tuple(found))


def smoothed(points: Points) -> Points:
    """Mean over about a fiftieth of the curve around each point; it does not lag behind."""
    reach = max(1, len(points) // 100)
    sums = [0.0, *accumulate(y for _, y in points)]
    result: Points = []
    for at, (x, _) in enumerate(points):
        first, end = max(0, at - reach), min(len(points), at + reach + 1)
        result.append((x, (sums[end] - sums[first]) / (end - first)))
    return result


def _draw_panel(axes: Axes, data: _PanelData) -> None:
    named = len(data.curves) > 1
    for found in data.curves:
        label = found.curve.label if named else None
        if found.trained:
            _draw_trained(axes, found.curve, found.trained, label)
        if found.held_out:
            _draw_held_out(axes, found, None if found.trained else label)
    axes.set_xlabel("step", fontsize=9)
    axes.tick_params(labelsize=9)
    axes.grid(True, alpha=0.25)
    _scale_axes(axes, data.panel, [y for c in data.curves for _, y in c.trained + c.held_out])
    if named:
        axes.legend(fontsize=8, framealpha=0.8)


def _draw_trained(axes: Axes, curve: Curve, points: Points, label: str | None) -> None:
    marker = "o" if len(points) <= _FEW_POINTS else None
    style: dict[str, Any] = {"color": curve.colour, "marker": marker, "markersize": 3}
    if not curve.smooth or len(points) <= _FEW_POINTS:
        axes.plot(*_thin(points), linewidth=1.5, label=label, **style)
        return
    axes.plot(*_thin(points), linewidth=0.7, alpha=0.3, **style)
    axes.plot(*_thin(smoothed(points)), linewidth=1.8, label=label, **style)


def _draw_held_out(axes: Axes, found: _CurveData, label: str | None) -> None:
    axes.plot(
        *_columns(found.held_out),
        color=found.curve.colour,
        linestyle=":" if found.trained else "-",
        marker="D",
        markersize=5,
        markerfacecolor="white",
        linewidth=1.0,
        label=label,
        zorder=3,
    )


def _scale_axes(axes: Axes, panel: Panel, values: Sequence[float]) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    if panel.limits is not None:
        axes.set_ylim(*panel.limits)
    elif panel.from_zero:
        axes.set_ylim(0, 1.15 * max(values) or 1.0)
    elif panel.may_be_logarithmic and min(values) > 0 and max(values) > _WIDE_RANGE * min(values):
        axes.set_yscale("log")
    elif max(values) == min(values):
        # A constant would fill its panel with the noise of its last digit.
        around = abs(values[0]) or 1.0
        axes.set_ylim(values[0] - 0.5 * around, values[0] + 0.5 * around)
    else:
        axes.ticklabel_format(axis="y", scilimits=(-3, 5))


def _points(curve: Curve, lines: Sequence[Line], scale: float) -> Points:
    return [
        (line["step"], line[curve.key] * scale) for line in lines if line.get(curve.key) is not None
    ]


def _thin(points: Points) -> tuple[list[float], list[float]]:
    every = math.ceil(len(points) / _MOST_POINTS)
    kept = points[::every]
    return _columns(kept if kept[-1] == points[-1] else [*kept, points[-1]])


def _columns(points: Points) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def _summary(steps: Sequence[Line], evaluations: Sequence[Line]) -> str:
    if not steps:
        return f"evaluated at step {evaluations[-1]['step']}"
    last = steps[-1]
    words = f"step {last['step']:,} of {last['total_steps']:,}, epoch {last['epoch']:.2f}"
    if last.get("out_of_memory_count"):
        words += f", ran out of memory {last['out_of_memory_count']} times"
    if evaluations:
        words += " (diamonds: held-out rows)"
    return words
