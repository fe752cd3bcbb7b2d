"""What the command line names: a baseline by name or file, or a JSON report.

In: an argument and the baseline directory. Out: baselines and records that can
be compared, whichever of the two kinds was given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import report_json
from .baseline import Baseline, BaselineError, nodeid_of
from .baseline_store import BaselineMissing, check_name, list_baselines, load_baseline
from .baseline_update import remember
from .environment import Environment
from .record import PhaseReading, TestRecord
from .report import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One side of a comparison, of one environment.

    fresh_runs: growth in bytes of runs in fresh processes, by node id.
    """

    title: str
    baseline: Baseline
    records: tuple[TestRecord, ...]
    fresh_runs: Mapping[str, tuple[int, ...]]

    def repeat(self, nodeids: Sequence[str], count: int) -> Mapping[str, Sequence[int]]:
        """Give the remembered runs of `nodeids`, all at the first question and none later."""
        return {n: self.fresh_runs[n] for n in nodeids if n in self.fresh_runs} if count < 4 else {}


def read_sources(argument: str, directory: Path) -> list[Source]:
    """Return the sources that `argument` names: a file, or a name with all its environments.

    Raises BaselineError or report_json.ReportError with a sentence.
    """
    path = Path(argument)
    if path.is_file():
        return [_of_report(path)] if path.suffix == ".json" else [_of_baseline(path)]
    if argument.endswith((".json", ".txt")) or len(path.parts) > 1:
        raise BaselineMissing(f"there is no file {argument}")
    name = check_name(argument)
    found = [stored.path for stored in list_baselines(directory) if stored.name == name]
    if not found:
        names = sorted({stored.name for stored in list_baselines(directory)})
        known = f"it has {', '.join(names)}" if names else "it has none"
        raise BaselineMissing(f"no baseline {argument!r} in {directory}: {known}")
    return [_of_baseline(path) for path in found]


def read_report(path: Path) -> Report:
    """Return a JSON report; raises ReportError with a sentence."""
    try:
        return report_json.parse(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise report_json.ReportError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise report_json.ReportError(f"{path} is not text (byte {error.start})") from error


def _of_report(path: Path) -> Source:
    report = read_report(path)
    try:
        environment = Environment.from_plain(report.environment)
    except KeyError as missing:
        raise report_json.ReportError(f"{path} does not say its {missing.args[0]}") from None
    runs = {c.nodeid: c.fresh_runs_bytes for c in report.comparisons if c.fresh_runs_bytes}
    baseline = remember(report.records, None, environment, ())
    return Source(title=str(path), baseline=baseline, records=report.records, fresh_runs=runs)


def _of_baseline(path: Path) -> Source:
    baseline = load_baseline(path)
    gauge = baseline.environment.gauge
    records = []
    for key, entry in baseline.entries.items():
        reading = PhaseReading(
            phase="call",
            gauge=gauge,
            start_bytes=0,
            peak_bytes=entry.growth_bytes,
            end_bytes=entry.retained_bytes,
            reusable_bytes=entry.width_bytes,
        )
        records.append(TestRecord(nodeid=nodeid_of(key), outcome="passed", phases=(reading,)))
    runs = {nodeid_of(k): e.fresh_runs_bytes for k, e in baseline.entries.items() if e.fresh_runs_bytes}
    return Source(title=str(path), baseline=baseline, records=tuple(records), fresh_runs=runs)


def pair_sources(
    old: Sequence[Source], new: Sequence[Source], *, across: bool
) -> list[tuple[Source, Source]]:
    """Return the sources of equal environments in pairs.

    across: pair two single sources whatever their environments. Raises
    BaselineError naming the differences where nothing can be paired.
    """
    if across and len(old) == len(new) == 1:
        return [(old[0], new[0])]
    by_environment = {source.baseline.environment: source for source in old}
    pairs = [
        (by_environment[source.baseline.environment], source)
        for source in new
        if source.baseline.environment in by_environment
    ]
    if not pairs:
        differences = new[0].baseline.environment.differences(old[0].baseline.environment)
        raise BaselineError(
            f"{new[0].title} and {old[0].title} were measured in different environments: "
            f"{', '.join(differences)}. Add --across to compare two of them all the same."
        )
    return pairs
