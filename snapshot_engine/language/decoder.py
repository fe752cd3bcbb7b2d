"""The greedy transition system of spaCy's NER, decoded in bulk over a block of token vectors.

In: token vectors, in order. Out: (start, end, label) in token numbers of the
whole stream. Holds the one entity that may be open at the end of a block: its
first token's contribution to the state and the last token's.

Why bulk works: outside an entity the state is the current token alone (features
1 and 2 are padding), so one product scores every token as if it stood outside;
inside, only I-x and L-x of the open label are valid, so all beginnings are
advanced together, whether or not they will be reached.
Source: spacy ner.pyx (validity of moves), _state.pxd (set_context_tokens,
three features), parser_model.pyx (scores, first of equal scores wins).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snapshot_engine.language.architecture import NerWeights
from snapshot_engine.language.kernel import BLOCK_TOKENS

# An entity still open after this many tokens is closed: what is held back for
# it (text, utterances) stays bounded on text made to keep one open for ever.
MAX_ENTITY_TOKENS = 4096
_OUT, _BEGIN, _UNIT = 0, 1, 2
_F32 = np.float32


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """An entity in token numbers of the stream, end exclusive."""

    start: int
    end: int
    label: str


@dataclass(slots=True, kw_only=True)
class _OpenEntity:
    start: int
    label: int
    first_part: np.ndarray  # the first token's contribution to the state


class DecoderWeights:
    """The arrays of `linear`, `lower` and `upper`, folded and sorted for decoding."""

    def __init__(self, weights: NerWeights, *, input_offset: np.ndarray) -> None:
        """input_offset: the constant that the token vectors lack (WindowEncoder.offset)."""
        self._fold(weights, input_offset)
        self._sort_moves(weights)

    def _fold(self, weights: NerWeights, input_offset: np.ndarray) -> None:
        """Fold `linear` into `lower`: one product per state feature instead of two."""
        features, outputs, pieces, _ = weights.lower_weight.shape
        lower = weights.lower_weight.transpose(0, 2, 1, 3).reshape(features, pieces * outputs, -1)
        lower = lower.astype(np.float64)
        linear: np.ndarray = weights.linear_weight.astype(np.float64)
        # (features, tokvec width, pieces * outputs), piece-major
        self.parts = [np.ascontiguousarray((one @ linear).T.astype(_F32)) for one in lower]
        shift = lower @ (weights.linear_bias.astype(np.float64) + linear @ input_offset)
        pad = weights.lower_pad.transpose(0, 2, 1).reshape(features, -1)
        bias = weights.lower_bias.T.reshape(-1)
        self.outside_bias = (shift[0] + pad[1] + pad[2] + bias).astype(_F32)
        self.inside_bias = (shift.sum(axis=0) + bias).astype(_F32)
        self.hidden = outputs

    def _sort_moves(self, weights: NerWeights) -> None:
        moves = weights.moves
        self.labels = [move[2:] for move in moves if move.startswith("B-")]
        # "U-" without a label is only valid on a token preset as blocked: never here.
        outside = [
            place
            for place, move in enumerate(moves)
            if move == "O" or (move[:2] in ("B-", "U-") and move[2:])
        ]
        self.outside_weight = np.ascontiguousarray(weights.upper_weight[outside].T)
        self.outside_scores_bias = np.array(weights.upper_bias[outside])
        kinds = {"O": _OUT, "B": _BEGIN, "U": _UNIT}
        self.kind = np.array([kinds[moves[place][0]] for place in outside])
        self.label = np.array(
            [self.labels.index(moves[place][2:]) if moves[place] != "O" else -1 for place in outside]
        )
        self.begins = np.flatnonzero(self.kind == _BEGIN)
        into = np.array([moves.index(f"I-{label}") for label in self.labels])
        last = np.array([moves.index(f"L-{label}") for label in self.labels])
        # I-x wins where its score is higher than L-x's, or equal and it comes first.
        self.stay_weight = weights.upper_weight[into] - weights.upper_weight[last]
        self.stay_bias = weights.upper_bias[into] - weights.upper_bias[last]
        self.tie_stays = into < last


class Decoder:
    """Decodes the blocks of one stream, in order."""

    def __init__(self, weights: DecoderWeights) -> None:
        self._weights = weights
        self._tokens_seen = 0
        self._open: _OpenEntity | None = None
        self._last_part: np.ndarray | None = None  # the last token's contribution as "token before"
        self.cut_entities = 0
        # Set to infinity to record the smallest gap between the best and the
        # second-best valid move: how far the nearest decision was from a tie.
        self.smallest_gap: float | None = None

    @property
    def open_start(self) -> int | None:
        """The first token of the entity that is open at the end of what was decoded, or None."""
        return self._open.start if self._open else None

    def decode(self, vectors: np.ndarray, is_space: np.ndarray, *, final: bool) -> list[Span]:
        """Return the entities that end in this block, in order; `final`: no token follows it."""
        count = len(vectors)
        if not count:
            return []
        kind, label = self._outside(vectors, is_space, final=final)
        starts = np.flatnonzero(kind == _BEGIN)
        ends = self._ends(vectors, starts, label[starts], final=final)
        end_of = dict(zip(starts.tolist(), ends, strict=False))
        spans = self._select(kind, label, end_of, ends[len(starts) :], vectors)
        self._last_part = vectors[-1] @ self._weights.parts[2]
        self._tokens_seen += count
        return spans

    def _outside(
        self, vectors: np.ndarray, is_space: np.ndarray, *, final: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return each token's best move and label, if no entity were open there."""
        weights = self._weights
        best: np.ndarray = np.empty(len(vectors), dtype=np.int64)
        for start in range(0, len(vectors), BLOCK_TOKENS):  # small enough for the second-level cache
            state = vectors[start : start + BLOCK_TOKENS] @ weights.parts[0]
            state += weights.outside_bias
            hidden = np.maximum(state[:, : weights.hidden], state[:, weights.hidden :])
            scores = hidden @ weights.outside_weight
            scores += weights.outside_scores_bias
            if final and start + BLOCK_TOKENS >= len(vectors):
                scores[-1, weights.begins] = -np.inf  # Begin.is_valid: not on the last token
            scores.argmax(axis=1, out=best[start : start + BLOCK_TOKENS])
            if self.smallest_gap is not None:
                two = np.partition(scores[~is_space[start : start + BLOCK_TOKENS]], -2, axis=1)[:, -2:]
                self._note_gap(two[:, 1] - two[:, 0])
        kind = weights.kind[best]
        kind[is_space] = _OUT  # Begin and Unit are not valid on whitespace
        return kind, weights.label[best]

    def _ends(self, vectors: np.ndarray, starts: np.ndarray, label: np.ndarray, *, final: bool) -> list[int]:
        """Return where each entity that begins at `starts` ends (exclusive), -1: open past the block.

        An entity open from the block before comes last in the list.
        """
        first_part = vectors[starts] @ self._weights.parts[1]
        at: np.ndarray = starts + 1  # the token each entity decides on next
        begun = starts
        if self._open is not None:
            first_part = np.concatenate([first_part, self._open.first_part[None]])
            label = np.append(label, self._open.label)
            at = np.append(at, 0)
            begun = np.append(begun, self._open.start - self._tokens_seen)
        ends = np.full(len(at), -1)
        active = np.flatnonzero(at < len(vectors))
        while len(active):
            here = at[active]
            before = vectors[here - 1] @ self._weights.parts[2]
            if here[-1] == 0 and self._last_part is not None:
                before[-1] = self._last_part
            state = vectors[here] @ self._weights.parts[0]
            state += self._weights.inside_bias
            state += first_part[active]
            state += before
            stays = self._stays(state, label[active])
            if final:
                stays &= here < len(vectors) - 1  # In.is_valid: the last token closes
            too_long = stays & (here - begun[active] + 1 >= MAX_ENTITY_TOKENS)
            stays &= ~too_long
            closed = active[~stays]
            ends[closed] = at[closed] + 1
            active = active[stays]
            at[active] += 1
            active = active[at[active] < len(vectors)]
        return list(ends.tolist())

    def _stays(self, state: np.ndarray, label: np.ndarray) -> np.ndarray:
        """Return whether I-label beats L-label in each state."""
        hidden = np.maximum(state[:, : self._weights.hidden], state[:, self._weights.hidden :])
        lead = np.einsum("ij,ij->i", hidden, self._weights.stay_weight[label])
        lead += self._weights.stay_bias[label]
        if self.smallest_gap is not None:
            self._note_gap(np.abs(lead))
        result: np.ndarray = np.where(self._weights.tie_stays[label], lead >= 0, lead > 0)
        return result

    def _select(
        self,
        kind: np.ndarray,
        label: np.ndarray,
        end_of: dict[int, int],
        carried: list[int],
        vectors: np.ndarray,
    ) -> list[Span]:
        """Walk the block as the transition system does: inside an entity nothing else begins."""
        spans: list[Span] = []
        free = 0
        base = self._tokens_seen
        if self._open is not None:
            if carried[0] < 0:
                return spans
            self._close(spans, self._open.start, base + carried[0], self._open.label)
            free = carried[0]
            self._open = None
        for place in np.flatnonzero(kind).tolist():
            if place < free:
                continue
            end = place + 1 if kind[place] == _UNIT else end_of[place]
            if end < 0:
                first_part = vectors[place] @ self._weights.parts[1]
                self._open = _OpenEntity(start=base + place, label=int(label[place]), first_part=first_part)
                break
            self._close(spans, base + place, base + end, int(label[place]))
            free = end
        return spans

    def _close(self, spans: list[Span], start: int, end: int, label: int) -> None:
        self.cut_entities += end - start >= MAX_ENTITY_TOKENS
        spans.append(Span(start=start, end=end, label=self._weights.labels[label]))

    def _note_gap(self, gaps: np.ndarray) -> None:
        if self.smallest_gap is not None and len(gaps):
            self.smallest_gap = min(self.smallest_gap, float(gaps.min()))
