"""The outcome of a plain test is what pytest says of it, however it came about."""

from __future__ import annotations

import json
import random
import re
import sys
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the cheap hooks need the kernel's own peak")

REPORTS = "snapshot_memory_plain_reports"

# By what pytest says in its verbose output; NAME is the test's.
KINDS = {
    "def NAME(): pass": "PASSED",
    "def NAME(tmp_path): pass": "PASSED",
    "@pytest.mark.parametrize('n', [1])\ndef NAME(n): pass": "PASSED",
    "def NAME(): assert 0": "FAILED",
    "def NAME(): pytest.skip()": "SKIPPED",
    "@pytest.mark.skip\ndef NAME(): pass": "SKIPPED",
    "@pytest.mark.xfail\ndef NAME(): assert 0": "XFAIL",
    "@pytest.mark.xfail\ndef NAME(): pass": "XPASS",
    "@pytest.mark.xfail(strict=True)\ndef NAME(): pass": "FAILED",
    "@pytest.mark.xfail(run=False)\ndef NAME(): pass": "XFAIL",
    "def NAME(): pytest.xfail()": "XFAIL",
    "def NAME(request): request.applymarker(pytest.mark.xfail(strict=True))": "FAILED",
    "def NAME(request): request.node.add_marker(pytest.mark.xfail)": "XPASS",
    "def NAME(breaks): pass": "ERROR",
    "def NAME(breaks_after): pass": "ERROR",
    "def NAME(skips): pass": "SKIPPED",
    "class NAMES:\n    @pytest.fixture(scope='class', autouse=True)\n    def marks(self, request):\n"
    "        request.applymarker(pytest.mark.xfail)\n    def NAME(self): pass": "XPASS",
    "@pytest.mark.xfail\nclass NAMES:\n    def NAME(self): pass": "XPASS",
    "class NAMES(unittest.TestCase):\n    def NAME(self): pass": "PASSED",
    "class NAMES(unittest.TestCase):\n    def NAME(self): self.fail()": "FAILED",
    "class NAMES(unittest.TestCase):\n    @unittest.expectedFailure\n    def NAME(self): self.fail()": "XFAIL",
    "class NAMES(unittest.TestCase):\n    @unittest.expectedFailure\n    def NAME(self): pass": "FAILED",
    "class NAMES(unittest.TestCase):\n    def NAME(self): self.skipTest('no')": "SKIPPED",
}
FIXTURES = """
import pytest, unittest
@pytest.fixture
def breaks(): raise ValueError
@pytest.fixture
def breaks_after():
    yield
    raise ValueError
@pytest.fixture
def skips(): pytest.skip()
"""
OURS = {
    "PASSED": "passed",
    "FAILED": "failed",
    "SKIPPED": "skipped",
    "XFAIL": "xfailed",
    "XPASS": "xpassed",
    "ERROR": "error",
}


def said_and_told(
    pytester: pytest.Pytester, run_project: Any, *options: str, plugins: tuple[str, ...] = ()
) -> tuple[dict[str, str], dict[str, str]]:
    """Run the tests and return what pytest said last of each, and the outcomes of our report, by short name."""
    result = run_project("-v", "--memory-json=out.json", *options, plugins=plugins)
    words = re.findall(r"^\S*::(test_\S+) (\w+)", "\n".join(result.outlines), re.MULTILINE)
    report = json.loads((pytester.path / "out.json").read_text())
    return (
        {name: OURS[word] for name, word in words if word in OURS},
        {test["nodeid"].split("::")[-1]: test["outcome"] for test in report["tests"]},
    )


def in_a_random_order(seed: int) -> str:
    """Return a test file with every kind of test, alone and in a row, and stretches that just pass."""
    chance = random.Random(seed)
    kinds = [kind for kind in KINDS for _ in range(4)]
    chance.shuffle(kinds)
    for at in (0, len(kinds) // 2):
        kinds[at:at] = ["def NAME(): pass"] * 70
    return FIXTURES + "\n".join(
        kind.replace("NAMES", f"Test{n}").replace("NAME", f"test_{n}") for n, kind in enumerate(kinds)
    )


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "with another plugin"])
@pytest.mark.parametrize("seed", [1, 2])
def test_every_outcome_is_pytests_own(
    pytester: pytest.Pytester, run_project: Any, seed: int, alone: bool
) -> None:
    pytester.makepyfile(in_a_random_order(seed))
    if not alone:
        pytest.importorskip("pytest_benchmark")
    plugins = () if alone else ("pytest_benchmark.plugin",)  # which makes reports, too
    said, told = said_and_told(pytester, run_project, plugins=plugins)
    assert told == said
    assert len(told) == 4 * len(KINDS) + 140
    assert set(told.values()) == set(OURS.values())


@pytest.mark.parametrize(("kind", "word"), KINDS.items(), ids=map(str, range(len(KINDS))))
def test_an_outcome_is_right_from_the_first_test_on(
    pytester: pytest.Pytester, run_project: Any, kind: str, word: str
) -> None:
    pytester.makepyfile(FIXTURES + kind.replace("NAMES", "Test0").replace("NAME", "test_0"))
    said, told = said_and_told(pytester, run_project)
    assert told == said
    assert list(told.values()) == [OURS[word]]


def test_reports_are_asked_for_around_tests_that_do_not_just_pass(
    pytester: pytest.Pytester, run_project: Any
) -> None:
    look = f"\n    import sys; there.append(request.config.pluginmanager.has_plugin({REPORTS!r}))\n"
    pytester.makepyfile(
        "import pytest\nthere = []\n"
        f"def test_before(request):{look}"
        "def test_skips(): pytest.skip()\n"
        f"def test_after(request):{look}"
        + "".join(f"def test_{n}(): pass\n" for n in range(64))
        + f"def test_long_after(request):{look}"
        "    assert there == [False, True, False]\n"
    )
    said, told = said_and_told(pytester, run_project)
    assert told == said
    assert told.pop("test_skips") == "skipped"
    assert set(told.values()) == {"passed"}


CHANGED = """
import pytest
@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if "changed" in item.name and call.when == "call":
        report.outcome, report.longrepr = "failed", "no"
    return report
"""


def test_who_changes_a_report_is_believed(pytester: pytest.Pytester, run_project: Any) -> None:
    pytester.makeconftest(CHANGED)
    pytester.makepyfile("def test_kept(): pass\ndef test_changed(): pass\n")
    said, told = said_and_told(pytester, run_project)
    assert told == said == {"test_kept": "passed", "test_changed": "failed"}


def test_a_report_that_fails_although_nothing_raised_is_counted(
    pytester: pytest.Pytester, run_project: Any
) -> None:
    """As subtests do it: pytest itself counts a failure that no phase of the test raised."""
    pytester.makepyfile(
        "def test_counted(request):\n    request.session.testsfailed += 1\ndef test_next(): pass\n"
    )
    _, told = said_and_told(pytester, run_project)
    assert told == {"test_counted": "failed", "test_next": "passed"}


SUBTESTS = """
import pytest, unittest
class TestOwn(unittest.TestCase):
    def test_unit(self):
        with self.subTest(): self.fail()
        with self.subTest(): pass
def test_fine(subtests):
    with subtests.test(): pass
def test_one_fails(subtests):
    with subtests.test(): assert 0
    with subtests.test(): pass
def test_next(): pass
"""


@pytest.mark.skipif(pytest.version_tuple < (9,), reason="subtests came with pytest 9")
@pytest.mark.parametrize(
    "mark", ["", "pytestmark = pytest.mark.memory_limit('900 MB')"], ids=["plain", "limited"]
)
def test_a_test_fails_if_one_of_its_subtests_does(
    pytester: pytest.Pytester, run_project: Any, mark: str
) -> None:
    """For a unittest, too, of which pytest says that a subtest failed and it passed."""
    pytester.makepyfile(SUBTESTS + mark)
    said, told = said_and_told(pytester, run_project)
    assert told == {
        "test_unit": "failed",
        "test_fine": "passed",
        "test_one_fails": "failed",
        "test_next": "passed",
    }
    assert told == said | {"test_unit": "failed"}


def test_reruns_end_with_the_last_outcome(pytester: pytest.Pytester, run_project: Any) -> None:
    pytest.importorskip("pytest_rerunfailures")
    pytester.makepyfile(
        "runs = []\ndef test_second_time():\n    runs.append(1)\n    assert len(runs) == 2\n"
        "def test_never(): assert 0\ndef test_next(): pass\n"
    )
    said, told = said_and_told(pytester, run_project, "--reruns=1", plugins=("pytest_rerunfailures",))
    assert told == said == {"test_second_time": "passed", "test_never": "failed", "test_next": "passed"}
