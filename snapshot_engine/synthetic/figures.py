"""Money, percentages, dates and counts as people say them; whole numbers only, so that no rounding differs."""

from __future__ import annotations

from collections.abc import Callable

from snapshot_engine.synthetic import lexicon as lx

Random = Callable[[], float]
Draw = Callable[[], str]


def _money(random: Random) -> Draw:
    def say() -> str:
        kind, size = int(random() * 6), int(random() * 900)
        if kind == 0:
            return f"${size // 100 + 1}.{size % 10} million"
        if kind == 1:
            return f"${size + 10},{size % 10 * 100:03d}"
        if kind == 2:
            return f"€{size // 2 + 20},000"
        if kind == 3:
            return f"{lx.COUNTS[size % len(lx.COUNTS)]} thousand dollars"
        if kind == 4:
            return f"${(size // 10 + 1) * 5}K"
        return f"{size % 40 + 2} million dollars"

    return say


def _percent(random: Random) -> Draw:
    def say() -> str:
        draw = int(random() * 1000)
        if draw % 4 == 0:
            return f"{draw // 10 + 1}.{draw % 10} percent"
        if draw % 4 == 1:
            return f"{lx.COUNTS[draw % len(lx.COUNTS)]} percent"
        return f"{draw // 10 + 1}%"

    return say


def _date(random: Random) -> Draw:
    def say() -> str:
        kind, day = int(random() * 7), int(random() * 28) + 1
        month = lx.MONTHS[int(random() * 12)]
        if kind == 0:
            return f"{month} {day}"
        if kind == 1:
            return f"{month} {day}, {2023 + day % 4}"
        if kind == 2:
            return f"the end of {month}"
        if kind == 3:
            return f"next {lx.WEEKDAYS[day % 5]}"
        if kind == 4:
            return f"Q{day % 4 + 1} {2023 + day % 3}"
        if kind == 5:
            return f"the {lx.ORDINALS[day % 5]} of {month}"
        return f"{month} {2022 + day % 5}"

    return say


def _number(random: Random) -> Draw:
    def say() -> str:
        kind, size = int(random() * 4), int(random() * 990)
        if kind == 0:
            return f"{size % 90 + 10}"
        if kind == 1:
            return f"{size + 10}"
        if kind == 2:
            return f"{size % 60 + 1},{size:03d}"
        return f"{lx.COUNTS[size % len(lx.COUNTS)]} hundred"

    return say


def figure_slots(random: Random) -> dict[str, Draw]:
    """Return {slot name: function that says one}: money, percent, date, number, year."""

    def year() -> str:
        return str(2019 + int(random() * 9))

    return {
        "money": _money(random),
        "percent": _percent(random),
        "date": _date(random),
        "number": _number(random),
        "year": year,
    }
