"""Fresh runs whose tests share a process with no other file than their own.

What a test needs depends on what is imported already: one that imports a module
took 76 KiB more where the file that imports it, too, was not collected beside it.
So an inner run that is asked for tests of several files forks before anything is
collected, once for each file: a hundredth of what starting pytest again costs.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pytest_snapshot_memory.isolation import fork_quietly

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_snapshot_memory.journal import Journal


class FileByFile:
    """Turns one inner run into a child for each file, one after the other."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> bool | None:
        """Return True in the parent, where nothing is left to be collected; None in a child, which goes on."""
        files = by_file(session.config.args)
        if len(files) < 2 or not hasattr(os, "fork"):
            return None
        for nodeids in files:
            child = fork_quietly()
            if child == 0:
                session.config.args = nodeids
                self._journal.adopt()
                return None
            os.waitpid(child, 0)  # whatever became of it: a test without a record was not repeated
        session.items = []
        return True


def by_file(nodeids: Sequence[str]) -> list[list[str]]:
    """Return the node ids of each file, files and tests in the order of their first mention."""
    files: dict[str, list[str]] = {}
    for nodeid in nodeids:
        files.setdefault(nodeid.partition("::")[0], []).append(nodeid)
    return list(files.values())
