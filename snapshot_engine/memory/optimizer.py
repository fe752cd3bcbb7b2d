"""MemoryOptimizer: what measurably lowers memory or the cost of keeping it low, to use or to subclass.

Kept is what showed a gain (figures in docs/memory-toolkit.md). Dropped: a
collection after each chunk (12 times the CPU, nothing freed that reference
counting had not), other collector thresholds (no difference).
"""

from __future__ import annotations

import gc
import linecache
import logging
import os
import re
import sys
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from snapshot_engine.memory.cache import ByteBoundCache
from snapshot_engine.memory.measure import Span, measure
from snapshot_engine.memory.pieces import file_text, mapped_chunks, text_pieces
from snapshot_engine.memory.settle import fix_allocator, trim
from snapshot_engine.memory.tracker import MemoryTracker
from snapshot_engine.memory.units import MIB, format_size

_logger = logging.getLogger(__name__)
_Value = TypeVar("_Value")
_GC_FREQUENCY = 1_000
_FROZEN_BY_OTHERS = 2_000


class OptimizerConfig(Protocol):
    """What the optimizer reads of a configuration (snapshot_engine.Config has it)."""

    gc_frequency: int


class LargeFileMode:
    """The process tuned for one large job, until `restore()` or the end of the `with` block."""

    def __init__(self) -> None:
        gc.collect()
        # What lives now (modules, a model) is not visited again by the
        # collector: 0.5 million objects cost it 50 ms each time.
        # Whoever froze the heap before (a pre-forking server) keeps it so: there
        # is no way to thaw only our part. Python 3.12 starts with some 400.
        self._froze = gc.get_freeze_count() < _FROZEN_BY_OTHERS
        if self._froze:
            gc.freeze()
        self._fixed = fix_allocator()
        self._active = True

    def restore(self) -> None:
        """Put collector and allocator back. Again: nothing.

        glibc's thresholds return to their starting values (128 KiB); it does
        not go back to adapting them, which cannot be switched on again.
        """
        if not self._active:
            return
        self._active = False
        if self._froze:
            gc.unfreeze()
        if self._fixed:
            from snapshot_engine.memory import libc

            libc.restore_thresholds()

    def __enter__(self) -> LargeFileMode:
        return self

    def __exit__(self, *_: object) -> None:
        self.restore()


class MemoryOptimizer:
    """The owner's toolkit in one object; subclass it for strategies of your own.

    config: anything with `gc_frequency` (pieces of text or file between two
        collections; 0: never by hand); 1,000 when left out.
    cache_budget_bytes: the most that cached_operation() keeps, 64 MiB.
    """

    def __init__(self, config: OptimizerConfig | None = None, *, cache_budget_bytes: int = 64 * MIB) -> None:
        self.config = config
        self.tracker = MemoryTracker()
        self.gc_frequency = _GC_FREQUENCY if config is None else config.gc_frequency
        self._cache = ByteBoundCache(cache_budget_bytes)
        self._caches: dict[str, Callable[[], object]] = {}
        self._pieces = 0
        self._large_file_mode: LargeFileMode | None = None
        self.register_cache("cached operations", self._cache.clear)
        self.register_cache("compiled patterns", re.purge)
        self.register_cache("source lines", linecache.clearcache)
        self.register_cache("spaCy tokenizers", _clear_spacy)

    # Garbage and caches ----------------------------------------------------

    def force_garbage_collection(self) -> int:
        """Collect all garbage, give free heap back to the system, return how many objects were collected."""
        collected = gc.collect()
        trim()
        return collected

    def register_cache(self, name: str, clear: Callable[[], object]) -> None:
        """Have clear_caches() call `clear`, too; a name registered again is replaced."""
        self._caches[name] = clear

    def clear_caches(self) -> int:
        """Empty every registered cache and return how many; one that fails is logged, the others go on."""
        cleared = 0
        for name, clear in list(self._caches.items()):
            try:
                clear()
                cleared += 1
            except Exception:
                _logger.exception("cache %r could not be cleared", name)
        self.force_garbage_collection()
        return cleared

    def cached_operation(self, key: Hashable, fn: Callable[[], _Value]) -> _Value:
        """Return fn()'s result, kept under `key` while the byte budget lasts."""
        return self._cache.get(key, fn)

    # Large files -----------------------------------------------------------

    def optimize_for_large_files(self) -> LargeFileMode:
        """Tune collector and allocator for one large job.

        Use it in a `with` block, or plainly and call restore_defaults()
        afterwards. Calling it again keeps the mode that is on.
        """
        if self._large_file_mode is None or not self._large_file_mode._active:
            self._large_file_mode = LargeFileMode()
        return self._large_file_mode

    def restore_defaults(self) -> None:
        """End what optimize_for_large_files() began. Without it: nothing."""
        if self._large_file_mode is not None:
            self._large_file_mode.restore()
            self._large_file_mode = None

    def get_memory_efficient_reader(
        self, path: str | os.PathLike[str], chunk_size: int = 8192
    ) -> Iterator[str]:
        """Yield a UTF-8 file's text in pieces of at most `chunk_size` bytes; see pieces.file_text."""
        return self._counted(file_text(path, chunk_size))

    def get_mmap_reader(self, path: str | os.PathLike[str], chunk_size: int = MIB) -> Iterator[bytes]:
        """Yield a file's bytes in pieces that stay valid, in constant memory; see pieces.mapped_chunks."""
        return self._counted(mapped_chunks(path, chunk_size))

    def stream_process_large_text(self, text: str, chunk_size: int = 10_000) -> Iterator[str]:
        """Yield a text in pieces that cut no word; see pieces.text_pieces."""
        return self._counted(text_pieces(text, chunk_size))

    def _counted(self, pieces: Iterator[_Value]) -> Iterator[_Value]:
        """Pass pieces on, collecting garbage after every `gc_frequency` of them."""
        for piece in pieces:
            yield piece
            self._pieces += 1
            if self.gc_frequency and self._pieces % self.gc_frequency == 0:
                self.force_garbage_collection()

    # Watching --------------------------------------------------------------

    @contextmanager
    def memory_monitoring(self, name: str) -> Iterator[Span]:
        """Measure a block, remember it in the tracker, tell the log; the span has the figures at any time."""
        with self.tracker.span(name), measure() as span:
            try:
                yield span
            finally:
                done = span.finish()
                _logger.info(
                    "%s: grew by %s, peak %s above its start, %.3f s",
                    name,
                    format_size(done.retained_bytes),
                    format_size(done.peak_growth_bytes),
                    done.seconds,
                )


def _clear_spacy() -> None:
    """Empty the tokenizer caches of all loaded pipelines; spaCy is not imported for it."""
    language = sys.modules.get("spacy.language")
    if language is None:
        return
    kind: Any = language.Language
    for pipeline in [item for item in gc.get_objects() if isinstance(item, kind)]:
        tokenizer: Any = getattr(pipeline, "tokenizer", None)
        if hasattr(tokenizer, "url_match"):
            # Setting a rule, even to itself, is spaCy's way to flush its cache.
            tokenizer.url_match = tokenizer.url_match
