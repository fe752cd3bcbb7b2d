"""When a watchdog looks again, and how its thread comes to run then."""

from __future__ import annotations

import os
import threading

import pytest

from snapshot_engine.memory.pace import Pace, Precedence

MIB = 2**20


@pytest.mark.parametrize(
    ("room_bytes", "milliseconds"),
    [(10_000 * MIB, 20), (40 * MIB, 9.47), (4 * MIB, 0.68), (MIB, 0.1), (0, 0.1), (-5 * MIB, 0.1)],
)
def test_the_nearer_the_limit_the_sooner_the_next_look(room_bytes, milliseconds):
    pause_seconds = Pace().pause_seconds(room_bytes, 100 * MIB)
    assert pause_seconds * 1000 == pytest.approx(milliseconds, abs=0.01)


def test_a_core_at_full_speed_cannot_reach_the_limit_before_the_look():
    for room_bytes in range(2 * MIB, 60 * MIB, MIB):
        assert Pace().pause_seconds(room_bytes, 0) * 2.5 * 1000 * MIB < room_bytes


def test_a_body_that_stays_near_its_limit_is_looked_at_less_often_until_it_grows():
    pace = Pace()
    pauses = [pace.pause_seconds(0, 100 * MIB) for _ in range(30)]
    assert pauses[0] == 0.0001
    assert pauses[-1] == 0.0005
    assert pace.pause_seconds(0, 101 * MIB) == 0.0001


def test_growth_after_a_fall_is_growth():
    pace = Pace()
    for _ in range(30):
        pace.pause_seconds(0, 100 * MIB)
    pace.pause_seconds(0, 50 * MIB)
    assert pace.pause_seconds(0, 51 * MIB) == 0.0001


def in_thread(function):
    results = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    thread.join()
    return results[0]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="threads have no core of their own here")
def test_a_thread_moves_to_the_core_of_the_body_and_no_other_thread_does():
    cores = os.sched_getaffinity(0)
    target = min(cores)

    def watch():
        precedence = Precedence()
        precedence.follow(body.native_id)
        return os.sched_getaffinity(0)

    stop = threading.Event()

    def stay():
        os.sched_setaffinity(0, {target})
        ready.set()
        stop.wait()

    ready = threading.Event()
    body = threading.Thread(target=stay)
    body.start()
    ready.wait()
    followed = in_thread(watch)
    stop.set()
    body.join()
    assert followed == {target}
    assert os.sched_getaffinity(0) == cores


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="no scheduling policies here")
def test_real_time_is_taken_where_allowed_and_ends_with_the_thread():
    taken, policy = in_thread(lambda: (Precedence().real_time, os.sched_getscheduler(0)))
    assert policy == (os.SCHED_FIFO if taken else os.SCHED_OTHER)
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


def test_a_refusal_and_a_thread_that_has_ended_are_no_errors(monkeypatch):
    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", refuse, raising=False)
    precedence = Precedence()
    assert not precedence.real_time
    precedence.follow(2**30)
