"""From a transcript to documents, through the public entry points."""

from __future__ import annotations

import gzip
import io
import json
import os
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from snapshot_engine import Config, ConfigError, FileTooLarge, NotWebVTT, OutputFailed, TranscriptProcessor
from snapshot_engine.batch import FileJob, process_files
from snapshot_engine.strategy import STRATEGY_NAMES
from snapshot_engine.synthetic import generate

DATA = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "transcripts"
TALK = b"""WEBVTT

1
00:00:01.000 --> 00:00:04.000
Dana Reyes: We were losing $40,000 a month because onboarding took six weeks.

2
00:00:04.500 --> 00:00:08.000
Sam Okafor: With Acme Corp. we cut that by 35% in March 2024.

3
00:00:08.500 --> 00:00:11.000
Dana Reyes: I'll send the rollout plan to the team by Friday.
"""


def quiet(**settings: object) -> Config:
    """A configuration that neither starts a thread nor depends on an installed model."""
    return Config(enable_memory_monitoring=False, ner_runtime="rules", **settings)  # type: ignore[arg-type]


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    path = tmp_path / "talk.vtt"
    path.write_bytes(TALK)
    return path


@pytest.mark.parametrize(
    ("output_format", "ending"), [("markdown", ".md"), ("html", ".html"), ("json", ".json")]
)
def test_the_default_output_is_beside_the_input(talk: Path, output_format: str, ending: str) -> None:
    written = TranscriptProcessor(quiet()).process_file(talk, output_format=output_format)
    assert written == talk.with_name(f"talk_processed{ending}")
    text = written.read_text()
    assert "35%" in text
    assert "Dana Reyes" in text


def test_an_unknown_format_is_refused_before_reading(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="markdown, html, json"):
        TranscriptProcessor(quiet()).process_file(tmp_path / "missing.vtt", output_format="pdf")


def test_errors_of_the_system_pass_through(tmp_path: Path, talk: Path) -> None:
    with pytest.raises(FileNotFoundError):
        TranscriptProcessor(quiet()).process_file(tmp_path / "missing.vtt")
    with pytest.raises(OutputFailed, match="no such directory"):
        TranscriptProcessor(quiet()).process_file(talk, tmp_path / "nowhere" / "out.md")


def test_another_format_leaves_an_older_document_alone(tmp_path: Path) -> None:
    source, target = tmp_path / "talk.vtt", tmp_path / "out.md"
    source.write_text("1\n00:00:01,000 --> 00:00:02,000\nAn SRT file\n")
    target.write_text("older")
    with pytest.raises(NotWebVTT):
        TranscriptProcessor(quiet()).process_file(source, target)
    assert target.read_text() == "older"
    assert sorted(os.listdir(tmp_path)) == ["out.md", "talk.vtt"]


def test_max_file_size_refuses_before_reading(talk: Path) -> None:
    size = talk.stat().st_size
    with pytest.raises(FileTooLarge, match=f"MAX_FILE_SIZE={size - 1}") as caught:
        TranscriptProcessor(quiet(max_file_size=size - 1)).process_file(talk)
    assert (caught.value.size_bytes, caught.value.max_bytes) == (size, size - 1)
    TranscriptProcessor(quiet(max_file_size=size)).process_file(talk)


def test_max_file_size_holds_for_a_pipe_too() -> None:
    with pytest.raises(FileTooLarge):
        TranscriptProcessor(quiet(max_file_size=100)).analyze(io.BytesIO(TALK))


def test_all_strategies_give_the_same_document(tmp_path: Path) -> None:
    source = tmp_path / "talk.vtt"
    source.write_bytes(b"".join(generate(300_000, seed=5)))
    documents = set()
    for name in STRATEGY_NAMES:
        for chunk_size in (50, 500):
            processor = TranscriptProcessor(
                Config(enable_memory_monitoring=False, chunk_size=chunk_size), strategy=name
            )
            processor.process_file(source, tmp_path / "out.json", "json")
            documents.add((tmp_path / "out.json").read_bytes())
    assert len(documents) == 1


def test_threads_give_the_same_document(tmp_path: Path) -> None:
    source = tmp_path / "talk.vtt"
    source.write_bytes(b"".join(generate(300_000, seed=6)))
    config = Config(enable_memory_monitoring=False)
    documents = [
        TranscriptProcessor(config, jobs=jobs)
        .process_file(source, tmp_path / f"{jobs}.json", "json")
        .read_bytes()
        for jobs in (1, 3)
    ]
    assert documents[0] == documents[1]


def test_jobs_below_one_are_refused() -> None:
    with pytest.raises(ConfigError, match="jobs=0"):
        TranscriptProcessor(quiet(), jobs=0)


def test_gzip_and_streams_give_the_same_insights(tmp_path: Path, talk: Path) -> None:
    packed = tmp_path / "talk.vtt.gz"
    packed.write_bytes(gzip.compress(TALK))
    processor = TranscriptProcessor(quiet())
    plain = processor.analyze(talk)
    assert processor.analyze(packed).insights == plain.insights
    assert processor.analyze(io.BytesIO(TALK)).insights == plain.insights


def test_counts(talk: Path) -> None:
    analysis = TranscriptProcessor(quiet()).analyze(talk)
    assert analysis.progress.cues == 3
    assert analysis.progress.utterances == 3
    assert analysis.progress.words == analysis.insights.words == 32
    assert analysis.progress.duration_ms == 10_000
    assert analysis.statistics.blocks_skipped == 0
    assert analysis.annotator


def test_monitoring_runs_while_a_file_is_processed_and_not_after(talk: Path) -> None:
    seen: list[int] = []
    before = threading.active_count()
    config = Config(ner_runtime="rules", enable_memory_monitoring=True)
    TranscriptProcessor(config).analyze(talk, watch=lambda *_: seen.append(threading.active_count()))
    assert seen
    assert min(seen) == before + 1
    assert threading.active_count() == before


@pytest.mark.parametrize("executor", ["none", "threads", "processes"])
def test_a_batch_gives_results_in_order_and_survives_a_bad_file(
    tmp_path: Path, talk: Path, executor: str
) -> None:
    bad = tmp_path / "bad.vtt"
    bad.write_text("{}")
    jobs = [
        FileJob(
            input_path=str(path), output=str(tmp_path / f"{i}.json"), output_format="json", config=quiet()
        )
        for i, path in enumerate([talk, bad, talk])
    ]
    if executor == "none":
        results = list(process_files(jobs))
    elif executor == "threads":
        with ThreadPoolExecutor(1) as pool:
            results = list(process_files(jobs, pool))
    else:
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
            results = list(process_files(jobs, pool))
    assert [r.job for r in results] == jobs
    assert [type(r.error) for r in results] == [type(None), NotWebVTT, type(None)]
    assert [r.cues for r in results] == [3, 0, 3]
    assert (tmp_path / "0.json").read_bytes() == (tmp_path / "2.json").read_bytes()
    assert not (tmp_path / "1.json").exists()


def test_a_batch_runs_on_a_dask_cluster(tmp_path: Path, talk: Path) -> None:
    distributed = pytest.importorskip("distributed", reason="the extra `distributed` is not installed")
    job = FileJob(input_path=str(talk), output=str(tmp_path / "a.json"), output_format="json", config=quiet())
    with (
        distributed.Client(
            n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
        ) as client,
        client.get_executor() as executor,
    ):
        results = list(process_files([job, job], executor))
    assert [r.cues for r in results] == [3, 3]
    assert [r.error for r in results] == [None, None]


@pytest.mark.parametrize("path", sorted(DATA.glob("*.vtt")), ids=lambda p: p.stem)
def test_real_transcripts_become_documents_that_verify(path: Path, tmp_path: Path) -> None:
    from snapshot_engine.document.verify import verify
    from snapshot_engine.transcript.source import StreamingVTTReader

    out = TranscriptProcessor(Config(enable_memory_monitoring=False)).process_file(
        path, tmp_path / "out.json", "json"
    )
    result = verify(json.loads(out.read_text()), StreamingVTTReader().read_streaming(path))
    assert result.ok, result.failures
    assert result.sentences_checked > 0


if not DATA.is_dir():

    @pytest.mark.skip(reason="the folder of shared transcripts is not here")
    def test_real_transcripts() -> None: ...


@pytest.mark.skipif(
    not Path("/proc/self").exists(), reason="needs a folder in which nobody may create a file"
)
def test_a_folder_that_takes_no_file_is_refused_before_anything_is_read() -> None:
    transcript = io.BytesIO(b"WEBVTT\n\n00:00.000 --> 00:01.000\nWe decided to go.\n")
    with pytest.raises(OutputFailed, match=r"^/proc/snapshot\.md: cannot be written \("):
        TranscriptProcessor().process_file(transcript, "/proc/snapshot.md")
    assert transcript.tell() == 0
