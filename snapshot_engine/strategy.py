"""Which way a file of this size is processed on this machine: the tier table, once.

Takes a size, the memory that this process may really use and the Config;
gives a ProcessingStrategy. All strategies give the same document for the same
input: they differ in what is held at a time and in how eagerly memory is
handed back, never in what is read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from snapshot_engine.errors import ConfigError
from snapshot_engine.settings import MIB, Config


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessingStrategy:
    """How to walk through one file.

    name: as the owner's tier table says it.
    max_file_bytes: first size that the tier no longer takes; None: no end.
    target_bytes: whole-process peak the tier is held to.
    read_block_bytes: bytes asked of the file at a time.
    window_words: core words of one language window.
    collect_every: utterances between garbage collections that also return
        free heap to the system; 0: leave both to the interpreter.
    reason: why this one, for the report.
    """

    name: str
    max_file_bytes: int | None
    target_bytes: int
    read_block_bytes: int
    window_words: int
    collect_every: int = 0
    reason: str = ""


STANDARD = ProcessingStrategy(
    name="standard loading",
    max_file_bytes=MIB,
    target_bytes=100 * MIB,
    read_block_bytes=256 * 1024,
    window_words=500,
)
CHUNKED = ProcessingStrategy(
    name="chunked",
    max_file_bytes=10 * MIB,
    target_bytes=200 * MIB,
    read_block_bytes=64 * 1024,
    window_words=500,
)
STREAMING = ProcessingStrategy(
    name="streaming + chunks",
    max_file_bytes=50 * MIB,
    target_bytes=300 * MIB,
    read_block_bytes=24 * 1024,
    window_words=500,
)
FULL_STREAMING = ProcessingStrategy(
    name="full streaming",
    max_file_bytes=None,
    target_bytes=500 * MIB,
    read_block_bytes=16 * 1024,
    window_words=500,
    collect_every=1000,
)
# From the one that holds most to the one that holds least.
STRATEGIES: tuple[ProcessingStrategy, ...] = (STANDARD, CHUNKED, STREAMING, FULL_STREAMING)
STRATEGY_NAMES: tuple[str, ...] = ("standard", "chunked", "streaming", "full")


def choose_strategy(
    file_bytes: int | None,
    available_bytes: int | None = None,
    config: Config | None = None,
    *,
    name: str | None = None,
) -> ProcessingStrategy:
    """Return the strategy for a file of `file_bytes` (None: unknown, as on a pipe).

    available_bytes: what this process may really use (container included);
        None: not known, so the size alone decides.
    name: one of STRATEGY_NAMES, overrides the choice.
    Raises ConfigError for another name.
    """
    config = config or Config()
    if name is not None:
        return _adapt(_by_name(name), config, "asked for by name")
    if file_bytes is None:
        return _adapt(FULL_STREAMING, config, "the size of a pipe is not known beforehand")
    index = next(
        i for i, s in enumerate(STRATEGIES) if s.max_file_bytes is None or file_bytes < s.max_file_bytes
    )
    reason = f"{file_bytes / MIB:.2f} MiB"
    threshold_bytes = config.streaming_threshold_mb * MIB
    if file_bytes >= threshold_bytes and index < 2:
        index, reason = 2, f"{reason}, at or above STREAMING_THRESHOLD_MB={config.streaming_threshold_mb:g}"
    elif index == 2 and file_bytes < threshold_bytes:
        index, reason = 1, f"{reason}, below STREAMING_THRESHOLD_MB={config.streaming_threshold_mb:g}"
    if available_bytes is not None and available_bytes < STRATEGIES[index].target_bytes and index < 3:
        index, reason = 3, f"{reason}, but only {available_bytes / MIB:.0f} MiB of memory to use"
    return _adapt(STRATEGIES[index], config, reason)


def _by_name(name: str) -> ProcessingStrategy:
    if name not in STRATEGY_NAMES:
        raise ConfigError([f"strategy {name!r}: must be one of {', '.join(STRATEGY_NAMES)}"])
    return STRATEGIES[STRATEGY_NAMES.index(name)]


def _adapt(strategy: ProcessingStrategy, config: Config, reason: str) -> ProcessingStrategy:
    collect_every = config.gc_frequency if strategy.collect_every else 0
    return replace(strategy, window_words=config.chunk_size, collect_every=collect_every, reason=reason)
