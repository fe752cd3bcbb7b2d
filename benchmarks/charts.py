"""Two kinds of picture, as SVG text for a light and a dark page: bars and lines. Values are printed, not guessed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH = 760
_FONT = "font-family='system-ui,-apple-system,Segoe UI,Helvetica,Arial,sans-serif'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    name: str
    ink: str
    faint: str
    grid: str
    ours: str
    series: tuple[str, ...]


LIGHT = Theme(
    name="light", ink="#1f2328", faint="#59636e", grid="#d1d9e0", ours="#0969da",
    series=("#0969da", "#bc4c00", "#1a7f37", "#8250df", "#9a6700", "#57606a"),
)  # fmt: skip
DARK = Theme(
    name="dark", ink="#f0f6fc", faint="#9198a1", grid="#3d444d", ours="#4493f8",
    series=("#4493f8", "#f0883e", "#3fb950", "#ab7df8", "#d29922", "#8b949e"),
)  # fmt: skip
THEMES = (LIGHT, DARK)


@dataclass(frozen=True, slots=True, kw_only=True)
class BarChart:
    """Horizontal bars. bars: (name, value, is it ours); limits: (name, value) drawn as a mark per bar."""

    name: str
    title: str
    unit: str
    bars: tuple[tuple[str, float, bool], ...]
    limits: tuple[float | None, ...] = ()
    logarithmic: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LineChart:
    """Lines through points. series: (name, ((x, y), ...)); x is drawn on a logarithmic axis when asked."""

    name: str
    title: str
    x_title: str
    y_title: str
    series: tuple[tuple[str, tuple[tuple[float, float], ...]], ...]
    logarithmic_x: bool = True
    logarithmic_y: bool = False


Chart = BarChart | LineChart


def render(chart: Chart, theme: Theme) -> str:
    """Return a self-contained SVG document."""
    return _bars(chart, theme) if isinstance(chart, BarChart) else _lines(chart, theme)


def number(value: float) -> str:
    """Return a value as people write it: three figures, thousands apart, no exponent."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    places = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{min(places, 4)}f}"


def _text(x: float, y: float, words: str, colour: str, *, size: int = 13, anchor: str = "start", bold: bool = False) -> str:  # fmt: skip
    weight = " font-weight='600'" if bold else ""
    return f"<text x='{x:.1f}' y='{y:.1f}' fill='{colour}' font-size='{size}' text-anchor='{anchor}'{weight}>{escape(words)}</text>"


def _document(height: float, title: str, body: Sequence[str], theme: Theme) -> str:
    head = _text(16, 26, title, theme.ink, size=15, bold=True)
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height:.0f}' width='{WIDTH}' "
        f"height='{height:.0f}' role='img' aria-label='{escape(title, {chr(39): '&apos;'})}' {_FONT}>"
        f"<title>{escape(title)}</title>{head}{''.join(body)}</svg>\n"
    )


def _bars(chart: BarChart, theme: Theme) -> str:
    said = [_said(value, chart.unit) for _, value, _ in chart.bars]
    # what a bold letter of 13 and a plain one of 12 take, on the generous side
    left = max(120.0, 26 + 7.6 * max((len(name) for name, _, _ in chart.bars), default=0))
    right, top, step = max(90.0, 20 + 7.2 * max(map(len, said), default=0)), 44.0, 30.0
    every = [value for _, value, _ in chart.bars] + [limit for limit in chart.limits if limit]
    scale = _scale(every, chart.logarithmic, WIDTH - left - right)
    body = []
    for at, (name, value, ours) in enumerate(chart.bars):
        y = top + at * step
        length = max(2.0, scale(value))
        colour = theme.ours if ours else theme.faint
        body.append(_text(left - 10, y + 15, name, theme.ink, anchor="end", bold=ours))
        body.append(
            f"<rect x='{left}' y='{y + 2:.1f}' width='{length:.1f}' height='18' rx='3' fill='{colour}'/>"
        )
        body.append(_text(left + length + 6, y + 15, said[at], theme.ink, size=12))
        limit = chart.limits[at] if at < len(chart.limits) else None
        if limit:
            x = left + scale(limit)
            body.append(
                f"<line x1='{x:.1f}' x2='{x:.1f}' y1='{y - 2:.1f}' y2='{y + 24:.1f}' stroke='{theme.series[1]}' stroke-width='2'/>"
            )
    foot = "logarithmic scale" if chart.logarithmic else ""
    if any(chart.limits):
        foot = "the mark is the limit" + (f"; {foot}" if foot else "")
    height = top + len(chart.bars) * step + 22
    body.append(_text(16, height - 6, foot, theme.faint, size=11))
    return _document(height, chart.title, body, theme)


def _said(value: float, unit: str) -> str:
    """Return a bar's value with its unit; without a unit it is a count."""
    return f"{number(value)} {unit}" if unit else f"{value:,.0f}"


def _scale(values: Sequence[float], logarithmic: bool, width: float) -> Callable[[float], float]:
    """Return value -> length. A logarithmic scale starts a third of a decade below the smallest value."""
    most = max(values)
    if not logarithmic:
        return lambda value: value / most * width if most else 0.0
    low = math.log10(min(value for value in values if value > 0)) - 0.33
    span = math.log10(most) - low
    return lambda value: (math.log10(value) - low) / span * width if value > 0 else 0.0


def _lines(chart: LineChart, theme: Theme) -> str:
    left, top, width, height = 70.0, 60.0, WIDTH - 70.0 - 170.0, 240.0
    points = [point for _, series in chart.series for point in series]
    across = _axis([x for x, _ in points], chart.logarithmic_x, width)
    up = _axis([y for _, y in points] + ([] if chart.logarithmic_y else [0.0]), chart.logarithmic_y, height)
    body = []
    for value in up.ticks:
        y = top + height - up.place(value)
        body.append(
            f"<line x1='{left}' x2='{left + width}' y1='{y:.1f}' y2='{y:.1f}' stroke='{theme.grid}'/>"
        )
        body.append(_text(left - 8, y + 4, f"{value:,.10g}", theme.faint, size=11, anchor="end"))
    for value in across.ticks:
        x = left + across.place(value)
        body.append(_text(x, top + height + 18, f"{value:,.10g}", theme.faint, size=11, anchor="middle"))
    for at, (name, series) in enumerate(chart.series):
        colour = theme.series[at % len(theme.series)]
        placed = [(left + across.place(x), top + height - up.place(y)) for x, y in series]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
        body.append(f"<polyline points='{path}' fill='none' stroke='{colour}' stroke-width='2.5'/>")
        body += [f"<circle cx='{x:.1f}' cy='{y:.1f}' r='3.5' fill='{colour}'/>" for x, y in placed]
        body.append(
            f"<rect x='{left + width + 18}' y='{top + at * 22 - 9:.1f}' width='12' height='12' fill='{colour}'/>"
        )
        body.append(_text(left + width + 36, top + at * 22 + 2, name, theme.ink, size=12))
    body.append(
        _text(left + width / 2, top + height + 38, chart.x_title, theme.faint, size=12, anchor="middle")
    )
    body.append(_text(left, top - 8, chart.y_title, theme.faint, size=12))
    return _document(top + height + 50, chart.title, body, theme)


@dataclass(frozen=True, slots=True)
class _Axis:
    low: float
    high: float
    logarithmic: bool
    length: float
    ticks: tuple[float, ...]

    def place(self, value: float) -> float:
        if self.logarithmic:
            span = math.log10(self.high) - math.log10(self.low)
            return (
                (math.log10(value) - math.log10(self.low)) / span * self.length if span else self.length / 2
            )
        span = self.high - self.low
        return (value - self.low) / span * self.length if span else self.length / 2


def _axis(values: Sequence[float], logarithmic: bool, length: float) -> _Axis:
    low, high = min(values), max(values)
    if logarithmic:
        ticks = tuple(
            10.0**power
            for power in range(math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9) + 1)
        )
        return _Axis(low, high, True, length, ticks)
    step = _round_step((high - low) / 4 if high > low else 1.0)
    low, high = math.floor(low / step) * step, math.ceil(high / step) * step
    count = round((high - low) / step)
    return _Axis(low, high, False, length, tuple(low + step * n for n in range(count + 1)))


def _round_step(rough: float) -> float:
    """Return the next of 1, 2, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
