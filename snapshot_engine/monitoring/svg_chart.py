"""A line chart as inline SVG, readable at any width: pure, no script, no style attribute.

In: points. Out: markup. The line lives in a stretched inner view box with a
stroke that does not stretch; the labels lie in percent coordinates outside of
it, so that they keep their size on a phone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import floor, log10

_SIDE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A horizontal line at `value`: the limit, the peak."""

    value: float
    label: str
    css_class: str
    label_below: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """A value axis from 0 to `top`, with ticks on round numbers."""

    top: float
    ticks: tuple[float, ...]


def choose_scale(highest: float, ticks: int = 5) -> Scale:
    """Return an axis that holds `highest` with about `ticks` round steps."""
    if highest < 1e-9:  # far less than a byte in MiB
        return Scale(top=1.0, ticks=(1.0,))
    rough = highest / ticks
    magnitude = 10 ** floor(log10(rough))
    steps = (factor * magnitude for factor in (1, 2, 2.5, 5) if factor * magnitude >= rough)
    step = next(steps, 10 * magnitude)
    count = 1
    while step * count < highest:
        count += 1
    return Scale(top=step * count, ticks=tuple(step * number for number in range(1, count + 1)))


def line_chart(
    points: Sequence[tuple[float, float]], *, label: str, unit: str, marks: Sequence[Mark] = ()
) -> str:
    """Return a chart of (x, value) points, x ascending; `label` is what a screen reader says.

    A mark far above the line would flatten it: one at more than twice the
    highest point is left out, and the caller says its value in words.
    """
    if not points:
        return '<p class="empty">No readings yet.</p>'
    highest = max(value for _, value in points)
    shown = [mark for mark in marks if mark.value <= 2 * highest]
    scale = choose_scale(max([highest, *(mark.value for mark in shown)]) * 1.02)
    path = _path(points, scale.top)
    parts = [
        f'<svg class="chart" role="img" aria-label="{escape(label)}">',
        *(_grid(tick, scale.top) for tick in scale.ticks),
        f'<svg viewBox="0 0 {_SIDE} {_SIDE}" preserveAspectRatio="none">',
        f'<path class="area" d="{path} L{_SIDE} {_SIDE} L0 {_SIDE} Z"/>',
        f'<path class="line" d="{path}" vector-effect="non-scaling-stroke"/>',
        "</svg>",
        *(_mark_line(mark, scale.top) for mark in shown),
        # Words last, so that no line runs through them.
        *(_tick(tick, scale.top, unit) for tick in scale.ticks),
        *(_mark_words(mark, scale.top) for mark in shown),
        "</svg>",
    ]
    return "".join(parts)


def sparkline(values: Sequence[float], label: str) -> str:
    """Return a small line without axes, for one row of a table."""
    if len(values) < 2:
        return ""
    path = _path(list(enumerate(values)), max(values) * 1.1 or 1.0)
    return (
        f'<svg class="spark" role="img" aria-label="{escape(label)}" viewBox="0 0 {_SIDE} {_SIDE}" '
        f'preserveAspectRatio="none"><path class="line" d="{path}" vector-effect="non-scaling-stroke"/></svg>'
    )


def _path(points: Sequence[tuple[float, float]], top: float) -> str:
    first, last = points[0][0], points[-1][0]
    span = last - first
    steps = []
    for x, value in points:
        across = (x - first) / span * _SIDE if span > 0 else _SIDE
        steps.append(f"{across:.1f} {_SIDE - value / top * _SIDE:.1f}")
    if len(points) == 1:  # one reading is drawn as a level line
        steps.insert(0, "0 " + steps[0].split()[1])
    return "M" + " L".join(steps)


def _percent(value: float, top: float) -> str:
    return f"{100 - value / top * 100:.2f}%"


def _grid(tick: float, top: float) -> str:
    y = _percent(tick, top)
    return f'<line class="grid" x1="0" x2="100%" y1="{y}" y2="{y}"/>'


def _tick(tick: float, top: float, unit: str) -> str:
    y = _percent(tick, top)
    return f'<text class="tick" x="0" y="{y}" dy="12">{tick:,.10g} {escape(unit)}</text>'


def _mark_line(mark: Mark, top: float) -> str:
    y = _percent(mark.value, top)
    return f'<line class="{escape(mark.css_class)}" x1="0" x2="100%" y1="{y}" y2="{y}"/>'


def _mark_words(mark: Mark, top: float) -> str:
    y, shift = _percent(mark.value, top), 14 if mark.label_below else -4
    return (
        f'<text class="marklabel" x="100%" y="{y}" dy="{shift}" text-anchor="end">{escape(mark.label)}</text>'
    )
