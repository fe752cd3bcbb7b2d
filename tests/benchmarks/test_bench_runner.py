"""Rounds: in turns, until stable, resumed, and broken only by what must not fail."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from benchmarks.case import Case, Outcome
from benchmarks.results import Results, Store
from benchmarks.runner import BrokenRun, Runner, needs_more, next_round


def case(label: str, code: str = "pass", **options: object) -> Case:
    return Case(
        chapter="test",
        label=label,
        facts={"size_mib": 1},
        command=(sys.executable, "-I", "-S", "-c", code),
        **options,  # type: ignore[arg-type]
    )


def outcome(label: str, number: int, cpu: float, failure: str = "") -> Outcome:
    return Outcome(
        chapter="test", label=label, facts={"size_mib": 1}, round=number, cpu_seconds=cpu, wall_seconds=cpu,
        peak_bytes=2**20, exit_code=0, signal=None, failure=failure,
    )  # fmt: skip


def test_every_case_gets_its_turn_before_any_gets_a_second() -> None:
    cases = [case("a"), case("b")]
    done = Results([outcome("a", 1, 1.0)], {})
    assert [one.label for one in next_round(cases, done)] == ["a", "b"]
    done = Results([outcome("a", n, 1.0) for n in (1, 2, 3)], {})
    assert [one.label for one in next_round(cases, done)] == ["b"]


@pytest.mark.parametrize(
    ("cpus", "more"),
    [
        ([], True),
        ([1.0, 1.0], True),
        ([1.0, 1.01, 1.02], False),
        ([1.0, 1.5, 2.0], True),
        ([1.0, 1.5, 2.0, 1.1, 1.9, 1.2, 1.7], False),
    ],
)
def test_runs_are_repeated_until_stable_or_given_up(cpus: list[float], more: bool) -> None:
    assert needs_more(case("a"), [outcome("a", n, cpu) for n, cpu in enumerate(cpus)]) is more


def test_once_means_once() -> None:
    assert not needs_more(case("a", rounds=1), [outcome("a", 1, 1.0)])


def test_a_failure_is_a_result_where_it_may_be_and_tried_again_where_not() -> None:
    failed = [outcome("a", 1, 1.0, failure="signal 9")]
    assert not needs_more(case("a", may_fail=True), failed)
    assert needs_more(case("a"), failed)


def test_a_second_run_goes_on_where_the_first_stopped(tmp_path: Path) -> None:
    store = Store(tmp_path / "results.jsonl")
    store.begin({"python": "test"})
    Runner(store, stream=io.StringIO()).run([case("a", rounds=1)])
    said: list[Outcome] = []
    results = Runner(store, stream=io.StringIO()).run(
        [case("a", rounds=1), case("b", rounds=1)], announce=said.append
    )
    assert [one.label for one in said] == ["b"]
    assert results.environment == {"python": "test"}
    assert len(results.find("test", "a")) == 1


def test_what_must_not_fail_breaks_the_run_and_says_how(tmp_path: Path) -> None:
    store = Store(tmp_path / "results.jsonl")
    with pytest.raises(BrokenRun, match=r"test, bad .* exit 1: ValueError: seven"):
        Runner(store, stream=io.StringIO()).run([case("bad", "raise ValueError('seven')")])


def test_results_survive_the_file(tmp_path: Path) -> None:
    store = Store(tmp_path / "deep" / "results.jsonl")
    one = outcome("a", 1, 0.5)
    store.add(one)
    store.add(outcome("b", 1, 0.5))
    assert store.load().outcomes[0] == one
    store.forget(["test"])
    assert store.load().outcomes == []


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text('{"environment": {}}\n{"outc')
    with pytest.raises(ValueError, match="line 2: not JSON"):
        Store(path).load()


def test_failed_runs_give_no_figure() -> None:
    results = Results([outcome("a", 1, 1.0, failure="signal 9")], {})
    assert results.figure("test", "a", lambda o: o.cpu_seconds) is None
