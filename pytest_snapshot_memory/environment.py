"""Where a number was measured: what must be equal before two numbers are compared.

In: the running interpreter, or plain pairs. Out: an Environment, its file name
and the differences between two of them. Kept coarse on purpose (minor version
of Python, kind of C library): a fingerprint with the patch level or the kernel
in it makes every baseline worthless after each upgrade.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """The circumstances that move memory numbers by themselves.

    platform: "linux-x86_64-gnu"; python: "cpython-3.11" ("3.13t" where free-threaded).
    gauge: the gauge's name. allocator: "pymalloc", "malloc", "pymalloc+jemalloc", ...
    versions: (distribution, version) of the dependencies named as mattering, sorted.
    """

    platform: str
    python: str
    gauge: str
    allocator: str = "pymalloc"
    versions: tuple[tuple[str, str], ...] = ()

    @property
    def file_name(self) -> str:
        """Name of the baseline file for this environment: letters, digits and ".+-_" only."""
        parts = [self.platform, self.python.replace("cpython-", "cp"), self.gauge]
        if self.allocator != "pymalloc":
            parts.append(self.allocator)
        parts += [f"{name}{version}" for name, version in self.versions]
        return re.sub(r"[^A-Za-z0-9.+_-]", "_", "-".join(parts)) + ".txt"

    def to_plain(self) -> dict[str, str]:
        """Return the facts as text, in a fixed order; versions under "with <name>"."""
        plain = {
            "platform": self.platform,
            "python": self.python,
            "gauge": self.gauge,
            "allocator": self.allocator,
        }
        plain.update({f"with {name}": version for name, version in self.versions})
        return plain

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Environment:
        """Read what to_plain wrote; raises KeyError naming what is missing."""
        versions = sorted((key[5:], str(value)) for key, value in plain.items() if key.startswith("with "))
        return cls(
            platform=str(plain["platform"]),
            python=str(plain["python"]),
            gauge=str(plain["gauge"]),
            allocator=str(plain["allocator"]),
            versions=tuple(versions),
        )

    def differences(self, other: Environment) -> list[str]:
        """Return a phrase per fact in which the two differ, ours first."""
        ours, theirs = self.to_plain(), other.to_plain()
        return [
            f"{key} {ours.get(key, 'none')} instead of {theirs.get(key, 'none')}"
            for key in sorted({*ours, *theirs})
            if ours.get(key) != theirs.get(key)
        ]


def fingerprint(
    gauge: str,
    *,
    dependencies: Iterable[str] = (),
    extra: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Environment:
    """Return the environment of this process.

    dependencies: distributions whose version matters; kept as major.minor, and
    one that is not installed is recorded as "none". extra: further pairs, such as
    hooks give. environ: instead of os.environ.
    """
    environ = os.environ if environ is None else environ
    versions = {name.lower(): _minor(_installed(name)) for name in dependencies}
    versions.update({str(name): str(value) for name, value in (extra or {}).items()})
    free_threaded = "t" if "t" in getattr(sys, "abiflags", "") else ""
    return Environment(
        platform=_platform(),
        python=f"{sys.implementation.name}-{sys.version_info[0]}.{sys.version_info[1]}{free_threaded}",
        gauge=gauge,
        allocator=_allocator(environ, free_threaded=bool(free_threaded)),
        versions=tuple(sorted(versions.items())),
    )


def _platform() -> str:
    # the multiarch triplet tells glibc from musl without starting a program
    multiarch = str(getattr(sys.implementation, "_multiarch", ""))
    libc = "-musl" if "musl" in multiarch else "-gnu" if "gnu" in multiarch else ""
    machine = (
        os.uname().machine
        if hasattr(os, "uname")
        else os.environ.get("PROCESSOR_ARCHITECTURE", "unknown").lower()
    )
    return f"{sys.platform}-{machine}{libc}"


def _allocator(environ: Mapping[str, str], *, free_threaded: bool) -> str:
    allocator = environ.get("PYTHONMALLOC") or ("mimalloc" if free_threaded else "pymalloc")
    known = re.findall(r"jemalloc|tcmalloc|mimalloc", environ.get("LD_PRELOAD", ""))
    return "+".join([allocator, *sorted(set(known))])


def _installed(name: str) -> str:
    from importlib import metadata

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "none"


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])
