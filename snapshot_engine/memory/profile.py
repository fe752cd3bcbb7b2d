"""memory_profile: what one function costs in memory and time, told to the log or to a callable.

    @memory_profile
    @memory_profile(report=profiles.append)
    @memory_profile(flamegraph="parse.html")     # through memray, slower

With ENABLE_MEMORY_PROFILING=false in the environment when the function is
defined, the decorator returns the function itself: no wrapper, no cost.
"""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import AsyncGenerator, Callable, Generator
from pathlib import Path
from typing import Any, TypeVar, cast, overload

from snapshot_engine.memory.profiled_call import MemoryProfile as MemoryProfile, Recorder, Report, Steps

_OFF = {"0", "false", "no", "off"}
_Function = TypeVar("_Function", bound=Callable[..., Any])


@overload
def memory_profile(function: _Function) -> _Function: ...


@overload
def memory_profile(
    function: None = None, *, report: Report | None = None, flamegraph: str | os.PathLike[str] | None = None
) -> Callable[[_Function], _Function]: ...


def memory_profile(
    function: Callable[..., Any] | None = None,
    *,
    report: Report | None = None,
    flamegraph: str | os.PathLike[str] | None = None,
) -> Any:
    """Profile each call of a function; its result and its exceptions stay untouched.

    report: called with the MemoryProfile; the log (level INFO) when left out.
        One that fails is logged and does not reach the caller.
    flamegraph: where to write memray's self-contained page, anew at each call.
    Raises MissingExtra here where flamegraph is asked for without memray.
    """
    if os.environ.get("ENABLE_MEMORY_PROFILING", "").strip().lower() in _OFF:
        return function if function is not None else _unchanged
    page = None if flamegraph is None else Path(flamegraph)
    if page is not None:
        from snapshot_engine.memory.allocated_gauge import load_memray

        load_memray()

    def decorate(target: _Function) -> _Function:
        name = getattr(target, "__qualname__", repr(target))
        if page is not None and (inspect.isgeneratorfunction(target) or inspect.isasyncgenfunction(target)):
            raise ValueError(f"memory_profile: {name} is a generator; a flame graph needs one whole call")
        wrapper = _wrapper_for(target)
        return cast(_Function, functools.wraps(target)(wrapper(target, Recorder(name, report, page))))

    return decorate if function is None else decorate(function)


def _unchanged(function: _Function) -> _Function:
    return function


def _wrapper_for(function: Callable[..., Any]) -> Callable[..., Callable[..., Any]]:
    if inspect.iscoroutinefunction(function):
        return _profiled_coroutine
    if inspect.isasyncgenfunction(function):
        return _profiled_async_generator
    return _profiled_generator if inspect.isgeneratorfunction(function) else _profiled_function


def _profiled_function(function: Callable[..., Any], recorder: Recorder) -> Callable[..., Any]:
    def profiled(*args: Any, **kwargs: Any) -> Any:
        with recorder.call():
            return function(*args, **kwargs)

    return profiled


def _profiled_coroutine(function: Callable[..., Any], recorder: Recorder) -> Callable[..., Any]:
    async def profiled(*args: Any, **kwargs: Any) -> Any:
        with recorder.call():
            return await function(*args, **kwargs)

    return profiled


def _profiled_generator(function: Callable[..., Any], recorder: Recorder) -> Callable[..., Any]:
    def profiled(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        steps, generator = Steps(recorder), function(*args, **kwargs)
        step, value = generator.send, None
        try:
            while True:
                try:
                    with steps:
                        item = step(value)
                except StopIteration as end:
                    return end.value
                try:
                    step, value = generator.send, (yield item)
                except GeneratorExit:
                    generator.close()
                    raise
                except BaseException as thrown:
                    step, value = generator.throw, thrown
        finally:
            steps.tell()

    return profiled


def _profiled_async_generator(function: Callable[..., Any], recorder: Recorder) -> Callable[..., Any]:
    async def profiled(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        steps, generator = Steps(recorder), function(*args, **kwargs)
        step, value = generator.asend, None
        try:
            while True:
                try:
                    with steps:
                        item = await step(value)
                except StopAsyncIteration:
                    return
                try:
                    step, value = generator.asend, (yield item)
                except GeneratorExit:
                    await generator.aclose()
                    raise
                except BaseException as thrown:
                    step, value = generator.athrow, thrown
        finally:
            steps.tell()

    return profiled
