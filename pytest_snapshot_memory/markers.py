"""What a marker asks for: its arguments in, a request out, or one sentence.

Judgement only: nothing is measured and nothing of pytest is imported. A wrong
argument raises MarkerMistake, which fails the test that carries the marker and
leaves every other test alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pytest_snapshot_memory.growth import LAWS, law_named
from pytest_snapshot_memory.options import GAUGES
from snapshot_engine.memory.units import SizeMistake, parse_size

LIMIT: Final = "memory_limit"
LEAK: Final = "memory_leak"
GROWTH: Final = "memory_growth"
NAMES: Final = (LIMIT, LEAK, GROWTH)

OFS: Final = ("growth", "peak", "retained")
PHASES: Final = ("call", "setup", "all")
MAX_ROUNDS: Final = 10_000


class MarkerMistake(ValueError):
    """A marker that cannot be used; the text names the marker, the value and the way out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitRequest:
    """What memory_limit asks for. gauge "" means: the cheapest that can decide it truly."""

    limit_bytes: int
    gauge: str = ""
    of: str = "growth"
    phase: str = "call"
    isolate: bool = False
    enforce: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakRequest:
    """What memory_leak asks for; allowed_bytes is per round."""

    rounds: int = 10
    warmup: int = 3
    allowed_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthRequest:
    """What memory_growth asks for; sizes ascend."""

    law: str
    sizes: tuple[int, ...]
    gauge: str = "python"
    tolerance: float = 0.15


def read_limit(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> LimitRequest:
    """Return the request of a memory_limit marker; raises MarkerMistake."""
    allowed = ("limit", "gauge", "of", "phase", "isolate", "enforce")
    given = _bind(LIMIT, args, kwargs, positional=("limit",), allowed=allowed)
    if "limit" not in given:
        raise MarkerMistake(f'{LIMIT}: the limit is missing, as in {LIMIT}("100 MB")')
    gauge = given.get("gauge")
    request = LimitRequest(
        limit_bytes=_size(LIMIT, "limit", given["limit"]),
        gauge="" if gauge is None else _choice(LIMIT, "gauge", gauge, GAUGES),
        of=_choice(LIMIT, "of", given.get("of", "growth"), OFS),
        phase=_choice(LIMIT, "phase", given.get("phase", "call"), PHASES),
        isolate=_flag(LIMIT, "isolate", given.get("isolate", False)),
        enforce=_flag(LIMIT, "enforce", given.get("enforce", False)),
    )
    if request.enforce and request.of == "retained":
        raise MarkerMistake(f"{LIMIT}: enforce=True stops a test while it runs, of='retained' is known after")
    if request.enforce and request.phase != "call":
        raise MarkerMistake(f"{LIMIT}: enforce=True works with phase='call' only, not {request.phase!r}")
    if request.enforce and request.gauge not in ("", "resident"):
        raise MarkerMistake(f"{LIMIT}: enforce=True watches resident memory, not gauge={request.gauge!r}")
    if request.of == "peak" and request.gauge in ("python", "allocated", "thread"):
        raise MarkerMistake(
            f"{LIMIT}: of='peak' is the whole process, which gauge={request.gauge!r} cannot see;"
            " take 'resident' or 'tree'"
        )
    return request


def read_leak(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> LeakRequest:
    """Return the request of a memory_leak marker; raises MarkerMistake."""
    given = _bind(LEAK, args, kwargs, positional=(), allowed=("rounds", "warmup", "allowed"))
    return LeakRequest(
        rounds=_whole(LEAK, "rounds", given.get("rounds", 10), least=5),
        warmup=_whole(LEAK, "warmup", given.get("warmup", 3), least=0),
        allowed_bytes=_size(LEAK, "allowed", given.get("allowed", 0)),
    )


def read_growth(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> GrowthRequest:
    """Return the request of a memory_growth marker; raises MarkerMistake."""
    allowed = ("law", "sizes", "gauge", "tolerance")
    given = _bind(GROWTH, args, kwargs, positional=("law",), allowed=allowed)
    if "law" not in given or "sizes" not in given:
        raise MarkerMistake(f'{GROWTH}: needs a law and sizes, as in {GROWTH}("O(n)", sizes=[10, 100, 1000])')
    law = law_named(given["law"]) if isinstance(given["law"], str) else None
    if law is None:
        raise MarkerMistake(f"{GROWTH}: {given['law']!r:.60} is not one of {', '.join(LAWS)}")
    return GrowthRequest(
        law=law,
        sizes=_sizes(given["sizes"]),
        gauge=_choice(GROWTH, "gauge", given.get("gauge", "python"), GAUGES),
        tolerance=_ratio(GROWTH, "tolerance", given.get("tolerance", 0.15)),
    )


def _bind(
    marker: str,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    *,
    positional: tuple[str, ...],
    allowed: tuple[str, ...],
) -> dict[str, Any]:
    if len(args) > len(positional):
        extra = args[len(positional)]
        raise MarkerMistake(f"{marker}: {extra!r:.60} is one positional argument too many; write it by name")
    given = dict(zip(positional, args, strict=False))
    for name, value in kwargs.items():
        if name not in allowed:
            raise MarkerMistake(f"{marker}: unknown argument {name!r:.60}; known are {', '.join(allowed)}")
        if name in given:
            raise MarkerMistake(f"{marker}: {name!r} is given twice")
        given[name] = value
    return given


def _size(marker: str, name: str, value: Any) -> int:
    try:
        return parse_size(value)
    except SizeMistake as mistake:
        raise MarkerMistake(f"{marker}: {name}: {mistake}") from mistake


def _choice(marker: str, name: str, value: Any, choices: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in choices:
        raise MarkerMistake(f"{marker}: {name}={value!r:.60} is not one of {', '.join(choices)}")
    return value


def _flag(marker: str, name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise MarkerMistake(f"{marker}: {name}={value!r:.60} is neither True nor False")
    return value


def _whole(marker: str, name: str, value: Any, *, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= MAX_ROUNDS:
        raise MarkerMistake(
            f"{marker}: {name}={value!r:.60} is not a whole number of {least} to {MAX_ROUNDS}"
        )
    return value


def _ratio(marker: str, name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 10:
        raise MarkerMistake(f"{marker}: {name}={value!r:.60} is not a number of 0 to 10")
    return float(value)


def _sizes(value: Any) -> tuple[int, ...]:
    wrong = MarkerMistake(
        f"{GROWTH}: sizes={value!r:.60} must be at least three different whole numbers of 1 or more"
    )
    if not isinstance(value, (list, tuple, range)) or len(value) > MAX_ROUNDS:
        raise wrong
    if not all(isinstance(size, int) and not isinstance(size, bool) and size >= 1 for size in value):
        raise wrong
    sizes = tuple(sorted(set(value)))
    if len(sizes) < 3:
        raise wrong
    return sizes


def check_runs(item: Any, repeats: bool) -> None:
    """Raise MarkerMistake where rounds are asked of an item that cannot be run again."""
    if repeats and not hasattr(item, "runtest"):
        raise MarkerMistake(
            f"{LEAK} and {GROWTH} need a test that can be run again, not {type(item).__name__}"
        )
