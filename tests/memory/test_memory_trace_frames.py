"""Tracing that keeps no frames: the same sizes, and frames for whoever asks for them meanwhile."""

import ctypes
import sys
import tracemalloc

import pytest

from snapshot_engine.memory import trace_frames
from snapshot_engine.memory.measure import measure
from snapshot_engine.memory.python_gauge import PythonGauge

LEAST_FRAMES = 0 if sys.version_info < (3, 12) else 1


@pytest.fixture(autouse=True)
def _not_tracing():
    assert not tracemalloc.is_tracing()
    before = tracemalloc.start
    yield
    assert not tracemalloc.is_tracing()
    assert tracemalloc.start is before
    assert tracemalloc.get_traceback_limit() >= 1


def _work():
    return [[number, str(number)] for number in range(20_000)]


def _files_of(value):
    traceback = tracemalloc.get_object_traceback(value)
    assert traceback is not None
    return [frame.filename for frame in traceback]


def test_sizes_are_the_same_without_frames():
    growth = {}
    for frames in (1, 0, 10):
        for _ in range(2):  # the first time also makes what stays
            with measure(PythonGauge(frames)) as span:
                limit = tracemalloc.get_traceback_limit()
                _work()
        growth[frames] = span.peak_growth_bytes
        assert limit == (frames or LEAST_FRAMES)
    assert growth[0] > 2_000_000
    assert growth[0] == pytest.approx(growth[1], abs=1000)
    assert growth[10] == pytest.approx(growth[1], abs=1000)


def test_a_start_meanwhile_gets_its_frames():
    with measure(PythonGauge()) as span:
        before = bytearray(1000)
        tracemalloc.start(5)
        after = bytearray(1000)
        limit = tracemalloc.get_traceback_limit()
        files, files_before = _files_of(after), _files_of(before)
    assert __file__ in files
    if LEAST_FRAMES == 0:
        assert limit == 5
        assert files_before == ["<unknown>"]
    assert span.measurement.exact


@pytest.mark.parametrize("frames", [0, 65536, "2"])
def test_a_wrong_start_meanwhile_is_refused_as_ever(frames):
    with measure(PythonGauge()):
        with pytest.raises((ValueError, TypeError)):
            tracemalloc.start(frames)
        assert tracemalloc.get_traceback_limit() == LEAST_FRAMES


def test_never_more_frames_than_there_is_room_for():
    trace_frames.start(0)
    tracemalloc.start(1000)
    limit = tracemalloc.get_traceback_limit()
    trace_frames.stop()
    assert limit == (trace_frames._ROOM_FRAMES if LEAST_FRAMES == 0 else 1)


def test_who_began_anew_keeps_his_number():
    trace_frames.start(0)
    tracemalloc.stop()
    tracemalloc.start(2)
    trace_frames.keep(20)
    limit = tracemalloc.get_traceback_limit()
    trace_frames.stop()
    assert limit == 2


def test_a_gauge_with_frames_inside_one_without():
    with measure(PythonGauge()), measure(PythonGauge(frames=10)):
        files = _files_of(bytearray(1000))
    assert __file__ in files


def test_tracing_begun_elsewhere_is_left_alone():
    tracemalloc.start(3)
    try:
        with measure(PythonGauge()), measure(PythonGauge(frames=7)):
            assert tracemalloc.get_traceback_limit() == 3
        assert tracemalloc.is_tracing()
    finally:
        tracemalloc.stop()


class _Elsewhere(ctypes.Structure):
    """A layout in which the number stands somewhere else."""

    _fields_ = (("initialized", ctypes.c_int), ("tracing", ctypes.c_int), ("max_nframe", ctypes.c_int))


@pytest.mark.parametrize("config", [None, _Elsewhere(1, 1, 7), _Elsewhere(1, 1, trace_frames._ROOM_FRAMES)])
def test_one_frame_where_the_number_is_not_found(config, monkeypatch):
    monkeypatch.setattr(trace_frames, "_config", lambda: config)
    with measure(PythonGauge()) as span:
        limit = tracemalloc.get_traceback_limit()
        files = _files_of(bytearray(5_000_000))
    assert limit == 1
    assert files == [__file__]
    assert span.peak_growth_bytes == pytest.approx(5_000_000, rel=0.01)
    assert config is None or config.max_nframe in (0, 7)
