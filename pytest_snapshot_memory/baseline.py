"""The remembered measurements of one environment, and the text they are kept as.

In: entries. Out: a text made to be committed and reviewed, and back. One line
per test under a line per file, sorted, so that a change of one test is a change
of one line and merges like code; no totals, dates or checksums, which would
conflict in every merge. JSON was turned down: six lines or 300 bytes per test.

A line holds, in KiB:

    growth retained anchor fresh spread  name

growth: peak above the start, as one reading in the suite saw it.
anchor: the growth that was last accepted on purpose; "=" where it is the same.
fresh: median of runs in fresh processes, "=" as growth, "-" unknown.
spread: with fresh, how far each further run lay above the lowest ("0,0,12,140");
    else "~" and by how much more the reading can really have been; "-" unknown.

Values of 10 GiB and more carry M or G. No line is longer than 120 bytes: names
and paths that are too long keep both ends and a hash of the whole.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from snapshot_engine.errors import SnapshotEngineError

from .environment import Environment

SIGNATURE: Final = "# pytest-snapshot-memory baseline 1"
MAX_LINE_BYTES: Final = 120
MAX_PATH_BYTES: Final = 116
MAX_NAME_BYTES: Final = 62
# 8 + 3 * (1 + 7) + (1 + 23) + 2 leave 62 for the name
MAX_SIZE_CHARACTERS: Final = 7
MAX_SPREAD_CHARACTERS: Final = 23
MAX_RUNS_KEPT: Final = 7
KIB: Final = 1024

_COLUMNS = "# KiB: growth retained anchor fresh spread  test (changed by pytest --memory-update)"
_INDEPENDENT: Final = "# runs: each in a process of its own that saw no other file"
_LIVE_RETAINED: Final = "# retained: live bytes, counted in a process of its own"
_SIZE = re.compile(r"(-?\d{1,12})([MG]?)", re.ASCII)
_FACTORS = {"": KIB, "M": KIB**2, "G": KIB**3}
_CONFLICT = re.compile(r"(<<<<<<<|=======|>>>>>>>|\|\|\|\|\|\|\|)")
# printable ASCII that needs no escape: no backslash, no blank at the ends, and at
# the front nothing that reads as a comment or a merge conflict
_PLAIN_NAME = re.compile(r'[!"$-;?-\[\]-{}~](?:[ -\[\]-~]*[!-\[\]-~])?', re.ASCII)

Key = tuple[str, str]


class BaselineError(SnapshotEngineError, ValueError):
    """A baseline could not be read or written; nothing was changed on disk."""


class BaselineCorrupt(BaselineError):
    """A file is not a baseline of this format; `path` and `line_number` say where."""

    def __init__(self, path: str, line_number: int, why: str) -> None:
        super().__init__(
            f"{path} line {line_number}: {why}. The file was left as it is: "
            "resolve the conflict or restore it from version control, or delete it and save anew."
        )
        self.path = path
        self.line_number = line_number


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is remembered of one test, in bytes (whole KiB once written).

    fresh_runs_bytes: sorted growth of runs in fresh processes, () where there were none.
    width_bytes: by how much more than growth_bytes the reading can really have been.
    """

    growth_bytes: int
    retained_bytes: int
    anchor_bytes: int
    fresh_runs_bytes: tuple[int, ...] = ()
    width_bytes: int = 0

    @property
    def fresh_bytes(self) -> int | None:
        """Lower median of the fresh runs, or None."""
        runs = self.fresh_runs_bytes
        return runs[(len(runs) - 1) // 2] if runs else None

    @property
    def value_bytes(self) -> int:
        """The growth that decides: of fresh runs where there are any."""
        fresh = self.fresh_bytes
        return self.growth_bytes if fresh is None else fresh


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The entries of one environment by (path, name), as `key_of` writes them.

    independent_runs: every fresh run in it had a parent process of its own that saw no other
    file. Children of one parent lie off together, so they are compared with a wider line.
    live_retained: where a test has fresh runs, what it retained was counted in one of
    them, in live bytes; otherwise it is what stayed resident in the suite.
    """

    environment: Environment
    entries: Mapping[Key, Entry] = field(default_factory=dict)
    independent_runs: bool = False
    live_retained: bool = False


def key_of(nodeid: str) -> Key:
    """Return the (path, name) under which a test is kept: printable and short."""
    path, separator, name = nodeid.partition("::")
    return _short(path, MAX_PATH_BYTES) or "-", _short(name, MAX_NAME_BYTES) if separator and name else "-"


def nodeid_of(key: Key) -> str:
    """Return the node id as far as the key still knows it, for people to read."""
    return key[0] if key[1] == "-" else "::".join(key)


def _short(text: str, max_bytes: int) -> str:
    if len(text) <= max_bytes and _PLAIN_NAME.fullmatch(text):
        return text
    shown = _printable(text)
    if len(shown.encode()) <= max_bytes:
        return shown
    import hashlib

    digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:10]
    room = max_bytes - len(digest) - 4  # "…" takes three bytes, "~" one
    return f"{_cut(shown, room * 2 // 3)}…{_cut(shown[::-1], room // 3)[::-1]}~{digest}"


def _printable(text: str) -> str:
    """Escape what would not survive an editor: controls, line breaks, blanks at the ends, what a reader would take for syntax."""
    escaped = "".join(c if c.isprintable() and c != "\\" else _escape(c) for c in text)
    if escaped[:1] and escaped[0] in " #<=>|":
        escaped = _escape(escaped[0]) + escaped[1:]
    if escaped[-1:] == " ":
        escaped = escaped[:-1] + _escape(" ")
    return escaped


def _escape(character: str) -> str:
    code = ord(character)
    if character == "\\":
        return "\\\\"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _cut(text: str, max_bytes: int) -> str:
    return text.encode()[:max_bytes].decode(errors="ignore")


def round_entry(entry: Entry) -> Entry:
    """Return the entry as it will be read back from its line."""
    return _parse_entry(_format_entry(entry).split())


def format_baseline(baseline: Baseline) -> str:
    """Return the file's text; equal baselines give equal bytes."""
    lines = [SIGNATURE]
    lines += [f"# {key}: {_printable(value)}" for key, value in baseline.environment.to_plain().items()]
    lines += [_INDEPENDENT] if baseline.independent_runs else []
    lines += [_LIVE_RETAINED] if baseline.live_retained else []
    lines.append(_COLUMNS)
    current = None
    for key in sorted(baseline.entries):
        if key[0] != current:
            current = key[0]
            lines += ["", current]
        lines.append(f"{_format_entry(baseline.entries[key])}  {key[1]}")
    return "\n".join(lines) + "\n"


def _format_entry(entry: Entry) -> str:
    growth = _format_size(entry.growth_bytes)
    fresh, spread = "-", "-"
    if entry.fresh_runs_bytes:
        fresh, spread = _format_runs(entry.fresh_runs_bytes)
    elif entry.width_bytes:
        spread = "~" + _format_size(entry.width_bytes)
    value = growth if fresh == "-" else fresh
    anchor = _format_size(entry.anchor_bytes)
    fresh = "=" if fresh == growth else fresh
    anchor = "=" if anchor == value else anchor
    return f"{growth:>8} {_format_size(entry.retained_bytes)} {anchor} {fresh} {spread}"


def _format_size(size_bytes: int) -> str:
    """Round up to KiB; from eight characters on to MiB, then GiB, so that a column never widens."""
    for suffix, factor in _FACTORS.items():
        text = f"{-(-size_bytes // factor)}{suffix}"
        if len(text) <= MAX_SIZE_CHARACTERS:
            return text
    return "999999G" if size_bytes > 0 else "-99999G"


def _format_runs(runs: tuple[int, ...]) -> tuple[str, str]:
    """Return median and spread; where the spread is too long, in MiB, and at last only its largest step."""
    chosen = sorted(runs)
    if len(chosen) > MAX_RUNS_KEPT:
        last = len(chosen) - 1
        chosen = [chosen[last * i // (MAX_RUNS_KEPT - 1)] for i in range(MAX_RUNS_KEPT)]
    in_whole_kib = [-(-run // KIB) * KIB for run in chosen]
    median = _format_size(in_whole_kib[(len(chosen) - 1) // 2])
    steps = [run - in_whole_kib[0] for run in in_whole_kib[1:]]
    in_kib = ",".join(_format_size(step) for step in steps) or "-"
    in_mib = ",".join(f"{-(-step // KIB**2)}M" for step in steps)
    fitting = [text for text in (in_kib, in_mib) if len(text) <= MAX_SPREAD_CHARACTERS]
    return median, fitting[0] if fitting else _format_size(steps[-1])


def parse_baseline(text: str, path: str) -> Baseline:
    """Read what format_baseline wrote; `path` is for the message only.

    Raises BaselineCorrupt with the line that could not be read: no signature,
    conflict markers, a line of another shape, a test that appears twice.
    """
    lines = text.split("\n")
    if lines[0] != SIGNATURE:
        found = lines[0][:60]
        why = "a baseline of another format" if found.startswith(SIGNATURE[:-1]) else "not a memory baseline"
        raise BaselineCorrupt(path, 1, f"{why} (it begins with {found!r})")
    header: dict[str, str] = {}
    entries: dict[Key, Entry] = {}
    current = ""
    for number, line in enumerate(lines[1:], start=2):
        if line.startswith(" "):
            _add_entry(entries, current, line, path, number)
        elif line.startswith("# "):
            name, _, value = line[2:].partition(": ")
            header[name] = value
        elif _CONFLICT.match(line):
            raise BaselineCorrupt(path, number, f"an unresolved merge conflict ({line[:20]})")
        elif line:
            current = line
    try:
        environment = Environment.from_plain(header)
    except KeyError as missing:
        raise BaselineCorrupt(path, 1, f"the header does not say which {missing.args[0]}") from None
    return Baseline(
        environment=environment,
        entries=entries,
        independent_runs=f"# runs: {header.get('runs')}" == _INDEPENDENT,
        live_retained=f"# retained: {header.get('retained')}" == _LIVE_RETAINED,
    )


def _add_entry(entries: dict[Key, Entry], current: str, line: str, path: str, number: int) -> None:
    columns = line.split(None, 5)
    try:
        key = (current, columns[5])
        entry = _parse_entry(columns)
    except (IndexError, ValueError):
        raise BaselineCorrupt(path, number, f"not a baseline line: {line.strip()[:60]!r}") from None
    if not current:
        raise BaselineCorrupt(path, number, "a test before the first file name")
    if key in entries:
        raise BaselineCorrupt(path, number, f"{nodeid_of(key)[:80]!r} appears a second time")
    entries[key] = entry


def _parse_entry(columns: list[str]) -> Entry:
    growth_text, retained_text, anchor_text, fresh_text, spread_text = columns[:5]
    growth = _parse_size(growth_text)
    runs: tuple[int, ...] = ()
    if fresh_text == "-":
        value = growth
        width = _parse_size(spread_text[1:]) if spread_text != "-" else 0
    else:
        value = growth if fresh_text == "=" else _parse_size(fresh_text)
        runs, width = _parse_runs(value, spread_text), 0
    return Entry(
        growth_bytes=growth,
        retained_bytes=_parse_size(retained_text),
        anchor_bytes=value if anchor_text == "=" else _parse_size(anchor_text),
        fresh_runs_bytes=runs,
        width_bytes=width,
    )


def _parse_runs(median: int, spread_text: str) -> tuple[int, ...]:
    steps = _parse_steps(spread_text)
    lowest = median - steps[(len(steps) - 1) // 2]
    return tuple([lowest + step for step in steps])


# Of small numbers that repeat from line to line: looked up in a fifth of the time.
@functools.lru_cache(maxsize=4096)
def _parse_steps(spread_text: str) -> tuple[int, ...]:
    return (0, *([] if spread_text == "-" else [_parse_size(step) for step in spread_text.split(",")]))


@functools.lru_cache(maxsize=4096)
def _parse_size(text: str) -> int:
    if len(text) <= MAX_SIZE_CHARACTERS and text.isdecimal() and text.isascii():
        return int(text) * KIB  # nearly every column: a third of the time of the pattern
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return int(match.group(1)) * _FACTORS[match.group(2)]
