"""The owner's memory tests, run as his document says: `python tests/test_memory_optimization.py`.

Seven checks of the toolkit as a user meets it, each of them able to fail, and
the tests that prove that (collected by pytest). Exit code 0 when all pass, 1
when one fails.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import snapshot_engine
from snapshot_engine import Config
from snapshot_engine.memory.measure import measure
from snapshot_engine.memory.peak import open_peak_window
from snapshot_engine.memory.testing import known_spike, touch_pages

MIB = 2**20
SPIKE_MB = 50
PEOPLE = "Angela Merkel met Barack Obama in Berlin on Monday. Apple paid Microsoft for a license in London. "


class MemoryOptimizationTester:
    """Runs the seven tests; `results` holds what each returned.

    config: the settings that the engine's parts are made with.
    """

    def __init__(self, config: Config | None = None) -> None:
        self.config = config or Config()
        self.results: list[dict[str, Any]] = []
        self._folder = tempfile.TemporaryDirectory(prefix="memory-optimization-")

    def create_test_vtt_file(self, size_mb: float = 1.0) -> Path:
        """Write a generated transcript of about `size_mb` MiB and return its path; it goes with the tester."""
        from snapshot_engine import synthetic

        path = Path(self._folder.name) / f"transcript-{size_mb:g}.vtt"
        synthetic.write(path, size_mb=size_mb)
        return path

    def test_memory_tracking(self) -> dict[str, Any]:
        """A spike between two looks is seen whole, and is gone afterwards."""
        result: dict[str, Any] = {"test_name": "memory_tracking"}
        with snapshot_engine.MemoryTracker() as tracker:
            baseline = tracker.set_baseline()
            tracker.take_snapshot("before")
            known_spike(SPIKE_MB * MIB)
            tracker.take_snapshot("after")
            analysis = tracker.analyze_memory_usage()
            growth_mb = tracker.get_memory_growth()
        seen_mb = analysis["peak_memory_mb"] - baseline.rss_mb
        result |= {
            "baseline_memory": baseline.rss_mb,
            "peak_memory": analysis["peak_memory_mb"],
            "snapshots": analysis["snapshots_count"],
            "memory_growth": growth_mb,
        }
        return _judged(
            result,
            (abs(seen_mb - SPIKE_MB) <= 3, f"saw {seen_mb:.1f} of a spike of {SPIKE_MB} MB"),
            (analysis["memory_spikes"] == 1, f"{analysis['memory_spikes']} spikes instead of 1"),
            (growth_mb < 5, f"{growth_mb:.1f} MB left of memory that was given back"),
        )

    def test_streaming_vtt_reader(self) -> dict[str, Any]:
        """Every cue of a file comes out, in memory that does not follow the file."""
        path = self.create_test_vtt_file(5.0)
        with path.open("rb") as file:
            written = sum(b"-->" in line for line in file)
        with measure() as span:
            read = sum(1 for _ in snapshot_engine.StreamingVTTReader().read_streaming(path))
        result: dict[str, Any] = {
            "test_name": "streaming_vtt_reader",
            "subtitles_processed": read,
            "memory_growth_mb": span.peak_growth_bytes / MIB,
            "final_memory_mb": span.end_bytes / MIB,
        }
        return _judged(
            result,
            (read == written > 1_000, f"{read} of {written} cues"),
            (span.peak_growth_bytes < 4 * MIB, f"peak {result['memory_growth_mb']:.1f} MB on a 5 MB file"),
        )

    def test_memory_profiling_decorator(self) -> dict[str, Any]:
        """The decorator reports growth and peak, and hands the result through."""
        profiles: list[Any] = []
        kept: list[Any] = []

        @snapshot_engine.memory_profile(report=profiles.append)
        def process(items: int) -> int:
            kept.append(touch_pages(10 * MIB))
            known_spike(20 * MIB)
            return len([str(item) for item in range(items)])

        items = process(10_000)
        kept.pop().close()
        result: dict[str, Any] = {"test_name": "memory_profiling_decorator", "items_processed": items}
        if not profiles:
            return _judged(result, (False, "nothing was reported (ENABLE_MEMORY_PROFILING=false?)"))
        grown_mb, peak_mb = profiles[0].growth_bytes / MIB, profiles[0].peak_growth_bytes / MIB
        return _judged(
            result,
            (items == 10_000, f"the result was {items}"),
            (abs(grown_mb - 10) < 3, f"reported a growth of {grown_mb:.1f} MB, not 10"),
            (abs(peak_mb - 30) < 4, f"reported a peak of {peak_mb:.1f} MB, not 30"),
        )

    def test_memory_limit_decorator(self) -> dict[str, Any]:
        """A runaway is stopped while it runs, near its limit; a modest function is left alone."""

        @snapshot_engine.memory_limit(40, of="growth")
        def take(blocks: int) -> int:
            return len([touch_pages(MIB) for _ in range(blocks)])

        modest, stopped = take(10), False
        with open_peak_window() as window:
            try:
                take(400)
            except MemoryError:
                stopped = True
            peak_mb = (window.peak_bytes() - window.start_bytes) / MIB
        return _judged(
            {"test_name": "memory_limit_decorator", "limit_enforced": stopped},
            (modest == 10, "a function within its limit was disturbed"),
            (stopped, "a runaway of 400 MB finished under a limit of 40 MB"),
            (peak_mb < 40 + 8, f"stopped only at {peak_mb:.1f} MB"),
        )

    def test_memory_efficient_nlp(self) -> dict[str, Any]:
        """A text comes through in pieces that cut no word, with its entities at their places."""
        text = PEOPLE * 150
        processor = snapshot_engine.MemoryEfficientNLPProcessor(self.config)
        list(processor.process_text_streaming(PEOPLE))  # loads the model
        with measure() as span:
            chunks = list(processor.process_text_streaming(text, 200))
        entities = [entity for chunk in chunks for entity in chunk["entities"]]
        misplaced = [entity for entity in entities if text[entity[2] : entity[3]] != entity[0]]
        cut = [chunk for chunk in chunks[:-1] if not chunk["text"][-1:].isspace()]
        result: dict[str, Any] = {
            "test_name": "memory_efficient_nlp",
            "chunks_processed": len(chunks),
            "total_entities": len(entities),
            "memory_growth_mb": span.peak_growth_bytes / MIB,
        }
        return _judged(
            result,
            ("".join(chunk["text"] for chunk in chunks) == text, "the chunks joined are not the text"),
            (len(chunks) >= 10 and not cut, f"{len(chunks)} chunks, {len(cut)} of them end inside a word"),
            (len(entities) >= 150, f"{len(entities)} entities in 150 times the same two sentences"),
            (not misplaced, f"entities at wrong places: {misplaced[:3]}"),
            (span.peak_growth_bytes < 60 * MIB, f"peak {result['memory_growth_mb']:.1f} MB on 15 kB of text"),
        )

    def test_memory_monitoring_service(self) -> dict[str, Any]:
        """The service looks, sees a spike between its looks, and is gone within 0.1 s of being told."""
        threads = set(threading.enumerate())
        service = snapshot_engine.start_memory_monitoring(self.config, interval=0.05)
        with open_peak_window() as window:
            known_spike(SPIKE_MB * MIB)
        _wait(lambda: len(service.tracker.snapshots) >= 3)
        status = snapshot_engine.get_memory_status()
        begun = time.perf_counter()
        snapshot_engine.stop_memory_monitoring()
        seconds = time.perf_counter() - begun
        left = set(threading.enumerate()) - threads
        looks = len(service.tracker.snapshots)
        peak_mb, least_mb = service.tracker.get_peak_memory(), window.peak_bytes() / MIB - 1
        return _judged(
            {
                "test_name": "memory_monitoring_service",
                "snapshots_collected": looks,
                "peak_memory_mb": peak_mb,
            },
            (status["service_running"] is True, "the status says that it does not run"),
            (looks >= 3, f"{looks} looks"),
            (peak_mb >= least_mb, f"peak {peak_mb:.1f} MB, the kernel saw {least_mb + 1:.1f}"),
            (not left, f"threads left: {left}"),
            (seconds < 1.0, f"stopping took {seconds:.1f} s"),
        )

    def test_processor_memory_optimization(self) -> dict[str, Any]:
        """A transcript becomes a document, in memory that four times the file does not raise."""
        processor = snapshot_engine.TranscriptProcessor(self.config)
        small, large = self.create_test_vtt_file(0.05), self.create_test_vtt_file(0.2)
        processor.process_file(small, small.with_suffix(".md"))  # loads the model
        with measure() as span:
            output = processor.process_file(large, large.with_suffix(".md"))
        written = output.stat().st_size if output.exists() else 0
        result: dict[str, Any] = {
            "test_name": "processor_memory_optimization",
            "output_created": output.exists(),
            "output_size_bytes": written,
            "memory_growth_mb": span.peak_growth_bytes / MIB,
            "peak_memory_mb": span.peak_bytes / MIB,
        }
        return _judged(
            result,
            (written > 500, f"the document holds {written} bytes"),
            (span.peak_growth_bytes < 40 * MIB, f"peak {result['memory_growth_mb']:.1f} MB above its start"),
        )

    def run_all_tests(self) -> dict[str, Any]:
        """Run the seven, each to its end, and return the counts and what each returned."""
        self.results = [run_one(test) for test in self.all_tests()]
        passed = sum(result["success"] for result in self.results)
        total = len(self.results)
        return {
            "total_tests": total,
            "passed": passed,
            "failed": total - passed,
            "success_rate": 100 * passed / total,
            "results": self.results,
        }

    def all_tests(self) -> list[Callable[[], dict[str, Any]]]:
        """Return the seven, in the document's order."""
        return [
            self.test_memory_tracking,
            self.test_streaming_vtt_reader,
            self.test_memory_profiling_decorator,
            self.test_memory_limit_decorator,
            self.test_memory_efficient_nlp,
            self.test_memory_monitoring_service,
            self.test_processor_memory_optimization,
        ]

    def close(self) -> None:
        """Remove the files made."""
        self._folder.cleanup()


def run_one(test: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Run one test; an exception is a failure with its name, not the end of the run."""
    try:
        return test()
    except Exception as error:
        name = test.__name__.removeprefix("test_")
        return {"test_name": name, "success": False, "error": f"{type(error).__name__}: {error}"}


def _judged(result: dict[str, Any], *checks: tuple[bool, str]) -> dict[str, Any]:
    """Add `success`, and `error` with every sentence whose check failed."""
    failures = [sentence for kept, sentence in checks if not kept]
    result["success"] = not failures
    if failures:
        result["error"] = "; ".join(failures)
    return result


def _wait(until: Callable[[], bool], most_seconds: float = 5.0) -> None:
    """Wait until it holds; whether it does is for the caller to judge."""
    for _ in range(int(most_seconds / 0.02)):
        if until():
            return
        time.sleep(0.02)


def main() -> int:
    """Run all, print a line for each, return 0 when all passed, else 1."""
    tester = MemoryOptimizationTester()
    try:
        report = tester.run_all_tests()
    finally:
        tester.close()
    for result in report["results"]:
        figures = ", ".join(
            f"{key}={value:.1f}" if isinstance(value, float) else f"{key}={value}"
            for key, value in result.items()
            if key not in ("test_name", "success", "error")
        )
        print(
            f"{'ok    ' if result['success'] else 'FAILED'} {result['test_name']}: {result.get('error', figures)}"
        )
    print(f"{report['passed']} of {report['total_tests']} passed ({report['success_rate']:.0f} %)")
    return 0 if report["failed"] == 0 else 1


# What pytest collects -----------------------------------------------------------

KEYS = {
    "memory_tracking": "baseline_memory peak_memory snapshots memory_growth",
    "streaming_vtt_reader": "subtitles_processed memory_growth_mb final_memory_mb",
    "memory_profiling_decorator": "items_processed",
    "memory_limit_decorator": "limit_enforced",
    "memory_efficient_nlp": "chunks_processed total_entities memory_growth_mb",
    "memory_monitoring_service": "snapshots_collected peak_memory_mb",
    "processor_memory_optimization": "output_created output_size_bytes memory_growth_mb peak_memory_mb",
}
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the figures are the kernel's")


def test_all_seven_pass_in_a_process_of_their_own():
    """As a user runs them; the model makes this the slow one."""
    import subprocess

    pytest.importorskip("numpy", reason="the engine extra is not installed")
    done = subprocess.run([sys.executable, __file__], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "7 of 7 passed (100 %)" in done.stdout


@linux
def test_the_documented_command_for_one_test(monkeypatch):
    result = MemoryOptimizationTester().test_streaming_vtt_reader()
    assert result["success"], result


@linux
@pytest.mark.parametrize(
    "name", ["memory_tracking", "memory_profiling_decorator", "memory_monitoring_service"]
)
def test_each_result_has_its_documented_keys(name, monkeypatch):
    monkeypatch.delenv("ENABLE_MEMORY_PROFILING", raising=False)
    result = getattr(MemoryOptimizationTester(), f"test_{name}")()
    assert result["test_name"] == name
    assert result["success"], result
    assert set(KEYS[name].split()) <= set(result)


class Blind:
    """A tracker that sees nothing between its looks."""

    rss_mb = 100.0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def set_baseline(self):
        return self

    def take_snapshot(self, label):
        pass

    def analyze_memory_usage(self):
        return {"peak_memory_mb": 100.0, "snapshots_count": 2, "memory_spikes": 0}

    def get_memory_growth(self):
        return 0.0


class Reader:
    def read_streaming(self, path):
        yield "the only cue"


class Language:
    def __init__(self, config):
        pass

    def process_text_streaming(self, text, chunk_size=500):
        half = len(text) // 2 + 3  # inside a word
        yield {"text": text[:half], "entities": [("Nobody", "PERSON", 0, 6)]}
        yield {"text": text[half:], "entities": []}


class Processor:
    def __init__(self, config):
        pass

    def process_file(self, source, output):
        output.write_text("")
        return output


class Service:
    tracker = type("Tracker", (), {"get_peak_memory": lambda self: 1.0, "snapshots": [1, 2, 3]})()


def unlimited(mb, of="process"):
    return lambda function: function


FAULTS = {
    "memory_tracking": ({"MemoryTracker": Blind}, "saw 0.0 of a spike of 50 MB"),
    "streaming_vtt_reader": ({"StreamingVTTReader": Reader}, "1 of "),
    "memory_profiling_decorator": (
        {"memory_profile": lambda report: lambda function: function},
        "nothing was reported",
    ),
    "memory_limit_decorator": ({"memory_limit": unlimited}, "a runaway of 400 MB finished"),
    "memory_efficient_nlp": ({"MemoryEfficientNLPProcessor": Language}, "end inside a word"),
    "memory_monitoring_service": (
        {
            "start_memory_monitoring": lambda config, interval: Service(),
            "get_memory_status": lambda: {"service_running": False},
        },
        "the status says that it does not run",
    ),
    "processor_memory_optimization": ({"TranscriptProcessor": Processor}, "the document holds 0 bytes"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_each_of_the_seven_fails_on_a_planted_fault(name, monkeypatch):
    names, sentence = FAULTS[name]
    for public_name, fault in names.items():
        monkeypatch.setattr(snapshot_engine, public_name, fault)
    tester = MemoryOptimizationTester()
    result = run_one(getattr(tester, f"test_{name}"))
    tester.close()
    assert result["success"] is False
    assert sentence in result["error"]
    assert result["test_name"] == name
    assert set(KEYS[name].split()) <= set(result)


def test_a_test_that_raises_is_a_failure_with_its_name(monkeypatch):
    monkeypatch.setattr(snapshot_engine, "MemoryTracker", lambda: 1 / 0)
    result = run_one(MemoryOptimizationTester().test_memory_tracking)
    assert result == {
        "test_name": "memory_tracking",
        "success": False,
        "error": "ZeroDivisionError: division by zero",
    }


@pytest.mark.parametrize(("failing", "exit_code"), [(0, 0), (2, 1)])
def test_the_report_counts_and_the_exit_code_follows(monkeypatch, capsys, failing, exit_code):
    results = [
        lambda number=number: {
            "test_name": f"test {number}",
            "figure": 1.25,
            **_judged({}, (number >= failing, "why")),
        }
        for number in range(7)
    ]
    monkeypatch.setattr(MemoryOptimizationTester, "all_tests", lambda self: results)
    assert main() == exit_code
    out = capsys.readouterr().out
    assert out.count("FAILED") == failing
    assert f"{7 - failing} of 7 passed" in out
    report = MemoryOptimizationTester().run_all_tests()
    assert (report["total_tests"], report["passed"], report["failed"]) == (7, 7 - failing, failing)
    assert report["success_rate"] == pytest.approx(100 * (7 - failing) / 7)
    assert len(report["results"]) == 7


def test_the_test_files_are_as_large_as_asked_and_go_with_the_tester():
    tester = MemoryOptimizationTester()
    path = tester.create_test_vtt_file(0.1)
    assert path.stat().st_size == pytest.approx(0.1 * MIB, rel=0.05)
    assert path.read_bytes().startswith(b"WEBVTT")
    tester.close()
    assert not path.exists()


if __name__ == "__main__":
    sys.exit(main())
