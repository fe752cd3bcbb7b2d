"""The service from outside: its life, its status, its promises under threads and forks."""

from __future__ import annotations

import json
import logging
import os
import threading
import time

import pytest

from snapshot_engine import (
    Config,
    MemoryMonitoringService,
    get_memory_status,
    start_memory_monitoring,
    stop_memory_monitoring,
)
from snapshot_engine.errors import ConfigError
from snapshot_engine.monitoring.status import MemoryStatus

MIB = 2**20
KEYS = set(MemoryStatus.__annotations__)


@pytest.fixture(autouse=True)
def _no_service_left_behind():
    yield
    stop_memory_monitoring()


def wait_until(true, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert true()


def test_as_the_document_shows_it():
    service = start_memory_monitoring(Config(), interval=30)
    status = get_memory_status()
    stop_memory_monitoring()
    assert isinstance(service, MemoryMonitoringService)
    assert status["service_running"] is True
    assert status["interval_seconds"] == 30
    assert status["current_memory_mb"] > 5
    assert status["peak_memory_mb"] >= status["current_memory_mb"] - 0.5
    assert status["limit_of"] in {"container", "machine"}
    assert get_memory_status()["service_running"] is False


def test_interval_defaults_to_thirty_seconds():
    assert start_memory_monitoring().interval == 30


def test_status_has_one_shape_and_is_json():
    service = MemoryMonitoringService(Config(), interval=0.05)
    shapes = [service.status(), get_memory_status()]
    service.start()
    shapes.append(service.status())
    service.stop()
    shapes.append(service.status())
    assert [set(shape) for shape in shapes] == [KEYS] * 4
    assert [shape["service_running"] for shape in shapes] == [False, False, True, False]
    for shape in shapes:
        assert json.loads(json.dumps(shape)) == shape
        assert shape["current_memory_mb"] > 5


@pytest.mark.parametrize(
    "interval",
    [0, -1, -0.5, float("nan"), float("inf"), 1e9, 0.001, True, "30", None],
)
def test_an_interval_that_makes_no_sense_is_refused_in_one_sentence(interval):
    with pytest.raises(ConfigError) as refused:
        start_memory_monitoring(Config(), interval=interval)
    assert str(refused.value).startswith(f"monitoring interval {interval!r}: must be")
    assert "\n" not in str(refused.value)
    assert get_memory_status()["service_running"] is False


def test_percent_is_of_the_configured_limit():
    config = Config()
    config.memory_limit_mb = 1024
    with MemoryMonitoringService(config, interval=30) as service:
        status = service.status()
    assert (status["limit_mb"], status["limit_of"]) == (1024, "MEMORY_LIMIT_MB")
    assert status["usage_percent"] == pytest.approx(status["current_memory_mb"] / 10.24, rel=0.01)


def test_stop_is_prompt_and_leaves_no_thread():
    before = threading.active_count()
    service = MemoryMonitoringService(Config(), interval=3600, sinks=())
    service.start()
    assert threading.active_count() == before + 1
    began = time.monotonic()
    service.stop()
    # The promise is 0.1 s; the rest is for a machine that does other things.
    assert time.monotonic() - began < 1.0
    assert threading.active_count() == before


def test_starting_twice_is_one_thread_and_stopping_twice_is_quiet():
    before = threading.active_count()
    service = MemoryMonitoringService(Config(), interval=3600, sinks=())
    service.start()
    service.start()
    assert threading.active_count() == before + 1
    service.stop()
    service.stop()
    first = start_memory_monitoring(Config(), interval=3600, sinks=())
    second = start_memory_monitoring(Config(), interval=1800, sinks=())
    assert threading.active_count() == before + 1
    assert (first.running, second.running, second.interval) == (False, True, 1800)


def test_restart_looks_again(scripted):
    service = MemoryMonitoringService(Config(), interval=0.01, source=scripted(100, 120))
    for _ in range(3):
        service.start()
        wait_until(lambda: service.status()["readings"] >= 2)
        service.stop()
    assert service.status()["baseline_memory_mb"] == 100


def test_the_peak_between_two_looks_is_seen():
    with MemoryMonitoringService(Config(), interval=3600, sinks=()) as service:
        before = service.status()["current_memory_mb"]
        spike = bytearray(b"\1") * (64 * MIB)
        del spike
        service.look()
        status = service.status()
        service.look()
        after = service.status()
    if not status["peak_is_exact"]:
        pytest.skip("the kernel does not let this process reset its peak here")
    # 1 MiB: the kernel batches its counters per CPU; the heap may reuse a page.
    assert status["peak_memory_mb"] - before == pytest.approx(64, abs=1.5)
    assert status["recent_peak_mb"] - before == pytest.approx(64, abs=1.5)
    assert after["recent_peak_mb"] < before + 32
    assert after["peak_memory_mb"] == status["peak_memory_mb"]


def test_the_tracker_gets_a_snapshot_for_each_look():
    service = MemoryMonitoringService(Config(), interval=3600, sinks=())
    assert service.tracker.snapshots == []
    with service:
        service.look()
        service.look()
        labels = [shot["label"] for shot in service.tracker.snapshots]
        assert labels == ["monitoring"] * 3  # start()'s own look, and two
    assert service.tracker.analyze_memory_usage()["snapshots_count"] == 3


def test_growth_is_measured_from_the_baseline(scripted):
    service = MemoryMonitoringService(Config(), interval=3600, source=scripted(100, 180, 250, 260, 260))
    with service:
        service.look()
        assert service.status()["memory_growth_mb"] == 80
        service.set_baseline()
        assert service.status()["baseline_memory_mb"] == 250
        service.look()
        assert service.status()["memory_growth_mb"] == 10


def test_alerts_reach_the_sinks_in_order_and_once(scripted):
    told = []
    source = scripted(100, 850, 860, 940, 930)
    service = MemoryMonitoringService(Config(), interval=3600, source=source, sinks=[told.append])
    with service:
        for _ in range(4):
            service.look()
        active = [(a["rule"], a["severity"]) for a in service.status()["active_alerts"]]
    assert [(e.alert.rule, e.kind, e.alert.severity) for e in told] == [
        ("memory_usage", "fired", "warning"),
        ("memory_growth", "fired", "critical"),
        ("memory_usage", "escalated", "critical"),
    ]
    assert active == [("memory_growth", "critical"), ("memory_usage", "critical")]
    assert service.status()["alerts_fired"] == 3


def test_alerts_are_logged_by_default(scripted, caplog):
    with (
        caplog.at_level(logging.INFO, logger="snapshot_engine.monitoring"),
        MemoryMonitoringService(Config(), interval=3600, source=scripted(100, 900)) as service,
    ):
        service.look()
    messages = [record.getMessage() for record in caplog.records]
    assert "memory alert fired: Memory usage is 87.9 %, above 80.0 % (warning)." in messages


def test_a_sink_that_raises_or_hangs_holds_up_nothing(scripted):
    release, told = threading.Event(), []

    def breaks(event):
        raise OSError("the network is down")

    def hangs(event):
        release.wait(30)

    source = scripted(100, 850, 860, 940)
    service = MemoryMonitoringService(
        Config(), interval=3600, source=source, sinks=[breaks, told.append, hangs]
    )
    service.start()
    service.look()
    wait_until(lambda: service.status()["alert_delivery_failures"] == 1)
    service.look()
    assert service.status()["readings"] == 3
    began = time.monotonic()
    service.stop()
    assert time.monotonic() - began < 1.0
    release.set()
    assert len(told) >= 1


def test_the_owners_thresholds_move_the_warnings(scripted):
    told = []
    source = scripted(100, 160, 310)
    service = MemoryMonitoringService(Config(), interval=3600, source=source, sinks=[told.append])
    assert service.memory_threshold_mb == pytest.approx(0.8 * 1024)
    assert service.growth_threshold_mb == 100
    service.memory_threshold_mb = 300
    service.growth_threshold_mb = 50
    with service:
        service.look()
        service.look()
    assert [(e.alert.rule, e.kind) for e in told] == [("memory_growth", "fired"), ("memory_usage", "fired")]
    assert service.memory_threshold_mb == pytest.approx(300)
    with pytest.raises(ConfigError):
        service.growth_threshold_mb = -1


def test_a_process_that_ends_is_said_to_have_ended(scripted):
    service = MemoryMonitoringService(Config(), interval=0.01, source=scripted(100, gone=True))
    with service:
        wait_until(lambda: not service.status()["process_running"])
        status = service.status()
    assert status["service_running"] is True
    assert status["last_error"] == "process 4242 is not running"


def test_many_threads_may_ask_start_and_stop_at_once():
    service = MemoryMonitoringService(Config(), interval=0.01, sinks=())
    before = threading.active_count()
    problems = []

    def hammer(turn: int) -> None:
        try:
            for round_number in range(15):
                if turn % 2:
                    service.start()
                assert set(service.status()) == KEYS
                if turn % 3 == 0 and round_number % 5 == 4:
                    service.stop()
        except Exception as error:
            problems.append(error)

    threads = [threading.Thread(target=hammer, args=(turn,)) for turn in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    service.stop()
    assert problems == []
    assert threading.active_count() == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_no_service_and_can_start_its_own():
    """Forked while the sampler and another thread hold the locks most of the time."""
    service = start_memory_monitoring(Config(), interval=0.01)
    done = threading.Event()

    def busy() -> None:
        while not done.is_set():
            service.look()

    helper = threading.Thread(target=busy)
    helper.start()
    try:
        for _ in range(10):
            pid = os.fork()
            if pid == 0:
                code = 1
                try:
                    inherited = get_memory_status()
                    own = start_memory_monitoring(Config(), interval=0.01)
                    running = get_memory_status()
                    stop_memory_monitoring()
                    right = (
                        inherited["service_running"] is False
                        and running["service_running"] is True
                        and running["pid"] == os.getpid()
                        and not own.running
                    )
                    code = 0 if right else 2
                finally:
                    os._exit(code)
            deadline = time.monotonic() + 20
            while (ended := os.waitpid(pid, os.WNOHANG))[0] == 0 and time.monotonic() < deadline:
                time.sleep(0.01)
            if ended[0] == 0:
                os.kill(pid, 9)
                os.waitpid(pid, 0)
                pytest.fail("the forked child hung")
            assert os.waitstatus_to_exitcode(ended[1]) == 0
    finally:
        done.set()
        helper.join()
    assert service.running


def test_looking_without_a_running_service_says_what_to_do():
    with pytest.raises(RuntimeError, match="call start"):
        MemoryMonitoringService(Config()).look()


def test_a_new_interval_counts_and_a_wrong_one_is_refused():
    service = MemoryMonitoringService(Config(), interval=30)
    service.interval = 5
    assert (service.interval, service.status()["interval_seconds"]) == (5, 5)
    with pytest.raises(ConfigError, match="monitoring interval -5: must be between"):
        service.interval = -5
    assert service.interval == 5


def test_a_look_that_fails_is_said_once_and_the_next_one_is_taken(scripted, caplog):
    """A full file table, an unreadable /proc: the thread outlives it."""

    class Flaky(type(scripted(100)())):
        looks = 0

        def read(self):
            self.looks += 1
            if 2 <= self.looks <= 4:
                raise OSError(24, "Too many open files")
            return super().read()

    source = Flaky(scripted(100)().script)
    service = MemoryMonitoringService(Config(), interval=0.01, source=lambda: source, sinks=())
    with caplog.at_level(logging.WARNING, logger="snapshot_engine.monitoring"), service:
        wait_until(lambda: source.looks >= 6)
        assert service.status()["last_error"] is None
    told = [record.getMessage() for record in caplog.records]
    assert told == ["memory monitoring could not look: [Errno 24] Too many open files"]


def test_a_source_that_cannot_begin_is_closed_and_nothing_runs(scripted):
    before = threading.active_count()

    class Broken(type(scripted(100)())):
        def read(self):
            raise OSError("no /proc")

    source = Broken(())
    service = MemoryMonitoringService(Config(), interval=1, source=lambda: source)
    with pytest.raises(OSError, match="no /proc"):
        service.start()
    assert (service.running, source.closed, threading.active_count()) == (False, 1, before)


def test_without_the_rule_there_is_no_threshold(scripted):
    service = MemoryMonitoringService(Config(), source=scripted(100), rules=())
    assert (service.memory_threshold_mb, service.growth_threshold_mb) == (0, 0)


def test_history_holds_the_newest_readings(scripted):
    service = MemoryMonitoringService(
        Config(), 3600, source=scripted(*range(100, 110)), history_size=4, sinks=()
    )
    with service:
        for _ in range(9):
            service.look()
        assert [reading.resident_bytes // MIB for reading in service.history()] == [106, 107, 108, 109]
        assert [reading.resident_bytes // MIB for reading in service.history(1)] == [109]
    assert MemoryMonitoringService(Config()).history() == []
