"""The least that a kernel's peak per test can cost: the yardstick of what our plugin adds to a test.

One reset and two looks around the call, no phases, no records, no report.
"""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest


def _kib(text: bytes, name: bytes) -> int:
    begins = text.index(name) + len(name)
    return int(text[begins : text.index(b"kB", begins)])


class BareWindow:
    """A pytest plugin that keeps start, peak and end of each test's call in KiB."""

    def __init__(self) -> None:
        self._status = os.open("/proc/self/status", os.O_RDONLY | os.O_CLOEXEC)
        self._clear = os.open("/proc/self/clear_refs", os.O_WRONLY | os.O_CLOEXEC)
        self.seen: dict[str, tuple[int, int, int]] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        os.pwrite(self._clear, b"5", 0)
        start_kib = _kib(os.pread(self._status, 2048, 0), b"VmRSS:")
        try:
            return (yield)
        finally:
            text = os.pread(self._status, 2048, 0)
            self.seen[item.nodeid] = (start_kib, _kib(text, b"VmHWM:"), _kib(text, b"VmRSS:"))
