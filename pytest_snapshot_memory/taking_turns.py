"""What few runs need beside the cheap hooks: turns with the general ones, a word on what runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from pytest_snapshot_memory.itemhooks import ItemHooks
    from pytest_snapshot_memory.plain import PlainHooks

_ITEMS_PLUGIN: Final = "snapshot_memory_items"


class TakingTurns:
    """Hands each test to the hooks that it needs; registered only where some are special.

    special: ids of the items that ItemHooks must handle.
    """

    def __init__(self, items: ItemHooks, plain: PlainHooks, special: set[int], plugins: Any) -> None:
        self._items = items
        self._plain = plain
        self._special = special
        self._plugins = plugins

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        items = self._items
        special = id(item) in self._special
        if special != items.handles_this:
            items.handles_this = special
            if special:
                self._plain.pause()
                self._plugins.register(items, _ITEMS_PLUGIN)
            else:
                self._plugins.unregister(items)
                self._plain.resume()
        # The hook is being called already: what is registered just now is not asked.
        return items.pytest_runtest_protocol(item, nextitem) if special else None


class TellsWhatRuns:
    """Notes what an xdist worker runs now, for the controller that finds it dead."""

    def __init__(self, items: ItemHooks, plain: PlainHooks) -> None:
        self._items = items
        self._plain = plain

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        if not self._items.handles_this and self._items.journal is not None:
            self._items.journal.running(item.nodeid, self._plain.resident_bytes)
