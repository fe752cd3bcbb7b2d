# ruff: noqa: E402 (the imports below need what importorskip looks for)
from __future__ import annotations

import json
import struct

import pytest

np = pytest.importorskip("numpy")

from ner_fixtures import MODEL, needs_model, needs_spacy

from snapshot_engine.errors import MissingExtra
from snapshot_engine.language.architecture import UnsupportedModel, read_weights
from snapshot_engine.language.model_files import ModelFilesError, find_model, unpack


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"\x07", 7),
        (b"\xff", -1),
        (b"\xc0", None),
        (b"\xc3", True),
        (b"\xcd\x01\x00", 256),
        (b"\xcf" + struct.pack(">Q", 2**63), 2**63),
        (b"\xd1\xff\xfe", -2),
        (b"\xcb" + struct.pack(">d", 0.5), 0.5),
        (b"\xa2hi", "hi"),
        (b"\xd9\x02hi", "hi"),
        (b"\x92\x01\xa1a", [1, "a"]),
        (b"\xdc\x00\x01\x05", [5]),
        (b"\x81\xa1k\x90", {"k": []}),
        (b"\x81\xc4\x01k\x01", {"k": 1}),
    ],
)
def test_every_kind_of_value_is_unpacked(data, value):
    assert unpack(data) == value


def test_an_array_is_a_view_of_the_data():
    values = np.array([[1.5, -2.0], [0.25, 8.0]], dtype="<f4")
    packed = (
        b"\x84\xc4\x02nd\xc3\xc4\x04type\xa3<f4\xc4\x05shape\x92\x02\x02\xc4\x04data\xc4\x10"
        + values.tobytes()
    )
    array = unpack(packed)
    assert array.tolist() == values.tolist()
    assert not array.flags.owndata


@pytest.mark.parametrize("data", [b"", b"\xa5hi", b"\x92\x01", b"\xc1", b"\xc4\x09abc", b"\xd9\x01\xff"])
def test_broken_data_is_our_error(data):
    with pytest.raises(ModelFilesError):
        unpack(data)


@needs_spacy
def test_unpack_reads_what_srsly_writes():
    import srsly

    value = {"a": [1, -5, 2**40, None, 1.25, "é" * 300], "b": {"c": b"xyz", "d": list(range(20))}}
    assert unpack(srsly.msgpack_dumps(value)) == value


def test_a_model_that_is_not_installed_names_what_to_type():
    with pytest.raises(MissingExtra, match=r"no_such_model.*pip install 'pytest-snapshot-memory\[engine\]'"):
        find_model("no_such_model")


def test_a_package_without_a_model_says_so():
    with pytest.raises(ModelFilesError, match="holds no spaCy model"):
        find_model("json")


def test_a_directory_is_taken_as_a_model(tmp_path):
    (tmp_path / "config.cfg").write_text("")
    (tmp_path / "meta.json").write_text(
        json.dumps({"lang": "en", "name": "tiny", "version": "1.0", "pipeline": ["ner"]})
    )
    model = find_model(str(tmp_path))
    assert (model.title, model.pipeline) == ("en_tiny 1.0", ("ner",))


def test_a_broken_meta_file_is_our_error(tmp_path):
    (tmp_path / "config.cfg").write_text("")
    (tmp_path / "meta.json").write_text("{")
    with pytest.raises(ModelFilesError, match=r"meta\.json cannot be read"):
        find_model(str(tmp_path))


def test_a_model_without_ner_is_unsupported(tmp_path):
    with pytest.raises(UnsupportedModel, match="no statistical NER"):
        read_weights(tmp_path)


@needs_model
def test_the_reach_comes_from_the_layers_of_the_model():
    weights = read_weights(find_model(MODEL).path)
    assert weights.reach_tokens == len(weights.windows) == 4
    assert weights.columns == ("NORM", "PREFIX", "SUFFIX", "SHAPE")


@needs_spacy
def test_the_moves_are_in_spacys_order():
    from ner_fixtures import lean_runtime

    spacy = pytest.importorskip("spacy")
    weights = read_weights(lean_runtime().model.path)
    nlp = spacy.load(lean_runtime().model.path, exclude=["tagger", "parser", "lemmatizer", "attribute_ruler"])
    # move_names leaves out "U-", the move without a label
    assert [move for move in weights.moves if move != "U-"] == list(nlp.get_pipe("ner").move_names)


@needs_model
def test_a_beam_is_unsupported(tmp_path):
    import shutil

    source = find_model(MODEL).path
    shutil.copytree(source / "ner", tmp_path / "ner")
    settings = json.loads((tmp_path / "ner" / "cfg").read_text())
    (tmp_path / "ner" / "cfg").write_text(json.dumps({**settings, "beam_width": 4}))
    with pytest.raises(UnsupportedModel, match="beam_width 4"):
        read_weights(tmp_path)


@needs_model
def test_another_chain_of_layers_is_unsupported(tmp_path):
    import shutil

    source = find_model(MODEL).path
    shutil.copytree(source / "ner", tmp_path / "ner")
    path = tmp_path / "ner" / "model"
    # same length, so the file stays well-formed
    path.write_bytes(path.read_bytes().replace(b"list2array>>linear", b"list2array>>xinear"))
    with pytest.raises(UnsupportedModel, match="tok2vec is built as"):
        read_weights(tmp_path)
