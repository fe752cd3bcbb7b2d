"""Load an installed spaCy pipeline for its entities alone, in as little memory as it allows.

In: a model directory. Out: the `Language` object, and how far its entities look.
Measured on the small English pipeline: spaCy's own way of reading `ner/model`
holds its arrays three times for a moment (file, parsed, in place), 17 MiB; here
the parsed ones point into the file's bytes, which leaves two.
"""

from __future__ import annotations

import configparser
import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from snapshot_engine.language.model_files import ModelDirectory, ModelFilesError, unpack

# Components that set no entities; the rest of a pipeline may, so it stays.
_WITHOUT_ENTITIES = ("tagger", "morphologizer", "parser", "senter", "attribute_ruler", "lemmatizer")


def load_for_entities(spacy: Any, model: ModelDirectory) -> Any:
    """Return the pipeline of `model` without what `doc.ents` does not need."""
    # "strings": the 84,780 words of the vocabulary's store are not needed to find entities.
    # A component that is loaded but disabled is not in the pipeline's list, so all names are left out.
    exclude = {*needless_components(model.path, model.pipeline), *_WITHOUT_ENTITIES, "strings"}
    with _arrays_read_in_place():
        nlp = spacy.load(model.path, exclude=sorted(exclude))
    gc.collect()
    return nlp


def needless_components(model_path: Path, pipeline: Iterable[str]) -> list[str]:
    """Return the components that can be left out without changing `doc.ents`.

    A shared tok2vec goes too if no kept component listens to it (`ner` of the
    English pipelines has its own); read from the model's config.cfg.
    """
    config = _config(model_path)
    needless = [name for name in pipeline if name in _WITHOUT_ENTITIES]
    kept = [name for name in pipeline if name not in needless]
    listening = any(
        "Listener" in config.get(section, "@architectures", fallback="")
        for section in config.sections()
        if section.partition(".")[0] == "components"
        and section.split(".")[1:2]
        and section.split(".")[1] in kept
    )
    if not listening:
        needless += [
            name for name in kept if config.get(f"components.{name}", "factory", fallback="") == '"tok2vec"'
        ]
    return needless


def reach_tokens(model: ModelDirectory) -> int | None:
    """Return how many tokens to each side the entities of `model` depend on; None: perhaps on all.

    Known where `ner` alone sets them, over window layers of its own: each of `depth`
    layers looks `window_size` tokens further. An entity begun earlier reaches on.
    """
    needless = needless_components(model.path, model.pipeline)
    if [name for name in model.pipeline if name not in needless] != ["ner"]:
        return None
    config = _config(model.path)
    encode = "components.ner.model.tok2vec.encode"
    if "MaxoutWindowEncoder" not in config.get(encode, "@architectures", fallback=""):
        return None
    if not config.get("components.ner.model", "@architectures").startswith('"spacy.TransitionBasedParser.'):
        return None
    return config.getint(encode, "depth") * config.getint(encode, "window_size")


def _config(model_path: Path) -> configparser.ConfigParser:
    config = configparser.ConfigParser(interpolation=None, strict=False)
    config.read(model_path / "config.cfg", encoding="utf8")
    return config


@contextmanager
def _arrays_read_in_place() -> Iterator[None]:
    """For the time of one load, let thinc's Model.from_bytes take arrays out of the file's bytes.

    `Model.from_dict`, to which it passes them, copies every array anyway. What our
    reader does not know is left to thinc's.
    """
    from thinc.model import Model

    original = Model.from_bytes

    def from_bytes(self: Any, bytes_data: bytes) -> Any:
        try:
            message = unpack(bytes_data)
        except ModelFilesError:
            return original(self, bytes_data)
        message["attrs"] = [
            {name: _as_bytes(value) for name, value in one.items()} for one in message["attrs"]
        ]
        message["shims"] = [[_as_bytes(value) for value in one] for one in message["shims"]]
        return self.from_dict(message)

    Model.from_bytes = from_bytes
    try:
        yield
    finally:
        Model.from_bytes = original


def _as_bytes(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value
