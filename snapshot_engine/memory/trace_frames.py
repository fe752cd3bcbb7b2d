"""How many frames tracemalloc keeps of each allocation, none among them.

tracemalloc.start() takes one at least, and looking its line up is a quarter of
what tracing costs. Who only asks how much, not where, needs no frame. CPython
before 3.12 exports the number it goes by as a C variable. It is written only
where its neighbours and the public get_traceback_limit() agree on which one it
is; elsewhere the least is one frame.

While nothing is kept, tracemalloc.start() is wrapped: a test that asks for
frames gets them, though tracing runs already.
"""

from __future__ import annotations

import ctypes
import functools
import tracemalloc
from typing import Any, Final

# what tracemalloc sets aside for when frames are asked for later; more would be written past its end
_ROOM_FRAMES: Final = 32
_plain_start: Final = tracemalloc.start


class _Config(ctypes.Structure):
    """`struct _PyTraceMalloc_Config` of CPython 3.7 to 3.11."""

    _fields_ = (("initialized", ctypes.c_int), ("tracing", ctypes.c_int), ("max_nframe", ctypes.c_int))


@functools.cache
def _config() -> Any:
    try:
        return _Config.in_dll(ctypes.pythonapi, "_Py_tracemalloc_config")
    except (AttributeError, ValueError):  # no pythonapi, or no such symbol
        return None


def start(frames: int) -> None:
    """Begin to trace, keeping that many frames of each allocation; 0: none, where this Python can."""
    config = _config() if frames == 0 else None
    if config is None:
        _plain_start(max(1, frames))
        return
    _plain_start(_ROOM_FRAMES)
    if (config.tracing, config.max_nframe) == (1, _ROOM_FRAMES):
        config.max_nframe = 0
    if tracemalloc.get_traceback_limit() == 0:
        tracemalloc.start = _start_meanwhile
    else:
        stop()
        _plain_start(1)


def keep(frames: int) -> None:
    """Keep that many frames, at most 32, from now on if start(0) began the tracing; else change nothing."""
    # 0 is what only start() sets: whoever began anew meanwhile has room for his own number alone
    if tracemalloc.get_traceback_limit() == 0:
        _config().max_nframe = max(1, min(frames, _ROOM_FRAMES))


def stop() -> None:
    """End what start() began."""
    if tracemalloc.start is _start_meanwhile:
        tracemalloc.start = _plain_start
    tracemalloc.stop()
    keep(1)  # the figure outlives the tracing, and 0 would be nobody else's


@functools.wraps(_plain_start)
def _start_meanwhile(nframe: int = 1, /) -> None:
    _plain_start(nframe)  # does nothing but check its argument while tracing is on
    keep(nframe)
