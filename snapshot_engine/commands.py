"""What the commands of the command line do, once their options are parsed."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path

from snapshot_engine.batch import FileJob, FileResult, process_files, processor_for, result_of
from snapshot_engine.errors import ConfigError, OutputFailed
from snapshot_engine.exit_codes import EXIT_NO, EXIT_OK, describe, exit_code_of
from snapshot_engine.files import default_output, file_size_bytes, source_name
from snapshot_engine.processor import SUFFIXES, Analysis, TranscriptProcessor
from snapshot_engine.progress import ProgressLine
from snapshot_engine.settings import MIB, Config
from snapshot_engine.terminal import printable

_FORMAT_OF_ENDING = {
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".json": "json",
}


def run_process(options: Namespace) -> int:
    """Process every file; failures are reported and the rest goes on. Returns the highest exit code."""
    config = config_of(options)
    output_format = options.format or _FORMAT_OF_ENDING.get(
        Path(options.output or "").suffix.lower(), "markdown"
    )
    outputs = output_paths(options.files, options.output, SUFFIXES[output_format])
    if options.output == "-":
        return _process_to_stdout(options, config, output_format)
    workers = min(options.jobs, len(options.files))
    jobs = [
        FileJob(
            input_path=name,
            output=str(path),
            output_format=output_format,
            config=config,
            strategy=options.strategy,
            strict=options.strict,
            threads=options.jobs // workers,
        )
        for name, path in zip(options.files, outputs, strict=True)
    ]
    code = EXIT_OK
    for result in _results(jobs, workers, options):
        code = max(code, _report(result, options))
    return code


def _results(jobs: list[FileJob], workers: int, options: Namespace) -> Iterator[FileResult]:
    if workers > 1:
        with _pool(workers) as executor:
            yield from process_files(jobs, executor)
    elif _shows_progress(options):
        for job in jobs:
            yield _process_with_progress(job)
    else:
        yield from process_files(jobs)


@contextmanager
def _pool(workers: int) -> Iterator[Executor]:
    """Fresh processes: a forked copy of this one would share, and so hide, its memory."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as executor:
        yield executor


def _process_with_progress(job: FileJob) -> FileResult:
    line = ProgressLine(source_name(job.input_path), _size_or_none(job.input_path))
    try:
        processor = processor_for(job)
        output = processor.process_file(job.input_path, job.output, job.output_format, watch=line.watch)
        return result_of(job, str(output), processor)
    except Exception as error:
        return FileResult(job=job, error=error)
    finally:
        line.clear()


def _size_or_none(name: str) -> int | None:
    try:
        return file_size_bytes(name)
    except OSError:
        return None


def _process_to_stdout(options: Namespace, config: Config, output_format: str) -> int:
    from snapshot_engine.document.render import check_renderer, render

    check_renderer(output_format)
    if len(options.files) > 1:
        raise ConfigError(["-o - takes one transcript; name a directory for several"])
    processor = TranscriptProcessor(
        config, strategy=options.strategy, strict=options.strict, jobs=options.jobs
    )
    snapshot = processor.snapshot(options.files[0])
    for piece in render(snapshot, output_format):
        sys.stdout.write(piece)
    sys.stdout.flush()
    return EXIT_OK


def _report(result: FileResult, options: Namespace) -> int:
    """Print what came of one file and return its exit code."""
    name = printable(source_name(result.job.input_path))
    if result.error is not None:
        code = exit_code_of(result.error)
        if code is None:
            raise result.error
        print(f"snapshot-engine: {printable(describe(result.error))}", file=sys.stderr)
        return code
    if options.quiet:
        return EXIT_OK
    if result.blocks_skipped:
        print(
            f"{name}: {result.blocks_skipped:,} broken blocks skipped, first at {printable(result.first_problem)}",
            file=sys.stderr,
        )
    if options.verbose or sys.stderr.isatty():
        print(summary_line(name, result), file=sys.stderr)
    return EXIT_OK


def summary_line(name: str, result: FileResult) -> str:
    """Return one finished file in a sentence, with units and the gauge of its peak."""
    speed = result.words / result.seconds if result.seconds else 0.0
    return (
        f"{name} -> {printable(result.output)}: {result.cues:,} cues, {result.words:,} words in {result.seconds:.1f} s "
        f"({speed:,.0f} words/s); {result.strategy}; {result.annotator}; "
        f"peak {result.peak_bytes / MIB:.1f} MiB (whole process, kernel high-water mark)"
    )


def output_paths(files: list[str], output: str | None, suffix: str) -> list[Path]:
    """Return where each file's document goes; raise ConfigError when two would share a path."""
    if output is None:
        paths = [default_output(name, suffix) for name in files]
    elif Path(output).is_dir():
        paths = [Path(output) / default_output(name, suffix).name for name in files]
    elif len(files) > 1 and output != "-":
        raise ConfigError([f"-o {output}: must be an existing directory when several transcripts are given"])
    else:
        paths = [Path(output)]
    if len(set(paths)) < len(paths):
        raise ConfigError(["two transcripts would be written to the same file; give them different names"])
    return paths


def config_of(options: Namespace) -> Config:
    """Return the environment's settings with the options of this call on top."""
    config = Config.from_env()
    if options.model:
        config.spacy_model = options.model
    if options.runtime:
        config.ner_runtime = options.runtime
    mistakes = config.mistakes()
    if options.jobs < 1:
        mistakes.append(f"--jobs {options.jobs}: must be at least 1")
    if mistakes:
        raise ConfigError(mistakes)
    return config


def _shows_progress(options: Namespace) -> bool:
    return not options.quiet and sys.stderr.isatty()


def run_analyze(options: Namespace) -> int:
    """Print speakers, entities and counts of each file as tables or as JSON lines."""
    config = config_of(options)
    processor = TranscriptProcessor(
        config, strategy=options.strategy, strict=options.strict, jobs=options.jobs
    )
    code = EXIT_OK
    for name in options.files:
        line = ProgressLine(source_name(name), _size_or_none(name)) if _shows_progress(options) else None
        try:
            analysis = processor.analyze(name, watch=line.watch if line else None)
        except Exception as error:
            found = exit_code_of(error)
            if found is None:
                raise
            print(f"snapshot-engine: {printable(describe(error))}", file=sys.stderr)
            code = max(code, found)
            continue
        finally:
            if line:
                line.clear()
        _print_analysis(analysis, options)
    return code


def _print_analysis(analysis: Analysis, options: Namespace) -> None:
    from snapshot_engine.analysis import analysis_json, analysis_table

    if options.json:
        print(json.dumps(analysis_json(analysis, top=options.top), ensure_ascii=False))
    else:
        for row in analysis_table(analysis, top=options.top):
            print(printable(row))


def run_verify(options: Namespace) -> int:
    """Prove a JSON snapshot against its transcript; 0 when every sentence is there, else 1."""
    from snapshot_engine.document.verify import verify
    from snapshot_engine.transcript.source import StreamingVTTReader

    try:
        document = json.loads(Path(options.snapshot).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            [f"{options.snapshot}: not a JSON snapshot ({error}); write one with process -f json"]
        ) from error
    result = verify(document, StreamingVTTReader().read_streaming(options.transcript))
    for failure in result.failures:
        print(printable(str(failure)), file=sys.stderr)
    verdict = "verified" if result.ok else "NOT verified"
    print(f"{verdict}: {result.sentences_checked:,} sentences checked, {len(result.failures):,} failures")
    return EXIT_OK if result.ok else EXIT_NO


def run_synth(options: Namespace) -> int:
    """Write a generated transcript."""
    from snapshot_engine.synthetic import write

    if not options.size_mb > 0:
        raise ConfigError([f"--size-mb {options.size_mb:g}: must be greater than 0 MiB"])
    try:
        written = write(options.output, size_mb=options.size_mb, seed=options.seed, producer=options.producer)
    except OSError as error:
        raise OutputFailed(f"{options.output}: {error.strerror or error}") from error
    if sys.stderr.isatty():
        print(f"{options.output}: {written:,} bytes ({written / MIB:.2f} MiB)", file=sys.stderr)
    return EXIT_OK
