"""The console script `pytest-snapshot-memory`: baselines and history without a test run.

In: arguments. Out: text on standard output, complaints on standard error, and an
exit status: 0 all is well, 1 something regressed (or a policy says it fails), 2
wrong arguments, 3 something could not be read, written or compared. Imports no
pytest. argparse: the lightest parser there is, and the options are few.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from snapshot_engine.errors import SnapshotEngineError
from snapshot_engine.memory.units import format_size

from . import history, report_ci, report_csv, report_html, report_json, report_markdown
from .baseline import BaselineError, nodeid_of
from .baseline_store import DEFAULT_DIRECTORY, list_baselines, load_baseline, replace_text
from .cli_sources import Source, pair_sources, read_report, read_sources
from .gate import POLICIES, GatePolicy, conclude, evaluate
from .gate_expression import DEFAULT_EXPRESSION, ExpressionMistake, parse_expressions
from .record import TestRecord
from .regression import Comparison
from .report import Report
from .text_safety import one_line

OK: Final = 0
REGRESSED: Final = 1
USAGE: Final = 2
TROUBLE: Final = 3

_REPORT_FORMS: Final[dict[str, Callable[[Report], str]]] = {
    "json": report_json.render,
    "html": report_html.render,
    "markdown": report_markdown.render,
    "csv": report_csv.render,
    "github-action-benchmark": report_ci.github_action_benchmark,
    "bencher": report_ci.bencher,
    "gitlab": report_ci.gitlab_metrics,
}
_HISTORY_FORMS: Final = ("jsonl", "csv")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status; wrong arguments exit with 2 as argparse does."""
    given = _parser().parse_args(arguments)
    try:
        status: int = given.command(given)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # the reader of a pipe left (`| head`): nobody is there to complain to
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except ExpressionMistake as mistake:
        print(f"pytest-snapshot-memory: {mistake}", file=sys.stderr)
        return USAGE
    except (SnapshotEngineError, OSError) as error:
        print(f"pytest-snapshot-memory: {error}", file=sys.stderr)
        return TROUBLE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pytest-snapshot-memory",
        description="Memory baselines, reports and history of pytest-snapshot-memory, without running tests.",
        epilog="Exit status: 0 all is well, 1 something regressed, 2 wrong arguments, 3 not readable or comparable.",
    )
    place = argparse.ArgumentParser(add_help=False)
    place.add_argument(
        "--baseline",
        metavar="DIR",
        type=Path,
        default=Path(DEFAULT_DIRECTORY),
        help="directory of the baselines (default: %(default)s)",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    compare = commands.add_parser("compare", parents=[place], help="compare two baselines or JSON reports")
    compare.set_defaults(command=_compare)
    compare.add_argument("old", help="name of a baseline, baseline file or JSON report")
    compare.add_argument("new", help="the same, to hold against OLD")
    compare.add_argument(
        "--fail-on",
        metavar="EXPR",
        action="append",
        help=f'what is a regression, such as "growth>5%%+1MB" (default: {DEFAULT_EXPRESSION.replace("%", "%%")})',
    )
    compare.add_argument("--across", action="store_true", help="compare although the environments differ")
    for kind in ("new", "vanished", "renamed", "incomparable"):
        compare.add_argument(
            f"--{kind}-tests",
            choices=POLICIES,
            default="warn",
            dest=f"policy_{kind}",
            help=f"{kind} tests (warn)",
        )
    compare.add_argument(
        "--markdown", metavar="PATH", type=Path, help="also write the comparison as Markdown"
    )

    listing = commands.add_parser("list", parents=[place], help="list the baselines")
    listing.set_defaults(command=_list)
    show = commands.add_parser("show", parents=[place], help="show the tests of a baseline or report")
    show.set_defaults(command=_show)
    show.add_argument("what", help="name of a baseline, baseline file or JSON report")
    show.add_argument("--top", metavar="N", type=int, default=0, help="only the N largest (default: all)")
    prune = commands.add_parser("prune", parents=[place], help="forget old runs of the history")
    prune.set_defaults(command=_prune)
    prune.add_argument(
        "--keep", metavar="N", type=_count, default=100, help="runs to keep (default: %(default)s)"
    )
    export = commands.add_parser(
        "export", parents=[place], help="write the history, or a report, in another form"
    )
    export.set_defaults(command=_export)
    export.add_argument("report", nargs="?", type=Path, help="a JSON report; without it, the history")
    forms = sorted({*_REPORT_FORMS, *_HISTORY_FORMS})
    export.add_argument(
        "--format", choices=forms, default="jsonl", help="jsonl and csv for the history (jsonl)"
    )
    export.add_argument(
        "-o", "--output", metavar="PATH", type=Path, help="file to write (default: standard output)"
    )
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of runs")
    return int(text)


def _compare(given: argparse.Namespace) -> int:
    thresholds = parse_expressions(given.fail_on or [DEFAULT_EXPRESSION])
    policy = GatePolicy(
        new=given.policy_new,
        vanished=given.policy_vanished,
        renamed=given.policy_renamed,
        incomparable=given.policy_incomparable,
    )
    old, new = (read_sources(argument, given.baseline) for argument in (given.old, given.new))
    comparisons: list[Comparison] = []
    records: list[TestRecord] = []
    for before, after in pair_sources(old, new, across=given.across):
        result = evaluate(after.records, before.baseline, thresholds, policy=policy, repeat=after.repeat)
        comparisons += result.comparisons
        records += after.records
    result = conclude(comparisons, policy)
    print("\n".join(result.lines))
    if given.markdown:
        report = Report(records=tuple(records), comparisons=result.comparisons, gate_failed=result.failed)
        replace_text(given.markdown, report_markdown.render(report))
    if result.problems:
        return TROUBLE
    return REGRESSED if result.failed else OK


def _list(given: argparse.Namespace) -> int:
    found = list_baselines(given.baseline)
    if not found:
        raise BaselineError(f"no baselines in {given.baseline}. Make one with: pytest --memory-save")
    for stored in found:
        baseline = load_baseline(stored.path)
        facts = " ".join(baseline.environment.to_plain().values())
        print(f"{stored.name}: {len(baseline.entries)} tests, {one_line(facts)} ({stored.path})")
    return OK


def _show(given: argparse.Namespace) -> int:
    for source in read_sources(given.what, given.baseline):
        print(f"{source.title}: {one_line(' '.join(source.baseline.environment.to_plain().values()))}")
        for line in _entries(source, given.top):
            print(line)
    return OK


def _entries(source: Source, top: int) -> Iterator[str]:
    entries = sorted(source.baseline.entries.items(), key=lambda item: (-item[1].value_bytes, item[0]))
    for key, entry in entries[: top or None]:
        sizes = f"{format_size(entry.value_bytes):>12} {format_size(entry.retained_bytes):>12} retained"
        moved = entry.value_bytes - entry.anchor_bytes
        anchor = f"  ({'+' if moved > 0 else ''}{format_size(moved)} since the anchor)" if moved else ""
        yield f"{sizes}  {nodeid_of(key)}{anchor}"


def _prune(given: argparse.Namespace) -> int:
    path = history.history_path(given.baseline)
    if not path.exists():
        raise history.HistoryError(f"no history at {path}. Each pytest --memory-save adds to it")
    print(f"{history.prune(path, keep=given.keep)} runs forgotten, the newest {given.keep} kept")
    return OK


def _export(given: argparse.Namespace) -> int:
    if given.report is None:
        if given.format not in _HISTORY_FORMS:
            raise BaselineError(
                f"the history is exported as {' or '.join(_HISTORY_FORMS)}; name a JSON report for html"
            )
        path = history.history_path(given.baseline)
        if given.output is None:
            history.export(path, sys.stdout, form=given.format)
        else:
            with open(given.output, "w", encoding="utf-8", newline="\n") as file:
                history.export(path, file, form=given.format)
        return OK
    if given.format not in _REPORT_FORMS:
        raise BaselineError(f"a report is exported as {', '.join(sorted(_REPORT_FORMS))}, not {given.format}")
    text = _REPORT_FORMS[given.format](read_report(given.report))
    if given.output is None:
        sys.stdout.write(text)
    else:
        replace_text(given.output, text)
    return OK


if __name__ == "__main__":
    sys.exit(main())
