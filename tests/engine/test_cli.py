"""The command line from outside: what it writes, prints and returns."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from snapshot_engine import __version__

TALK = """WEBVTT

1
00:00:01.000 --> 00:00:04.000
Dana Reyes: We were losing $40,000 a month because onboarding took six weeks.

2
00:00:04.500 --> 00:00:08.000
Sam Okafor: With Acme Corp. we cut that by 35% in March 2024.
"""


def run(
    *arguments: str, cwd: Path, stdin: bytes = b"", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the installed command in a fresh process; a machine short of memory must not add its alerts."""
    quiet = {"NER_RUNTIME": "rules", "ENABLE_MEMORY_MONITORING": "false"}
    return subprocess.run(
        [sys.executable, "-m", "snapshot_engine.cli", *arguments],
        cwd=cwd,
        input=stdin.decode(),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **quiet, **environment},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "talk.vtt").write_text(TALK)
    return tmp_path


def test_version(tmp_path: Path) -> None:
    assert run("--version", cwd=tmp_path).stdout == f"snapshot-engine {__version__}\n"


def test_process_is_silent_in_a_pipe(folder: Path) -> None:
    done = run("process", "talk.vtt", cwd=folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "35%" in (folder / "talk_processed.md").read_text()


def test_verbose_says_what_was_done_and_names_the_gauge(folder: Path) -> None:
    done = run("process", "-v", "talk.vtt", cwd=folder)
    assert "2 cues" in done.stderr
    assert "standard loading" in done.stderr
    assert "kernel high-water mark" in done.stderr


@pytest.mark.parametrize(("name", "begins"), [("a.html", "<!doctype html>"), ("a.json", "{"), ("a.md", "#")])
def test_the_ending_of_the_output_chooses_the_format(folder: Path, name: str, begins: str) -> None:
    assert run("process", "talk.vtt", "-o", name, cwd=folder).returncode == 0
    assert (folder / name).read_text().lower().startswith(begins)


def test_standard_input_to_standard_output(folder: Path) -> None:
    done = run("process", "-", "-o", "-", "-f", "json", cwd=folder, stdin=TALK.encode())
    assert done.returncode == 0
    assert json.loads(done.stdout)


def test_several_files_need_a_directory(folder: Path) -> None:
    (folder / "other.vtt").write_text(TALK)
    done = run("process", "talk.vtt", "other.vtt", "-o", "one.md", cwd=folder)
    assert done.returncode == 2
    assert "existing directory" in done.stderr
    (folder / "out").mkdir()
    assert run("process", "talk.vtt", "other.vtt", "-o", "out", "--jobs", "2", cwd=folder).returncode == 0
    assert sorted(os.listdir(folder / "out")) == ["other_processed.md", "talk_processed.md"]


def test_one_bad_file_does_not_stop_the_rest(folder: Path) -> None:
    (folder / "bad.vtt").write_text("<!doctype html>")
    done = run("process", "bad.vtt", "missing.vtt", "talk.vtt", cwd=folder)
    assert done.returncode == 3
    errors = done.stderr.splitlines()
    assert len(errors) == 2
    assert "bad.vtt line 1" in errors[0]
    assert "HTML" in errors[0]
    assert errors[1] == "snapshot-engine: missing.vtt: No such file or directory"
    assert (folder / "talk_processed.md").exists()


def test_skipped_blocks_are_said_even_in_a_pipe(folder: Path) -> None:
    (folder / "broken.vtt").write_text(TALK + "\n3\n00:00:zz --> 00:00:12.000\nlost\n")
    done = run("process", "broken.vtt", cwd=folder)
    assert done.returncode == 0
    assert "1 broken block" in done.stderr
    assert "line 12" in done.stderr
    assert run("process", "-q", "broken.vtt", cwd=folder).stderr == ""
    assert run("process", "--strict", "broken.vtt", cwd=folder).returncode == 3


def test_all_configuration_mistakes_come_together(folder: Path) -> None:
    done = run("process", "talk.vtt", cwd=folder, CHUNK_SIZE="many", GC_FREQUENCY="-1")
    assert done.returncode == 2
    assert "CHUNK_SIZE" in done.stderr
    assert "GC_FREQUENCY" in done.stderr


def test_max_file_size(folder: Path) -> None:
    done = run("process", "talk.vtt", cwd=folder, MAX_FILE_SIZE="10")
    assert done.returncode == 3
    assert "MAX_FILE_SIZE=10" in done.stderr


def test_terminal_escapes_of_a_transcript_do_not_reach_the_terminal(folder: Path) -> None:
    (folder / "evil.vtt").write_text(TALK.replace("Dana Reyes", "D\x1b]0;owned\x07ana"))
    done = run("analyze", "evil.vtt", cwd=folder)
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    assert "\x07" not in done.stdout


def test_analyze_prints_speakers_and_counts(folder: Path) -> None:
    done = run("analyze", "talk.vtt", cwd=folder)
    assert "Dana Reyes" in done.stdout
    assert "2 cues" in done.stdout
    values = json.loads(run("analyze", "--json", "talk.vtt", cwd=folder).stdout)
    assert values["cues"] == 2
    assert [s["name"] for s in values["speakers"]] == ["Dana Reyes", "Sam Okafor"]
    assert values["words"] == sum(s["words"] for s in values["speakers"])


def test_verify_proves_a_document_and_finds_a_changed_character(folder: Path) -> None:
    assert run("process", "talk.vtt", "-o", "out.json", cwd=folder).returncode == 0
    good = run("verify", "out.json", "talk.vtt", cwd=folder)
    assert good.returncode == 0
    assert good.stdout.startswith("verified")
    (folder / "out.json").write_text((folder / "out.json").read_text().replace("six weeks", "six years"))
    bad = run("verify", "out.json", "talk.vtt", cwd=folder)
    assert bad.returncode == 1
    assert "NOT verified" in bad.stdout
    assert "six years" in bad.stderr


def test_verify_of_something_else_is_a_usage_error(folder: Path) -> None:
    assert run("verify", "talk.vtt", "talk.vtt", cwd=folder).returncode == 2


def test_synth_writes_the_size_asked_for(folder: Path) -> None:
    assert run("synth", "--size-mb", "0.1", "-o", "made.vtt", cwd=folder).returncode == 0
    size = (folder / "made.vtt").stat().st_size
    assert 0.1 * 2**20 - 2000 < size <= 0.1 * 2**20
    assert run("synth", "--size-mb", "0", "-o", "made.vtt", cwd=folder).returncode == 2
    assert run("synth", "--size-mb", "1", "-o", "no/dir.vtt", cwd=folder).returncode == 5


def test_a_document_that_cannot_be_written_is_an_output_error(folder: Path) -> None:
    done = run("process", "talk.vtt", "-o", "no/dir.md", cwd=folder)
    assert done.returncode == 5
    assert "no such directory" in done.stderr


@pytest.mark.parametrize("name", ["out.md", "out.html", "-"])
def test_a_missing_jinja_is_named_with_the_line_to_type_and_before_reading(folder: Path, name: str) -> None:
    """As in the base install: the plugin alone, without the extra `engine`."""
    (folder / "bare.py").write_text(
        "import importlib.util, sys\n"
        "whole = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda n, *a: None if n == 'jinja2' else whole(n, *a)\n"
        "from snapshot_engine.cli import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    done = subprocess.run(
        [sys.executable, "bare.py", "process", "missing.vtt", "-o", name],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4
    assert "pip install 'pytest-snapshot-memory[engine]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_that_goes_away_is_no_error(folder: Path) -> None:
    command = f'"{sys.executable}" -m snapshot_engine.cli process talk.vtt -o - | true'
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        cwd=folder,
        capture_output=True,
        check=False,
        env={**os.environ, "NER_RUNTIME": "rules"},
    )
    assert b"Traceback" not in done.stderr


def test_ctrl_c_leaves_no_half_file(folder: Path) -> None:
    # A pipe that nobody closes: the command is in the middle of its file
    # however fast or busy the machine is.
    process = subprocess.Popen(
        [sys.executable, "-m", "snapshot_engine.cli", "process", "-", "-o", "out.md"],
        cwd=folder,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "NER_RUNTIME": "rules"},
        # a shell's background job has it ignored, and hands that on
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdin is not None
    assert process.stderr is not None
    # More than a pipe holds: once it is written, the command has begun to read.
    process.stdin.write(b"WEBVTT\n\n" + b"00:00.000 --> 00:01.000\nAnn: We start in May.\n\n" * 20_000)
    process.stdin.flush()
    process.send_signal(signal.SIGINT)
    process.wait(timeout=30)
    assert process.returncode == 130
    assert b"Traceback" not in process.stderr.read()
    assert sorted(os.listdir(folder)) == ["talk.vtt"]
