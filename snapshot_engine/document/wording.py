"""Times, counts and shares as a reader expects them."""

from __future__ import annotations

from collections.abc import Iterable

from snapshot_engine.insight.facts import Figure


def clock(ms: int) -> str:
    """Return "h:mm:ss" (hours as many as needed), cut to the second."""
    seconds = max(ms, 0) // 1000
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def duration(ms: int) -> str:
    """Return "1 h 05 min", "12 min 30 s" or "45 s"."""
    seconds = (max(ms, 0) + 500) // 1000
    if seconds >= 3600:
        minutes = (seconds + 30) // 60
        return f"{minutes // 60} h {minutes % 60:02} min"
    if seconds >= 60:
        return f"{seconds // 60} min {seconds % 60:02} s"
    return f"{seconds} s"


def iso_duration(ms: int) -> str:
    """Return an ISO 8601 duration for the `datetime` attribute: "PT754S"."""
    return f"PT{max(ms, 0) // 1000}S"


def count(number: int) -> str:
    """Return a whole number with thousands separated: "14,203"."""
    return f"{number:,}"


def percent(share: float) -> str:
    """Return a share of 0.0 to 1.0 as "42 %", and "under 1 %" for a small one above 0."""
    rounded = int(share * 100 + 0.5)
    if rounded == 0 and share > 0:
        return "under 1 %"
    return f"{rounded} %"


def plural(number: int, one: str, many: str = "") -> str:
    """Return "1 speaker", "3 speakers"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def amounts(figures: Iterable[Figure]) -> list[str]:
    """Return the figures' texts in order, each once whatever its capitals."""
    return list({figure.text.casefold(): figure.text for figure in reversed(list(figures))}.values())[::-1]
