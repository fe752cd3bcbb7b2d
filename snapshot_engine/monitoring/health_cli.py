"""`snapshot-engine health`: look at the service's process, print one line, exit 0 or 1.

It runs every few seconds in a container, so it imports only what one look
needs: 15 MiB and 0.1 s, no HTTP library (a request over a socket is 30 lines).

Exit codes: 0 healthy (a warning is), 1 unhealthy or not to be reached, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from snapshot_engine.errors import SnapshotEngineError
from snapshot_engine.monitoring.health import (
    LIVE,
    READY,
    HealthDocument,
    judge_health,
    one_line,
)
from snapshot_engine.monitoring.reading import ProcessGone
from snapshot_engine.monitoring.status import MemoryStatus

EXIT_HEALTHY, EXIT_UNHEALTHY = 0, 1


def build_parser() -> argparse.ArgumentParser:
    """Return the parser; the container's HEALTHCHECK is tested against it."""
    parser = argparse.ArgumentParser(
        prog="snapshot-engine health",
        description="Look at a running process and say in one line whether its memory is healthy.",
        epilog="Exit codes: 0 healthy (a warning is healthy), 1 unhealthy or not to be reached, 2 wrong usage.",
    )
    target = parser.add_mutually_exclusive_group()
    target.add_argument(
        "--pid-file",
        type=Path,
        metavar="PATH",
        help="file that names the process (default: snapshot-engine.pid in the runtime folder)",
    )
    target.add_argument("--pid", type=_positive, metavar="N", help="the process itself; 1 inside a container")
    target.add_argument("--socket", metavar="PATH", help="Unix socket that the service answers on")
    target.add_argument("--url", metavar="URL", help="http address of the service, http://127.0.0.1:8750")
    parser.add_argument("--live", action="store_true", help="only ask whether it runs; memory is not judged")
    parser.add_argument("--json", action="store_true", help="print application/health+json instead of a line")
    parser.add_argument("--timeout", type=_seconds, default=2.0, metavar="S", help="for socket and url (2)")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Check, print, and return the exit code."""
    options = build_parser().parse_args(argv)
    try:
        document = _document(options)
    except (SnapshotEngineError, ProcessGone, OSError, ValueError) as problem:
        document = HealthDocument(status="fail", output=_reason(problem), serviceId="", checks={})
    print(json.dumps(document) if options.json else one_line(document))
    return EXIT_UNHEALTHY if document["status"] == "fail" else EXIT_HEALTHY


def _document(options: argparse.Namespace) -> HealthDocument:
    probe = LIVE if options.live else READY
    if options.socket or options.url:
        from snapshot_engine.monitoring.http_get import get_json

        where = options.url if options.url else f"unix:{options.socket}"
        answer: HealthDocument = get_json(where, f"/health/{probe}", options.timeout)
        return answer
    return judge_health(_look(_pid(options)), probe)


def _pid(options: argparse.Namespace) -> int:
    if options.pid is not None:
        return int(options.pid)
    from snapshot_engine.monitoring.pid_file import default_pid_path, read_pid_file

    return read_pid_file(options.pid_file or default_pid_path())


def _look(pid: int) -> MemoryStatus:
    from snapshot_engine.monitoring.one_look import look_once
    from snapshot_engine.monitoring.other_process import OtherProcess
    from snapshot_engine.settings import Config

    return look_once(OtherProcess(pid, Config.from_env(os.environ).memory_limit_mb))


def _reason(problem: Exception) -> str:
    return " ".join(str(problem).split()) or type(problem).__name__


def _positive(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a process id")
    return number


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 60:
        raise argparse.ArgumentTypeError(f"{text!r}: must be seconds, above 0 and at most 60")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
