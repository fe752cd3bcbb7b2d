"""memory_limit in all its forms: what it stops, how far past the limit, and what it leaves behind."""

# ruff: noqa: PT012 - what is stopped in a `raises` block is a loop

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from snapshot_engine.errors import MemoryLimitExceeded
from snapshot_engine.memory import watchdog
from snapshot_engine.memory.isolate import ChildDied, RaisedInChild
from snapshot_engine.memory.limits import memory_limit
from snapshot_engine.memory.peak import open_peak_window, resident_bytes
from snapshot_engine.memory.testing import touch_pages

MIB = 2**20
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's limit is Linux's")
# Runs on a loaded machine: the watchdog looks every 0.5 ms near the limit, but
# the scheduler may keep it from the core for longer.
OVERSHOOT_BYTES = 4 * MIB


def chunks(total_mib=300, size_bytes=200_000):
    held = []
    while len(held) * size_bytes < total_mib * MIB:
        held.append(b"x" * size_bytes)
    return "finished"


def process_state():
    import resource

    return (
        resource.getrlimit(resource.RLIMIT_DATA),
        [signal.getsignal(number) for number in sorted(signal.valid_signals())],
        signal.getitimer(signal.ITIMER_REAL),
        sys.getswitchinterval(),
        threading.enumerate(),
    )


@pytest.fixture(autouse=True)
def no_garbage_of_tests_before():
    """What an earlier test's traceback still holds would be freed inside a limit, and hide as much growth."""
    gc.collect()


@pytest.fixture(autouse=True)
def the_process_is_as_before():
    before = process_state()
    yield
    assert process_state() == before


def test_a_runaway_is_stopped_while_it_runs():
    with open_peak_window() as window, pytest.raises(MemoryLimitExceeded) as caught:
        memory_limit(30, of="growth")(chunks)()
    assert window.peak_bytes() - window.start_bytes <= 30 * MIB + OVERSHOOT_BYTES
    assert caught.value.limit_bytes == 30 * MIB
    assert caught.value.used_bytes > 30 * MIB
    assert caught.value.of == "growth"
    assert caught.value.cause in ("watchdog", "kernel limit")
    assert caught.value.measurement.peak_growth_bytes == caught.value.used_bytes
    assert isinstance(caught.value, MemoryError)
    assert "exceeded memory limit: 3" in str(caught.value)
    assert " MB > 30.0 MB" in str(caught.value)


def test_the_quiet_twin_runs_to_its_end_and_returns_its_result():
    assert memory_limit(60, of="growth")(chunks)(total_mib=20) == "finished"


def test_by_default_the_limit_is_of_the_whole_process():
    limit_mib = resident_bytes() / MIB + 30
    with pytest.raises(MemoryLimitExceeded, match="resident memory of the process"):
        memory_limit(limit_mib)(chunks)()
    assert memory_limit(limit_mib + 60)(chunks)(total_mib=20) == "finished"


def test_a_limit_below_what_is_in_use_refuses_before_the_body_runs():
    ran = []
    with pytest.raises(
        MemoryLimitExceeded, match="not started, the process already exceeded memory limit"
    ) as caught:
        memory_limit(1)(ran.append)(1)
    assert ran == []
    assert caught.value.cause == "refused"


def test_one_oversized_request_is_refused_and_nothing_of_it_touched():
    with (
        open_peak_window() as window,
        pytest.raises(MemoryLimitExceeded, match="the kernel refused it") as caught,
    ):
        memory_limit(50, of="growth")(lambda: b"x" * (2 << 30))()
    assert window.peak_bytes() - window.start_bytes < 2 * MIB
    assert caught.value.cause == "kernel limit"
    assert isinstance(caught.value.__cause__, MemoryError)


@pytest.mark.parametrize("size_bytes", [700, 60_000, MIB])
def test_a_heap_full_of_free_memory_does_not_help_a_runaway(fresh, size_bytes):
    """The kernel's limit alone let 185 MB pass: free heap that was given back is mapped already."""
    overshoot_mib, free_mib = fresh(f"""
        import random
        from snapshot_engine.errors import MemoryLimitExceeded
        from snapshot_engine.memory import libc
        from snapshot_engine.memory.limits import memory_limit
        from snapshot_engine.memory.peak import open_peak_window
        rng = random.Random(1)
        junk = [bytes(rng.randrange(100, 20_000)) for _ in range(22_000)]
        kept = junk[::37]
        del junk
        libc.trim()
        free = libc.heap_state().free_bytes
        @memory_limit(32, of="growth")
        def runaway(size={size_bytes}):  # a variable: b"x" * 700 would be one constant
            held = []
            while len(held) * {size_bytes} < 600 * MIB:
                held.append(b"x" * size)
        window = open_peak_window()
        try:
            runaway()
            answer(["finished", 0])
        except MemoryLimitExceeded:
            answer([(window.peak_bytes() - window.start_bytes) / MIB - 32, free / MIB])
    """)
    assert free_mib > 200
    assert overshoot_mib <= 4


BODIES = {
    "plain": "held.append(b'x' * size)",
    "swallows exceptions": "try: held.append(b'x' * size)\n        except Exception: pass",
    "allocates in destructors": "Dying(held, size)",
    "sleeps": "held.append(b'x' * size); time.sleep(.0005)",
}


@pytest.mark.parametrize("where", ["main thread", "other thread"])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_no_run_is_left_unstopped(fresh, where, body):
    """6 runs here; REPEATS=1000 in the environment makes it the long one."""
    repeats = int(os.environ.get("REPEATS", "6"))
    result = fresh(
        f"""
    from snapshot_engine.errors import MemoryLimitExceeded
    from snapshot_engine.memory import libc
    from snapshot_engine.memory.limits import memory_limit
    sys.unraisablehook = lambda about: None
    class Dying:
        def __init__(self, held, size): self.held, self.size = held, size
        def __del__(self): self.held.append(b"x" * self.size)
    held = []
    @memory_limit(16, of="growth")
    def runaway(size):
      while len(held) * size < 300 * MIB:
        {body}
    stopped = 0
    def run(size):
        global stopped
        try:
            runaway(size)
        except MemoryLimitExceeded:
            stopped += 1
        held.clear()
        # Or the next run finds what this one freed, and grows by nothing.
        libc.trim()
    for number in range({repeats}):
        size = (700, 60_000, 200_000)[number % 3] if "sleep" not in {body!r} else 200_000
        if {where!r} == "main thread":
            run(size)
        else:
            thread = threading.Thread(target=run, args=(size,))
            thread.start(); thread.join()
    answer([stopped, threading.active_count()])
    """,
        timeout_seconds=60 + repeats,
    )
    assert result == [repeats, 1]


def test_another_thread_is_limited_too():
    caught = []

    def work():
        try:
            memory_limit(30, of="growth")(chunks)()
        except MemoryLimitExceeded as error:
            caught.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert [error.cause for error in caught] == ["watchdog"]


class Passed:
    """A limit that has been passed, in a thread that runs code of `file` until end()."""

    limit_bytes, native_id = 1, 0

    def __init__(self, file):
        self.shots, self._ended = 0, []
        # nothing here calls Python code, whose file would be another
        code = compile("while not ended: sleep(0.001)", str(file), "exec")
        scope = {"ended": self._ended, "sleep": time.sleep}
        self._thread = threading.Thread(target=exec, args=(code, scope))
        self._thread.start()
        self.thread_id = self._thread.ident

    def end(self):
        self._ended.append(True)
        self._thread.join()

    def due(self, resident_bytes):
        return True

    def slide(self, resident_bytes, mapped_bytes):
        pass

    def shoot_thread(self):
        self.shots += 1


@pytest.mark.parametrize(("file", "shot"), [("body.py", True), (watchdog.__file__, False)])
def test_a_thread_that_is_leaving_its_limit_is_not_shot_again(file, shot):
    """The second shot would come out of the limit in place of MemoryLimitExceeded: seen once on a loaded machine."""
    passed, dog = Passed(file), watchdog.Watchdog()
    try:
        dog.watch(passed)
        time.sleep(0.1)
        dog.leave(passed)
    finally:
        passed.end()
    assert bool(passed.shots) == shot


def test_limits_in_several_threads_at_once_end_as_before():
    outcomes = []

    def work(mib):
        try:
            outcomes.append(memory_limit(200, of="growth")(chunks)(total_mib=mib))
        except MemoryLimitExceeded as error:
            outcomes.append(error.cause)

    threads = [threading.Thread(target=work, args=(10,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == ["finished"] * 4


@pytest.mark.parametrize("error", [KeyError("mine"), MemoryError("mine"), SystemExit(3), KeyboardInterrupt()])
@pytest.mark.parametrize("mode", ["enforce", "gate"])
def test_the_bodys_own_exception_is_kept(error, mode):
    def body():
        raise error

    with pytest.raises(type(error)) as caught:
        memory_limit(4000, mode=mode)(body)()
    assert caught.value is error


def test_the_inner_limit_stops_the_inner_function_only():
    @memory_limit(200, of="growth")
    def outer():
        with pytest.raises(MemoryLimitExceeded) as caught:
            memory_limit(20, of="growth")(chunks)()
        assert caught.value.limit_bytes == 20 * MIB
        return chunks(total_mib=60)

    assert outer() == "finished"


def test_the_outer_limit_reaches_through_an_inner_one():
    @memory_limit(20, of="growth")
    def outer():
        memory_limit(200, of="growth")(chunks)()

    with pytest.raises(MemoryLimitExceeded, match="outer") as caught:
        outer()
    assert caught.value.limit_bytes == 20 * MIB


def test_a_block_is_limited_and_the_name_says_so():
    with pytest.raises(MemoryLimitExceeded, match="the block exceeded"), memory_limit("20 MB", of="growth"):
        chunks()
    with memory_limit(200, of="growth") as guard:
        chunks(total_mib=10)
    assert guard.measurement.peak_growth_bytes < 60 * MIB


def test_a_limit_object_can_be_entered_again_and_nested():
    limit = memory_limit(200, of="growth")
    with limit, limit:
        chunks(total_mib=5)
    with limit:
        chunks(total_mib=5)


def test_gate_lets_the_body_finish_and_sees_a_peak_that_is_gone():
    finished = []

    @memory_limit(20, mode="gate", of="growth")
    def spike():
        touch_pages(40 * MIB).close()
        finished.append(True)

    with pytest.raises(MemoryLimitExceeded, match="seen when it ended") as caught:
        spike()
    assert finished == [True]
    assert caught.value.cause == "gate"
    assert caught.value.used_bytes == pytest.approx(40 * MIB, abs=2 * MIB)


def test_gate_does_not_stop_and_does_not_judge_within_the_limit():
    assert memory_limit(100, mode="gate", of="growth")(chunks)(total_mib=10) == "finished"


# generators and coroutines ----------------------------------------------------


def test_a_generator_is_limited_in_its_steps_and_keeps_its_protocol():
    @memory_limit(15, of="growth")
    def growing(most):
        held = []
        for _ in range(most):
            held.append(touch_pages(MIB))  # mapped anew: free heap cannot serve it
            yield len(held)
        return "done"

    seen = []
    with pytest.raises(MemoryLimitExceeded):
        for number in growing(100):
            seen.append(number)  # noqa: PERF402 - what came before the stop is asked below
    assert 10 <= len(seen) <= 16
    generator = growing(2)
    assert [next(generator), next(generator)] == [1, 2]
    with pytest.raises(StopIteration) as end:
        next(generator)
    assert end.value.value == "done"


def test_a_generator_passes_sent_values_thrown_errors_and_its_closing():
    log = []

    @memory_limit(4000)
    def talker():
        try:
            log.append((yield "first"))
            try:
                yield "second"
            except KeyError:
                log.append("caught")
                yield "third"
        finally:
            log.append("closed")

    generator = talker()
    assert next(generator) == "first"
    assert generator.send("hello") == "second"
    assert generator.throw(KeyError()) == "third"
    generator.close()
    assert log == ["hello", "caught", "closed"]


@pytest.mark.parametrize("body", ["step", "awaits", "thread"])
def test_a_coroutine_is_stopped_and_its_loop_and_neighbours_go_on(body):
    async def grow():
        if body == "step":
            chunks()
        elif body == "awaits":
            held = []
            for _ in range(300):
                held.append(b"x" * MIB)
                await asyncio.sleep(0.0005)
        else:
            await asyncio.to_thread(slow_chunks)

    def slow_chunks():
        held = []
        try:
            for _ in range(60):
                held.append(b"x" * MIB)
                time.sleep(0.002)
        except MemoryError:
            pass

    async def main():
        neighbour = asyncio.create_task(asyncio.sleep(0.05, "fine"))
        with pytest.raises(MemoryLimitExceeded):
            await memory_limit(25, of="growth")(grow)()
        assert getattr(asyncio.current_task(), "cancelling", int)() == 0
        return await neighbour

    assert asyncio.run(main()) == "fine"


def test_a_block_inside_a_coroutine():
    async def main():
        with pytest.raises(MemoryLimitExceeded), memory_limit(25, of="growth"):
            held = []
            for _ in range(300):
                held.append(b"x" * MIB)
                await asyncio.sleep(0)
        return "went on"

    assert asyncio.run(main()) == "went on"


def test_a_coroutine_that_is_cancelled_by_others_stays_cancelled():
    async def main():
        task = asyncio.create_task(memory_limit(4000)(asyncio.sleep)(10))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_an_asynchronous_generator_is_limited_in_its_steps():
    @memory_limit(15, of="growth")
    async def growing():
        held = []
        try:
            while True:
                held.append(touch_pages(MIB))
                yield len(held)
        finally:
            held.clear()

    async def main():
        seen = 0
        with pytest.raises(MemoryLimitExceeded):
            async for number in growing():
                seen = number
        generator = growing()
        assert await generator.__anext__() == 1
        await generator.aclose()
        return seen

    assert 10 <= asyncio.run(main()) <= 16


# isolate ----------------------------------------------------------------------


def in_child(how):
    actions = {
        "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
        "segfault": lambda: os.kill(os.getpid(), signal.SIGSEGV),
        "exit": lambda: os._exit(3),
        "sys.exit": lambda: sys.exit(4),
        "raise": lambda: {}["mine"],
        "grow": chunks,
        "unsendable": lambda: threading.Lock(),
        "local error": lambda: raise_local(),
        "threads": lambda: [thread.name for thread in threading.enumerate()],
    }
    return actions[how]() if how in actions else how


def raise_local():
    class Local(Exception):
        pass

    raise Local("of the body")


isolated = memory_limit(40, mode="isolate", of="growth")(in_child)


def test_an_isolated_function_returns_its_result_and_leaves_no_trace():
    before_bytes = resident_bytes()
    assert isolated("fine") == "fine"
    assert memory_limit(400, mode="isolate", of="growth")(chunks)(total_mib=100) == "finished"
    assert resident_bytes() - before_bytes < 20 * MIB


def test_an_isolated_function_is_looked_after_by_the_timer_not_by_a_thread():
    assert isolated("threads") == ["MainThread"]


def test_an_isolated_runaway_is_a_memory_error_here():
    with pytest.raises(MemoryLimitExceeded, match=r"in_child\(\) exceeded memory limit") as caught:
        isolated("grow")
    assert caught.value.limit_bytes == 40 * MIB


def test_an_isolated_functions_exception_comes_back():
    with pytest.raises(KeyError, match="mine"):
        isolated("raise")


@pytest.mark.parametrize(
    ("how", "cause"),
    [
        ("kill", "killed by signal 9 (SIGKILL); the control group counts no OOM kill"),
        ("segfault", "killed by signal 11 (SIGSEGV)"),
        ("exit", "exit status 3"),
        ("sys.exit", "exit status 4"),
    ],
)
def test_the_cause_of_a_childs_death_is_named(how, cause):
    with pytest.raises(ChildDied) as caught:
        isolated(how)
    assert caught.value.cause == cause
    assert cause in str(caught.value)
    assert caught.value.peak_bytes > 0


@pytest.mark.parametrize(("how", "words"), [("unsendable", "cannot be sent"), ("local error", "of the body")])
def test_what_cannot_be_sent_is_told(how, words):
    with pytest.raises(RaisedInChild, match=words):
        isolated(how)


def test_an_oom_kill_is_told_from_a_kill(tmp_path, monkeypatch):
    """By the group's own count: a recorded group whose count rises while the child runs."""
    from snapshot_engine.memory import isolate
    from snapshot_engine.memory.container import MemoryGroup

    events = tmp_path / "memory.events"
    events.write_text("low 0\noom 1\noom_kill 5\n")
    (tmp_path / "memory.max").write_text(f"{96 * MIB}\n")
    group = MemoryGroup(version=2, name="/", folder=tmp_path)
    monkeypatch.setattr(isolate, "memory_groups", lambda: (group,))

    def killed_by_the_kernel():
        events.write_text("low 0\noom 2\noom_kill 6\n")
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(MemoryLimitExceeded, match="OOM killer") as caught:
        memory_limit(4000, mode="isolate")(killed_by_the_kernel)()
    assert caught.value.cause == "oom kill"
    assert caught.value.limit_bytes == 96 * MIB


@pytest.fixture
def tight_group():
    """Return the files to join and leave a real control group of 64 MiB (version 1, as root only)."""
    top = Path("/sys/fs/cgroup/memory")
    group = top / f"limit-test-{os.getpid()}"
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(64 * MIB))
    except OSError as refused:
        pytest.skip(f"no control group can be made here: {refused}")
    yield group
    for _ in range(100):
        try:
            group.rmdir()
            return
        except OSError:  # the child's pages are being given back
            time.sleep(0.05)


def test_a_real_oom_kill_is_named(fresh, tight_group):
    said = fresh(f"""
        with open({str(tight_group / "cgroup.procs")!r}, "w") as file:
            file.write(str(os.getpid()))
        from snapshot_engine.errors import MemoryLimitExceeded
        from snapshot_engine.memory.container import available_memory
        from snapshot_engine.memory.limits import memory_limit
        from snapshot_engine.memory.testing import touch_pages
        @memory_limit(4000, mode="isolate")
        def greedy():
            touch_pages(200 * MIB)
        try:
            greedy()
        except MemoryLimitExceeded as error:
            answer([error.cause, error.limit_bytes / MIB, available_memory().limit_bytes / MIB, str(error)])
    """)
    assert said[:3] == ["oom kill", 64, 64]
    assert "OOM killer" in said[3]


def test_an_isolated_coroutine_runs_beside_the_loop():
    @memory_limit(4000, mode="isolate")
    async def work():
        await asyncio.sleep(0.01)
        return os.getpid()

    async def main():
        return await asyncio.gather(work(), asyncio.sleep(0, "beside"))

    pid, beside = asyncio.run(main())
    assert pid != os.getpid()
    assert beside == "beside"


# wrong use --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("2KBjunk",), "not a size"),
        ((-1,), "between 0"),
        ((0,), "no process fits"),
        ((1, "hard"), 'must be "enforce", "gate" or "isolate"'),
        ((1, "gate", "heap"), 'must be "process" or "growth"'),
    ],
)
def test_a_wrong_limit_is_refused_where_it_is_written(arguments, words):
    with pytest.raises(ValueError, match=words):
        memory_limit(*arguments)


def test_a_negative_number_of_threads_is_refused():
    with pytest.raises(ValueError, match="threads=-1"):
        memory_limit(1, threads=-1)


def test_what_cannot_be_isolated_is_refused_at_once():
    with pytest.raises(ValueError, match="put mode="), memory_limit(1, mode="isolate"):
        pass

    def generator():
        yield 1

    with pytest.raises(ValueError, match="generator and cannot be isolated"):
        memory_limit(1, mode="isolate")(generator)


# the process stays as it was --------------------------------------------------


def test_a_limit_that_the_body_sets_itself_is_left_alone(fresh):
    after = fresh("""
        import resource
        from snapshot_engine.memory.limits import memory_limit
        @memory_limit(4000)
        def body():
            time.sleep(.03)
            resource.setrlimit(resource.RLIMIT_DATA, (3 << 30, resource.RLIM_INFINITY))
            time.sleep(.05)
        body()
        answer(resource.getrlimit(resource.RLIMIT_DATA)[0])
    """)
    assert after == 3 << 30


def test_a_look_that_comes_while_the_limit_is_being_set_does_not_make_it_stay(fresh):
    before, after = fresh("""
        import resource
        from snapshot_engine.memory.kernel_limit import KernelLimit
        limit, owner, plain = KernelLimit(), object(), resource.setrlimit
        before = resource.getrlimit(resource.RLIMIT_DATA)
        def interrupted(*arguments):
            plain(*arguments)
            limit.allow(owner, 500 * MIB, 100 * MIB)  # as the signal's handler does
        resource.setrlimit = interrupted
        limit.allow(owner, 500 * MIB, 200 * MIB)
        resource.setrlimit = plain
        limit.let_go(owner)
        answer([before, resource.getrlimit(resource.RLIMIT_DATA)])
    """)
    assert after == before


def test_a_limit_of_the_machine_is_never_raised(fresh):
    inside, after = fresh("""
        import resource
        resource.setrlimit(resource.RLIMIT_DATA, (400 * MIB, resource.RLIM_INFINITY))
        from snapshot_engine.memory.limits import memory_limit
        inside = memory_limit(4000)(lambda: resource.getrlimit(resource.RLIMIT_DATA)[0])()
        answer([inside, resource.getrlimit(resource.RLIMIT_DATA)[0]])
    """)
    assert inside == after == 400 * MIB


def test_sigalrm_and_its_timer_are_left_to_others():
    rang = []
    before = signal.signal(signal.SIGALRM, lambda *_: rang.append(True))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        memory_limit(4000)(time.sleep)(0.06)
        assert rang == [True]
    finally:
        signal.signal(signal.SIGALRM, before)


def test_threads_may_start_under_a_limit_that_counts_their_stacks():
    def start_eight():
        gate = threading.Event()
        threads = [threading.Thread(target=gate.wait) for _ in range(8)]
        for thread in threads:
            thread.start()
        gate.set()
        for thread in threads:
            thread.join()
        return "finished"

    assert memory_limit(30, of="growth", threads=8)(start_eight)() == "finished"
