"""Table 5, the plugin against its peers: what it costs, whether its numbers are right, whether they repeat."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from benchmarks import inputs
from benchmarks.case import Case, workload
from benchmarks.charts import BarChart
from benchmarks.figures import MIB, whole_cpu
from benchmarks.results import Results
from benchmarks.summary import median_interval
from benchmarks.table import Bar, Page, Table
from benchmarks.workloads.plugin import READINGS, WAYS, pytest_command

NAME = "plugin"
PLAIN, IDLE, REPORT = "plain pytest", "ours, idle", "ours, --memory-report"
SHUFFLED = ("ours", "ours, isolated", "ours, python gauge", "pytest-memray")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What one test of the suite takes, in bytes; several where what is counted decides.

    where: "call", or "setup" for a fixture's memory.
    """

    truths: tuple[int, ...]
    where: str = "call"


_N = 50_000_000
# ints of 32 bytes and the list's pointers
_INTS = 40_400_000
# strings and the list's pointers: asked for (119 bytes a string), and occupied (128)
_STRINGS = (50_900_000, 54_600_000)
KNOWN: dict[str, Known] = {
    "test_00_nothing": Known(truths=(0,)),
    "test_01_bytearray_touched": Known(truths=(_N,)),
    "test_02_npempty_untouched": Known(truths=(0, _N)),
    "test_03_npzeros_untouched": Known(truths=(0, _N)),
    "test_04_npones_touched": Known(truths=(_N,)),
    "test_05_alloc_free_x3": Known(truths=(_N,)),
    "test_06_small_objects": Known(truths=(_INTS,)),
    "test_07_small_strs": Known(truths=_STRINGS),
    "test_08_thread": Known(truths=(_N,)),
    # the source text and the strings made from it are alive together
    "test_09_json_c": Known(truths=tuple(29_600_000 + strings for strings in _STRINGS)),
    # asked for: the zeros, the result's parts and the result; resident: without the untouched zeros
    "test_10_zlib_c": Known(truths=(2 * _N, 131_000_000)),
    "test_11_mmap_anon_touched": Known(truths=(_N,)),
    "test_12_fixture": Known(truths=(_N,), where="setup"),
    "test_13_subprocess": Known(truths=(_N,)),
    "test_14_fork_child": Known(truths=(_N,)),
    "test_15_leak_50MB": Known(truths=(_N,)),
    "test_16_after_leak_nothing": Known(truths=(0,)),
    "test_17_reuse_after_free": Known(truths=(_INTS,)),
    "test_18_short_spike": Known(truths=(_N,)),
    "test_19_failing": Known(truths=(_N,)),
    "test_20_unittest": Known(truths=(_N,)),
    "test_21_asyncrun": Known(truths=(_N,)),
    "test_22_fragment_setup": Known(truths=(_INTS,)),
    "test_23_arena_reuse": Known(truths=(_INTS,)),
    "test_24_generator_stream": Known(truths=(0,)),
}


def judge_number(known: Known, numbers: tuple[int, int, int] | None) -> str:
    """Return "right", "unsure" or "wrong" for what was reported of one test.

    right: within 5 % or 1 MiB of a truth. unsure: not, but the report gave an
    interval and a truth lies in it, so nobody was misled. No number is wrong.
    """
    if numbers is None:
        return "wrong"
    shown, most, setup = numbers
    if known.where == "setup":
        shown, most = max(shown, setup), max(most, setup)
    for truth in known.truths:
        if abs(shown - truth) <= max(MIB, 0.05 * truth):
            return "right"
    return "unsure" if any(shown <= truth <= most + MIB for truth in known.truths) else "wrong"


def cases(scale: str) -> list[Case]:
    data = inputs.shared_data()
    if data is None:
        return []
    suites = data / "plugin_suites"
    found = [
        Case(
            chapter=NAME,
            label=f"overhead, {way}",
            facts={},
            command=pytest_command(way, str(suites / "overhead")),
            collect=lambda _: {},
            rounds=2 if scale == "quick" else (3 if "--memray" in way or "gauge" in way else 7),
            most_rounds=2 if scale == "quick" else (3 if "--memray" in way or "gauge" in way else 7),
        )
        for way in WAYS
    ]
    for way in READINGS:
        command = workload("plugin:truth", way=way, folder=str(suites / "accuracy"))
        found.append(Case(chapter=NAME, label=f"truth, {way}", facts={}, command=command, rounds=1))
    for way in SHUFFLED:
        command = workload(
            "plugin:shuffled", way=way, folder=str(suites / "overhead"), runs=2 if scale == "quick" else 8
        )
        found.append(Case(chapter=NAME, label=f"shuffled, {way}", facts={}, command=command, rounds=1))
    return found


def _overhead(results: Results, way: str) -> list[float]:
    """Return CPU ratios to plain pytest, run by run of the same round."""
    plain = {o.round: whole_cpu(o) for o in results.find(NAME, f"overhead, {PLAIN}") if not o.failure}
    return [
        whole_cpu(o) / plain[o.round]
        for o in results.find(NAME, f"overhead, {way}")
        if not o.failure and o.round in plain
    ]


def _verdicts(results: Results, way: str) -> dict[str, str]:
    runs = [o for o in results.find(NAME, f"truth, {way}") if not o.failure]
    if not runs:
        return {}
    reported = runs[-1].work["reported"]
    return {
        test: judge_number(known, (lambda n: (n[0], n[1], n[2]) if n else None)(reported.get(test)))
        for test, known in KNOWN.items()
    }


def spread_of(values: dict[str, list[int]]) -> float | None:
    """Return the 95th percentile over tests of (highest - lowest) / median; a zero median counts as 1 KiB."""
    spreads = [
        (max(found) - min(found)) / max(1024, statistics.median(found))
        for found in values.values()
        if len(found) > 1
    ]
    if len(spreads) < 2:
        return None
    return statistics.quantiles(spreads, n=20, method="inclusive")[-1]


def _spread(results: Results, way: str) -> float | None:
    runs = [o for o in results.find(NAME, f"shuffled, {way}") if not o.failure]
    return spread_of(runs[-1].work["values"]) if runs else None


def _overhead_table(results: Results) -> Table:
    rows = []
    for way in WAYS:
        if len(found := _overhead(results, way)) < 2:
            continue
        low, high = median_interval(found)
        rows.append((way, f"{statistics.median(found):.3f}x", f"{low:.3f} to {high:.3f}", str(len(found))))
    return Table(
        headers=("run", "CPU time", "95 % interval", "pairs"),
        rows=tuple(rows),
        caption="CPU time of a suite of 300 small tests against plain pytest, pairs of neighbouring runs.",
    )


def _truth_table(results: Results) -> Table:
    rows = []
    for way in READINGS:
        verdicts = _verdicts(results, way)
        if not verdicts:
            continue
        count = {kind: sum(v == kind for v in verdicts.values()) for kind in ("right", "unsure", "wrong")}
        wrong = ", ".join(test[5:] for test, verdict in verdicts.items() if verdict == "wrong")
        rows.append((way, str(count["right"]), str(count["unsure"]), str(count["wrong"]), wrong or "–"))
    return Table(
        headers=("numbers of", "right", "said to be unsure", "wrong", "which"),
        rows=tuple(rows),
        caption=f"{len(KNOWN)} tests that take a known amount. Right: within 5 % or 1 MiB; "
        "said to be unsure: the truth lies in the interval that was printed.",
    )


def _spread_table(results: Results) -> Table:
    rows = [(way, f"{spread:.2%}") for way in SHUFFLED if (spread := _spread(results, way)) is not None]
    return Table(
        headers=("numbers of", "spread (p95)"),
        rows=tuple(rows),
        caption="The same 60 tests in shuffled order: highest minus lowest over the median, 95th percentile of tests.",
    )


def _cost_bar(results: Results, way: str, most: float) -> Bar:
    found = _overhead(results, way)
    promise = f"{way}: at most {most:.2f}x plain pytest"
    if len(found) < 2:
        return Bar(promise=promise, measured="no result", met=None)
    middle = statistics.median(found)
    low, high = median_interval(found)
    return Bar(promise=promise, measured=f"{middle:.3f}x ({low:.3f} to {high:.3f})", met=middle <= most)


def _more_right_bar(results: Results) -> Bar:
    ours = {way: _verdicts(results, way) for way in READINGS if way.startswith("ours")}
    theirs = _verdicts(results, "pytest-memray")
    promise = "more tests right than pytest-memray, and none silently wrong that it gets right"
    if not theirs or not any(ours.values()):
        return Bar(promise=promise, measured="no result", met=None)
    best = max(ours, key=lambda way: sum(v == "right" for v in ours[way].values()))
    mine = sum(v == "right" for v in ours[best].values())
    peer = sum(v == "right" for v in theirs.values())
    lost = [t[5:] for t in KNOWN if ours[best].get(t) == "wrong" and theirs[t] == "right"]
    return Bar(
        promise=promise,
        measured=f"{mine} ({best}) against {peer} of {len(KNOWN)}"
        + (f"; lost: {', '.join(lost)}" if lost else ""),
        met=mine > peer and not lost,
    )


def _repeat_bar(results: Results) -> Bar:
    ours, theirs = _spread(results, "ours, isolated"), _spread(results, "pytest-memray")
    promise = "isolated: numbers repeat within 5 % in any order"
    if ours is None:
        return Bar(promise=promise, measured="no result", met=None)
    beside = f" (pytest-memray: {theirs:.0%})" if theirs is not None else ""
    return Bar(promise=promise, measured=f"{ours:.2%}{beside}", met=ours <= 0.05)


def page(results: Results) -> Page:
    bars = tuple(
        (way, statistics.median(found), way.startswith("ours"))
        for way in WAYS
        if len(found := _overhead(results, way)) >= 2
    )
    chart = BarChart(name="plugin-overhead", title="CPU time of a 300-test suite against plain pytest", unit="x", bars=bars)  # fmt: skip
    missing = (
        ()
        if results.find(NAME, f"overhead, {PLAIN}")
        else (f"No results: the suites lie in a data folder that ${inputs.DATA_VARIABLE} names.",)
    )
    return Page(
        name=NAME,
        title="The plugin against its peers",
        line="What the pytest plugin costs a suite, how many of 25 known allocations it reports rightly, and "
        "whether it says the same when the tests run in another order.",
        tables=(_overhead_table(results), _truth_table(results), _spread_table(results)),
        charts=(chart,) if bars else (),
        bars=(
            _cost_bar(results, IDLE, 1.01),
            _cost_bar(results, REPORT, 1.05),
            _more_right_bar(results),
            _repeat_bar(results),
        ),
        notes=missing,
    )
