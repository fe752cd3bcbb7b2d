"""memory_limit: a function, or a block, that may use so much and not more.

    @memory_limit(500)                       # the process at most 500 MiB, stopped while it runs
    @memory_limit("64 MB", of="growth")      # at most 64 MiB more than at its start
    @memory_limit(500, mode="gate")          # let it finish, then check its exact peak
    @memory_limit(500, mode="isolate")       # in a child process, which may die
    with memory_limit(500): ...

Every one of them raises MemoryLimitExceeded, a MemoryError.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from types import TracebackType
from typing import Any, Literal, TypeVar, cast

from snapshot_engine.memory.guard import Guard, LimitRule, Of
from snapshot_engine.memory.isolate import run_isolated
from snapshot_engine.memory.units import SizeMistake, parse_size

Mode = Literal["enforce", "gate", "isolate"]
_Function = TypeVar("_Function", bound=Callable[..., Any])


class memory_limit:
    """Keep a function or a block within a memory limit.

    mb: the limit; a number is MiB, text may carry a unit ("1.5 GiB").
    mode: "enforce" stops the body while it runs: the kernel refuses it what
        would pass the limit, and a watchdog stops it where free heap is used
        up again. "gate" lets it finish and looks at the exact peak. "isolate"
        runs it, enforced, in a forked child that may die; result and
        exception come back. Exactly at the limit is kept.
    of: "process": all that is resident in this process; "growth": what it is
        more than when the body started.
    threads: how many threads the body starts at once; each maps 8 MiB for its
        stack, which counts as asked for although it is not touched.

    Works on functions, coroutines (their wait is cancelled), generators and
    asynchronous generators (limited in each step), nested, and in any thread.
    Raises MemoryLimitExceeded; SizeMistake or ValueError here for a wrong limit.
    """

    def __init__(
        self, mb: float | str, mode: Mode = "enforce", of: Of = "process", *, threads: int = 0
    ) -> None:
        limit_bytes = parse_size(mb)
        if limit_bytes == 0 and of == "process":
            raise SizeMistake(mb, "no process fits into nothing")
        if mode not in ("enforce", "gate", "isolate"):
            raise ValueError(f'memory_limit: mode={mode!r}; must be "enforce", "gate" or "isolate"')
        if of not in ("process", "growth"):
            raise ValueError(f'memory_limit: of={of!r}; must be "process" or "growth"')
        if threads < 0:
            raise ValueError(f"memory_limit: threads={threads}; must not be negative")
        self._mode = mode
        self._rule = LimitRule(
            limit_bytes=limit_bytes, of=of, enforce=mode != "gate", threads=threads, name="the block"
        )
        self._guards: list[Guard] = []

    def __call__(self, function: _Function) -> _Function:
        name = f"{getattr(function, '__qualname__', repr(function))}()"
        rule = LimitRule(
            limit_bytes=self._rule.limit_bytes,
            of=self._rule.of,
            enforce=self._rule.enforce,
            threads=self._rule.threads,
            name=name,
        )
        stepwise = inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)
        if self._mode == "isolate" and stepwise:
            raise ValueError(f"memory_limit: {name} is a generator and cannot be isolated in a child process")
        wrapper = _wrapper_for(function, isolate=self._mode == "isolate")
        return cast(_Function, functools.wraps(function)(wrapper(function, rule)))

    def __enter__(self) -> Guard:
        if self._mode == "isolate":
            raise ValueError('memory_limit: a block cannot be isolated; put mode="isolate" on a function')
        guard = Guard(self._rule, suspends=bool(sys._getframe(1).f_code.co_flags & inspect.CO_COROUTINE))
        self._guards.append(guard.arm(sys._getframe(1)))
        return guard

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._guards.pop().__exit__(kind, error, trace)


def _wrapper_for(function: Callable[..., Any], *, isolate: bool) -> Callable[..., Callable[..., Any]]:
    if inspect.iscoroutinefunction(function):
        return _isolated_coroutine if isolate else _limited_coroutine
    if inspect.isasyncgenfunction(function):
        return _limited_async_generator
    if inspect.isgeneratorfunction(function):
        return _limited_generator
    return _isolated_function if isolate else _limited_function


def _limited_function(function: Callable[..., Any], rule: LimitRule) -> Callable[..., Any]:
    def limited(*args: Any, **kwargs: Any) -> Any:
        guard = Guard(rule)
        try:
            with guard:
                return function(*args, **kwargs)
        finally:
            guard.disarm()  # a shot between body and exit would have skipped it

    return limited


def _limited_coroutine(function: Callable[..., Any], rule: LimitRule) -> Callable[..., Any]:
    async def limited(*args: Any, **kwargs: Any) -> Any:
        guard = Guard(rule, suspends=True)
        try:
            with guard:
                return await function(*args, **kwargs)
        finally:
            guard.disarm()

    return limited


def _limited_generator(function: Callable[..., Any], rule: LimitRule) -> Callable[..., Any]:
    def limited(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        guard = Guard(rule)
        generator = function(*args, **kwargs)
        step, value = generator.send, None
        while True:
            try:
                with guard:
                    item = step(value)
            except StopIteration as end:
                return end.value
            finally:
                guard.disarm()
            try:
                step, value = generator.send, (yield item)
            except GeneratorExit:
                generator.close()
                raise
            except BaseException as thrown:
                step, value = generator.throw, thrown

    return limited


def _limited_async_generator(function: Callable[..., Any], rule: LimitRule) -> Callable[..., Any]:
    async def limited(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        guard = Guard(rule, suspends=True)
        generator = function(*args, **kwargs)
        step, value = generator.asend, None
        while True:
            try:
                with guard:
                    item = await step(value)
            except StopAsyncIteration:
                return
            finally:
                guard.disarm()
            try:
                step, value = generator.asend, (yield item)
            except GeneratorExit:
                await generator.aclose()
                raise
            except BaseException as thrown:
                step, value = generator.athrow, thrown

    return limited


def _isolated_function(function: Callable[..., Any], rule: LimitRule) -> Callable[..., Any]:
    limited = _limited_function(function, rule)

    def isolated(*args: Any, **kwargs: Any) -> Any:
        return run_isolated(functools.partial(limited, *args, **kwargs), name=rule.name)

    return isolated


def _isolated_coroutine(function: Callable[..., Any], rule: LimitRule) -> Callable[..., Any]:
    limited = _limited_coroutine(function, rule)

    async def isolated(*args: Any, **kwargs: Any) -> Any:
        import asyncio

        def body() -> Any:
            coroutine: Coroutine[Any, Any, Any] = limited(*args, **kwargs)
            return asyncio.run(coroutine)

        # The wait for the child happens in a thread, so that the loop goes on.
        return await asyncio.to_thread(run_isolated, body, name=rule.name)

    return isolated
