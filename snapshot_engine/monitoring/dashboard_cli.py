"""`snapshot-engine dashboard`: serve one page on loopback, write it to a file, or print it.

Exit codes: 0 done (Ctrl-C ends a server as it should), 2 wrong usage, wrong
configuration or an address that is taken, 3 the process or the history file
cannot be read, 5 the output cannot be written.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from snapshot_engine.errors import ConfigError, SnapshotEngineError
from snapshot_engine.files import write_atomically
from snapshot_engine.monitoring.dashboard_page import MODES, DashboardContent, render_page
from snapshot_engine.monitoring.other_process import OtherProcess
from snapshot_engine.monitoring.own_process import OwnProcess
from snapshot_engine.monitoring.pid_file import default_pid_path, read_pid_file
from snapshot_engine.monitoring.reading import ProcessGone, ReadingSource
from snapshot_engine.monitoring.sampler import check_interval
from snapshot_engine.monitoring.service import MemoryMonitoringService
from snapshot_engine.monitoring.stored_history import StoredHistory, read_stored_history
from snapshot_engine.settings import Config

EXIT_OK, EXIT_USAGE, EXIT_INPUT, EXIT_OUTPUT = 0, 2, 3, 5
DEFAULT_PORT = 8750

_MOST_SECONDS = 86_400


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    parser = argparse.ArgumentParser(
        prog="snapshot-engine dashboard",
        description="Show a process's memory, its alerts and the recorded history as one page.",
        epilog="Exit codes: 0 done, 2 usage, configuration or address taken, 3 nothing to read, 5 output.",
    )
    target = parser.add_mutually_exclusive_group()
    target.add_argument("--pid", type=int, metavar="N", help="the process to watch")
    target.add_argument("--pid-file", type=Path, metavar="PATH", help="file that names the process to watch")
    target.add_argument("--own", action="store_true", help="watch this command's own process")
    parser.add_argument("--mode", choices=MODES, default="comprehensive", help="what the page shows")
    parser.add_argument(
        "--interval", type=float, default=0.5, metavar="S", help="seconds between readings (0.5)"
    )
    parser.add_argument("--history-file", type=Path, metavar="DB", help="SQLite file of recorded test runs")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--output", metavar="PAGE.html", help="write a self-contained page and end")
    shape.add_argument("--text", action="store_true", help="show it in the terminal")
    parser.add_argument("--once", action="store_true", help="with --text: print once and end")
    parser.add_argument(
        "--seconds", type=float, default=2.0, metavar="S", help="with --output: how long to watch (2)"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (this machine only)")
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, metavar="N", help=f"port, 0 for a free one ({DEFAULT_PORT})"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; problems are one line on standard error."""
    options = build_parser().parse_args(argv)
    try:
        return _run(options)
    except ConfigError as problem:
        return _fail(problem, EXIT_USAGE)
    except (ProcessGone, SnapshotEngineError, OSError) as problem:
        return _fail(problem, EXIT_INPUT)
    except KeyboardInterrupt:
        return EXIT_OK


def _fail(problem: Exception, code: int) -> int:
    print(f"snapshot-engine dashboard: {' '.join(str(problem).split())}", file=sys.stderr)
    return code


def _run(options: argparse.Namespace) -> int:
    check_interval(options.interval)
    if not 0 <= options.seconds <= _MOST_SECONDS:
        problem = f"--seconds {options.seconds:g}: must be between 0 and one day ({_MOST_SECONDS:,} seconds)"
        raise ConfigError([problem])
    stored = read_stored_history(options.history_file)
    service = _service(options)
    if options.output is not None:
        return _write(options, service, stored)
    if options.text:
        return _show(options, service, stored)
    return _serve(options, service, stored)


def _service(options: argparse.Namespace) -> MemoryMonitoringService:
    config = Config.from_env(os.environ)
    return MemoryMonitoringService(
        config, options.interval, source=_source(options, config.memory_limit_mb), history_size=1200
    )


def _source(options: argparse.Namespace, limit_mb: float | None) -> Callable[[], ReadingSource]:
    """Return how to watch the process that was asked for: named, else the user's service, else this one."""
    pid = options.pid
    if pid is None and not options.own:
        if options.pid_file is not None:
            pid = read_pid_file(options.pid_file)
        elif default_pid_path().exists():
            pid = read_pid_file(default_pid_path())
    if pid is None:
        return lambda: OwnProcess(limit_mb)
    OtherProcess(pid, limit_mb)  # say now that it is not there, not from a thread later
    return lambda: OtherProcess(pid, limit_mb)


def _content(mode: str, stored: StoredHistory) -> Callable[[MemoryMonitoringService], DashboardContent]:
    def content(service: MemoryMonitoringService) -> DashboardContent:
        return DashboardContent(
            mode=mode,
            status=service.status(),
            readings=service.history(),
            tests=stored.tests,
            benchmarks=stored.benchmarks,
            history_note=stored.note,
        )

    return content


def _write(options: argparse.Namespace, service: MemoryMonitoringService, stored: StoredHistory) -> int:
    with service:
        if options.mode in {"comprehensive", "live"}:
            time.sleep(options.seconds)
        page = render_page(_content(options.mode, stored)(service), live=False)
    output = Path(options.output)
    try:
        write_atomically(output, [page])
    except OSError as refused:
        return _fail(OSError(f"cannot write {output}: {refused.strerror}"), EXIT_OUTPUT)
    return EXIT_OK


def _show(options: argparse.Namespace, service: MemoryMonitoringService, stored: StoredHistory) -> int:
    from snapshot_engine.monitoring.dashboard_text import render_text

    terminal = sys.stdout.isatty()
    series = [*stored.tests, *stored.benchmarks] if options.mode != "live" else []
    seen = -1
    with service:
        while True:
            seen = service.wait_for_look(seen, 3600.0)
            width = shutil.get_terminal_size().columns
            view = render_text(
                service.status(), service.history(), width=width, colour=terminal, stored=series
            )
            # Home, write, clear what is left below: a full clear would flicker.
            sys.stdout.write(f"\x1b[H{view}\x1b[J" if terminal and not options.once else view)
            sys.stdout.flush()
            if options.once or not terminal:
                return EXIT_OK


def _serve(options: argparse.Namespace, service: MemoryMonitoringService, stored: StoredHistory) -> int:
    from snapshot_engine.monitoring.status_server import AddressProblem, StatusServer

    try:
        server = StatusServer(
            service, host=options.host, port=options.port, content=_content(options.mode, stored)
        )
    except AddressProblem as problem:
        return _fail(AddressProblem(f"{problem}; choose another with --port or --host"), EXIT_USAGE)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with service, server:
        print(f"Dashboard of process {service.status()['pid']}: {server.address}/", flush=True)
        ended.wait()
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
