"""RLIMIT_DATA, shared: the kernel refuses an allocation that would pass the tightest limit in force.

It counts private writable memory that is mapped, touched or not, so what is
allowed is always said relative to what is mapped now: mapped + (limit -
resident) + a margin for what the allocators map ahead. It is lowered and
raised again as the soft limit only, which needs no privilege.

Turned down: RLIMIT_AS, which also counts file mappings and so refuses to read
a file; cgroups, which answer with SIGKILL.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

if sys.platform != "win32":
    import resource

# pymalloc maps 1 MiB arenas, malloc's heap grows by 132 KiB: mapped runs
# ahead of touched by about this much.
MARGIN_BYTES = 2 * 2**20


class KernelLimit:
    """The soft RLIMIT_DATA of this process while limits are in force; whoever asks for least wins.

    Thread-safe. The limit of before is back when the last one lets go, unless
    the body set one of its own meanwhile: that stays.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._allowed: dict[object, int] = {}
        self._before: tuple[int, int] | None = None
        self._ours = -1
        self._applying = False

    def allow(self, owner: object, mapped_bytes: int, allowance_bytes: int) -> bool:
        """Let `owner` map at most `allowance_bytes` and the margin more; False where there is no such limit."""
        if sys.platform == "win32":
            return False
        with self._lock:
            # The watchdog's signal came between setting a limit and noting it as
            # ours: taken for a foreign one, it would be "restored" and stay.
            if self._applying:
                return True
            self._allowed[owner] = mapped_bytes + max(0, allowance_bytes) + MARGIN_BYTES
            return self._apply()

    def let_go(self, owner: object) -> None:
        """Forget `owner`'s limit; restores the one of before with the last."""
        if sys.platform == "win32":
            return
        with self._lock:
            if self._allowed.pop(owner, None) is None:
                return
            if self._allowed:
                self._apply()
                return
            before, self._before = self._before, None
            if before is not None and resource.getrlimit(resource.RLIMIT_DATA)[0] == self._ours:
                resource.setrlimit(resource.RLIMIT_DATA, before)

    @contextmanager
    def lifted(self) -> Iterator[None]:
        """Put the limit of before back for a moment, for work of our own that must not fail."""
        with self._lock:
            allowed = dict(self._allowed)
            for owner in allowed:
                self.let_go(owner)
            try:
                yield
            finally:
                self._allowed.update(allowed)
                if allowed:
                    self._apply()

    def _apply(self) -> bool:
        self._applying = True
        try:
            return self._set_tightest()
        finally:
            self._applying = False

    def _set_tightest(self) -> bool:
        current = resource.getrlimit(resource.RLIMIT_DATA)
        if self._before is None or current[0] != self._ours:
            self._before = current
        wanted = min(self._allowed.values())
        for ceiling in self._before:
            if ceiling != resource.RLIM_INFINITY:
                wanted = min(wanted, ceiling)
        try:
            resource.setrlimit(resource.RLIMIT_DATA, (wanted, self._before[1]))
        except (OSError, ValueError):  # macOS has the name and not the limit
            return False
        self._ours = wanted
        return True


kernel_limit = KernelLimit()
