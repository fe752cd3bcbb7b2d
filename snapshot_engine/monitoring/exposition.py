"""Metrics as Prometheus's text format 0.0.4, without prometheus_client.

The status server answers /metrics with this: importing prometheus_client would
cost the server 15.7 MiB, half of what it may use.
Source: prometheus.io, "Exposition formats", text-based format.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from snapshot_engine.monitoring.metrics import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def render_text(metrics: Iterable[Metric]) -> str:
    """Return the page that Prometheus scrapes."""
    lines = []
    for metric in metrics:
        lines.append(f"# HELP {metric.name} {_escape_help(metric.help)}")
        lines.append(f"# TYPE {metric.name} {metric.kind}")
        lines += [
            f"{metric.name}{_labels(sample.labels)} {_number(sample.value)}" for sample in metric.samples
        ]
    return "\n".join(lines) + "\n"


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escape_label(value)}"' for name, value in labels.items()) + "}"


def _escape_label(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _escape_help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _number(value: float) -> str:
    # Whole numbers in full: repr(1e16) has an exponent that people misread.
    return str(int(value)) if float(value).is_integer() else repr(float(value))
