"""The command line: parses, calls, prints, and turns errors into exit codes (exit_codes.py)."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from snapshot_engine import __version__
from snapshot_engine.exit_codes import EXIT_INTERRUPTED, EXIT_OK, describe, exit_code_of

# Commands with a parser of their own: they must start in milliseconds (health)
# or bring a server (dashboard), so nothing else is imported for them.
_DELEGATED = {
    "health": (
        "snapshot_engine.monitoring.health_cli",
        "ask a running service whether its memory is healthy",
    ),
    "dashboard": ("snapshot_engine.monitoring.dashboard_cli", "serve memory, alerts and history as one page"),
    "selfcheck": (
        "snapshot_engine.language.selfcheck",
        "compare the lean NER runtime with an installed spaCy",
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; prints errors as one line each."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    # One BLAS thread per worker: more only contend for the cores that --jobs uses.
    for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    try:
        if arguments and arguments[0] in _DELEGATED:
            return _delegate(arguments[0], arguments[1:])
        options = build_parser().parse_args(arguments)
        run: Callable[[argparse.Namespace], int] = options.run
        return run(options)
    except KeyboardInterrupt:
        print("interrupted; no half-written file is left", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away (`| head`): not an error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except Exception as error:
        code = exit_code_of(error)
        if code is None:
            raise
        print(f"snapshot-engine: {describe(error)}", file=sys.stderr)
        return code


def _delegate(command: str, arguments: list[str]) -> int:
    import importlib

    run: Callable[[list[str]], int] = importlib.import_module(_DELEGATED[command][0]).main
    return run(arguments)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser; commands bring their functions as `run`."""
    parser = argparse.ArgumentParser(
        prog="snapshot-engine",
        description="Turn WebVTT transcripts of any size into customer solution snapshots, in flat memory.",
        epilog="Exit codes: 0 done, 1 a check said no, 2 usage, 3 input, 4 not installed, 5 output, 130 interrupted.",
    )
    parser.add_argument("--version", action="version", version=f"snapshot-engine {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_process(commands)
    _add_analyze(commands)
    _add_verify(commands)
    _add_synth(commands)
    for name, (_, help_text) in _DELEGATED.items():
        commands.add_parser(name, help=help_text, add_help=False)
    return parser


_Commands = argparse._SubParsersAction  # argparse gives this type no public name


def _add_process(commands: _Commands[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "process",
        help="write the snapshot of each transcript",
        description="Write a customer solution snapshot of each transcript.",
    )
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="WebVTT file, may be gzipped; - for standard input"
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help="file to write (- for standard output); a directory for several files",
    )
    parser.add_argument(
        "-f", "--format", choices=("markdown", "html", "json"), help="default: by OUT's ending, else markdown"
    )
    _add_engine_options(parser)
    parser.set_defaults(run=_run_process)


def _add_analyze(commands: _Commands[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("analyze", help="print speakers, entities and counts")
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="WebVTT file, may be gzipped; - for standard input"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object per file and line")
    parser.add_argument("--top", type=int, default=10, metavar="N", help="rows per table (default: 10)")
    _add_engine_options(parser)
    parser.set_defaults(run=_run_analyze)


def _add_engine_options(parser: argparse.ArgumentParser) -> None:
    from snapshot_engine.strategy import STRATEGY_NAMES

    parser.add_argument("--strategy", choices=STRATEGY_NAMES, help="default: by file size and memory")
    parser.add_argument(
        "--strict", action="store_true", help="stop at the first broken block instead of skipping it"
    )
    parser.add_argument(
        "--jobs",
        type=int,
        default=1,
        metavar="N",
        help="workers: processes for several files, threads within one (default: 1)",
    )
    parser.add_argument("--model", metavar="NAME", help="spaCy model package (default: SPACY_MODEL)")
    parser.add_argument("--runtime", metavar="NAME", help="auto, lean, spacy or rules (default: NER_RUNTIME)")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress, no summary")
    parser.add_argument("-v", "--verbose", action="store_true", help="print the summary in a pipe too")


def _add_verify(commands: _Commands[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "verify", help="prove every sentence of a JSON snapshot against its transcript"
    )
    parser.add_argument("snapshot", metavar="SNAPSHOT.json")
    parser.add_argument("transcript", metavar="TRANSCRIPT")
    parser.set_defaults(run=_run_verify)


def _add_synth(commands: _Commands[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("synth", help="write a generated transcript of a given size")
    parser.add_argument(
        "--size-mb", type=float, required=True, metavar="N", help="size in MiB, exact to a cue"
    )
    parser.add_argument("-o", "--output", required=True, metavar="FILE")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--producer", default="zoom", help="whose file shape (default: zoom)")
    parser.set_defaults(run=_run_synth)


def _run_process(options: argparse.Namespace) -> int:
    from snapshot_engine.commands import run_process

    return run_process(options)


def _run_analyze(options: argparse.Namespace) -> int:
    from snapshot_engine.commands import run_analyze

    return run_analyze(options)


def _run_verify(options: argparse.Namespace) -> int:
    from snapshot_engine.commands import run_verify

    return run_verify(options)


def _run_synth(options: argparse.Namespace) -> int:
    from snapshot_engine.commands import run_synth

    return run_synth(options)


if __name__ == "__main__":
    sys.exit(main())
