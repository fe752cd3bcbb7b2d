"""Every option of the plugin, declared once as data; command line, then ini, then default.

In: pytest's parser and config. Out: one frozen Settings, or OptionMistake with
one sentence. Each `--memory-x` has the ini key `memory_x`. Flags default to
None on the command line, so that an ini value stays reachable: a store-true
default of False would always win. Nothing heavy is imported here, since this
module is loaded by every pytest run on the machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pytest

GAUGES = ("resident", "python", "allocated", "tree")
REPORTS = ("off", "short", "full")
SORTS = ("growth", "peak", "retained", "time", "name")
GROUPS = ("none", "file", "directory", "class", "worker")
POLICIES = ("warn", "fail", "ignore")


class OptionMistake(ValueError):
    """An option or ini key that cannot be used; the text is one sentence for the user."""


class Option(NamedTuple):
    """One option: its name without dashes, what kind of value it takes, and its help.

    kind: "text", "optional" (value only after "="), "flag", "count", "choice",
    "report" (a choice whose bare form means `bare`) or "list" (may be repeated).
    bare: the value of an optional option that is given without one.
    """

    name: str
    kind: str
    help: str
    default: Any = None
    choices: tuple[str, ...] = ()
    bare: str = ""
    metavar: str = "PATH"

    @property
    def flag(self) -> str:
        return "--memory-" + self.name.replace("_", "-")

    @property
    def key(self) -> str:
        """The ini key and the name in pytest's namespace."""
        return "memory_" + self.name


OPTIONS: tuple[Option, ...] = (
    Option(
        "report",
        "report",
        "show the memory of the tests at the end (=short, the default, or =full)",
        "off",
        REPORTS,
        "short",
    ),
    Option(
        "gauge", "choice", "what is measured: resident (default), python, allocated, tree", "resident", GAUGES
    ),
    Option("json", "text", "write every measurement as JSON"),
    Option("html", "text", "write a self-contained HTML report"),
    Option("markdown", "text", "write a Markdown report"),
    Option("csv", "text", "write one line per test as CSV"),
    Option("bmf", "text", "write Bencher metric format JSON"),
    Option("gh_benchmark", "text", "write JSON for github-action-benchmark"),
    Option("ctrf", "text", "write a CTRF report with the memory of each test in `extra`"),
    Option("save", "optional", "keep this run under a name in the history", metavar="NAME"),
    Option("compare", "optional", "compare with the baseline, a saved run or a file", metavar="NAME|PATH"),
    Option(
        "fail_on",
        "list",
        "fail on growth>5%%+1MB, retained>0.5MB and the like; may be repeated",
        (),
        metavar="EXPR",
    ),
    Option("baseline", "text", "directory of the baseline files", "tests/memory_baseline", metavar="DIR"),
    Option("update", "flag", "write this run's numbers into the baseline", False),
    Option(
        "policy", "choice", "what a new, vanished or renamed test is: warn, fail, ignore", "warn", POLICIES
    ),
    Option("history", "text", "SQLite file of the saved runs", ".memory/history.sqlite"),
    Option("top", "count", "how many tests the short report shows", 10, metavar="N"),
    Option("sort", "choice", "order of the report: growth, peak, retained, time, name", "growth", SORTS),
    Option("group_by", "choice", "group the report: none, file, directory, class, worker", "none", GROUPS),
    Option("isolate", "flag", "run every test in a child process of its own", False),
    Option("no_rerun", "flag", "never run a test a second time to explain or decide a limit", False),
    Option("limit_default", "text", "limit of every test that has none of its own", metavar="SIZE"),
    Option("flamegraphs", "text", "directory for flame graphs of tests over their limit", metavar="DIR"),
    Option("journal", "text", "file that keeps finished results if the run dies"),
)


class Settings(NamedTuple):
    """What the user asked for, after command line, ini and default were weighed."""

    report: str
    gauge: str
    json: str | None
    html: str | None
    markdown: str | None
    csv: str | None
    bmf: str | None
    gh_benchmark: str | None
    ctrf: str | None
    save: str | None
    compare: str | None
    fail_on: tuple[str, ...]
    baseline: str
    update: bool
    policy: str
    history: str
    top: int
    sort: str
    group_by: str
    isolate: bool
    no_rerun: bool
    limit_default: str | None
    flamegraphs: str | None
    journal: str | None

    @property
    def gate_is_on(self) -> bool:
        return self.compare is not None or bool(self.fail_on)

    @property
    def measures_every_test(self) -> bool:
        """Something was asked for that needs a number for each test."""
        wanted = (self.json, self.html, self.markdown, self.csv, self.bmf, self.gh_benchmark, self.ctrf)
        return (
            self.report != "off"
            or self.update
            or self.save is not None
            or self.gate_is_on
            or self.journal is not None
            or any(path is not None for path in wanted)
        )


def add_options(parser: pytest.Parser) -> None:
    """Declare every option and its ini key."""
    group = parser.getgroup("memory", "memory (pytest-snapshot-memory)")
    for option in OPTIONS:
        for words, keywords in _spellings(option):
            group.addoption(*words, dest=option.key, default=None, **keywords)
        ini_type: Any = {"flag": "bool", "list": "linelist"}.get(option.kind, "string")
        parser.addini(option.key, option.help.replace("%%", "%"), type=ini_type, default=None)


def _spellings(option: Option) -> list[tuple[tuple[str, ...], dict[str, Any]]]:
    if option.kind == "flag":
        return [((option.flag,), {"action": "store_true", "help": option.help})]
    if option.kind == "list":
        return [((option.flag,), {"action": "append", "help": option.help, "metavar": option.metavar})]
    if option.kind == "optional":
        keywords = {"nargs": "?", "const": "", "help": option.help, "metavar": option.metavar}
        return [((option.flag,), keywords)]
    if option.kind == "report":
        # Each value is an option string of its own: with nargs="?" the folder in
        # "pytest --memory-report tests/" would be taken for the value.
        import argparse

        bare = ((option.flag,), {"action": "store_const", "const": option.bare, "help": option.help})
        return [
            bare,
            *(
                (
                    (f"{option.flag}={choice}",),
                    {"action": "store_const", "const": choice, "help": argparse.SUPPRESS},
                )
                for choice in option.choices
            ),
        ]
    metavar = "|".join(option.choices) if option.choices else option.metavar
    return [((option.flag,), {"help": option.help, "metavar": metavar})]


def read_settings(config: pytest.Config) -> Settings:
    """Weigh command line, ini and default. Raises OptionMistake with one sentence."""
    values: dict[str, Any] = {}
    for option in OPTIONS:
        values[option.name] = _value(option, config)
    return Settings(**values)


def _value(option: Option, config: pytest.Config) -> Any:
    given, source = config.getoption(option.key, None), option.flag
    if given is None:
        given, source = config.getini(option.key), f"ini key {option.key}"
        # An ini key that is not set reads as None, "" or [], by the version of pytest.
        if given is None or given == "" or given == []:
            return option.default
    return _checked(option, given, source)


def _checked(option: Option, given: Any, source: str) -> Any:
    if option.kind == "flag":
        return bool(given)
    if option.kind == "list":
        return tuple(str(line) for line in given)
    text = str(given).strip()
    if option.choices and text not in option.choices:
        raise OptionMistake(f"{source}: {text!r} is not one of {', '.join(option.choices)}")
    if option.kind == "count":
        return _count(text, source)
    if option.kind == "optional" and source == option.flag and _looks_like_tests(text):
        raise OptionMistake(
            f"{source}: {text!r} looks like a path of tests; write {source}=NAME, or the path before {source}"
        )
    if not text and option.kind != "optional":
        raise OptionMistake(f"{source}: a value is missing")
    if option.name == "limit_default":
        _check_size(text, source)
    return text


def _count(text: str, source: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 7) or int(text) < 1:
        raise OptionMistake(f"{source}: {text!r} is not a whole number of 1 or more")
    return int(text)


def _looks_like_tests(text: str) -> bool:
    import os

    return "::" in text or text.endswith(".py") or (os.path.isdir(text) and text.rstrip("/") != "")


def _check_size(text: str, source: str) -> None:
    from snapshot_engine.memory.units import SizeMistake, parse_size

    try:
        parse_size(text)
    except SizeMistake as mistake:
        raise OptionMistake(f"{source}: {mistake}") from mistake
