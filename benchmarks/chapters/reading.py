"""Table 2, reading WebVTT: ours, five peers, and the floor under all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks import inputs
from benchmarks.case import Case, bare_interpreter, workload
from benchmarks.charts import BarChart
from benchmarks.figures import MIB, peak_mib, runs_said, shown, work_cpu
from benchmarks.launch import Launched
from benchmarks.results import Results
from benchmarks.summary import Summary
from benchmarks.table import Bar, Page, Table
from benchmarks.workloads.reading import PEERS

Collect = Callable[[Launched], dict[str, Any]]
NAME = "reading"
SIZES_MIB = {"quick": (1,), "default": (1, 10), "full": (1, 10, 50, 200)}
# The size of the pictures and of the line that names one figure; the bars take the worst size.
SHOWN_MIB = 10
FLOOR = "Python, lines only"
# a run of these at 50 MiB and more takes from ten seconds to a minute: one run tells enough
SLOW = ("webvtt-py", "pysubs2", "pycaption", "yt-dlp")
# wc is given the file so often that it reads this much: its start would be all there is to see
WC_MIB = 400
PACKAGES = ("webvtt-py", "pysubs2", "pycaption", "yt-dlp", "vtt-builder")


def cases(scale: str) -> list[Case]:
    found = [
        Case(chapter=NAME, label="interpreter", facts={}, command=bare_interpreter()),
    ]
    for size_mib in SIZES_MIB[scale]:
        path = str(inputs.transcript(size_mib))
        commands = {peer: workload("reading:read", peer=peer, path=path) for peer in PEERS}
        commands[FLOOR] = workload("reading:lines", path=path)
        found += [_case(label, size_mib, path, command) for label, command in commands.items()]
        times = max(1, round(WC_MIB / size_mib))
        found.append(_case("wc -l", size_mib, path, ("wc", "-l", *[path] * times), collect=_turns(times)))
    small = str(inputs.transcript(1))
    for peer in PEERS:
        command = workload("reading:compare", peer=peer, path=small)
        found.append(
            Case(chapter=NAME, label=f"check {peer}", facts={}, command=command, rounds=1, may_fail=True)
        )
    found.append(
        Case(chapter=NAME, label="first cue", facts={}, command=workload("reading:first_cue", path=small), rounds=1)
    )  # fmt: skip
    data = inputs.shared_data()
    for peer in PEERS if data else ():
        command = workload("reading:standard_cases", peer=peer, folder=str(data / "wpt"))  # type: ignore[operator]
        found.append(
            Case(chapter=NAME, label=f"W3C {peer}", facts={}, command=command, rounds=1, may_fail=True)
        )
    return found


def _case(
    label: str, size_mib: float, path: str, command: tuple[str, ...], collect: Collect | None = None
) -> Case:
    """Return a case that is repeated as often as its length allows."""
    once = label in SLOW and size_mib > SHOWN_MIB
    return Case(
        chapter=NAME,
        label=label,
        facts={"size_mib": size_mib},
        command=command,
        collect=collect,
        rounds=1 if once else (5 if size_mib <= SHOWN_MIB else 3),
        most_rounds=1 if once else (7 if size_mib <= SHOWN_MIB else 5),
        input_path=path,
        may_fail=True,
    )


def _turns(times: int) -> Collect:
    """Take a command that does the same `times` over for one turn."""
    return lambda launched: {"work_cpu_seconds": launched.cpu_seconds / times, "turns": times}


def _cpu(results: Results, label: str, size_mib: float) -> Summary | None:
    return results.figure(NAME, label, work_cpu, size_mib=size_mib)


def _peak(results: Results, label: str, size_mib: float) -> Summary | None:
    return results.figure(NAME, label, peak_mib, size_mib=size_mib)


def _sizes(results: Results) -> list[float]:
    return sorted({float(o.facts["size_mib"] or 0) for o in results.find(NAME, "ours")})


def _speed_table(results: Results) -> Table:
    rows = []
    for size_mib in _sizes(results):
        for label in (*PEERS, FLOOR, "wc -l"):
            cpu, runs = _cpu(results, label, size_mib), results.find(NAME, label, size_mib=size_mib)
            if not runs:
                continue
            failed = next((o.failure for o in runs if o.failure), "")
            cues = runs[-1].work.get("cues")
            rows.append(
                (
                    f"{size_mib:g}",
                    label,
                    failed or (f"{size_mib / cpu.median:,.1f}" if cpu else "–"),
                    f"{cues / cpu.median:,.0f}" if cues and cpu and cpu.median else "–",
                    shown(_peak(results, label, size_mib)) if label != "wc -l" else "< 9",
                    runs_said(cpu) if cpu else "–",
                )
            )
    return Table(
        headers=("file MiB", "reader", "MiB/s", "cues/s", "peak MiB", "runs"),
        rows=tuple(rows),
        caption="Speed by CPU time, without imports, median of the runs; peak of the whole process.",
    )


def _check_table(results: Results) -> Table:
    rows = []
    for peer in PEERS:
        for outcome in results.find(NAME, f"check {peer}")[-1:]:
            if outcome.failure:
                rows.append((peer, "–", "–", outcome.failure))
            else:
                work = outcome.work
                rows.append((peer, f"{work['cues']:,}", f"{work['lost']:,}", f"{work['other']:,}"))
    return Table(
        headers=("reader", "cues", "cues of ours it lacks", "cues that ours lacks"),
        rows=tuple(rows),
        caption="The same cues? Start, end and text of every cue of the 1 MiB file compared with ours.",
    )


def _standard_table(results: Results) -> Table:
    rows = []
    for peer in PEERS:
        for outcome in results.find(NAME, f"W3C {peer}")[-1:]:
            work = outcome.work
            rows.append(
                (
                    peer,
                    outcome.failure or f"{work['files_right']} of {work['files']}",
                    "–" if outcome.failure else f"{work['texts_right']} of {work['texts']}",
                )
            )
    return Table(
        headers=("reader", "file-parsing cases right", "cue texts right"),
        rows=tuple(rows),
        caption="The W3C's own cases, as far as they are at hand (28 files and 40 cue texts of its larger collection): "
        "times, identifier where a reader has one, and payload of every cue; the text without markup. "
        "Ours is fed in blocks of six sizes, 1 byte to 1 MiB, and has to be right at each.",
    )


def _ratio_bar(results: Results, promise: str, peer: str, factor: float) -> Bar:
    """Judge ours >= factor x a peer's speed, at the size where the ratio is least."""
    ratios = {
        size: theirs.median / ours.median
        for size in _sizes(results)
        if (ours := _cpu(results, "ours", size)) and (theirs := _cpu(results, peer, size))
    }
    if not ratios:
        return Bar(promise=promise, measured="no result", met=None)
    worst = min(ratios, key=lambda size: ratios[size])
    every = ", ".join(f"{ratio:.2f}x at {size:g} MiB" for size, ratio in ratios.items())
    return Bar(promise=promise, measured=every, met=ratios[worst] >= factor)


def _bars(results: Results) -> list[Bar]:
    bars = [
        _ratio_bar(results, "at least 12x webvtt-py", "webvtt-py", 12),
        _ratio_bar(results, "at least 12x pysubs2", "pysubs2", 12),
        _ratio_bar(results, "at least 1.0x a naive line reader", "naive lines", 1.0),
        _ratio_bar(results, "at least 0.9x the Rust package vtt-builder", "vtt-builder", 0.9),
    ]
    first = results.find(NAME, "first cue")
    taken = first[-1].work.get("bytes_before_first_cue") if first else None
    bars.append(
        Bar(
            promise="first cue after at most 64 KiB of input",
            measured="no result" if taken is None else f"{taken:,} bytes",
            met=None if taken is None else taken <= 64 * 1024,
        )
    )
    bare = results.figure(NAME, "interpreter", peak_mib)
    peaks = _our_peaks_mib(results)
    if bare is not None and peaks:
        over = max(peaks.values()) - bare.median
        bars.append(
            Bar(
                promise=f"peak at most 5 MiB above the bare interpreter, at every size ({_span(sorted(peaks))} MiB)",
                measured=f"{over:.1f} MiB above {bare.median:.1f}",
                met=over <= 5,
            )
        )
    return bars + _standard_bars(results)


def _our_peaks_mib(results: Results) -> dict[float, float]:
    """Return {file MiB: our peak}; the growth chapter reads the largest files."""
    peaks = {size: p.median for size in _sizes(results) if (p := _peak(results, "ours", size)) is not None}
    for outcome in results.find("growth", "reader"):
        if not outcome.failure:
            size = float(outcome.facts["size_mib"] or 0)
            peaks[size] = max(peaks.get(size, 0.0), peak_mib(outcome))
    return peaks


def _span(sizes: list[float]) -> str:
    return f"{sizes[0]:g} to {sizes[-1]:g}" if len(sizes) > 1 else f"{sizes[0]:g}"


def _standard_bars(results: Results) -> list[Bar]:
    bars = []
    for outcome in results.find(NAME, "W3C ours")[-1:]:
        work = outcome.work
        right = (
            not outcome.failure
            and work["files_right"] == work["files"]
            and work["texts_right"] == work["texts"]
        )
        measured = outcome.failure or (
            f"{work['files_right']} of {work['files']} files, {work['texts_right']} of {work['texts']} texts"
        )
        promise = "every W3C file-parsing case and cue text here, at six block sizes"
        bars.append(Bar(promise=promise, measured=measured, met=right))
    return bars


def page(results: Results) -> Page:
    size = SHOWN_MIB if SHOWN_MIB in _sizes(results) else max(_sizes(results), default=0)
    speeds = [
        (label, size / cpu.median, label == "ours")
        for label in (*PEERS, FLOOR)
        if (cpu := _cpu(results, label, size)) is not None and cpu.median
    ]
    peaks = [
        (label, peak.median, label == "ours")
        for label in (*PEERS, FLOOR)
        if (peak := _peak(results, label, max(_sizes(results), default=0))) is not None
    ]
    charts = []
    if speeds:
        charts.append(
            BarChart(name="reading-speed", title=f"Reading {size:g} MiB of WebVTT: MiB per CPU second", unit="MiB/s", bars=tuple(speeds))
        )  # fmt: skip
        charts.append(
            BarChart(
                name="reading-peak",
                title=f"Peak memory while reading {max(_sizes(results)):g} MiB",
                unit="MiB",
                bars=tuple(peaks),
                logarithmic=True,
            )
        )
    return Page(
        name=NAME,
        title="Reading WebVTT",
        line="How fast each reader goes through the same generated Zoom-style file, and what it holds at most. "
        "Ours gives a full cue: times, identifier, settings, speaker, plain text, line number. "
        "The floor is what no reader in Python can pass: going through the lines and looking at none.",
        tables=(_speed_table(results), _check_table(results), _standard_table(results)),
        charts=tuple(charts),
        bars=tuple(_bars(results)),
        notes=(
            f"1 MiB is {MIB:,} bytes. A reading of less than half a second of CPU time is repeated in the same "
            "process until it takes that long, and divided; the peak is that of the first reading.",
        ),
        packages=PACKAGES,
    )
