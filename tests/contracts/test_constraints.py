"""constraints.txt serves every supported Python and platform, not only the machine that wrote it."""

from __future__ import annotations

import os
import re
from pathlib import Path

CONSTRAINTS = (
    Path(os.environ.get("SNAPSHOT_REPOSITORY") or Path(__file__).resolve().parents[2]) / "constraints.txt"
)
_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;]+)")
# Each of these is published as wheels of many platforms and Pythons; a lock
# made against a partial copy of the index knows only one of them.
COMPILED = ("charset-normalizer", "lxml", "numpy", "psutil", "pyyaml", "spacy", "thinc")


def hashes_by_pin() -> dict[tuple[str, str], int]:
    counts: dict[tuple[str, str], int] = {}
    pin = ("", "")
    for line in CONSTRAINTS.read_text(encoding="utf-8").splitlines():
        if found := _PIN.match(line):
            pin = found.group(1), found.group(2)
            counts.setdefault(pin, 0)
        elif "--hash=sha256:" in line:
            counts[pin] += 1
    return counts


def test_compiled_packages_are_pinned_with_the_wheels_of_all_platforms() -> None:
    few = {pin: count for pin, count in hashes_by_pin().items() if pin[0] in COMPILED and count < 10}
    assert {name for name, _ in hashes_by_pin()} >= set(COMPILED)
    assert few == {}


def test_every_pin_has_a_hash_and_no_line_names_a_host() -> None:
    assert [pin for pin, count in hashes_by_pin().items() if not count] == []
    assert not re.search(r"https?://|file:", CONSTRAINTS.read_text(encoding="utf-8"))
