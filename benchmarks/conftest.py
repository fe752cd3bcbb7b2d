"""Options and the closing table of `pytest benchmarks --memory-report`."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.chapters import tiers
from benchmarks.machine import environment
from benchmarks.results import Results, Store
from benchmarks.table import as_text
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


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "tier" in metafunc.fixturenames:
        config = metafunc.config
        wanted = config.getoption("--tier") or [
            tier.name for tier in (TIERS[:2] if config.getoption("--quick") else TIERS)
        ]
        metafunc.parametrize("tier", [_NAMES[name] for name in wanted], ids=wanted)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the tier table after the tests, whatever their outcome."""
    store = config.stash[_STORE]
    results = store.load() if _ran_here(terminalreporter) else Results([], {})
    if not results.find(tiers.NAME, "engine"):
        return
    terminalreporter.section("memory tiers: whole process, NER on, kernel high-water mark")
    for line in as_text(tiers.tier_table(results)):
        terminalreporter.write_line(line)
    about = results.environment
    notes = tiers.page(results).notes
    terminalreporter.write_line("")
    terminalreporter.write_line(
        f"{' '.join(notes)} {about['python']}, {about['system']}, {about['processor']}, "
        f"{about['cores']} cores, {about['date']}, commit {about['commit'] or 'unknown'}"
    )
    terminalreporter.write_line(f"JSON: {store.path}")


def _ran_here(terminalreporter: pytest.TerminalReporter) -> bool:
    """Say whether this session measured a tier: an old file's table must not be shown as today's."""
    reports = terminalreporter.stats.get("passed", []) + terminalreporter.stats.get("failed", [])
    return any("test_tiers" in getattr(report, "nodeid", "") for report in reports)
