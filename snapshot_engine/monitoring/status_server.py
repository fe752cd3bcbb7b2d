"""A small HTTP server beside the service: health, status, metrics, dashboard, events.

    /              the dashboard          /health/live   is the process there
    /events        server-sent events     /health/ready  503 at critical
    /status        the status as JSON     /metrics       for Prometheus

In: a service. Out: GET answers on loopback, on a Unix socket, or on an address
that the caller names. No foreign page can read it: a request under a name that
is not this machine's own is refused (a foreign name that is made to resolve to
127.0.0.1 would otherwise read it through the user's browser).
"""

from __future__ import annotations

import json
import logging
import os
import socket
import socketserver
import stat
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

from snapshot_engine.errors import SnapshotEngineError
from snapshot_engine.monitoring.dashboard_page import DashboardContent, content_policy, render_page
from snapshot_engine.monitoring.dashboard_parts import live_parts
from snapshot_engine.monitoring.exposition import CONTENT_TYPE, render_text
from snapshot_engine.monitoring.health import LIVE, READY, http_status_of, judge_health
from snapshot_engine.monitoring.metrics import metrics_of
from snapshot_engine.monitoring.service import MemoryMonitoringService
from snapshot_engine.monitoring.status import compose_status

logger = logging.getLogger("snapshot_engine.monitoring")

LOOPBACK = "127.0.0.1"
# Each open page is one thread of 100 KiB; more than this is not a person.
MOST_STREAMS = 20
_KEEP_ALIVE_SECONDS = 10.0
_REQUEST_SECONDS = 10.0

Content = Callable[[MemoryMonitoringService], DashboardContent]


class AddressProblem(SnapshotEngineError, OSError):
    """The server cannot listen where it was told to; the message says where and why."""


def live_content(service: MemoryMonitoringService) -> DashboardContent:
    """Return what the page shows when nobody names a mode or a history file."""
    return DashboardContent(mode="live", status=service.status(), readings=service.history())


class StatusServer:
    """Answers for one service until closed; `start()` in the background or `serve()` in this thread.

    host, port: where to listen; loopback unless named, port 0 takes a free one.
    socket_path: listen on a Unix socket instead (mode 0600).
    content: what the page shows.
    Raises AddressProblem when the address is taken or not allowed.
    """

    def __init__(
        self,
        service: MemoryMonitoringService,
        *,
        host: str = LOOPBACK,
        port: int = 0,
        socket_path: str | None = None,
        content: Content = live_content,
    ) -> None:
        self.service = service
        self.content = content
        self.closing = threading.Event()
        self.streams = threading.BoundedSemaphore(MOST_STREAMS)
        self._socket_path = socket_path
        self._thread: threading.Thread | None = None
        self._serving = False
        self._server = _open(self, host, port, socket_path)
        self.own_names = _own_names(host)

    @property
    def address(self) -> str:
        """Return "http://host:port" or "unix:/path"."""
        if self._socket_path is not None:
            return f"unix:{self._socket_path}"
        place: Any = self._server.server_address
        host, port = place[0], place[1]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def serve(self) -> None:
        """Answer in this thread until `close()` is called from another one."""
        self._serving = True
        self._server.serve_forever()

    def start(self) -> StatusServer:
        """Answer in a background thread."""
        self._serving = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="memory status server", daemon=True
        )
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop listening and end the streams."""
        self.closing.set()
        if self._serving:
            self._server.shutdown()
        self._server.server_close()
        if self._thread is not None:
            self._thread.join()
        if self._socket_path is not None and os.path.exists(self._socket_path):
            os.unlink(self._socket_path)

    def __enter__(self) -> StatusServer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()


def _open(owner: StatusServer, host: str, port: int, socket_path: str | None) -> socketserver.BaseServer:
    class Handler(_Handler):
        server_of = owner

    try:
        if socket_path is not None:
            return _open_socket(socket_path, Handler)
        return (_TCPServer6 if ":" in host else _TCPServer)((host, port), Handler)
    except (OSError, OverflowError) as refused:
        where = socket_path or f"{host} port {port}"
        reason = getattr(refused, "strerror", None) or str(refused)
        raise AddressProblem(f"cannot listen on {where}: {reason}") from None


def _open_socket(path: str, handler: type[BaseHTTPRequestHandler]) -> socketserver.BaseServer:
    _remove_dead_socket(path)
    before = os.umask(0o177)
    try:
        address: Any = path  # the base class knows only pairs
        return _UnixServer(address, handler)
    finally:
        os.umask(before)


def _remove_dead_socket(path: str) -> None:
    """Remove a socket that nobody answers on any more; a file of another kind is left, and refused by bind."""
    if not os.path.exists(path) or not stat.S_ISSOCK(os.stat(path).st_mode):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)


def _own_names(host: str) -> frozenset[str] | None:
    """Return the names under which requests are answered; None for any (an address for the whole network)."""
    if host in {"0.0.0.0", "::", ""}:
        return None
    return frozenset({"localhost", "127.0.0.1", "[::1]", host, f"[{host}]"})


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    # The standard HTTPServer asks the name service for its own name when it
    # binds; that can take seconds and is for CGI only.
    daemon_threads = True
    block_on_close = False
    request_queue_size = 32

    def handle_error(self, request: Any, client_address: Any) -> None:
        logger.debug("memory status server: a request failed", exc_info=True)


class _TCPServer(_Server):
    allow_reuse_address = os.name == "posix"


class _TCPServer6(_TCPServer):
    address_family = socket.AF_INET6


class _UnixServer(_Server):
    address_family = getattr(socket, "AF_UNIX", socket.AF_INET)

    def get_request(self) -> tuple[socket.socket, Any]:
        request, _ = super().get_request()
        return request, ("unix", 0)


class _Handler(BaseHTTPRequestHandler):
    """One GET. Holds no rule: every answer is made by the pure modules."""

    server_of: StatusServer
    timeout = _REQUEST_SECONDS
    server_version = "snapshot-engine"
    sys_version = ""

    def do_GET(self) -> None:
        routes: dict[str, Callable[[], None]] = {
            "/": self._page,
            "/events": self._events,
            "/status": self._status,
            "/metrics": self._metrics,
            "/health/live": lambda: self._health(LIVE),
            "/health/ready": lambda: self._health(READY),
        }
        route = routes.get(self.path.partition("?")[0])
        if not self._is_for_us():
            self._send(421, "text/plain", f"This server answers to {LOOPBACK} and localhost.\n")
        elif route is None:
            self._send(404, "text/plain", "Not here. There are: " + " ".join(routes) + "\n")
        else:
            self._answer(route)

    def _answer(self, route: Callable[[], None]) -> None:
        try:
            route()
        except OSError as gone:
            # What asked has gone away; what we read (a history file) has not answered.
            if isinstance(gone, SnapshotEngineError):
                self._send(500, "text/plain", f"{gone}\n")
            else:
                raise
        except Exception as failed:
            logger.exception("memory status server: %s could not be answered", self.path)
            self._send(500, "text/plain", f"{type(failed).__name__} in this process; its log says more.\n")

    do_HEAD = do_GET

    def _is_for_us(self) -> bool:
        names = self.server_of.own_names
        host = self.headers.get("Host", "localhost").strip().lower()
        name = host if host.endswith("]") else host.rsplit(":", 1)[0]
        return names is None or name in names

    def _page(self) -> None:
        content = self.server_of.content(self.server_of.service)
        self._send(200, "text/html; charset=utf-8", render_page(content, live=True))

    def _status(self) -> None:
        facts = self.server_of.service.facts(fresh=True)
        self._send(200, "application/json", json.dumps(compose_status(facts)))

    def _metrics(self) -> None:
        facts = self.server_of.service.facts(fresh=True)
        self._send(200, CONTENT_TYPE, render_text(metrics_of(facts)))

    def _health(self, probe: str) -> None:
        document = judge_health(compose_status(self.server_of.service.facts(fresh=True)), probe)
        self._send(http_status_of(document), "application/health+json", json.dumps(document))

    def _events(self) -> None:
        streams = self.server_of.streams
        if not streams.acquire(blocking=False):
            self._send(503, "text/plain", f"{MOST_STREAMS} pages are open already.\n")
            return
        try:
            self._head(200, "text/event-stream")
            self._stream()
        except OSError:
            return  # the page was closed
        finally:
            streams.release()

    def _stream(self) -> None:
        service, closing, seen = self.server_of.service, self.server_of.closing, -1
        sent: dict[str, str] = {}
        while not closing.is_set():
            now = service.wait_for_look(seen, _KEEP_ALIVE_SECONDS)
            if now == seen:
                self.wfile.write(b": still here\n\n")
                continue
            seen = now
            parts = live_parts(service.status(), service.history())
            changed = {name: text for name, text in parts.items() if sent.get(name) != text}
            sent = parts
            self.wfile.write(f"event: status\ndata: {json.dumps(changed)}\n\n".encode())
            if not service.running:
                closing.wait(1.0)  # a stopped service is told once, not in a loop

    def _send(self, status: int, content_type: str, text: str) -> None:
        body = text.encode()
        self._head(status, content_type, len(body))
        if self.command != "HEAD":
            self.wfile.write(body)

    def _head(self, status: int, content_type: str, length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", content_policy() + "; frame-ancestors 'none'")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.end_headers()

    def log_message(self, format: str, *arguments: Any) -> None:
        logger.debug("memory status server: " + format, *arguments)
