"""Every option of the plugin, declared once as data; command line, then ini, then default.

Read by settings.py, which weighs them. Each `--memory-x` has the ini key `memory_x`. Flags default to
None on the command line, so that an ini value stays reachable: a store-true
default of False would always win. Nothing heavy is imported here, since this
module is loaded by every pytest run on the machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

GAUGES = ("resident", "python", "allocated", "tree", "thread")
REPORTS = ("off", "short", "full")
SORTS = ("growth", "peak", "retained", "time", "name")
GROUPS = ("none", "file", "directory", "class", "worker")
POLICIES = ("warn", "fail", "ignore")


class Option:
    """One option: its name without dashes, what kind of value it takes, and its help.

    kind: "text", "optional" (value only after "="), "flag", "count", "choice",
    "report" (a choice whose bare form means `bare`) or "list" (may be repeated).
    bare: the value of an optional option that is given without one.

    A plain class: a dataclass or named tuple is compiled when the module is
    loaded, which every pytest run on the machine would pay for.
    """

    __slots__ = ("bare", "choices", "default", "help", "kind", "metavar", "name")

    def __init__(
        self,
        name: str,
        kind: str,
        help: str,
        default: Any = None,
        choices: tuple[str, ...] = (),
        bare: str = "",
        metavar: str = "PATH",
    ) -> None:
        self.name = name
        self.kind = kind
        self.help = help
        self.default = default
        self.choices = choices
        self.bare = bare
        self.metavar = metavar

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
        "gauge",
        "choice",
        "what is measured: resident (default), python, allocated, tree, thread",
        "resident",
        GAUGES,
    ),
    Option("json", "text", "write every measurement as JSON"),
    Option("html", "text", "write a self-contained HTML report"),
    Option("markdown", "text", "write a Markdown report"),
    Option("csv", "text", "write one line per test as CSV"),
    Option("bmf", "text", "write Bencher metric format JSON"),
    Option("gh_benchmark", "text", "write JSON for github-action-benchmark"),
    Option("gitlab", "text", "write OpenMetrics text for GitLab's metrics reports"),
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
    Option("baseline", "text", "directory of the baseline files", ".memory-baseline", metavar="DIR"),
    Option("update", "flag", "write this run's numbers into the baseline", False),
    Option(
        "policy", "choice", "what a new, vanished or renamed test is: warn, fail, ignore", "warn", POLICIES
    ),
    Option("top", "count", "how many tests the short report shows", 10, metavar="N"),
    Option("sort", "choice", "order of the report: growth, peak, retained, time, name", "growth", SORTS),
    Option("group_by", "choice", "group the report: none, file, directory, class, worker", "none", GROUPS),
    Option("isolate", "flag", "run every test in a child process of its own", False),
    Option("no_rerun", "flag", "never run a test a second time to explain or decide a limit", False),
    Option("limit_default", "text", "limit of every test that has none of its own", metavar="SIZE"),
    Option("flamegraphs", "text", "directory for flame graphs of tests over their limit", metavar="DIR"),
    Option("journal", "text", "file that keeps finished results if the run dies"),
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


def anything_asked(config: pytest.Config) -> bool:
    """Say whether any option or ini key of ours is set, without reading what it says."""
    for option in OPTIONS:
        if getattr(config.option, option.key, None) is not None or not is_unset(config.getini(option.key)):
            return True
    return False


def is_unset(value: Any) -> bool:
    """Say whether an ini value was not given: None, "" or [], by the version of pytest."""
    return value is None or value == "" or value == []
