"""The bounded table of lexemes: each distinct (text, norm) is hashed, embedded and mixed once.

In: tokens. Out: row numbers into `vectors`. Holds at most `max_rows` rows and
as many dictionary entries of at most MAX_KEY_CHARS characters; `restart`
empties it between batches, which keeps memory flat however many words the
text knows: a table that evicts one entry at a time costs more per token than
meeting the common words again.
"""

from __future__ import annotations

import numpy as np

from snapshot_engine.language.architecture import NerWeights
from snapshot_engine.language.hashing import embedding_keys, string_id
from snapshot_engine.language.kernel import MaxoutNormLayer
from snapshot_engine.language.tokenizer import Token

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
        self.lengths = np.zeros(max_rows, dtype=np.int64)
        self.is_space = np.zeros(max_rows, dtype=bool)
        self._known: dict[Token, int] = {}
        self._affix_ids: dict[str, int] = {}
        self._waiting: list[tuple[int, int, int, int]] = []
        self._used = 1

    @property
    def free_rows(self) -> int:
        return self.max_rows - self._used

    def row(self, token: Token) -> int:
        """Return the row of `token`; its vector is there after the next `embed_waiting`.

        The caller sees to it that `free_rows` is at least 1.
        """
        row = self._known.get(token)
        if row is not None:
            return row
        row = self._used
        self._used += 1
        text, norm = token
        self._waiting.append(
            (
                string_id(self._norm(text) if norm is None else norm),
                self._affix_id(text[0]),
                self._affix_id(text[-3:]),  # spacy/lang/lex_attrs.py: suffix
                self._affix_id(word_shape(text)),
            )
        )
        self.lengths[row] = len(text)
        self.is_space[row] = text.isspace()
        if len(text) <= MAX_KEY_CHARS:
            self._known[token] = row
        return row

    def embed_waiting(self) -> None:
        """Compute the vectors of all rows given out since the last call, in one product."""
        if not self._waiting:
            return
        ids = np.array(self._waiting, dtype=np.uint64).T
        self._waiting.clear()
        places = embedding_keys(ids, self._seeds) % self._table_rows
        joined = np.concatenate(
            [table[keys].sum(axis=1) for table, keys in zip(self._tables, places, strict=True)], axis=1
        )
        self.vectors[self._used - len(joined) : self._used] = self._mixer(joined)

    def restart(self, keep: np.ndarray) -> np.ndarray:
        """Forget all words; return the new row of each row in `keep`, whose vectors stay.

        Needs len(unique(keep)) < max_rows.
        """
        self.embed_waiting()
        self._known.clear()
        self._affix_ids.clear()
        kept, new_rows = np.unique(np.append(keep, EDGE_ROW), return_inverse=True)
        self._used = len(kept)
        for array in (self.vectors, self.lengths, self.is_space):
            array[: self._used] = array[kept]
        return new_rows[:-1]

    def _norm(self, text: str) -> str:
        """Vocab's NORM getter: the model's lexeme_norm, then BASE_NORMS, then lower case."""
        norm = self._norms.get(string_id(text))
        if norm is None:
            norm = _BASE_NORMS.get(text)
        return text.lower() if norm is None else norm

    def _affix_id(self, text: str) -> int:
        known = self._affix_ids.get(text)
        if known is None:
            known = string_id(text)
            if len(self._affix_ids) < self.max_rows and len(text) <= MAX_KEY_CHARS:
                self._affix_ids[text] = known
        return known


def word_shape(text: str) -> str:
    """Return spaCy's SHAPE: letters as X or x, digits as d, runs cut at four.

    Source: spacy/lang/lex_attrs.py, word_shape ("LONG" from 100 characters on).
    """
    if len(text) >= 100:
        return "LONG"
    shape: list[str] = []
    last = ""
    run = 0
    for char in text:
        if char.isalpha():
            kind = "X" if char.isupper() else "x"
        else:
            kind = "d" if char.isdigit() else char
        run = run + 1 if kind == last else 0
        last = kind
        if run < 4:
            shape.append(kind)
    return "".join(shape)


def read_norms(lookups: dict[str, dict[int, str]]) -> dict[int, str]:
    """Return the `lexeme_norm` table of a parsed vocab/lookups.bin; empty where the model has none."""
    return lookups.get("lexeme_norm", {})
