from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest
from ner_fixtures import MODEL, lean_runtime, needs_model, needs_spacy

from snapshot_engine.errors import ConfigError, MissingExtra
from snapshot_engine.language.choose import choose_annotator

TEXT = "Angela Merkel paid $5 million in Berlin on Monday, 10% more than last year."


def choose(model=MODEL, runtime="auto"):
    return choose_annotator(model=model, runtime=runtime, window_words=500, context_words=100)


@needs_model
def test_auto_is_lean_for_the_proven_model():
    assert choose().description == f"lean NumPy runtime, {MODEL} 3.8.0"


@needs_spacy
def test_auto_takes_spacy_for_a_version_that_is_not_proven(tmp_path):
    source = lean_runtime().model.path
    shutil.copytree(source, tmp_path / "model")
    meta = json.loads((source / "meta.json").read_text("utf8"))
    (tmp_path / "model" / "meta.json").write_text(json.dumps({**meta, "version": "3.8.9"}), "utf8")
    annotator = choose(str(tmp_path / "model"))
    assert annotator.description.startswith("spaCy 3.")
    lean = choose(str(tmp_path / "model"), runtime="lean")
    assert lean.description == f"lean NumPy runtime, {MODEL} 3.8.9"
    assert list(annotator.stream_text([TEXT])) == list(lean.stream_text([TEXT]))


@needs_spacy
def test_auto_takes_spacy_when_the_files_are_not_the_proven_ones(tmp_path):
    shutil.copytree(lean_runtime().model.path, tmp_path / "model")
    settings = tmp_path / "model" / "ner" / "cfg"
    settings.write_text(settings.read_text().replace('"beam_width":1', '"beam_width":2'))
    assert choose(str(tmp_path / "model")).description.startswith("spaCy 3.")


def test_auto_falls_back_to_patterns_and_says_why():
    annotator = choose("no_such_model")
    assert annotator.description == (
        "patterns only, no language model (the spaCy model 'no_such_model' is not installed)"
    )
    assert [entity.label for entity in annotator.stream_text([TEXT])][:2] == ["MONEY", "DATE"]


@pytest.mark.parametrize("runtime", ["lean", "spacy"])
def test_a_runtime_asked_for_by_name_is_not_replaced(runtime):
    with pytest.raises(MissingExtra, match="pip install"):
        choose("no_such_model", runtime=runtime)


def test_an_unknown_runtime_is_a_configuration_mistake():
    with pytest.raises(ConfigError, match="NER_RUNTIME='fast'"):
        choose(runtime="fast")


@needs_spacy
def test_spacy_in_windows_gives_the_entities_of_one_pass():
    spacy = choose_annotator(model=MODEL, runtime="spacy", window_words=12, context_words=8)
    text = " ".join(f"{TEXT} Then {number} people, maybe more, left for Ghana." for number in range(20))
    whole = list(choose(runtime="lean").stream_text([text]))
    assert list(spacy.stream_text([text])) == whole
    assert list(spacy.stream_text(text[at : at + 17] for at in range(0, len(text), 17))) == whole


@needs_spacy
def test_importing_spacy_leaves_its_command_line_alone_and_importable():
    code = """
import sys
from snapshot_engine.language.spacy_import import import_spacy
spacy = import_spacy()
assert "typer" not in sys.modules, "the command line was loaded"
import spacy.cli
assert spacy.cli.info.__module__ == "spacy.cli.info"
assert spacy.blank("en")("a b").text == "a b"
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("module", ["processor", "choose", "annotation", "rules_annotator"])
def test_nothing_heavy_is_imported_before_it_is_needed(module):
    code = f"""
import sys, snapshot_engine.language.{module}
heavy = {{"numpy", "spacy", "thinc", "importlib.metadata"}} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@needs_model
def test_the_lean_runtime_never_imports_spacy():
    code = f"""
import sys
from snapshot_engine.language.choose import choose_annotator
a = choose_annotator(model={MODEL!r}, runtime="auto", window_words=500, context_words=100)
assert len(list(a.stream_text([{TEXT!r}]))) == 6
heavy = {{"spacy", "thinc", "srsly", "hashlib"}} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True)
