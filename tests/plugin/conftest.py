"""How the plugin's tests run a small project: with the plugins a test names, and no others."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run_project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run pytest on the project in pytester's folder, in a process of its own.

    plugins: module names to load beside ours; loading all that happen to be
    installed takes three times as long and tests somebody else's code.
    """
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "CI"):
        monkeypatch.delenv(name, raising=False)

    def run(*options: str, plugins: tuple[str, ...] = ()) -> pytest.RunResult:
        wanted = ["pytest_snapshot_memory.plugin", *plugins]
        if any(option.startswith("-n") for option in options):
            wanted.append("xdist")
        loads = [word for name in wanted for word in ("-p", name)]
        return pytester.runpytest_subprocess(*loads, "-p", "no:cacheprovider", *options)

    return run
