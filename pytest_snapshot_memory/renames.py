"""Which new test is a vanished one under another name?

In: the new tests' growth and the vanished tests' entries. Out: pairs. A test
that moved to another file keeps its name; one that was renamed keeps its file and
most of its name, and needs about what it needed. Anything less alike is a new
test: a wrong pair would compare two different tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .baseline import Entry, Key
from .regression import noise_band

NAME_LIKENESS: Final = 0.6
# Likeness is compared pair by pair; past this many the run is another suite, not a rename.
MOST_TO_COMPARE: Final = 200


def pair_renamed(new_growth_bytes: Mapping[Key, int], vanished: Mapping[Key, Entry]) -> dict[Key, Key]:
    """Return new key -> vanished key; each key is used at most once."""
    pairs = _moved_between_files(new_growth_bytes, vanished)
    new = {key: growth for key, growth in new_growth_bytes.items() if key not in pairs}
    taken = set(pairs.values())
    gone = {key: entry for key, entry in vanished.items() if key not in taken}
    if new and gone and max(len(new), len(gone)) <= MOST_TO_COMPARE:
        pairs.update(_renamed_within_file(new, gone))
    return pairs


def _moved_between_files(new: Mapping[Key, int], vanished: Mapping[Key, Entry]) -> dict[Key, Key]:
    def unique(keys: Mapping[Key, object]) -> dict[str, Key]:
        by_name: dict[str, list[Key]] = {}
        for key in keys:
            by_name.setdefault(key[1], []).append(key)
        return {name: found[0] for name, found in by_name.items() if len(found) == 1 and name != "-"}

    gone = unique(vanished)
    return {key: gone[name] for name, key in unique(new).items() if name in gone}


def _renamed_within_file(new: Mapping[Key, int], gone: Mapping[Key, Entry]) -> dict[Key, Key]:
    from difflib import SequenceMatcher

    scored = []
    for new_key, growth in new.items():
        for old_key, entry in gone.items():
            alike = abs(growth - entry.growth_bytes) <= noise_band("resident", entry.growth_bytes)
            if new_key[0] == old_key[0] and alike:
                likeness = SequenceMatcher(None, new_key[1], old_key[1], autojunk=False).ratio()
                if likeness >= NAME_LIKENESS:
                    scored.append((likeness, new_key, old_key))
    pairs: dict[Key, Key] = {}
    for _, new_key, old_key in sorted(scored, reverse=True):
        if new_key not in pairs and old_key not in pairs.values():
            pairs[new_key] = old_key
    return pairs
