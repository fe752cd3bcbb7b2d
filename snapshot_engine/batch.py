"""Many transcripts over any concurrent.futures.Executor: processes, dask, or none.

A job and its result are plain facts that pickle; a worker keeps one processor,
so its model is loaded once. Results come in the order of the jobs, and one
file's failure is a result, not the end of the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import astuple, dataclass

from snapshot_engine.processor import TranscriptProcessor
from snapshot_engine.settings import Config


@dataclass(frozen=True, slots=True, kw_only=True)
class FileJob:
    """One transcript to process; everything a worker elsewhere needs to know.

    threads: that share the language work of this one file.
    """

    input_path: str
    output: str | None
    output_format: str
    config: Config
    strategy: str | None = None
    strict: bool = False
    threads: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FileResult:
    """What came of one job: either an output with its counts or an error.

    peak_bytes: kernel high-water mark of the worker's whole process so far; 0 if unknown.
    """

    job: FileJob
    output: str = ""
    error: Exception | None = None
    cues: int = 0
    words: int = 0
    blocks_skipped: int = 0
    first_problem: str = ""
    seconds: float = 0.0
    strategy: str = ""
    annotator: str = ""
    peak_bytes: int = 0


def process_files(jobs: Iterable[FileJob], executor: Executor | None = None) -> Iterator[FileResult]:
    """Yield one result per job, in order; without an executor, one after the other here."""
    if executor is None:
        for job in jobs:
            yield process_job(job)
        return
    futures = [executor.submit(process_job, job) for job in jobs]
    for future in futures:
        yield future.result()


def process_job(job: FileJob) -> FileResult:
    """Process one job with this process's processor for its settings; never raises an Exception."""
    try:
        processor = _kept_processor_for(job)
        output = processor.process_file(job.input_path, job.output, job.output_format)
        return result_of(job, str(output), processor)
    except Exception as error:
        return FileResult(job=job, error=error)


def processor_for(job: FileJob) -> TranscriptProcessor:
    """Return a new processor with the job's settings."""
    return TranscriptProcessor(job.config, strategy=job.strategy, strict=job.strict, jobs=job.threads)


def result_of(job: FileJob, output: str, processor: TranscriptProcessor) -> FileResult:
    """Return the facts of the pass that `processor` has just finished."""
    from snapshot_engine.memory.peak import process_peak_bytes

    done = processor.last_analysis
    if done is None:
        raise AssertionError("result_of is for a processor that has finished a file")
    problems = done.statistics.problems
    return FileResult(
        job=job,
        output=output,
        cues=done.progress.cues,
        words=done.progress.words,
        blocks_skipped=done.statistics.blocks_skipped,
        first_problem=f"line {problems[0][0]}: {problems[0][1]}" if problems else "",
        seconds=done.seconds,
        strategy=f"{done.strategy.name} ({done.strategy.reason})",
        annotator=done.annotator,
        peak_bytes=process_peak_bytes(),
    )


# One processor per worker process and set of settings; a worker has one such set.
_worker: tuple[tuple[object, ...], TranscriptProcessor] | None = None


def _kept_processor_for(job: FileJob) -> TranscriptProcessor:
    global _worker
    key = (*astuple(job.config), job.strategy, job.strict, job.threads)
    if _worker is None or _worker[0] != key:
        _worker = (key, processor_for(job))
    return _worker[1]
