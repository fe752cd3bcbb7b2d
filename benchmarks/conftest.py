"""Options and the closing tables of `pytest benchmarks --memory-report`: the tiers, or the chapters asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import chapters
from benchmarks.chapters import tiers
from benchmarks.machine import environment
from benchmarks.report import taken_on
from benchmarks.results import Results, Store
from benchmarks.table import as_text, bars_table
from benchmarks.tiers import TIERS

_STORE = pytest.StashKey[Store]()
_NAMES = {tier.name: tier for tier in TIERS}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("benchmarks", "the engine's tiers, in fresh processes")
    group.addoption(
        "--full",
        action="store_true",
        default=False,
        help="upper edges of the tiers: 0.95, 9.9, 49.9 and 60 MB",
    )
    group.addoption("--quick", action="store_true", default=False, help="the first two tiers, small files")
    group.addoption("--tier", action="append", choices=sorted(_NAMES), help="only this tier (repeatable)")
    group.addoption(
        "--chapter",
        action="append",
        choices=[*chapters.NAMES, "all"],
        help="the tables of this chapter of `python -m benchmarks` (repeatable; without: the tiers)",
    )
    group.addoption(
        "--tiers-output",
        metavar="FILE",
        help="where the JSON lines go (default: .benchmarks/tiers.jsonl)",
    )


def scale_of(config: pytest.Config) -> str:
    if config.getoption("--full"):
        return "full"
    return "quick" if config.getoption("--quick") else "default"


def pytest_configure(config: pytest.Config) -> None:
    named = config.getoption("--tiers-output")
    path = Path(named) if named else config.rootpath / ".benchmarks" / "tiers.jsonl"
    config.stash[_STORE] = Store(path)


@pytest.fixture(scope="session")
def scale(pytestconfig: pytest.Config) -> str:
    return scale_of(pytestconfig)


@pytest.fixture(scope="session")
def store(pytestconfig: pytest.Config) -> Store:
    """Return this session's results file, begun anew: a tier table is of one run."""
    store = pytestconfig.stash[_STORE]
    store.path.unlink(missing_ok=True)
    store.begin(environment())
    return store


def chapters_of(config: pytest.Config) -> list[str]:
    """Return the chapters to run beside the tiers' own tests; the tiers too unless others were named."""
    named = config.getoption("--chapter") or ["tiers"]
    return list(chapters.NAMES) if "all" in named else list(dict.fromkeys(named))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    config = metafunc.config
    if "chapter" in metafunc.fixturenames:
        metafunc.parametrize("chapter", [name for name in chapters_of(config) if name != tiers.NAME])
    if "tier" in metafunc.fixturenames:
        wanted = config.getoption("--tier") or [
            tier.name for tier in (TIERS[:2] if config.getoption("--quick") else TIERS)
        ]
        metafunc.parametrize("tier", [_NAMES[name] for name in wanted], ids=wanted)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the tiers out where other chapters were asked for, and the chapters' test where none was."""
    named = chapters_of(config)
    left_out = [
        item
        for item in items
        if ("test_tiers" in item.nodeid and tiers.NAME not in named)
        or ("test_chapters" in item.nodeid and not set(named) - {tiers.NAME})
    ]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the tables after the tests, whatever their outcome."""
    if not _ran_here(terminalreporter):
        return
    results = config.stash[_STORE].load()
    for name in chapters_of(config):
        if results.of_chapter(name):
            _print_chapter(terminalreporter, results, name)
    terminalreporter.write_line("")
    terminalreporter.write_line(f"JSON: {config.stash[_STORE].path}")


def _print_chapter(terminalreporter: pytest.TerminalReporter, results: Results, name: str) -> None:
    page = chapters.chapter(name).page(results)
    bars = () if name == tiers.NAME else (bars_table(page.bars),)
    terminalreporter.section(
        "memory tiers: whole process, NER on, kernel high-water mark" if name == tiers.NAME else page.title
    )
    for table in (*page.tables, *bars):
        terminalreporter.write_line("")
        for line in ([table.caption] if table.caption else []) + as_text(table):
            terminalreporter.write_line(line)
    terminalreporter.write_line("")
    terminalreporter.write_line(" ".join([*page.notes, taken_on(results, page)]))


def _ran_here(terminalreporter: pytest.TerminalReporter) -> bool:
    """Say whether this session measured anything: an old file's table must not be shown as today's."""
    reports = terminalreporter.stats.get("passed", []) + terminalreporter.stats.get("failed", [])
    names = ("test_tiers", "test_chapters")
    return any(name in getattr(report, "nodeid", "") for report in reports for name in names)
