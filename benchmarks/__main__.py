"""`python -m benchmarks run|report|list`: measure, write the tables, say what there is."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import chapters
from benchmarks.case import Case, Outcome
from benchmarks.figures import peak_mib
from benchmarks.machine import environment
from benchmarks.results import Store
from benchmarks.runner import BrokenRun, Runner, cpu_figure
from benchmarks.table import as_text, bars_table

DEFAULT_OUTPUT = Path(__file__).with_name("results") / "results.jsonl"


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="measure chapters (all by default); goes on where it stopped")
    run.add_argument("chapters", nargs="*", metavar="CHAPTER", help=", ".join(chapters.NAMES))
    run.add_argument(
        "--quick", dest="scale", action="store_const", const="quick", help="small inputs, for CI"
    )
    run.add_argument("--full", dest="scale", action="store_const", const="full", help="the largest inputs")
    run.add_argument("--only", metavar="TEXT", help="only runs whose name holds TEXT")
    run.add_argument("--without", metavar="TEXT", help="no runs whose name holds TEXT")
    run.add_argument("--plan", action="store_true", help="print what would be run, and how long it took last")
    run.add_argument("--again", action="store_true", help="forget earlier runs of these chapters")
    run.set_defaults(scale="default")
    report = commands.add_parser(
        "report", help="write docs/benchmarks.md and the README's tables from results"
    )
    report.add_argument("--check", action="store_true", help="write nothing; exit 1 if the files differ")
    show = commands.add_parser("show", help="print chapters from results")
    show.add_argument("chapters", nargs="*", metavar="CHAPTER")
    commands.add_parser("list", help="print the chapters and what they show")
    for command in (run, report, show):
        command.add_argument(
            "--output", type=Path, default=DEFAULT_OUTPUT, metavar="FILE", help="results, JSON lines"
        )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Return 0; 1 when a bar is missed after a run, or files differ under --check; 2 for a broken run."""
    options = build_parser().parse_args(argv)
    if options.command == "run":
        return _run(options)
    if options.command == "report":
        from benchmarks.report import write_report

        changed = write_report(Store(options.output).load(), check=options.check)
        for path in changed:
            print(f"{'differs' if options.check else 'written'}: {path}")
        return 1 if options.check and changed else 0
    if options.command == "show":
        return _show(options)
    for name in chapters.NAMES:
        module = sys.modules.get(f"benchmarks.chapters.{name}") or chapters.chapter(name)
        print(f"{name:12} {(module.__doc__ or '').strip().splitlines()[0]}")
    return 0


def _run(options: argparse.Namespace) -> int:
    store = Store(options.output)
    names = options.chapters or list(chapters.NAMES)
    if options.plan:
        return _plan(options, names, store)
    if options.again:
        store.forget(names)
    runner = Runner(store, environment=store.begin(environment()))
    code = 0
    for name in names:
        try:
            runner.run(_cases(options, name), announce=_announce)
        except BrokenRun as broken:
            print(f"broken: {broken}", file=sys.stderr)
            code = 2
    return max(code, _show(options))


def _cases(options: argparse.Namespace, name: str) -> list[Case]:
    return [
        case
        for case in chapters.chapter(name).cases(options.scale)
        if (options.only is None or options.only in case.label)
        and (options.without is None or options.without not in case.label)
    ]


def _plan(options: argparse.Namespace, names: Sequence[str], store: Store) -> int:
    """Print each chapter's runs and the seconds they took in the results file; unknown ones count as none."""
    results = store.load()
    for name in names:
        cases, seconds, unknown = _cases(options, name), 0.0, 0
        for case in cases:
            walls = [o.wall_seconds for o in results.runs_of(case.key) if not o.failure]
            seconds += case.rounds * min(walls, default=0.0)
            unknown += not walls
        print(
            f"{name:12} {len(cases):3} cases, {sum(case.rounds for case in cases):3} runs at least: "
            f"{seconds:6.0f} s by earlier runs" + (f", {unknown} cases never run" if unknown else "")
        )
    return 0


def _announce(outcome: Outcome) -> None:
    facts = ", ".join(f"{name} {value}" for name, value in outcome.facts.items())
    print(
        f"{outcome.chapter}: {outcome.label} ({facts}) run {outcome.round}: "
        + (outcome.failure or f"{cpu_figure(outcome):.2f} s CPU, peak {peak_mib(outcome):.1f} MiB"),
        flush=True,
    )


def _show(options: argparse.Namespace) -> int:
    results = Store(options.output).load()
    missed = False
    for name in options.chapters or chapters.NAMES:
        page = chapters.chapter(name).page(results)
        print(f"\n{page.title}\n{page.line}")
        for table in (*page.tables, bars_table(page.bars)):
            print("", *([table.caption] if table.caption else []), *as_text(table), sep="\n")
        for note in page.notes:
            print(note)
        missed |= any(bar.met is False for bar in page.bars)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
