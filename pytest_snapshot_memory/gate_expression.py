"""What counts as a regression, as users write it: "growth>5%+1MB, retained>0.5MB".

In: text from a command line or an ini file. Out: Thresholds. The grammar is as
small as it can be; a general expression evaluator was turned down, since nobody
could say beforehand which numbers it would compare.

    expression  = threshold *( "," threshold )
    threshold   = metric ">" amount
    metric      = "growth" | "retained"
    amount      = percent | size | percent "+" size | size "+" percent
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from snapshot_engine.errors import SnapshotEngineError
from snapshot_engine.memory.units import SizeMistake, format_size, parse_size

METRICS: Final = ("growth", "retained")
# Small enough to find +256 KiB on a test of 25 MiB and +5 % on one of 2 MiB;
# single readings are too rough for it, so what comes near is measured again.
DEFAULT_EXPRESSION: Final = "growth>0.25%+64KB"

_EXAMPLE = 'Write for example "growth>5%+1MB" or "retained>0.5MB".'
_THRESHOLD = re.compile(r"\s*(\w+)\s*(>=|<=|==|=|<|>)\s*(.*?)\s*", re.DOTALL)
_PERCENT = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)\s*%")


class ExpressionMistake(SnapshotEngineError, ValueError):
    """A gate expression that cannot be understood; `text` is the part that was given."""

    def __init__(self, text: str, why: str) -> None:
        super().__init__(f"gate expression {text!r}: {why}. {_EXAMPLE}")
        self.text = text


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """By how much a metric may rise: `ratio` of the old value plus `size_bytes`.

    metric: "growth" or "retained"; ratio: 0.05 for 5 %. Exactly at it is kept.
    """

    metric: str
    ratio: float = 0.0
    size_bytes: int = 0

    def allowance_bytes(self, old_bytes: int) -> int:
        """Return the rise that `old_bytes` allows; a negative old value adds nothing."""
        return int(max(0, old_bytes) * self.ratio) + self.size_bytes

    @property
    def text(self) -> str:
        """The threshold as a user would write it."""
        parts = [f"{self.ratio * 100:g}%"] if self.ratio else []
        if self.size_bytes or not parts:
            parts.append(format_size(self.size_bytes).replace(" ", ""))
        return f"{self.metric}>{'+'.join(parts)}"


def parse_expressions(texts: Iterable[str]) -> tuple[Threshold, ...]:
    """Return the thresholds of all `texts`; of one metric, the last one counts.

    Empty texts are skipped. Raises ExpressionMistake naming the part at fault.
    """
    found: dict[str, Threshold] = {}
    for text in texts:
        for part in text.split(","):
            if part.strip():
                threshold = _parse_threshold(part)
                found[threshold.metric] = threshold
    return tuple(found[metric] for metric in METRICS if metric in found)


def _parse_threshold(part: str) -> Threshold:
    match = _THRESHOLD.fullmatch(part)
    if match is None:
        raise ExpressionMistake(part.strip(), "no comparison in it")
    metric, sign, amount = match.groups()
    if metric not in METRICS:
        raise ExpressionMistake(part.strip(), f"metric {metric!r} is not one of {', '.join(METRICS)}")
    if sign != ">":
        raise ExpressionMistake(part.strip(), f"{sign!r} is not supported, only '>'")
    ratio, size_bytes = _parse_amount(part.strip(), amount)
    return Threshold(metric=metric, ratio=ratio, size_bytes=size_bytes)


def _parse_amount(part: str, amount: str) -> tuple[float, int]:
    ratio: float | None = None
    size_bytes: int | None = None
    for term in amount.split("+"):
        percent = _PERCENT.fullmatch(term.strip())
        if percent is not None:
            if ratio is not None:
                raise ExpressionMistake(part, "two percentages")
            ratio = float(percent.group(1)) / 100
            continue
        if size_bytes is not None:
            raise ExpressionMistake(part, "two sizes")
        size_bytes = _parse_term(part, term)
    return ratio or 0.0, size_bytes or 0


def _parse_term(part: str, term: str) -> int:
    if not term.strip():
        raise ExpressionMistake(part, "an amount is missing")
    try:
        return parse_size(term)
    except SizeMistake:
        raise ExpressionMistake(part, f"{term.strip()!r} is neither a percentage nor a size") from None
