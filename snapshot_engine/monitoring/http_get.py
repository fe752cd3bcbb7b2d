"""GET one small JSON document over TCP or a Unix socket, without an HTTP library.

http.client costs 8 MiB and 50 ms to import, more than the whole health check.
HTTP/1.0 is asked for, so the answer ends with the connection and has no chunks.
"""

from __future__ import annotations

import json
import socket
from typing import Any

from snapshot_engine.errors import SnapshotEngineError

_MOST_BYTES = 1 << 20


class NoAnswer(SnapshotEngineError, OSError):
    """Nobody answered, or not with JSON; the message names the address and the reason."""


def get_json(address: str, path: str, timeout_seconds: float) -> Any:
    """Return the JSON that `address` ("http://host:port" or "unix:/path") gives for `path`.

    The HTTP status is left to the document: a health check says it in both.
    """
    try:
        with _connect(address, timeout_seconds) as connection:
            request = f"GET {path} HTTP/1.0\r\nHost: localhost\r\nAccept: application/json\r\n\r\n"
            connection.sendall(request.encode("ascii"))
            answer = _receive(connection)
    except OSError as error:
        if isinstance(error, NoAnswer):
            raise
        reason = error.strerror or ("no answer in time" if isinstance(error, TimeoutError) else str(error))
        raise NoAnswer(f"{address} does not answer: {reason}") from None
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1."):
        raise NoAnswer(f"{address} does not speak HTTP")
    try:
        return json.loads(body)
    except ValueError:
        status = head.split(None, 2)[1].decode("ascii", "replace")
        raise NoAnswer(
            f"{address}{path} answered {status} without JSON: not a snapshot-engine service"
        ) from None


def split_address(address: str) -> tuple[str, int]:
    """Return (host, port) of "http://host:port[/...]". Raises NoAnswer for anything else."""
    scheme, _, rest = address.partition("://")
    if scheme != "http" or not rest:
        raise NoAnswer(f"{address}: only http://host:port can be asked (no TLS)")
    place = rest.split("/", 1)[0]
    host, colon, port = place.rpartition(":")
    if not colon or port.endswith("]"):
        host, port = place, "80"
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise NoAnswer(f"{address}: {port!r} is not a port")
    return host.strip("[]"), int(port)


def _connect(address: str, timeout_seconds: float) -> socket.socket:
    if address.startswith("unix:"):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(timeout_seconds)
        try:
            connection.connect(address[len("unix:") :])
        except OSError:
            connection.close()
            raise
        return connection
    return socket.create_connection(split_address(address), timeout_seconds)


def _receive(connection: socket.socket) -> bytes:
    pieces, size = [], 0
    while (piece := connection.recv(65536)) and size <= _MOST_BYTES:
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)
