"""Recognise the one NER architecture that the lean runtime computes, and take its weights.

In: the parsed `ner/model` and `ner/moves` of a model directory. Out: NerWeights,
or UnsupportedModel with the reason. The family is spaCy's `TransitionBasedParser.v2`
(`state_type = "ner"`) over `Tok2Vec.v2(MultiHashEmbed.v2, MaxoutWindowEncoder.v2)`:
what the small English pipelines use. Everything that the forward pass relies on
is read from the files (widths, depth, window, seeds, columns) or checked there
(the chain of layers, spelled out by thinc in the name of the tok2vec node).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from snapshot_engine.language.hashing import murmur64a
from snapshot_engine.language.model_files import ModelFilesError, map_file, unpack

# The attributes the lean runtime computes, as named in MultiHashEmbed's `attrs`.
FEATURES = ("NORM", "PREFIX", "SUFFIX", "SHAPE")


class UnsupportedModel(ModelFilesError):
    """The model is of another architecture; stock spaCy can run it, the lean runtime cannot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxoutNorm:
    """A `maxout>>layernorm` pair: weight (out, pieces, in), bias (out, pieces), gain and shift (out)."""

    weight: np.ndarray
    bias: np.ndarray
    gain: np.ndarray
    shift: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class NerWeights:
    """The arrays of one `ner` component; tables are views of the memory-mapped file.

    tables, seeds: the hash embedding of each feature, in the order of `columns`.
    lower_*: PrecomputableAffine, weight (features, out, pieces, in), pad (features, out, pieces).
    moves: class names in the order of the output layer ("B-ORG", ..., "O").
    reach_tokens: how far a token's vector looks to each side (depth x window).
    fingerprint: 128-bit hash over node names, dimensions, attributes and move names.
    """

    columns: tuple[str, ...]
    tables: tuple[np.ndarray, ...]
    seeds: tuple[int, ...]
    mixer: MaxoutNorm
    windows: tuple[MaxoutNorm, ...]
    linear_weight: np.ndarray
    linear_bias: np.ndarray
    lower_weight: np.ndarray
    lower_bias: np.ndarray
    lower_pad: np.ndarray
    upper_weight: np.ndarray
    upper_bias: np.ndarray
    moves: tuple[str, ...]
    reach_tokens: int
    fingerprint: str


def read_weights(model_path: Path) -> NerWeights:
    """Return the weights of the `ner` component in `model_path`.

    Raises UnsupportedModel, naming the first thing that differs, when the
    component is missing or built otherwise.
    """
    if not (model_path / "ner" / "model").is_file():
        raise UnsupportedModel(f"{model_path}: no ner/model, so no statistical NER component")
    settings = json.loads((model_path / "ner" / "cfg").read_text(encoding="utf8"))
    if settings.get("beam_width", 1) != 1:
        raise UnsupportedModel(f"ner/cfg: beam_width {settings['beam_width']}, only 1 (greedy) is computed")
    nodes = _Nodes(unpack(map_file(model_path / "ner" / "model")))
    moves = _move_names(unpack(map_file(model_path / "ner" / "moves")))
    return nodes.weights(moves)


def _move_names(packed: Any) -> tuple[str, ...]:
    """Return class names in the order of the output layer.

    Source: spacy TransitionSystem.initialize_actions (actions ascending, labels
    by descending frequency, then name) and ner.pyx's enum of moves.
    """
    names = []
    for action, labels in sorted(json.loads(packed["moves"]).items(), key=lambda item: int(item[0])):
        for _, label in sorted(((count, label) for label, count in labels.items()), reverse=True):
            names.append("O" if action == "5" else f"{'MBILU'[int(action)]}-{label}")
    return tuple(names)


class _Nodes:
    """The node list that thinc's Model.to_bytes writes, looked at by name."""

    def __init__(self, model: dict[str, Any]) -> None:
        self._nodes = model["nodes"]
        self._params = model["params"]
        self._attrs = [
            {key: unpack(value) for key, value in attrs.items() if not key.startswith("dropout")}
            for attrs in model["attrs"]
        ]

    def weights(self, moves: tuple[str, ...]) -> NerWeights:
        refs = self._nodes[0]["refs"]
        self._demand(self._nodes[0]["name"] == "parser_model", "the root is not a parser_model")
        self._demand(set(refs) == {"tok2vec", "lower", "upper"}, "the parser has no separate upper layer")
        columns = tuple(self._only("extract_features", "columns"))
        windows = self._named("expand_window")
        self._demand_chain(self._nodes[refs["tok2vec"]]["name"], len(columns), len(windows))
        self._demand(columns == FEATURES, f"features {columns}, only {FEATURES} are computed")
        self._demand(
            all(self._attrs[node]["window_size"] == 1 for node in windows), "a window_size other than 1"
        )
        embeds = self._named("hashembed")
        self._demand(
            [self._attrs[node]["column"] for node in embeds] == list(range(len(columns))),
            "hash embeddings in another order than their columns",
        )
        pairs = [
            self._maxout_norm(maxout, norm)
            for maxout, norm in zip(self._named("maxout"), self._named("layernorm"), strict=True)
        ]
        linear = next(node for node in self._named("linear") if node != refs["upper"])
        lower, upper = self._params[refs["lower"]], self._params[refs["upper"]]
        self._demand(self._nodes[refs["lower"]]["dims"].get("nF") == 3, "a state of other than 3 features")
        self._demand(len(upper["W"]) == len(moves), "as many output classes as moves are needed")
        return NerWeights(
            columns=columns,
            tables=tuple(self._params[node]["E"] for node in embeds),
            seeds=tuple(self._attrs[node]["seed"] for node in embeds),
            mixer=pairs[0],
            windows=tuple(pairs[1:]),
            linear_weight=self._params[linear]["W"],
            linear_bias=self._params[linear]["b"],
            lower_weight=lower["W"],
            lower_bias=lower["b"],
            lower_pad=lower["pad"][0],
            upper_weight=upper["W"],
            upper_bias=upper["b"],
            moves=moves,
            reach_tokens=len(windows),
            fingerprint=self._fingerprint(moves),
        )

    def _named(self, name: str) -> list[int]:
        return [place for place, node in enumerate(self._nodes) if node["name"] == name]

    def _only(self, name: str, attribute: str) -> Any:
        places = self._named(name)
        self._demand(len(places) == 1, f"{len(places)} nodes called {name}")
        return self._attrs[places[0]][attribute]

    def _maxout_norm(self, maxout: int, norm: int) -> MaxoutNorm:
        self._demand(self._nodes[maxout]["dims"].get("nP") == 3, "maxout with other than 3 pieces")
        return MaxoutNorm(
            weight=self._params[maxout]["W"],
            bias=self._params[maxout]["b"],
            gain=self._params[norm]["G"],
            shift=self._params[norm]["b"],
        )

    def _demand_chain(self, name: str, features: int, depth: int) -> None:
        """thinc names a combined node after its parts, so one comparison checks every layer's place."""
        embed = "|".join(["ints-getitem>>hashembed"] * features)
        window = "residual(expand_window>>maxout>>layernorm>>dropout)"
        wanted = (
            f"extract_features>>list2ragged>>with_array({embed})>>with_array(maxout>>layernorm>>dropout)"
            f">>ragged2list>>with_array({'>>'.join([window] * depth)})>>list2array>>linear"
        )
        self._demand(depth > 0 and name == wanted, f"tok2vec is built as {name[:200]}")

    def _demand(self, holds: bool, otherwise: str) -> None:
        if not holds:
            raise UnsupportedModel(f"ner/model: {otherwise}")

    def _fingerprint(self, moves: tuple[str, ...]) -> str:
        shape = [
            [node["name"], node["dims"], node["refs"], attrs]
            for node, attrs in zip(self._nodes, self._attrs, strict=True)
        ]
        text = json.dumps([shape, moves], sort_keys=True).encode()
        # hashlib would load OpenSSL, 3 MiB of the process; this guards against mix-ups, not attacks.
        return f"{murmur64a(text, 1):016x}{murmur64a(text, 2):016x}"
