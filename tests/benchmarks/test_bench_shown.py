"""Tables, pictures and reports: what a reader gets to see."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from benchmarks import chapters, report
from benchmarks.case import Outcome
from benchmarks.chapters import tiers
from benchmarks.charts import DARK, LIGHT, BarChart, LineChart, number, render
from benchmarks.results import Results
from benchmarks.table import Bar, Table, as_markdown, as_text
from benchmarks.tiers import TIERS, tier_of

MIB = 2**20
ABOUT = {
    "date": "2026-11-22", "commit": "abc1234", "python": "CPython 3.11.7", "system": "Linux 6.18 x86_64",
    "processor": "a processor", "cores": 2, "memory_mib": 24105, "versions": {"numpy": "2.4.6"},
}  # fmt: skip


def run_of(tier_name: str, size_mib: float, peak_mib: float, failure: str = "", **work: object) -> Outcome:
    return Outcome(
        chapter="tiers", label="engine", round=1, cpu_seconds=2.0, wall_seconds=2.0,
        facts={"tier": tier_name, "size_mib": size_mib, "size_bytes": int(size_mib * MIB)},
        peak_bytes=int(peak_mib * MIB), exit_code=0, signal=None, failure=failure,
        work={"cues": 1000, "words": 20_000, "strategy": "chunked", "annotator": "lean", **work},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("size_mib", "name"), [(0, "<1"), (0.99, "<1"), (1, "1-10"), (10, "10-50"), (50, ">50"), (5000, ">50")]
)
def test_the_edge_belongs_to_the_tier_above(size_mib: float, name: str) -> None:
    assert tier_of(int(size_mib * MIB)).name == name


@pytest.mark.parametrize("scale", ["quick", "default", "full"])
def test_every_size_that_is_tried_is_of_its_tier(scale: str) -> None:
    for tier in TIERS:
        assert tier_of(int(tier.size_mib(scale) * MIB)) is tier


def test_the_tier_table_has_every_figure_that_was_promised() -> None:
    idle = Outcome(
        chapter="tiers", label=tiers.IDLE, facts={}, round=1, cpu_seconds=0.3, wall_seconds=0.3,
        peak_bytes=45 * MIB, exit_code=0, signal=None,
    )  # fmt: skip
    table = tiers.tier_table(Results([idle, run_of("1-10", 5, 58.25)], ABOUT))
    (row,) = table.rows
    assert dict(zip(table.headers, row, strict=True)) == {
        "tier MB": "1-10", "file MiB": "5.00", "cues": "1,000", "words": "20,000", "strategy": "chunked",
        "target MiB": "200", "peak MiB": "58.2", "headroom MiB": "141.8", "over idle MiB": "+13.2",
        "words/s": "10,000", "MiB/s": "2.50", "words/CPU s": "10,000", "verdict": "within",
    }  # fmt: skip


def test_a_tier_over_its_target_is_said_to_be_over() -> None:
    results = Results([run_of("<1", 0.5, 100.0)], ABOUT)
    assert tiers.tier_table(results).rows[0][-1] == "OVER"
    assert [bar.verdict for bar in tiers.page(results).bars] == ["MISSED", "MISSED"]


def test_what_the_process_says_of_itself_counts_where_it_is_more() -> None:
    """Its gauges may have reset the kernel's mark, so that the outside sees too little."""
    results = Results([run_of("<1", 0.5, 40.0, said_peak_mib=130.0)], ABOUT)
    assert tiers.tier_table(results).rows[0][-1] == "OVER"


def test_a_failed_tier_is_no_pass() -> None:
    results = Results([run_of("<1", 0.5, 10.0, failure="signal 9")], ABOUT)
    assert tiers.tier_table(results).rows[0][-1] == "FAILED"
    assert not any(bar.met for bar in tiers.page(results).bars)


def test_every_chapter_can_be_shown_without_results_and_claims_nothing() -> None:
    for name in chapters.NAMES:
        page = chapters.chapter(name).page(Results([], {}))
        assert page.title
        assert [bar for bar in page.bars if bar.met is not None] == []


def test_text_tables_line_up() -> None:
    table = Table(headers=("reader", "MiB/s"), rows=(("ours", "98.1"), ("webvtt-py", "5.5")))
    assert as_text(table) == ["reader     MiB/s", "---------  -----", "ours        98.1", "webvtt-py    5.5"]


def test_markdown_cells_cannot_break_their_row() -> None:
    assert "a\\|b" in as_markdown(Table(headers=("x",), rows=(("a|b",),)))


def test_not_measured_is_not_met() -> None:
    assert Bar(promise="p", measured="no result", met=None).verdict == "not measured"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.00123, "0.0012"), (1.234, "1.23"), (45.6, "45.6"), (1234567.0, "1,234,567")],
)
def test_values_are_written_without_exponents(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize("theme", [LIGHT, DARK])
@pytest.mark.parametrize(
    "chart",
    [
        BarChart(name="b", title="<a> & 'b'", unit="MiB", bars=(("ours", 1.0, True), ("peer", 900.0, False)), limits=(100.0, None)),
        BarChart(name="l", title="t", unit="x", bars=(("ours", 1.0, True), ("peer", 900.0, False)), logarithmic=True),
        LineChart(name="g", title="t", x_title="x", y_title="y", series=(("a", ((1, 10), (1024, 10.5))),)),
        LineChart(name="f", title="t", x_title="x", y_title="y", series=(("flat", ((1, 5), (2, 5))),), logarithmic_x=False),
    ],
)  # fmt: skip
def test_pictures_are_well_formed_and_inside_their_frame(chart: BarChart | LineChart, theme: object) -> None:
    root = ElementTree.fromstring(render(chart, theme))  # type: ignore[arg-type]
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for element in root.iter():
        for name, most in (("x", width), ("y", height), ("cx", width), ("cy", height)):
            assert 0 <= float(element.attrib.get(name, 0)) <= most
        assert float(element.attrib.get("width", 0)) <= width


def test_a_longer_value_has_a_longer_bar() -> None:
    chart = BarChart(name="b", title="t", unit="", bars=(("small", 1.0, True), ("large", 4.0, False)))
    widths = [
        float(e.attrib["width"])
        for e in ElementTree.fromstring(render(chart, LIGHT))
        if e.tag.endswith("rect")
    ]
    assert widths[1] == pytest.approx(4 * widths[0], rel=0.01)


def test_the_report_fills_marked_blocks_and_leaves_the_rest(tmp_path: Path) -> None:
    readme = "# Title\n\n<!-- benchmarks:tiers -->\nold\n<!-- /benchmarks -->\n\nText stays.\n"
    (tmp_path / "README.md").write_text(readme)
    results = Results([run_of("1-10", 5, 58.25)], ABOUT)
    changed = report.write_report(results, root=tmp_path)
    written = (tmp_path / "README.md").read_text()
    assert "| 1-10 | 5.00 | 1,000 |" in written
    assert "old" not in written
    assert written.endswith("Text stays.\n")
    assert written.startswith("# Title\n\n<!-- benchmarks:tiers -->\n")
    assert Path("docs/benchmarks.md") in changed
    assert (tmp_path / "docs/images/benchmarks/tiers-dark.svg").exists()
    assert report.write_report(results, check=True, root=tmp_path) == []


def test_check_writes_nothing_and_names_what_differs(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("<!-- benchmarks:verdicts --><!-- /benchmarks -->\n")
    results = Results([run_of("<1", 0.5, 120.0)], ABOUT)
    assert Path("README.md") in report.write_report(results, check=True, root=tmp_path)
    assert not (tmp_path / "docs").exists()


def test_what_is_lost_is_printed_like_what_is_won(tmp_path: Path) -> None:
    text = report.document(Results([run_of("<1", 0.5, 120.0), run_of("1-10", 5, 60.0)], ABOUT))
    assert "| <1 MB in less than 100 MiB (0.5 MiB file) | 120.0 MiB | MISSED |" in text
    assert "| 1-10 MB in less than 200 MiB (5 MiB file) | 60.0 MiB | met |" in text
