"""Real programs for the tests: Prometheus, Alertmanager, a webhook receiver; on free ports of 127.0.0.1."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest


def needs(*programs: str) -> pytest.MarkDecorator:
    """Skip, saying which, unless every program is installed."""
    missing = [name for name in programs if shutil.which(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed here: {', '.join(missing)}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def eventually(ask: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Ask until the answer is true; return it. The last error, if any, is the failure."""
    deadline = time.monotonic() + seconds
    while True:
        problem: Exception | None = None
        answer = None
        try:
            answer = ask()
        except (OSError, ValueError, KeyError) as error:
            problem = error
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s; last answer {answer!r}, last error {problem!r}")
        time.sleep(0.05)


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


@contextmanager
def program(*command: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / f"{Path(command[0]).name}.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class Webhook:
    """Receives Alertmanager's notifications and keeps their alerts."""

    def __init__(self) -> None:
        self.alerts: list[dict[str, Any]] = []
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                webhook.alerts += body["alerts"]
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def received(self, **labels: str) -> list[dict[str, Any]]:
        return [alert for alert in self.alerts if labels.items() <= {**alert["labels"], **alert}.items()]


@contextmanager
def alertmanager(folder: Path, webhook: Webhook) -> Iterator[str]:
    """A real Alertmanager that passes everything on at once; yields its address."""
    port = free_port()
    (folder / "alertmanager.yml").write_text(
        "route: {receiver: test, group_by: ['...'], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}\n"
        f"receivers: [{{name: test, webhook_configs: [{{url: '{webhook.url}', send_resolved: true}}]}}]\n"
    )
    command = [
        "prometheus-alertmanager",
        "--config.file=alertmanager.yml",
        "--storage.path=alertmanager",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    address = f"http://127.0.0.1:{port}"
    with program(*command, folder=folder):
        eventually(lambda: get(f"{address}/-/ready"))
        yield address


@contextmanager
def prometheus(
    folder: Path, rules: Path, alertmanager_address: str, jobs: dict[str, str]
) -> Iterator[Prometheus]:
    """A real Prometheus that scrapes {job: host:port} five times a second."""
    port = free_port()
    config = {
        "global": {"scrape_interval": "200ms", "scrape_timeout": "200ms", "evaluation_interval": "200ms"},
        "rule_files": [str(rules)],
        "alerting": {
            "alertmanagers": [
                {"static_configs": [{"targets": [alertmanager_address.removeprefix("http://")]}]}
            ]
        },
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [target]}]} for job, target in jobs.items()
        ],
    }
    (folder / "prometheus.yml").write_text(json.dumps(config))
    command = [
        "prometheus",
        "--config.file=prometheus.yml",
        "--storage.tsdb.path=data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with program(*command, folder=folder):
        server = Prometheus(f"http://127.0.0.1:{port}")
        eventually(lambda: get(f"{server.address}/-/ready"))
        yield server


class Prometheus:
    def __init__(self, address: str) -> None:
        self.address = address

    def query(self, expression: str) -> list[dict[str, Any]]:
        answer = json.loads(get(f"{self.address}/api/v1/query?query={quote(expression)}"))
        assert answer["status"] == "success", answer
        result: list[dict[str, Any]] = answer["data"]["result"]
        return result

    def value(self, expression: str) -> float | None:
        result = self.query(expression)
        return float(result[0]["value"][1]) if result else None
