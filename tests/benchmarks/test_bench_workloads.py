"""The jobs' own small rules: what counts as right, as the same word, as a spread."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.chapters import plugin_cost as plugin_cost_page
from benchmarks.chapters.plugin import KNOWN, judge_number, spread_of
from benchmarks.chapters.plugin_cost import per_test_microseconds
from benchmarks.child import Job
from benchmarks.results import Results
from benchmarks.workloads import plugin_cost
from benchmarks.workloads.gate import load_noise
from benchmarks.workloads.reading import PEERS, standard_cases
from benchmarks.workloads.texts import endless_pieces, new_word, without_label
from snapshot_engine import synthetic

N = 50_000_000


@pytest.mark.parametrize(
    ("numbers", "verdict"),
    [
        ((N, N, 0, 0), "right"),
        ((int(N * 0.985), N, 0, 0), "right"),
        ((int(N * 0.97), int(N * 0.98), 0, 0), "wrong"),
        ((0, 2 * N, 0, 0), "unsure"),
        ((0, 0, 0, 1), "unsure"),
        ((0, 0, 0, 0), "wrong"),
        ((3 * N, 3 * N, 0, 0), "wrong"),
        ((3 * N, 3 * N, 0, 0, 2 * N), "wrong"),
        ((3 * N, 3 * N, 0, 0, N), "unsure"),
        (None, "wrong"),
    ],
)
def test_a_number_is_right_unsure_or_wrong(numbers: tuple[int, ...] | None, verdict: str) -> None:
    assert judge_number((N,), "call", numbers) == verdict


def test_a_fixtures_memory_may_be_told_with_the_set_up() -> None:
    assert judge_number((N,), "setup", (0, 0, N, 0)) == "right"
    assert judge_number((N,), "call", (0, 0, N, 0)) == "wrong"


def test_what_a_gauge_counts_decides_what_is_true() -> None:
    untouched = KNOWN["test_02_npempty_untouched"]
    assert untouched.truths("resident", None) == (0,)
    assert untouched.truths("allocated", None) == (N,)
    measured = KNOWN["test_13_subprocess"]
    assert measured.truths("tree", 57_000_000) == (57_000_000,)
    assert measured.truths("tree", None) == ()  # without a reference nothing is right


def test_the_truth_table_knows_twenty_five_tests() -> None:
    assert len(KNOWN) == 25


def test_spread_is_of_the_worst_tests() -> None:
    steady = {f"t{n}": [10_000_000, 10_010_000] for n in range(19)}
    assert spread_of(steady) == pytest.approx(0.001, rel=0.01)
    assert (spread_of({**steady, "wild": [1_000_000, 20_000_000]}) or 0) > 0.05
    assert spread_of({}) is None


def test_new_words_never_repeat_and_are_letters() -> None:
    words = [new_word(n) for n in range(1, 50_000)]
    assert len(set(words)) == len(words)
    assert all(word.isalpha() for word in words)


def test_labels_are_taken_off_and_times_stay() -> None:
    assert without_label("Mei Chen: so the  price\nis: fixed") == "so the price is: fixed"
    assert without_label("no label here at 10:30") == "no label here at 10:30"


def test_endless_pieces_say_as_many_words_as_asked_a_share_of_them_new(tmp_path: Path) -> None:
    path = tmp_path / "talk.vtt"
    synthetic.write(path, size_mb=0.05)
    plain = "".join(endless_pieces(str(path), words=20_000)).split()
    fresh = "".join(endless_pieces(str(path), words=20_000, unique_ratio=0.05)).split()
    assert 20_000 <= len(plain) <= 20_100
    assert sum(a != b for a, b in zip(plain, fresh, strict=True)) == pytest.approx(1_000, abs=5)
    assert len(set(fresh)) - len(set(plain)) == pytest.approx(1_000, abs=60)


def test_noise_files_are_read_in_kib(tmp_path: Path) -> None:
    path = tmp_path / "noise.txt"
    path.write_text("# about\nsuite lists base 10:2 11\n")
    assert load_noise(path) == {("suite", "lists", "base"): [[(10_240, 2_048), (11_264, 0)]]}


@pytest.mark.parametrize("peer", sorted(PEERS))
def test_every_reader_here_sees_the_same_cues(peer: str, tmp_path: Path) -> None:
    module = {"webvtt-py": "webvtt", "yt-dlp": "yt_dlp", "vtt-builder": "vtt_builder"}.get(peer, peer)
    if peer not in ("ours", "naive lines"):
        pytest.importorskip(module)
    path = tmp_path / "talk.vtt"
    synthetic.write(path, size_mb=0.05)
    rows = {}
    for name in ("ours", peer):
        load, row = PEERS[name]()
        rows[name] = [row(cue) for cue in load(str(path))]
    assert len(rows["ours"]) > 300
    assert rows[peer] == rows["ours"]


def test_standard_cases_are_counted_not_assumed() -> None:
    folder = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "wpt"
    if not folder.is_dir():
        pytest.skip("the W3C cases are not here")

    found = standard_cases(Job({"folder": str(folder), "peer": "ours"}))
    assert found["files_right"] == found["files"] == 28
    assert found["texts_right"] == found["texts"] > 30


def test_what_the_hooks_add_is_told_per_test() -> None:
    assert per_test_microseconds(20, [[0.010, 0.011], [0.012, 0.011]]) == pytest.approx([50, -50])


def test_blocks_of_empty_tests_are_run_with_and_without_the_hooks() -> None:
    found = plugin_cost.per_test(Job({"tests": 3, "pairs": 2}))
    assert found["tests"] == 3
    assert [len(pair) for pair in found["block_seconds"]] == [2, 2]
    assert [len(pair) for pair in found["bare_block_seconds"]] == [2]
    assert all(
        s > 0 for name in ("block_seconds", "bare_block_seconds") for pair in found[name] for s in pair
    )


def test_instructions_say_where_they_could_not_be_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin_cost.shutil, "which", lambda _: None)
    found = plugin_cost.instructions(Job({"folder": "anywhere", "way": "plain pytest"}))
    assert found == {"unavailable": "valgrind is not installed"}


@pytest.mark.parametrize(
    ("cpu", "counted", "measured", "met"),
    [
        ([1.20, 1.21, 1.22], 1.001, "1.210x", False),
        ([0.98, 0.99, 1.00], 1.2, "0.990x", True),
        ([0.90, 1.02, 1.30], 1.001, "1.001x in instructions", True),
        ([0.90, 1.00, 1.30], 1.020, "1.020x in instructions", False),
        ([0.90, 1.00, 1.30], None, "1.000x (", True),
    ],
)
def test_instructions_decide_where_time_cannot(
    cpu: list[float], counted: float | None, measured: str, met: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin_cost_page, "overhead", lambda *_: cpu)
    monkeypatch.setattr(plugin_cost_page, "instruction_ratio", lambda *_: counted)
    bar = plugin_cost_page.cost_bar(Results([], {}), "ours, idle", 1.01)
    assert measured in bar.measured
    assert bar.met is met
