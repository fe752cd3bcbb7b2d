"""Health: is the process there (live), and should it be given work (ready)?

In: a status. Out: a document in the shape of application/health+json
(draft-inadarei-api-health-check-06), an HTTP status, one line for people.
Live never fails on memory: restarting a process that is short of memory loses
its work, while taking it out of rotation does not.
"""

from __future__ import annotations

from typing import TypedDict

from snapshot_engine.monitoring.status import MemoryStatus

LIVE, READY = "live", "ready"


class HealthCheck(TypedDict):
    """One component's figure and judgement."""

    componentType: str
    observedValue: float
    observedUnit: str
    status: str


class HealthDocument(TypedDict):
    """status: "pass", "warn" or "fail"; output: the same in a sentence."""

    status: str
    output: str
    serviceId: str
    checks: dict[str, list[HealthCheck]]


_STATUS_OF_SEVERITY = {"warning": "warn", "critical": "fail"}


def judge_health(status: MemoryStatus, probe: str = READY) -> HealthDocument:
    """Return the health of the watched process for one probe, LIVE or READY."""
    verdict = "pass"
    if not status["process_running"]:
        verdict = "fail"
    elif probe == READY:
        verdict = _STATUS_OF_SEVERITY.get(status["health"], "pass")
    return HealthDocument(
        status=verdict,
        output=_sentence(status),
        serviceId=f"process {status['pid']}",
        checks=_checks(status),
    )


def http_status_of(document: HealthDocument) -> int:
    """Return 503 for "fail", else 200."""
    return 503 if document["status"] == "fail" else 200


def one_line(document: HealthDocument) -> str:
    """Return what the command prints."""
    return f"{document['status']}: {document['output']}"


def _sentence(status: MemoryStatus) -> str:
    if not status["process_running"]:
        return f"process {status['pid']} is not running"
    used = f"process {status['pid']} uses {status['current_memory_mb']:,.1f} MiB"
    limit = f"{status['usage_percent']:.1f} % of {status['limit_mb']:,.1f} MiB ({status['limit_of']})"
    if status["limit_of"] == "container":
        used += f", its container {status['used_of_limit_mb']:,.1f} MiB"
    told = [f"{used}, {limit}", *(alert["message"].rstrip(".") for alert in status["active_alerts"])]
    return "; ".join(told)


def _checks(status: MemoryStatus) -> dict[str, list[HealthCheck]]:
    severities = {alert["rule"]: alert["severity"] for alert in status["active_alerts"]}

    def check(rule: str, value: float, unit: str, component: str) -> list[HealthCheck]:
        verdict = _STATUS_OF_SEVERITY.get(severities.get(rule, ""), "pass")
        return [HealthCheck(componentType=component, observedValue=value, observedUnit=unit, status=verdict)]

    checks = {
        "memory:utilization": check("memory_usage", status["usage_percent"], "percent", "component"),
        "memory:growth": check("memory_growth", status["memory_growth_mb"], "MiB", "component"),
        "memory:available": check("system_available", status["available_memory_mb"], "MiB", "system"),
    }
    pressure = status["memory_pressure_percent"]
    if pressure is not None:
        checks["memory:pressure"] = check("memory_pressure", pressure, "percent", "system")
    return checks
