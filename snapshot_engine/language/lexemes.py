"""The bounded table of lexemes: each distinct (text, norm) is hashed, embedded and mixed once.

In: tokens. Out: row numbers into `vectors`. Holds at most `max_rows` rows and
as many dictionary entries of at most MAX_KEY_CHARS characters, however many
words the text knows: `release_all_but` frees the rows that the younger half of
`chunk_codes.py` no longer uses.
"""

from __future__ import annotations

import re

import numpy as np

from snapshot_engine.language.architecture import NerWeights
from snapshot_engine.language.hashing import embedding_keys, string_ids
from snapshot_engine.language.kernel import MaxoutNormLayer
from snapshot_engine.language.phrases import Token

# Longer texts get a row for this batch, but are not remembered: a cap on
# entries alone would not bound the bytes that the keys hold.
MAX_KEY_CHARS = 48
# Row 0 is the zero vector that stands beyond both ends of a document.
EDGE_ROW = 0

# spacy/lang/norm_exceptions.py, BASE_NORMS; norm <- texts that have it.
_BASE_NORMS = {
    text: norm
    for norm, texts in {
        "'s": "'s 'S ’s ’S", "'": "’ ‘ ´ `", '"': "” “ '' `` ´´ „ » « ‘‘ ’’", "?": "？", "!": "！",
        ",": "，", ";": "；", ":": "：", ".": "。 ।", "...": "…", "-": "— – -- --- ——",
        "$": "€ £ ¥ ฿ US$ C$ A$ ₺ ₹ ৳ ₩ Mex$ ₣ E£",
    }.items()
    for text in texts.split(" ")
}  # fmt: skip


class LexemeTable:
    """Rows of mixed feature vectors (`tok2vec` up to and including its first maxout and layer norm)."""

    def __init__(self, weights: NerWeights, norms: dict[int, str], *, max_rows: int) -> None:
        """norms: the model's `lexeme_norm` table, string id -> norm."""
        self._norms = norms
        self._tables = weights.tables
        self._seeds = np.array(weights.seeds, dtype=np.uint64)[:, None]
        self._table_rows = np.array([len(table) for table in weights.tables])[:, None, None]
        self._mixer = MaxoutNormLayer(weights.mixer)
        width = weights.tables[0].shape[1]
        self.max_rows = max_rows
        self.vectors = np.zeros((max_rows, width), dtype=np.float32)
        self.lengths: np.ndarray = np.zeros(max_rows, dtype=np.int64)
        self.is_space: np.ndarray = np.zeros(max_rows, dtype=bool)
        self._free = list(range(max_rows - 1, EDGE_ROW, -1))
        self._known: dict[str | Token, int] = {}  # the text alone where no norm is set
        self._affix_ids: dict[str, int] = {}
        self._waiting: list[tuple[int, Token]] = []

    @property
    def free_rows(self) -> int:
        """How many new tokens still fit."""
        return len(self._free)

    def row(self, token: Token) -> int:
        """Return the row of `token`; its vector is there after the next `embed_waiting`.

        The caller sees to it that `free_rows` is at least 1.
        """
        text, norm = token
        key = text if norm is None else token
        row = self._known.get(key)
        if row is not None:
            return row
        row = self._free.pop()
        self._waiting.append((row, token))
        self.lengths[row] = len(text)
        self.is_space[row] = text.isspace()
        if len(text) <= MAX_KEY_CHARS:
            self._known[key] = row
        return row

    def embed_waiting(self) -> None:
        """Compute the vectors of all rows given out since the last call, in one product."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        rows = [row for row, _ in waiting]
        ids = self._feature_ids([token for _, token in waiting])
        places = embedding_keys(ids, self._seeds) % self._table_rows
        width = self._tables[0].shape[1]
        joined: np.ndarray = np.empty((len(rows), len(self._tables) * width), dtype=np.float32)
        for feature, (table, keys) in enumerate(zip(self._tables, places, strict=True)):
            # thinc's HashEmbed sums the rows of the four keys (NumpyOps.gather_add)
            total = table[keys[:, 0]]
            for key in range(1, keys.shape[1]):
                total += table[keys[:, key]]
            joined[:, feature * width : (feature + 1) * width] = total
        self.vectors[rows] = self._mixer(joined)

    def release_all_but(self, used: np.ndarray) -> int:
        """Forget every token whose row is not among `used`; return how many rows are free.

        Rows keep their numbers and vectors.
        """
        self.embed_waiting()
        keep: np.ndarray = np.zeros(self.max_rows, dtype=bool)
        keep[used] = True
        keep[EDGE_ROW] = True
        kept = keep.tolist()
        self._known = {key: row for key, row in self._known.items() if kept[row]}
        self._free = np.flatnonzero(~keep)[::-1].tolist()
        self._affix_ids.clear()
        return self.free_rows

    def _feature_ids(self, tokens: list[Token]) -> np.ndarray:
        """Return the string ids of NORM, PREFIX, SUFFIX and SHAPE, (4, tokens), as Doc.to_array has them."""
        texts = [text for text, _ in tokens]
        ids = string_ids(texts).tolist()
        norms = [
            self._norm(text, id_) if norm is None else norm
            for (text, norm), id_ in zip(tokens, ids, strict=True)
        ]
        result: np.ndarray = np.array(
            [
                string_ids(norms),
                self._affix_id_list([text[0] for text in texts]),
                self._affix_id_list([text[-3:] for text in texts]),  # spacy/lang/lex_attrs.py: suffix
                self._affix_id_list([word_shape(text) for text in texts]),
            ],
            dtype=np.uint64,
        )
        return result

    def _norm(self, text: str, text_id: int) -> str:
        """Vocab's NORM getter: the model's lexeme_norm, then BASE_NORMS, then lower case."""
        norm = self._norms.get(text_id)
        if norm is None:
            norm = _BASE_NORMS.get(text)
        return text.lower() if norm is None else norm

    def _affix_id_list(self, texts: list[str]) -> list[int]:
        """Return string ids of short strings that come again and again; forgotten with the rows."""
        known = self._affix_ids
        new = list({text for text in texts if text not in known})
        if new:
            known.update(zip(new, string_ids(new).tolist(), strict=True))
        return [known[text] for text in texts]


def word_shape(text: str) -> str:
    """Return spaCy's SHAPE: letters as X or x, digits as d, runs cut at four.

    Source: spacy/lang/lex_attrs.py, word_shape ("LONG" from 100 characters on).
    """
    if len(text) >= 100:
        return "LONG"
    if text.isascii() and text.isalpha():  # most words, by length alone
        if text.islower():
            return "xxxx"[: len(text)]
        if text[1:].islower():
            return "Xxxxx"[: len(text)]
    shape = text.translate(_ASCII_SHAPE) if text.isascii() else "".join(map(_char_shape, text))
    for kind, run in _RUNS_OF.items():
        if kind in shape:
            shape = run.sub(kind[:4], shape)
    return shape if shape.isalpha() else _LONG_RUN.sub(r"\1\1\1\1", shape)


def _char_shape(char: str) -> str:
    if char.isalpha():
        return "X" if char.isupper() else "x"
    return "d" if char.isdigit() else char


_ASCII_SHAPE = {code: _char_shape(chr(code)) for code in range(128)}
# The runs that words have, apart: a replacement without groups costs a tenth.
_RUNS_OF = {kind * 5: re.compile(f"{kind}{{5,}}") for kind in "xXd"}
_LONG_RUN = re.compile(r"(.)\1{4,}", re.DOTALL)


def read_norms(lookups: dict[str, dict[int, str]]) -> dict[int, str]:
    """Return the `lexeme_norm` table of a parsed vocab/lookups.bin; empty where the model has none."""
    return lookups.get("lexeme_norm", {})
