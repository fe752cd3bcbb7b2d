"""Stock spaCy in short windows, loaded sparingly: the entities of one pass over the whole."""

from __future__ import annotations

import json

import pytest
from ner_fixtures import lean_runtime, needs_model, needs_spacy, spacy_reference

from snapshot_engine.language.model_files import find_model
from snapshot_engine.language.selfcheck_texts import talk


@needs_spacy
@pytest.mark.parametrize("words", [500, 40])
def test_windows_give_the_entities_of_the_whole(words):
    import random

    from snapshot_engine.language.spacy_annotator import SpacyAnnotator

    annotator = SpacyAnnotator(lean_runtime().model, window_words=words, context_words=100)
    text = talk(random.Random(5), 300).replace("IS_ALPHA", "")  # at which spaCy's memory zones fail
    wanted, _ = spacy_reference().entities(text)
    assert [(e.start_char, e.end_char, e.label) for e in annotator.stream_text([text])] == wanted
    assert len(wanted) > 20
    annotator.release()
    assert [(e.start_char, e.end_char, e.label) for e in annotator.stream_text([text])] == wanted


@needs_spacy
def test_loading_leaves_thinc_as_it_was_and_gives_the_same_weights():
    import numpy
    from thinc.model import Model

    from snapshot_engine.language.spacy_import import import_spacy
    from snapshot_engine.language.spacy_loading import load_for_entities

    original = Model.from_bytes
    model = lean_runtime().model
    ours = load_for_entities(import_spacy(), model)
    assert Model.from_bytes is original
    assert ours.pipe_names == ["ner"]
    stock = import_spacy().load(model.path)
    pairs = list(zip(ours.get_pipe("ner").model.walk(), stock.get_pipe("ner").model.walk(), strict=True))
    arrays = 0
    for one, other in pairs:
        assert one.attrs.keys() == other.attrs.keys()
        for name in one.param_names:
            if one.has_param(name):
                arrays += 1
                assert numpy.array_equal(one.get_param(name), other.get_param(name))
                assert one.get_param(name).flags.aligned
                assert one.get_param(name).flags.writeable
    assert arrays > 20


@needs_model
def test_only_window_layers_of_its_own_are_known_to_look_nearby(tmp_path):
    from snapshot_engine.language.spacy_loading import reach_tokens

    model = lean_runtime().model
    assert reach_tokens(model) == lean_runtime().reach_tokens == 4
    copy = tmp_path / "model"
    copy.mkdir()
    meta = json.loads((model.path / "meta.json").read_text("utf8"))
    (copy / "meta.json").write_text(json.dumps(meta))
    config = (model.path / "config.cfg").read_text("utf8")
    (copy / "config.cfg").write_text(
        config.replace("spacy.MaxoutWindowEncoder.v2", "spacy.TorchBiLSTMEncoder.v1")
    )
    assert reach_tokens(find_model(str(copy))) is None
    (copy / "config.cfg").write_text(config)
    assert reach_tokens(find_model(str(copy))) == 4
    meta["pipeline"].append("entity_ruler")
    (copy / "meta.json").write_text(json.dumps(meta))
    assert reach_tokens(find_model(str(copy))) is None
