from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
from html.parser import HTMLParser

import pytest
from gate_builders import HERE, reading, record
from hypothesis import given, settings, strategies as st

from pytest_snapshot_memory import report_ci, report_csv, report_html, report_json, report_markdown
from pytest_snapshot_memory.record import AllocationSite, BudgetTerms, TestRecord
from pytest_snapshot_memory.regression import Comparison, Verdict
from pytest_snapshot_memory.report import Report

MIB = 2**20
EVIL = (
    "t.py::test[\"'><script>alert(1)</script><img src=x>|`a`|@everyone :tada:\n::error::\x1b[31m\u202e,%=\\]"
)


def over_limit(nodeid: str) -> TestRecord:
    return TestRecord(
        nodeid=nodeid,
        outcome="failed",
        file="tests/a,b:c.py",
        line=12,
        phases=(reading(3_000, phase="fixture:model"), reading(61_000, retained_kib=512)),
        budget=BudgetTerms(limit_bytes=20 * MIB),
        verdict="exceeded",
        excess_bytes=40 * MIB,
        sites=(AllocationSite(size_bytes=60 * MIB, count=1, file="app/<load>.py", line=33, function="read"),),
        decided_by="forked child",
    )


def make_report(nodeid: str = "tests/test_a.py::test_one") -> Report:
    return Report(
        records=(
            over_limit(nodeid),
            record("t.py::small", 10),
            record("t.py::skipped", 0, outcome="skipped"),
        ),
        environment=HERE.to_plain(),
        comparisons=(
            Comparison(nodeid=nodeid, verdict=Verdict.REGRESSED, old_bytes=20 * MIB, new_bytes=60 * MIB),
            Comparison(nodeid="t.py::small", verdict=Verdict.UNCHANGED, old_bytes=1, new_bytes=1),
            Comparison(nodeid="t.py::gone", verdict=Verdict.VANISHED, old_bytes=5 * MIB),
        ),
        created_at="2026-11-22T10:00:00+00:00",
        gate_failed=True,
    )


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.mark.parametrize("nodeid", ["tests/test_a.py::test_one", EVIL])
def test_json_reads_back_as_the_same_report(nodeid: str) -> None:
    report = make_report(nodeid)
    text = report_json.render(report)
    assert report_json.parse(text) == report
    plain = json.loads(text)
    assert (plain["schema"], plain["schema_version"]) == ("pytest-snapshot-memory/report", 1)
    assert plain["tests"][0]["phases"][1]["growth_bytes"] == 61_000 * 1024


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not JSON"),
        ("[]", "no memory report"),
        ('{"schema": "other"}', "no memory report"),
        ('{"schema": "pytest-snapshot-memory/report", "schema_version": 2}', "schema version 2"),
        ('{"schema": "pytest-snapshot-memory/report", "schema_version": 1}', "damaged"),
        ('{"schema": "pytest-snapshot-memory/report", "schema_version": 1, "tests": [3]}', "damaged"),
    ],
)
def test_other_json_is_refused_by_name(text: str, why: str) -> None:
    with pytest.raises(report_json.ReportError, match=f"here.json .*{why}"):
        report_json.parse(text, "here.json")


def test_an_empty_run_has_every_report() -> None:
    empty = Report(records=())
    assert report_json.parse(report_json.render(empty)) == empty
    assert "Memory of 0 tests" in report_html.render(empty)
    assert report_markdown.render(empty).startswith("## Memory: 0 tests")
    assert report_csv.render(empty).count("\n") == 1
    assert list(report_ci.github_annotations(empty)) == []
    assert report_ci.gitlab_metrics(empty).endswith("# EOF\n")


def test_the_page_asks_for_nothing_and_runs_only_its_own_script() -> None:
    text = report_html.render(make_report(EVIL))
    page = Page(text)
    assert not {"link", "img", "iframe", "object", "embed", "base", "form"} & set(page.tags)
    assert not [
        name for name, _ in page.attributes if name in ("src", "href", "style") or name.startswith("on")
    ]
    policy = next(
        value for name, value in page.attributes if name == "content" and value and "default-src" in value
    )
    assert policy.startswith("default-src 'none'")
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        (inside,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy
    assert "alert(1)" in "".join(page.words)
    assert "http" not in re.sub(r"http-equiv", "", text)


def test_the_page_shows_limit_sites_gate_and_fixture() -> None:
    words = " ".join(Page(report_html.render(make_report())).words)
    for wanted in (
        "over by 40.0 MiB",
        "20.0 MiB of growth in call",
        "app/<load>.py:33 read",
        "regressed",
        "model",
    ):
        assert wanted in words
    assert "1 of 1" in words
    assert "+40.0 MiB (+200.0%)" in words


@settings(max_examples=30)
@given(st.text(max_size=40))
def test_any_name_appears_in_the_page_as_text_only(name: str) -> None:
    plain = Page(report_html.render(make_report("t.py::x")))
    other = Page(report_html.render(make_report("t.py::" + name)))
    assert other.tags == plain.tags


def test_markdown_puts_breaches_first_and_names_in_code() -> None:
    text = report_markdown.render(make_report())
    assert text.startswith("## Memory: 3 tests, 1 over their limit, gate failed\n")
    assert (
        "| `tests/test_a.py::test_one` | 20.0 MiB of growth in call | 59.6 MiB | over by 40.0 MiB |" in text
    )
    assert "| regressed | `tests/test_a.py::test_one` | 20.0 MiB | 60.0 MiB | +40.0 MiB (+200.0%) |" in text
    assert "1 unchanged." in text


def test_a_hostile_name_stays_one_cell_of_code() -> None:
    text = report_markdown.render(make_report(EVIL))
    rows = [line for line in text.splitlines() if "test" in line and line.startswith("| <code>")]
    assert rows
    for row in rows:
        assert row.count("|") in (5, 6)
        assert "<script" not in row
        assert "@" not in row
        assert "`" not in row


def test_markdown_stays_below_its_limit_and_says_what_is_left_out() -> None:
    many = tuple(
        Comparison(nodeid=f"t.py::test_{'ü' * 100}_{i}", verdict=Verdict.NEW, new_bytes=i)
        for i in range(9_000)
    )
    text = report_markdown.render(
        Report(records=(record("t.py::a", 1),), comparisons=many, gate_failed=False)
    )
    assert len(text.encode()) <= report_markdown.MAX_BYTES < 2**20
    assert re.search(r"[\d,]+ more lines are left out", text)


def test_csv_has_a_row_per_reading_and_no_formula() -> None:
    report = Report(records=(over_limit("=HYPERLINK(1)"), TestRecord(nodeid=EVIL, outcome="skipped")))
    rows = list(csv.DictReader(io.StringIO(report_csv.render(report))))
    assert [row["phase"] for row in rows] == ["fixture:model", "call", ""]
    assert rows[0]["nodeid"] == "'=HYPERLINK(1)"
    assert (rows[1]["growth_bytes"], rows[1]["limit_bytes"], rows[1]["verdict"]) == (
        "62464000",
        "20971520",
        "exceeded",
    )
    assert len(report_csv.render(report).splitlines()) == 4


def test_annotations_are_one_escaped_command_each() -> None:
    lines = list(report_ci.github_annotations(make_report(EVIL)))
    assert len(lines) == 2
    assert lines[0].startswith("::error file=tests/a%2Cb%3Ac.py,line=12,title=memory limit::")
    assert "%25=" in lines[0]
    assert all("\n" not in line and "\x1b" not in line for line in lines)


def test_more_annotations_than_github_shows_are_counted() -> None:
    report = Report(records=tuple(over_limit(f"t.py::test_{i}") for i in range(25)))
    lines = list(report_ci.github_annotations(report))
    assert len(lines) == report_ci.MOST_ANNOTATIONS + 1
    assert "15 more memory findings" in lines[-1]


def test_junit_and_ctrf_carry_the_same_facts() -> None:
    properties = report_ci.junit_properties(over_limit("t.py::a"))
    assert properties["memory.growth_bytes"] == "62464000"
    assert properties["memory.verdict"] == "exceeded"
    assert report_ci.ctrf_extra(over_limit("t.py::a"))["memory"]["limit_bytes"] == 20 * MIB
    nothing = TestRecord(nodeid="t.py::a", outcome="skipped")
    assert report_ci.junit_properties(nothing) == {}
    assert report_ci.ctrf_extra(nothing) == {}


def test_trackers_get_their_own_json() -> None:
    series = json.loads(report_ci.github_action_benchmark(make_report()))
    assert series[0]["name"] == "tests/test_a.py::test_one"
    assert (series[0]["value"], series[0]["unit"]) == (62464000, "bytes")
    metrics = json.loads(report_ci.bencher(make_report()))
    assert metrics["tests/test_a.py::test_one"]["memory-growth"]["value"] == 62464000


def test_gitlab_metrics_are_one_line_per_number_whatever_the_name() -> None:
    lines = report_ci.gitlab_metrics(make_report(EVIL)).splitlines()
    values = [line for line in lines if not line.startswith("#")]
    assert len(values) == 6
    pattern = r'pytest_memory_\w+_bytes\{test="(?:[^"\\]|\\.)*",gauge="resident"\} -?\d+'
    assert all(re.fullmatch(pattern, line) for line in values)
