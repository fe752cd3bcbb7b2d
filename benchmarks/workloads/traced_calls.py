"""What a user of tracemalloc would write: a plugin that traces each test's call and asks for the peak."""

from __future__ import annotations

import tracemalloc
from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    tracemalloc.start()
    try:
        return (yield)
    finally:
        item.user_properties.append(("peak_bytes", tracemalloc.get_traced_memory()[1]))
        tracemalloc.stop()
