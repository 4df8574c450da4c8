"""Geometry of the report's charts; templates/charts.html.jinja draws it as inline SVG.

Widths and positions across are percentages and heights are pixels, and there is no viewBox: a
chart takes the width of a phone or of a desk without scaling its letters. Words stand beside the
SVG, as HTML: they wrap there, and Chromium forgets to redraw SVG text once an embedded font is in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from tasks.records import Record
from tasks.reporting.histogram import Histogram
from tasks.reporting.labels import number

COLUMN_AREA_PX = 170
ONE_SERIES: Mapping[str, str] = {"": ""}


class LegendEntry(Record):
    series: int
    name: str


class Segment(Record):
    """A coloured part of a bar: where it starts and how far it goes, in percent of the width."""

    series: int
    start: float
    length: float
    title: str


class Bar(Record):
    label: str
    value: str
    note: str
    segments: tuple[Segment, ...]


class BarChart(Record):
    """Lying bars, each with its label and value above and a note below it.

    `legend` is empty for one series without a name.
    """

    title: str
    bars: tuple[Bar, ...]
    legend: tuple[LegendEntry, ...]


class ColumnPart(Record):
    series: int
    y_px: float
    height_px: float


class Column(Record):
    x: float
    width: float
    middle: float
    value: str
    value_y_px: float
    title: str
    parts: tuple[ColumnPart, ...]


class Tick(Record):
    x: float
    label: str
    anchor: str


class ColumnChart(Record):
    """Standing columns of a histogram, stacked by series, over an axis with ticks at borders."""

    title: str
    columns: tuple[Column, ...]
    ticks: tuple[Tick, ...]
    legend: tuple[LegendEntry, ...]
    base_px: int
    height_px: int


def _whole(value: float) -> str:
    return number(round(value))


def bar_chart(
    title: str,
    rows: Iterable[tuple[str, Mapping[str, float]]],
    *,
    series: Mapping[str, str] = ONE_SERIES,
    write: Callable[[float], str] = _whole,
    note: Callable[[str, Mapping[str, float]], str] | None = None,
) -> BarChart:
    """Bars of label -> (series -> value), drawn against the largest total.

    `series` maps the keys of the values to what the legend calls them, in the order of their
    colours; only those with a value are named. `write` makes the text at a bar's right end
    from its total, `note(label, values)` the line below it.
    """
    data = [
        (label, {name: max(0.0, values.get(name, 0)) for name in series}) for label, values in rows
    ]
    largest = max((sum(values.values()) for _, values in data), default=0.0)
    bars = []
    for label, values in data:
        start, segments = 0.0, []
        for index, name in enumerate(series):
            length = 100 * values[name] / largest if largest else 0.0
            if length > 0:
                shown = f"{values[name]:,.6g}"
                if series[name]:
                    shown = f"{series[name]}: {shown}"
                segments.append(
                    Segment(series=index, start=_short(start), length=_short(length), title=shown)
                )
            start += length
        bars.append(
            Bar(
                label=label,
                value=write(sum(values.values())),
                note=note(label, values) if note else "",
                segments=tuple(segments),
            )
        )
    return BarChart(
        title=title,
        bars=tuple(bars),
        legend=_legend(series, {name for _, values in data for name in series if values[name]}),
    )


def column_chart(title: str, data: Histogram, *, series: Mapping[str, str]) -> ColumnChart:
    """A histogram, stacked; `series` maps its keys to what the legend calls them."""
    totals = data.totals
    tallest = max(totals, default=0)
    present = {name for name in data.series if any(data.series[name])}
    top_px = 22
    base_px = top_px + COLUMN_AREA_PX
    step = 100 / len(totals) if totals else 0.0
    columns = []
    for bin_index, total in enumerate(totals):
        y, parts = float(base_px), []
        for index, name in enumerate(series):
            if name not in present:
                continue
            height = COLUMN_AREA_PX * data.series[name][bin_index] / tallest
            y -= height
            if height > 0:
                parts.append(ColumnPart(series=index, y_px=_short(y), height_px=_short(height)))
        first, beyond = data.edges[bin_index], data.edges[bin_index + 1]
        columns.append(
            Column(
                x=_short(bin_index * step + step * 0.06),
                width=_short(step * 0.88),
                middle=_short((bin_index + 0.5) * step),
                value=number(total) if total else "",
                value_y_px=_short(y - 6),
                title=f"{number(first)} to {number(beyond - 1)}: {number(total)}",
                parts=tuple(parts),
            )
        )
    return ColumnChart(
        title=title,
        columns=tuple(columns),
        ticks=_ticks(data.edges),
        legend=_legend(series, present),
        base_px=base_px,
        height_px=base_px + 24,
    )


def _legend(series: Mapping[str, str], present: set[str]) -> tuple[LegendEntry, ...]:
    """Names of the colours in use; none where one colour needs no name."""
    return tuple(
        LegendEntry(series=index, name=name)
        for index, (key, name) in enumerate(series.items())
        if key in present and name
    )


def _ticks(edges: Sequence[int]) -> tuple[Tick, ...]:
    """Labels at every border of few bins, at every second of many: they must not collide."""
    if len(edges) < 2:
        return ()
    last = len(edges) - 1
    stride = 1 if last <= 6 else 2
    return tuple(
        Tick(
            x=_short(100 * index / last),
            label=number(edges[index]),
            anchor="start" if index == 0 else "end" if index == last else "middle",
        )
        for index in range(0, last + 1, stride)
    )


def _short(value: float) -> float:
    return round(value, 3)
