"""A path in, a document out: the shell around the pipeline.

Opens, picks the strategy, runs the pass, writes atomically (a temporary file
beside the target, then os.replace), so that neither a crash nor Ctrl-C leaves
half a document or damages an older one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from snapshot_engine.errors import ConfigError, FileTooLarge, OutputFailed
from snapshot_engine.files import (
    Source,
    default_output,
    file_size_bytes,
    refuse_unwritable,
    source_name,
    write_atomically,
)
from snapshot_engine.settings import MIB, Config
from snapshot_engine.strategy import ProcessingStrategy, choose_strategy

if TYPE_CHECKING:
    from snapshot_engine.document.snapshot import CustomerSnapshot
    from snapshot_engine.insight.insights import Insights
    from snapshot_engine.language.annotation import Annotator
    from snapshot_engine.pipeline import Progress
    from snapshot_engine.transcript.source import ReaderStatistics, StreamingVTTReader

SUFFIXES = {"markdown": ".md", "html": ".html", "json": ".json"}

# Called now and then while a file is read, with the counts so far.
Watch = Callable[["Progress", "StreamingVTTReader"], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """One finished pass over one transcript."""

    source_name: str
    insights: Insights
    progress: Progress
    statistics: ReaderStatistics
    strategy: ProcessingStrategy
    annotator: str
    seconds: float


class TranscriptProcessor:
    """Turns transcripts into customer solution snapshots.

    config: defaults to Config.from_env(), so the documented variables work.
    strategy: one of strategy.STRATEGY_NAMES, overrides the choice by size.
    strict: raise on the first broken block instead of skipping and counting it.
    jobs: threads that share the language work of one file.
    Raises ConfigError naming every mistake before any work starts.

    The annotator is loaded on the first file and kept for the next ones.
    """

    def __init__(
        self,
        config: Config | None = None,
        *,
        strategy: str | None = None,
        strict: bool = False,
        jobs: int = 1,
    ) -> None:
        self.config = config if config is not None else Config.from_env()
        self.config.validate()
        if jobs < 1:
            raise ConfigError([f"jobs={jobs}: must be at least 1"])
        self.strict = strict
        self.jobs = jobs
        self.last_analysis: Analysis | None = None
        self._strategy_name = strategy
        self._annotator: Annotator | None = None

    def process_file(
        self,
        input_path: Source,
        output: str | os.PathLike[str] | None = None,
        output_format: str = "markdown",
        *,
        watch: Watch | None = None,
    ) -> Path:
        """Write the snapshot of one transcript and return the path written.

        input_path: a path, "-" for standard input, or a binary stream.
        output: default `<stem>_processed<suffix>` beside the input (in the
            current directory for a stream).
        Raises FileNotFoundError and the like from the system, NotWebVTT and
        the other TranscriptErrors on bad input, MissingExtra before anything is
        read where the format needs what is not installed, FileTooLarge past MAX_FILE_SIZE,
        OutputFailed (an OSError) where the document cannot be written.
        """
        if output_format not in SUFFIXES:
            raise ConfigError([f"output format {output_format!r}: must be one of {', '.join(SUFFIXES)}"])
        from snapshot_engine.document.render import check_renderer, render

        check_renderer(output_format)
        file_size_bytes(input_path)  # an input that is not there is the first thing to say
        target = Path(output) if output is not None else default_output(input_path, SUFFIXES[output_format])
        if not target.parent.is_dir():
            raise OutputFailed(f"{target.parent}: no such directory to write {target.name} into")
        with _writing(target):
            refuse_unwritable(target)
        snapshot = self.snapshot(input_path, watch=watch)
        self._release()
        with _writing(target):
            write_atomically(target, render(snapshot, output_format))
        return target

    def snapshot(self, input_path: Source, *, watch: Watch | None = None) -> CustomerSnapshot:
        """Return the snapshot of one transcript as facts, unrendered."""
        from snapshot_engine.document.compose import compose
        from snapshot_engine.document.snapshot import Coverage

        analysis = self.analyze(input_path, watch=watch)
        statistics, progress = analysis.statistics, analysis.progress
        coverage = Coverage(
            source_name=analysis.source_name,
            bytes_read=statistics.bytes_read,
            cues_read=progress.cues,
            blocks_skipped=statistics.blocks_skipped,
            problems=statistics.problems,
            words=progress.words,
            utterances=progress.utterances,
            duration_ms=progress.duration_ms,
            annotator=analysis.annotator,
        )
        return compose(analysis.insights, coverage)

    def analyze(self, input_path: Source, *, watch: Watch | None = None) -> Analysis:
        """Run the pass and return counts and insights without composing a document."""
        from snapshot_engine.pipeline import PipelineBounds, Progress, fold_cues

        strategy = self._pick(input_path)
        reader = self._reader(strategy)
        progress = Progress()
        began = time.perf_counter()
        with self._monitored():
            annotator = self._load_annotator(strategy)
            insights = fold_cues(
                reader.read_streaming(input_path),
                annotator,
                PipelineBounds(),
                progress=progress,
                on_utterance=self._housekeeping(input_path, strategy, progress, reader, watch),
            )
        self._refuse_too_large(input_path, reader.statistics.bytes_read)
        self.last_analysis = Analysis(
            source_name=source_name(input_path),
            insights=insights,
            progress=progress,
            statistics=reader.statistics,
            strategy=strategy,
            annotator=annotator.description,
            seconds=time.perf_counter() - began,
        )
        return self.last_analysis

    def _pick(self, input_path: Source) -> ProcessingStrategy:
        from snapshot_engine.memory.container import available_memory

        size = file_size_bytes(input_path)
        self._refuse_too_large(input_path, size)
        available = available_memory().available_bytes
        if self.config.memory_limit_mb is not None:
            available = min(available, int(self.config.memory_limit_mb * MIB))
        return choose_strategy(size, available, self.config, name=self._strategy_name)

    def _reader(self, strategy: ProcessingStrategy) -> StreamingVTTReader:
        from snapshot_engine.transcript.source import StreamingVTTReader

        return StreamingVTTReader(read_block_bytes=strategy.read_block_bytes, strict=self.strict)

    def _refuse_too_large(self, source: Source, size_bytes: int | None) -> None:
        limit = self.config.max_file_size
        if size_bytes is not None and limit is not None and size_bytes > limit:
            raise FileTooLarge(
                f"{source_name(source)}: {size_bytes:,} bytes, more than MAX_FILE_SIZE={limit:,}. "
                "Raise or unset MAX_FILE_SIZE to process it.",
                size_bytes=size_bytes,
                max_bytes=limit,
            )

    def _housekeeping(
        self,
        source: Source,
        strategy: ProcessingStrategy,
        progress: Progress,
        reader: StreamingVTTReader,
        watch: Watch | None,
    ) -> Callable[[], None]:
        """Return what runs after each utterance: the watcher, clean-up, the size check of a pipe."""
        every = strategy.collect_every
        unsized = self.config.max_file_size is not None

        def after_utterance() -> None:
            if every and progress.utterances % every == 0:
                _give_back_memory()
            if unsized:
                self._refuse_too_large(source, reader.statistics.bytes_read)
            if watch is not None:
                watch(progress, reader)

        return after_utterance

    @contextmanager
    def _monitored(self) -> Iterator[None]:
        """Run the monitoring service while a file is processed, unless it is switched off or runs already."""
        if not self.config.enable_memory_monitoring:
            yield
            return
        from snapshot_engine.monitoring.service import MemoryMonitoringService

        service = MemoryMonitoringService(self.config, interval=5)
        service.start()
        try:
            yield
        finally:
            service.stop()

    def _release(self) -> None:
        """Let the annotator give up its caches, so that rendering does not come on top of them."""
        release = getattr(self._annotator, "release", None)
        if release is not None:
            release()

    def _load_annotator(self, strategy: ProcessingStrategy) -> Annotator:
        if self._annotator is None:
            from snapshot_engine.language.processor import choose_annotator

            self._annotator = choose_annotator(
                model=self.config.spacy_model,
                runtime=self.config.ner_runtime,
                window_words=strategy.window_words,
                context_words=self.config.chunk_overlap,
                jobs=self.jobs,
            )
        return self._annotator


@contextmanager
def _writing(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputFailed(f"{target}: cannot be written ({error.strerror or error})") from error


def _give_back_memory() -> None:
    from snapshot_engine.memory.settle import settle

    settle()
