"""The command line: parses, calls, prints, and turns errors into exit codes.

Exit codes, the same for every command:
    0    done
    1    a check said no (verify, selfcheck, health)
    2    wrong usage or configuration
    3    an input could not be read, or is not WebVTT
    4    something that is needed is not installed
    5    the output could not be written
    130  interrupted; nothing half-written is left behind
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from snapshot_engine import __version__

EXIT_OK, EXIT_NO, EXIT_USAGE, EXIT_INPUT, EXIT_MISSING, EXIT_OUTPUT, EXIT_INTERRUPTED = 0, 1, 2, 3, 4, 5, 130

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


def exit_code_of(error: BaseException) -> int | None:
    """Return the documented exit code for an error that a user can cause; None for a bug."""
    from snapshot_engine.errors import ConfigError, FileTooLarge, MissingExtra, TranscriptError

    if isinstance(error, OutputFailed):
        return EXIT_OUTPUT
    if isinstance(error, ConfigError):
        return EXIT_USAGE
    if isinstance(error, MissingExtra):
        return EXIT_MISSING
    if isinstance(error, (TranscriptError, FileTooLarge, OSError, EOFError)):
        return EXIT_INPUT
    return None


def describe(error: BaseException) -> str:
    """Return an error as one line that names the file."""
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error) or type(error).__name__


class OutputFailed(OSError):
    """The output could not be written; raised where the place is known."""


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
        "--jobs", type=int, default=1, metavar="N", help="workers: files at once (default: 1)"
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
