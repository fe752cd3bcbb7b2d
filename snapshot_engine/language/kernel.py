"""The forward pass of the tok2vec's window layers in NumPy, over one run of rows.

In: rows of the lexeme table, with the context on both sides. Out: one vector
per inner token. Exact: the same weights and the same sums as spaCy, taken in
another order (float32). Holds buffers for `BLOCK_TOKENS` tokens and the first
layer's products of one call's distinct rows.

A window layer is a convolution of width three. Two neighbouring outputs need six
products of a vector with a weight when written down, four when the inputs and the
weights are added first (Winograd's F(2, 3)): with inputs x0..x3 and weights a, b, c

    x0 a + x1 b + x2 c = m0 + (m1 + m2)      m0 = (x0 - x2) a    m1 = (x1 + x2) (a + b + c) / 2
    x1 a + x2 b + x3 c = (m1 - m2) - m3      m3 = (x1 - x3) c    m2 = (x2 - x1) (a - b + c) / 2

So even and odd tokens are kept apart. Against the same network in float64 the
vectors are off by 3.3e-7 (root mean square; 2.6e-6 at most), written down by 4.5e-7.
"""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, Any

import numpy as np

from snapshot_engine.language.architecture import MaxoutNorm, NerWeights

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import ThreadPoolExecutor

# Even. A block's products take 1.2 MB; shorter blocks multiply slower, longer ones gain nothing.
BLOCK_TOKENS = 512
# Tokens that share the first layer's products, which take 3.4 KiB for each of their distinct rows:
# in talk 400 of 1,008, two blocks without the four tokens of context on each side.
SPAN_TOKENS = 1008
_F32 = np.float32
# thinc layernorm._get_moments: "+ 1e-08"
_EPSILON = _F32(1e-8)


class _PiecesNorm:
    """What follows the product of a `maxout>>layernorm`: the maximum over slices, and the norm."""

    def __init__(self, layer: MaxoutNorm) -> None:
        self.width = len(layer.gain)
        self._pieces = layer.weight.shape[1]
        self._gain = np.array(layer.gain)
        self._averaging: np.ndarray = np.full((self.width, 1), 1.0 / self.width, dtype=_F32)
        self._one_share = _F32(1.0 / self.width)

    def unshifted(self, sums: np.ndarray, out: np.ndarray) -> np.ndarray:
        """Return the maximum of the pieces of (n, pieces * width) `sums`, normed but not shifted, in `out`."""
        width = self.width
        np.maximum(sums[:, :width], sums[:, width : 2 * width], out=out)
        for piece in range(2, self._pieces):
            np.maximum(out, sums[:, piece * width : (piece + 1) * width], out=out)
        out -= out @ self._averaging  # a matrix product takes a third of the time of mean(axis=1)
        scale = np.einsum("ij,ij->i", out, out)
        scale *= self._one_share
        scale += _EPSILON
        np.sqrt(scale, out=scale)
        np.reciprocal(scale, out=scale)
        out *= scale[:, None]
        out *= self._gain
        return out


class MaxoutNormLayer:
    """One `maxout>>layernorm` over rows of inputs."""

    def __init__(self, layer: MaxoutNorm) -> None:
        self._weight = _piece_major(layer)
        self._bias = np.ascontiguousarray(layer.bias.T).reshape(-1)
        self._norm = _PiecesNorm(layer)
        self._shift = np.array(layer.shift)

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Return the layer's output, (n, width), for (n, in) inputs."""
        sums = inputs @ self._weight
        sums += self._bias
        out = self._norm.unshifted(sums, np.empty((len(inputs), self._norm.width), dtype=_F32))
        out += self._shift
        return out


def _piece_major(layer: MaxoutNorm) -> np.ndarray:
    """Return the weight (out, pieces, in) as (in, pieces * out), so that a piece is a slice of the product."""
    inputs = layer.weight.shape[2]
    result: np.ndarray = np.ascontiguousarray(layer.weight.transpose(2, 1, 0).reshape(inputs, -1))
    return result


class _Buffers:
    """Working memory of one block of `tokens` being encoded, an even number; in each half even, then odd."""

    def __init__(self, width: int, sums: int) -> None:
        self._width, self._sums = width, sums
        self._hidden: np.ndarray = np.empty(BLOCK_TOKENS * width, dtype=_F32)
        self._inputs: np.ndarray = np.empty(2 * BLOCK_TOKENS * width, dtype=_F32)
        self._products: np.ndarray = np.empty(2 * BLOCK_TOKENS * sums, dtype=_F32)

    def take(self, tokens: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return hidden (2, n, width), inputs (4, n, width) and products (4, n, sums), each in one piece."""
        pairs, width, sums = tokens // 2, self._width, self._sums
        return (
            self._hidden[: 2 * pairs * width].reshape(2, pairs, width),
            self._inputs[: 4 * pairs * width].reshape(4, pairs, width),
            self._products[: 4 * pairs * sums].reshape(4, pairs, sums),
        )


class WindowEncoder:
    """The residual window layers (MaxoutWindowEncoder): each looks one token to each side.

    The layer norms' shifts are constants that only ever add up, so they are left
    out of the vectors and folded into the biases of what reads them: `offset` is
    their sum, which the returned vectors lack.
    """

    def __init__(self, weights: NerWeights, *, jobs: int = 1) -> None:
        """jobs: threads that share the blocks of one call, each with 1.8 MB of buffers."""
        self._norms = [_PiecesNorm(layer) for layer in weights.windows]
        self._biases: list[np.ndarray] = []
        self._weights: list[np.ndarray] = []  # of all layers but the first
        self.offset: np.ndarray = np.zeros(len(weights.windows[0].gain))
        for layer in weights.windows:
            weight = _piece_major(layer)
            bias = layer.bias.T.reshape(-1) + np.tile(self.offset, 3) @ weight.astype(np.float64)
            self._biases.append(bias.astype(_F32))
            self.offset = self.offset + layer.shift
            if layer is not weights.windows[0]:
                self._weights.append(_summed_weights(weight))
        self.reach_tokens = weights.reach_tokens
        self.width = self._norms[0].width
        # The first layer's products depend on the lexeme alone: one weight for the token before, here, after.
        self._first = np.split(_piece_major(weights.windows[0]), 3)
        self._jobs = jobs
        self._buffers: queue.SimpleQueue[_Buffers] = queue.SimpleQueue()
        for _ in range(jobs):
            self._buffers.put(_Buffers(self.width, len(self._biases[0])))
        self._pool: ThreadPoolExecutor | None = None

    def encode(self, rows: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        """Return (n, width) for the n inner ones of n + 2 * reach_tokens `rows` of `vectors`, less `offset`."""
        reach = self.reach_tokens
        encoded: np.ndarray = np.empty((len(rows) - 2 * reach, self.width), dtype=_F32)
        for start in range(0, len(encoded), SPAN_TOKENS):
            span = encoded[start : start + SPAN_TOKENS]
            self._encode_span(rows[start : start + len(span) + 2 * reach], vectors, span)
        return encoded

    def _encode_span(self, rows: np.ndarray, vectors: np.ndarray, encoded: np.ndarray) -> None:
        reach = self.reach_tokens
        distinct, places = np.unique(rows, return_inverse=True)
        if len(rows) % 2:  # one more row behind the context: the last pair needs it, no inner token sees it
            places = np.append(places, places[-1])
        lexemes = vectors[distinct]
        products = list(self._map(lambda weight: lexemes @ weight, self._first))
        products[1] += self._biases[0]

        def encode_from(start: int) -> None:
            buffers = self._buffers.get()
            block = places[start : start + BLOCK_TOKENS]
            hidden = self._block(block, lexemes, products, buffers)
            part = encoded[start : start + len(block) - 2 * reach]
            for at in (0, 1):  # the first inner token and its odd or even neighbours
                parity, first = (reach + at) % 2, (reach + at) // 2
                wanted = part[at::2]
                wanted[:] = hidden[parity, first : first + len(wanted)]
            self._buffers.put(buffers)

        for _ in self._map(encode_from, range(0, len(encoded), BLOCK_TOKENS - 2 * reach)):
            pass

    def _map(self, function: Callable[[Any], Any], values: Iterable[Any]) -> Iterator[Any]:
        if self._jobs == 1:
            return map(function, values)
        if self._pool is None:
            from concurrent.futures import ThreadPoolExecutor

            self._pool = ThreadPoolExecutor(self._jobs, thread_name_prefix="ner")
        return self._pool.map(function, values)

    def _block(
        self, places: np.ndarray, lexemes: np.ndarray, products: list[np.ndarray], buffers: _Buffers
    ) -> np.ndarray:
        """Vectors of an even number of tokens; the outer `reach_tokens` are wrong on each side (context is cut).

        places: of each token in `lexemes` and in the first layer's `products`.
        """
        hidden, inputs, parts = buffers.take(len(places))
        # What is done with is written over: the sums over the first products, the output over the inputs.
        sums, out = parts[:2].reshape(len(places), -1), inputs[:2].reshape(len(places), -1)
        _first_sums(places, products, parts[:2], parts[2])
        np.take(lexemes, places.reshape(-1, 2).T, axis=0, out=hidden, mode="clip")
        all_hidden = hidden.reshape(len(places), -1)
        all_hidden += self._norms[0].unshifted(sums, out)
        for norm, weights, bias in zip(self._norms[1:], self._weights, self._biases[1:], strict=True):
            _sums(hidden, weights, bias, inputs, parts)
            all_hidden += norm.unshifted(sums, out)
        return hidden


def _summed_weights(weight: np.ndarray) -> np.ndarray:
    """Return the weights a, (a + b + c) / 2, (a - b + c) / 2 and c of a layer, (4, width, sums)."""
    before, here, after = np.split(weight.astype(np.float64), 3)
    outer = before + after
    result: np.ndarray = np.stack([before, (outer + here) / 2, (outer - here) / 2, after]).astype(_F32)
    return result


def _first_sums(places: np.ndarray, products: list[np.ndarray], sums: np.ndarray, spare: np.ndarray) -> None:
    """Fill `sums` with the first layer's, put together from the products of each token's three lexemes.

    In talk, 1,000 tokens have some 400 distinct rows, which saves more than half of this layer's arithmetic.
    """
    before, here, after = products
    even, odd = places[::2], places[1::2]
    np.take(here, places.reshape(-1, 2).T, axis=0, out=sums, mode="clip")
    sums[0] += np.take(after, odd, axis=0, out=spare, mode="clip")
    sums[1] += np.take(before, even, axis=0, out=spare, mode="clip")
    sums[0, 1:] += np.take(before, odd[:-1], axis=0, out=spare[1:], mode="clip")
    sums[1, :-1] += np.take(after, even[1:], axis=0, out=spare[1:], mode="clip")


def _sums(
    hidden: np.ndarray, weights: np.ndarray, bias: np.ndarray, inputs: np.ndarray, products: np.ndarray
) -> None:
    """Fill `products[:2]` with a window layer's sums; a neighbour outside the block counts as zero."""
    even, odd = hidden
    inputs[0, 0] = 0
    inputs[0, 1:] = odd[:-1]
    inputs[0] -= odd
    np.add(even, odd, out=inputs[1])
    np.subtract(odd, even, out=inputs[2])
    np.subtract(even[:-1], even[1:], out=inputs[3, :-1])
    inputs[3, -1] = even[-1]
    np.matmul(inputs, weights, out=products)
    first, second, third, fourth = products
    second += bias
    first += second
    first += third
    second -= third
    second -= fourth
