"""The C allocator and CPython's small-object allocator, asked through ctypes.

Loaded on first use only: importing ctypes costs more than all windows of a
small suite. Every question answers None where the platform has no answer
(musl has no mallinfo2, PyPy no pymalloc).

Cost: mallinfo2 walks the free chunks (0.8 us fresh, 7 us with 750 of them,
9.9 ms on a badly broken heap); the arena statistics walk pool headers (25 us
at 2 arenas, 80 us at 1 million objects).
"""

from __future__ import annotations

import ctypes
import re
from typing import Any, NamedTuple


class _Mallinfo2(ctypes.Structure):
    _fields_ = (
        ("arena", ctypes.c_size_t),
        ("ordblks", ctypes.c_size_t),
        ("smblks", ctypes.c_size_t),
        ("hblks", ctypes.c_size_t),
        ("hblkhd", ctypes.c_size_t),
        ("usmblks", ctypes.c_size_t),
        ("fsmblks", ctypes.c_size_t),
        ("uordblks", ctypes.c_size_t),
        ("fordblks", ctypes.c_size_t),
        ("keepcost", ctypes.c_size_t),
    )


class HeapState(NamedTuple):
    """What malloc holds: in use (mapped blocks included), free, and in how many free chunks."""

    used_bytes: int
    free_bytes: int
    free_chunks: int


_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3


def _library() -> Any:
    try:
        return ctypes.CDLL(None)
    except (OSError, TypeError):  # Windows has no global namespace of symbols
        return None


_LIBC = _library()


def _function(name: str, result: Any, *arguments: Any, source: Any = None) -> Any:
    function = getattr(source if source is not None else _LIBC, name, None)
    if function is not None:
        function.restype = result
        function.argtypes = list(arguments)
    return function


_mallinfo2 = _function("mallinfo2", _Mallinfo2)
_malloc_trim = _function("malloc_trim", ctypes.c_int, ctypes.c_size_t)
_mallopt = _function("mallopt", ctypes.c_int, ctypes.c_int, ctypes.c_int)
_open_memstream = _function("open_memstream", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
_madvise = _function("madvise", ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
_fclose = _function("fclose", ctypes.c_int, ctypes.c_void_p)
_free = _function("free", None, ctypes.c_void_p)
# Exported "for the 3rd party guppy3 project" since 3.6; called with the
# interpreter lock held, as pythonapi does.
_arena_stats = _function("_PyObject_DebugMallocStats", ctypes.c_int, ctypes.c_void_p, source=ctypes.pythonapi)

_object_malloc = _function("PyObject_Malloc", None, ctypes.c_size_t, source=ctypes.pythonapi)


def heap_state() -> HeapState | None:
    """Return what malloc says of all its arenas; None without glibc 2.33."""
    if _mallinfo2 is None:
        return None
    info = _mallinfo2()
    return HeapState(
        used_bytes=info.uordblks + info.hblkhd,
        free_bytes=info.fordblks,
        free_chunks=info.ordblks + info.smblks,
    )


def advise(address: int, length_bytes: int, advice: int) -> bool:
    """Advise the kernel about pages of this process (madvise); False where it refuses."""
    return _madvise is not None and _madvise(address, length_bytes, advice) == 0


def trim() -> bool:
    """Give free heap pages back to the kernel; False where malloc cannot."""
    if _malloc_trim is None:
        return False
    _malloc_trim(0)  # answers 1 only if it gave something back; 0 is no failure
    return True


def fix_thresholds(threshold_bytes: int) -> bool:
    """Stop malloc from learning when to map and when to trim; lasts for the process.

    glibc raises both after each large free, so the same code leaves another
    heap depending on what ran before.
    """
    if _mallopt is None or _mallinfo2 is None:  # musl's mallopt does nothing
        return False
    return bool(_mallopt(_M_MMAP_THRESHOLD, threshold_bytes) and _mallopt(_M_TRIM_THRESHOLD, threshold_bytes))


def restore_thresholds() -> bool:
    """Set glibc's starting values again (128 KiB each); they no longer adapt."""
    return fix_thresholds(128 * 1024)


def free_arena_bytes() -> int | None:
    """Return the bytes that pymalloc holds free in its arenas; None where it cannot be asked.

    Blocks free in used pools plus pools not in use (those never touched
    included: at most one arena of them, so the figure errs upwards).
    0 where objects come from malloc (PYTHONMALLOC=malloc).
    """
    text = _arena_statistics()
    return None if text is None else _figure(_AVAILABLE, text) + _figure(_UNUSED_POOLS, text)


def take_free_blocks() -> int:
    """Take for good what pymalloc holds free in its arenas; return how many bytes that was.

    The next object then needs a new arena, whatever was freed before: for a process
    that measures and ends. Taking 1 MiB costs 2 ms; what was taken is never given back.
    """
    text, taken_bytes = _arena_statistics(), 0
    for size, count in _free_blocks(text) if text is not None and _object_malloc is not None else ():
        for _ in range(count):
            _object_malloc(size)
        taken_bytes += size * count
    return taken_bytes


def _free_blocks(text: bytes) -> list[tuple[int, int]]:
    """Return (size, count) of the free blocks: of each size class, and as they fit in pools without a class."""
    blocks = [(int(row[1]), int(row[2].replace(b",", b""))) for row in _SIZE_CLASS.finditer(text)]
    unused = _POOLS_WITHOUT_CLASS.search(text)
    if unused and blocks:
        longest = blocks[-1][0]
        blocks.append((longest, int(unused[1]) * ((int(unused[2]) - _POOL_HEADER_BYTES) // longest)))
    return blocks


def live_bytes() -> int | None:
    """Return the bytes in use in malloc and in pymalloc's blocks; None where they cannot be asked.

    What was allocated and not yet freed, resident or not; memory mapped by
    other hands (mmap, shared libraries) is not in it.
    """
    heap, text = heap_state(), _arena_statistics()
    return None if heap is None or text is None else heap.used_bytes + _figure(_IN_USE, text)


def _figure(pattern: re.Pattern[bytes], text: bytes) -> int:
    match = pattern.search(text)
    return int(match[1].replace(b",", b"")) if match else 0


_IN_USE = re.compile(rb"# bytes in allocated blocks +=\s+([\d,]+)")
_AVAILABLE = re.compile(rb"# bytes in available blocks +=\s+([\d,]+)")
# "    3     64          12           1,020             45": class, size, pools, blocks in use, free blocks
_SIZE_CLASS = re.compile(rb"^ *\d+ +(\d+) +[\d,]+ +[\d,]+ +([\d,]+)$", re.MULTILINE)
_POOLS_WITHOUT_CLASS = re.compile(rb"^(\d+) unused pools \* (\d+) bytes", re.MULTILINE)
_POOL_HEADER_BYTES = 48
_UNUSED_POOLS = re.compile(rb"unused pools \* \d+ bytes +=\s+([\d,]+)")


def _arena_statistics() -> bytes | None:
    if _arena_stats is None or _open_memstream is None:
        return None
    buffer, length = ctypes.c_void_p(), ctypes.c_size_t()
    stream = _open_memstream(ctypes.byref(buffer), ctypes.byref(length))
    if not stream:
        return None
    _arena_stats(stream)
    _fclose(stream)
    text = ctypes.string_at(buffer, length.value)
    _free(buffer)
    return text
