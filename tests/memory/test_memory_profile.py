"""memory_profile: figures, silence on stdout, untouched results, and nothing at all when switched off."""

from __future__ import annotations

import asyncio
import logging
import sys

import pytest

from snapshot_engine import memory_profile
from snapshot_engine.errors import MissingExtra
from snapshot_engine.memory.testing import known_spike, touch_pages

MIB = 2**20
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


@pytest.fixture
def profiles(monkeypatch):
    monkeypatch.delenv("ENABLE_MEMORY_PROFILING", raising=False)
    return []


@linux
def test_growth_peak_time_and_blocks_of_a_call(profiles):
    kept = []

    @memory_profile(report=profiles.append)
    def work(mib):
        kept.append(touch_pages(mib * MIB))
        kept.extend([bytes(300) for _ in range(1000)])
        known_spike(30 * MIB)
        return kept

    assert work(20) is kept
    (profile,) = profiles
    assert profile.name.endswith("work")
    assert profile.growth_bytes == pytest.approx(20 * MIB, abs=2 * MIB)
    assert profile.peak_growth_bytes == pytest.approx(50 * MIB, abs=2 * MIB)
    assert profile.seconds > 0
    assert profile.live_blocks == pytest.approx(1000, abs=50)
    assert profile.allocations_at_peak is None
    assert profile.error == ""
    assert profile.exact
    assert "grew by" in str(profile)
    assert "live blocks" in str(profile)


def test_without_arguments_the_log_is_told_and_stdout_is_not(profiles, caplog, capsys):
    @memory_profile
    def work():
        return 7

    with caplog.at_level(logging.INFO, logger="snapshot_engine"):
        assert work() == 7
    assert "work: grew by" in caplog.text
    assert capsys.readouterr() == ("", "")


def test_name_and_documentation_stay(profiles):
    @memory_profile(report=profiles.append)
    def work():
        """Work."""

    assert work.__name__ == "work"
    assert work.__doc__ == "Work."


def test_a_failing_body_is_reported_and_its_exception_kept(profiles):
    error = KeyError("mine")

    @memory_profile(report=profiles.append)
    def work():
        raise error

    with pytest.raises(KeyError) as caught:
        work()
    assert caught.value is error
    assert profiles[0].error == "KeyError"
    assert "ended in KeyError" in str(profiles[0])


def test_a_failing_report_does_not_reach_the_caller(profiles, caplog):
    @memory_profile(report=lambda profile: 1 / 0)
    def work():
        return "result"

    assert work() == "result"
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("word", ["false", "0", "No", " OFF "])
def test_switched_off_the_function_is_returned_itself(monkeypatch, word):
    monkeypatch.setenv("ENABLE_MEMORY_PROFILING", word)

    def work():
        pass

    assert memory_profile(work) is work
    assert memory_profile(report=print, flamegraph="never.html")(work) is work


@pytest.mark.parametrize("word", ["true", "1", ""])
def test_switched_on_or_unset_it_is_wrapped(monkeypatch, word):
    monkeypatch.setenv("ENABLE_MEMORY_PROFILING", word)

    def work():
        pass

    assert memory_profile(work) is not work


def test_nested_functions_have_their_own_figures(profiles):
    @memory_profile(report=profiles.append)
    def inner():
        known_spike(20 * MIB)

    @memory_profile(report=profiles.append)
    def outer():
        known_spike(40 * MIB)
        inner()

    outer()
    assert [profile.name.rsplit(".", 1)[-1] for profile in profiles] == ["inner", "outer"]
    if sys.platform.startswith("linux"):
        grown = [profile.peak_growth_bytes / MIB for profile in profiles]
        assert grown == [pytest.approx(20, abs=2), pytest.approx(40, abs=2)]


def test_a_coroutine(profiles):
    @memory_profile(report=profiles.append)
    async def work():
        await asyncio.sleep(0.01)
        return "done"

    assert asyncio.run(work()) == "done"
    assert profiles[0].seconds >= 0.009


@linux
def test_a_generator_is_told_once_with_its_steps_only(profiles):
    @memory_profile(report=profiles.append)
    def work():
        held = touch_pages(20 * MIB)
        got = yield 1
        yield got
        held.close()
        return "end"

    generator = work()
    assert next(generator) == 1
    known_spike(80 * MIB)  # the consumer's own
    assert generator.send("x") == "x"
    assert profiles == []
    with pytest.raises(StopIteration) as end:
        next(generator)
    assert end.value.value == "end"
    (profile,) = profiles
    assert profile.peak_growth_bytes == pytest.approx(20 * MIB, abs=2 * MIB)
    assert profile.growth_bytes == pytest.approx(0, abs=2 * MIB)
    assert profile.error == ""


def test_generators_close_and_throw_through(profiles):
    log = []

    @memory_profile(report=profiles.append)
    def work():
        try:
            yield 1
        except KeyError:
            yield "caught"
        finally:
            log.append("closed")

    generator = work()
    next(generator)
    assert generator.throw(KeyError()) == "caught"
    generator.close()
    assert log == ["closed"]
    assert len(profiles) == 1


def test_an_asynchronous_generator(profiles):
    @memory_profile(report=profiles.append)
    async def work():
        for number in range(3):
            yield number

    async def main():
        return [number async for number in work()]

    assert asyncio.run(main()) == [0, 1, 2]
    assert len(profiles) == 1


def test_a_flame_graph_is_one_page_without_foreign_requests(tmp_path, fresh):
    pytest.importorskip("memray")
    page = tmp_path / "page.html"
    result, allocations, peak_known = fresh(f"""
        from snapshot_engine import memory_profile
        profiles = []
        @memory_profile(report=profiles.append, flamegraph={str(page)!r})
        def work():
            return len([bytes(1000) for _ in range(2000)])
        result = work()
        answer([result, profiles[0].allocations_at_peak, profiles[0].peak_growth_bytes > 0])
    """)
    assert (result, peak_known) == (2000, True)
    assert allocations >= 2000
    text = page.read_text()
    assert "work" in text
    assert 'src="http' not in text


def test_a_flame_graph_that_cannot_be_written_leaves_the_result(tmp_path, fresh):
    pytest.importorskip("memray")
    said = fresh(f"""
        import logging
        told = []
        class Keep(logging.Handler):
            def emit(self, record): told.append(record.getMessage())
        logging.getLogger("snapshot_engine").addHandler(Keep())
        from snapshot_engine import memory_profile
        @memory_profile(report=lambda profile: None, flamegraph={str(tmp_path / "no" / "such" / "page.html")!r})
        def work():
            return 5
        answer([work(), told])
    """)
    assert said[0] == 5
    assert "no flame graph of work" in said[1][0]


def test_without_memray_a_flame_graph_is_refused_with_the_line_to_type(monkeypatch, profiles):
    monkeypatch.setitem(sys.modules, "memray", None)
    with pytest.raises(MissingExtra, match="pip install"):
        memory_profile(flamegraph="page.html")


def test_a_flame_graph_of_a_generator_is_refused(profiles):
    pytest.importorskip("memray")

    def work():
        yield 1

    with pytest.raises(ValueError, match="one whole call"):
        memory_profile(flamegraph="page.html")(work)
