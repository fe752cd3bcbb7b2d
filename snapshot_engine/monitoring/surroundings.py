"""What memory there is around a process: the machine's, its container's, and the pressure on it."""

from __future__ import annotations

from dataclasses import dataclass

PRESSURE_PATH = "/proc/pressure/memory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """container_*: None outside a container, or in one without a limit."""

    machine_bytes: int
    available_bytes: int
    container_limit_bytes: int | None = None
    container_used_bytes: int | None = None

    @property
    def total_bytes(self) -> int:
        """All there is to get: the container's limit where it is the smaller one."""
        if self.container_limit_bytes is None:
            return self.machine_bytes
        return min(self.machine_bytes, self.container_limit_bytes)


def look_around(pid: int | None = None) -> Surroundings:
    """Return the memory around a process (None: this one)."""
    with open("/proc/meminfo", "rb") as file:
        text = file.read(4096)

    def kib(name: bytes) -> int:
        start = text.index(name) + len(name)
        return int(text[start : text.index(b"kB", start)])

    return Surroundings(
        machine_bytes=kib(b"MemTotal:") * 1024,
        available_bytes=kib(b"MemAvailable:") * 1024,
    )


def parse_pressure(text: str) -> float | None:
    """Return "some avg10" of a PSI file in percent; None where it is not there.

    Source: the kernel's Documentation/accounting/psi.rst.
    """
    for line in text.splitlines():
        words = line.split()
        if words and words[0] == "some":
            for word in words[1:]:
                if word.startswith("avg10="):
                    return float(word[len("avg10=") :])
    return None


def pressure_percent(path: str = PRESSURE_PATH) -> float | None:
    """Return the share of the last ten seconds in which a task waited for memory; None without PSI."""
    try:
        with open(path, encoding="ascii") as file:
            return parse_pressure(file.read())
    except OSError:
        return None
