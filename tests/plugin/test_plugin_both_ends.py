"""Both ends of a resident reading are in every report, not only what was seen."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from pytest_snapshot_memory import report_ci, report_csv, report_html, report_json, report_markdown
from pytest_snapshot_memory.record import PhaseReading, TestRecord
from pytest_snapshot_memory.report import Report, growth_text

MB = 2**20

_PROJECT = """
import mmap
import pytest

@pytest.fixture
def mapped():
    with open("mapped.bin", "rb") as file:
        pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    yield pages
    pages.close()

def test_reads_a_file(mapped):
    sum(mapped[at] for at in range(0, len(mapped), 4096))
"""


def _report(**changes: Any) -> Report:
    facts: dict[str, Any] = {"phase": "call", "gauge": "resident", "start_bytes": 100 * MB}
    facts |= {"peak_bytes": 137 * MB, "end_bytes": 100 * MB, **changes}
    record = TestRecord(nodeid="t.py::test_a", outcome="passed", phases=(PhaseReading(**facts),))
    return Report(records=(record, TestRecord(nodeid="t.py::test_b", outcome="skipped")))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "37.0 MiB"),
        ({"slack_bytes": 3 * MB, "reusable_bytes": 3 * MB}, "37.0 MiB"),  # within a tenth: not worth a word
        ({"reusable_bytes": 4 * MB}, "37.0 MiB to 41.0 MiB"),
        ({"slack_bytes": 4 * MB}, "37.0 MiB (at least 33.0 MiB)"),
        ({"file_bytes": 4 * MB}, "37.0 MiB (at least 33.0 MiB)"),
        ({"file_bytes": -4 * MB}, "37.0 MiB to 41.0 MiB"),
        ({"slack_bytes": 40 * MB, "reusable_bytes": 8 * MB}, "37.0 MiB to 45.0 MiB (at least 0 B)"),
    ],
)
def test_html_and_markdown_say_the_ends_where_they_are_far(changes: dict[str, int], text: str) -> None:
    report = _report(**changes)
    assert growth_text(report.records[0]) == text
    assert text in report_html.render(report).replace("&nbsp;", " ")
    assert text in report_markdown.render(report)
    for page in (report_html.render(report), report_markdown.render(report)):
        assert ("a to b: what was seen" in page) == (" to " in text)
        assert ("at least: without" in page) == ("at least" in text)


def test_the_bar_ends_where_the_certain_part_does() -> None:
    page = report_html.render(_report(slack_bytes=37 * MB // 2, reusable_bytes=37 * MB))
    widths = dict(
        re.findall(r'<rect class="(maybe|seen|least)" width="([\d.]+)"', page.partition("test_b")[0])
    )
    assert widths == {"maybe": "100.0", "seen": "50.0", "least": "25.0"}


def test_csv_has_the_lower_end_in_a_last_column() -> None:
    text = report_csv.render(_report(slack_bytes=7 * MB, file_bytes=2 * MB, reusable_bytes=MB))
    measured, skipped = csv.DictReader(io.StringIO(text))
    assert measured["growth_lower_bytes"] == str(28 * MB)
    assert measured["growth_upper_bytes"] == str(38 * MB)
    assert skipped["growth_lower_bytes"] == ""
    header, *rows = csv.reader(io.StringIO(text))
    assert header[-1] == "growth_lower_bytes"
    assert header[13:15] == ["excess_bytes", "worker"]
    assert {len(row) for row in rows} == {len(header)}


def test_the_formats_of_ci_carry_both_ends() -> None:
    report = _report(slack_bytes=7 * MB, reusable_bytes=MB)
    measured = report.records[0]
    properties = report_ci.junit_properties(measured)
    ends = (properties["memory.growth_lower_bytes"], properties["memory.growth_upper_bytes"])
    assert ends == (str(30 * MB), str(38 * MB))
    assert report_ci.ctrf_extra(measured)["memory"]["growth_lower_bytes"] == 30 * MB
    (shown,) = json.loads(report_ci.github_action_benchmark(report))
    assert shown["range"] == f"+{MB} -{7 * MB}"
    growth = json.loads(report_ci.bencher(report))["t.py::test_a"]["memory-growth"]
    assert growth == {"value": 37 * MB, "lower_value": 30 * MB, "upper_value": 38 * MB}
    assert report_json.parse(report_json.render(report)) == report


@pytest.mark.parametrize(
    "way", [[], ["--memory-limit-default=500 MB"], ["-n1"]], ids=["plain", "limit", "xdist"]
)
def test_junit_xml_has_the_ends_that_json_has(
    run_project: Any, pytester: pytest.Pytester, way: list[str]
) -> None:
    (pytester.path / "mapped.bin").write_bytes(b"x" * (4 * MB))
    pytester.makepyfile(_PROJECT)
    run_project("--memory-report", "--memory-json=out.json", "--junitxml=out.xml", *way).assert_outcomes(
        passed=1
    )
    (test,) = json.loads((pytester.path / "out.json").read_text())["tests"]
    (call,) = [phase for phase in test["phases"] if phase["phase"] == "call"]
    told = _properties(pytester.path / "out.xml")
    for name in ("growth_bytes", "growth_lower_bytes", "growth_upper_bytes", "retained_bytes"):
        assert int(told[f"memory_{name}"]) == call[name], name
    assert call["growth_lower_bytes"] <= call["growth_bytes"] < call["growth_upper_bytes"]


def _properties(path: Path) -> dict[str, str]:
    cases = ElementTree.parse(path).getroot().iter("property")
    return {one.attrib["name"]: one.attrib["value"] for one in cases}
