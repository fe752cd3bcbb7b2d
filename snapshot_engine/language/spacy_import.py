"""Import spaCy without its command line, which no pipeline needs.

`import spacy` runs `from .cli.info import info`, and that loads typer, rich,
weasel and the rest: 18 MiB of a process that never types a command. For the
time of that one import a forwarder stands in for `spacy.cli.info`; afterwards
`spacy.cli` imports as ever. Set SNAPSHOT_ENGINE_FULL_SPACY=1 to switch this off.
"""

from __future__ import annotations

import importlib
import os
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from snapshot_engine.errors import MissingExtra

SWITCH = "SNAPSHOT_ENGINE_FULL_SPACY"


def import_spacy() -> Any:
    """Return the spacy module; raise MissingExtra when it is not installed."""
    try:
        if "spacy" in sys.modules or os.environ.get(SWITCH, "") not in ("", "0"):
            return importlib.import_module("spacy")
        with _command_line_left_out():
            return importlib.import_module("spacy")
    except ModuleNotFoundError as missing:
        if missing.name != "spacy":
            raise
        raise MissingExtra("spaCy", "engine") from missing


@contextmanager
def _command_line_left_out() -> Iterator[None]:
    package = types.ModuleType("spacy.cli")
    package.__path__ = []
    module = types.ModuleType("spacy.cli.info")
    module.info = _info  # type: ignore[attr-defined]
    stand_ins = {"spacy.cli": package, "spacy.cli.info": module}
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        for name, stand_in in stand_ins.items():
            if sys.modules.get(name) is stand_in:
                del sys.modules[name]
        spacy = sys.modules.get("spacy")
        if getattr(spacy, "cli", None) is package:
            del spacy.cli  # type: ignore[union-attr]


def _info(*args: Any, **options: Any) -> Any:
    return importlib.import_module("spacy.cli.info").info(*args, **options)
