"""The settings after a cue's times and in a REGION block, each judged by itself.

In: the settings' text. Out: CueSettings or Region. A setting that breaks the
grammar is ignored and the others count, as the standard says.
Source: W3C WebVTT, "parse the WebVTT cue settings" and "region settings".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from math import isinf

from snapshot_engine.transcript.cue import DEFAULT_SETTINGS, CueSettings, Region

_BLANKS = re.compile(r"[ \t\n\f\r]+")
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
# The longest double written out has 309 digits, the smallest 324 decimals; the
# bound keeps int() and float() cheap on a line of nothing but digits.
_MAX_NUMBER_CHARS = 400
_MAX_CACHED_CHARS = 200


def parse_cue_settings(text: str, regions: Mapping[str, Region]) -> CueSettings:
    """Return the settings that `text` gives; `regions` holds the file's regions by identifier."""
    if ":" not in text:
        return DEFAULT_SETTINGS
    if not regions:
        return _without_regions(text) if len(text) <= _MAX_CACHED_CHARS else _parse(text, {})
    return _parse(text, regions)


@lru_cache(maxsize=64)
def _without_regions(text: str) -> CueSettings:
    # A file says the same few settings over and over.
    return _parse(text, {})


def _parse(text: str, regions: Mapping[str, Region]) -> CueSettings:
    found: dict[str, object] = {}
    for name, value in _pairs(text):
        if name == "region":
            found["region"] = regions.get(value)
        elif reader := _CUE_SETTING.get(name):
            found.update(reader(value))
    if not found:
        return DEFAULT_SETTINGS
    settings = CueSettings(**found)  # type: ignore[arg-type]
    if settings.line is not None or settings.size != 100 or settings.vertical:
        # A cue with a place of its own leaves its region.
        settings = settings._replace(region=None)
    return settings


def parse_region_settings(region: Region, text: str) -> Region:
    """Return `region` changed by the settings in `text`, one line or many."""
    found: dict[str, object] = {}
    for name, value in _pairs(text):
        if name == "id":
            found["identifier"] = value
        elif name == "lines" and value.isascii() and value.isdigit() and len(value) <= _MAX_NUMBER_CHARS:
            found["lines"] = int(value)
        elif name == "scroll" and value == "up":
            found["scroll"] = value
        elif name == "width":
            found.update(_named("width", _percentage(value)))
        elif name in ("regionanchor", "viewportanchor"):
            x, comma, y = value.partition(",")
            anchor = _percentage(x), _percentage(y)
            if comma and None not in anchor:
                found[name.replace("anchor", "_anchor")] = anchor
    return region._replace(**found) if found else region  # type: ignore[arg-type]


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for setting in _BLANKS.split(text):
        name, _, value = setting.partition(":")
        if name and value:
            yield name, value


def _percentage(text: str) -> float | None:
    number = text[:-1]
    if text[-1:] != "%" or number[:1] == "-" or not _is_number(number):
        return None
    value = float(number)
    return value if value <= 100 else None


def _is_number(text: str) -> bool:
    return len(text) <= _MAX_NUMBER_CHARS and _NUMBER.fullmatch(text) is not None


def _named(name: str, value: object) -> dict[str, object]:
    return {} if value is None else {name: value}


def _vertical(value: str) -> dict[str, object]:
    return {"vertical": value} if value in ("rl", "lr") else {}


# An unknown alignment after a good number, or none after a comma, drops the whole
# setting, so that one before it stands (w3c/webvtt pull request 337).
def _line(value: str) -> dict[str, object]:
    place, comma, align = value.partition(",")
    percent = place.endswith("%")
    number = _percentage(place) if percent else float(place) if _is_number(place) else None
    if number is None or isinf(number):
        return {}
    if comma and align not in ("start", "center", "end"):
        return {}
    found: dict[str, object] = {"line": number, "snap_to_lines": not percent}
    return found | {"line_align": align} if comma else found


def _position(value: str) -> dict[str, object]:
    place, comma, align = value.partition(",")
    number = _percentage(place)
    if number is None or (comma and align not in ("line-left", "center", "line-right")):
        return {}
    return {"position": number, "position_align": align} if comma else {"position": number}


def _size(value: str) -> dict[str, object]:
    return _named("size", _percentage(value))


def _align(value: str) -> dict[str, object]:
    return {"align": value} if value in ("start", "center", "end", "left", "right") else {}


_CUE_SETTING: dict[str, Callable[[str], dict[str, object]]] = {
    "vertical": _vertical,
    "line": _line,
    "position": _position,
    "size": _size,
    "align": _align,
}
