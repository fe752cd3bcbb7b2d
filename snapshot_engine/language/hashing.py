"""spaCy's two hashes: strings to 64-bit ids, ids to rows of an embedding table.

Pure functions. Both hashes are MurmurHash (public domain, Austin Appleby);
the seeds and the places where spaCy departs from it are named below.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

_MASK = 2**64 - 1
_MULTIPLIER = 0xC6A4A7935BD1E995  # MurmurHash64A's m; its r is the 47 below
# Longer strings are hashed one by one: padding all to them would cost more.
_MAX_TOGETHER_BYTES = 64

# spacy.symbols.IDS: these strings are not hashed, they stand for fixed small
# numbers. First id of a run of consecutive ids -> the names in it.
_SYMBOL_RUNS = {
    1: "IS_ALPHA IS_ASCII IS_DIGIT IS_LOWER IS_PUNCT IS_SPACE IS_TITLE IS_UPPER LIKE_URL LIKE_NUM "
    "LIKE_EMAIL IS_STOP IS_OOV_DEPRECATED IS_BRACKET IS_QUOTE IS_LEFT_PUNCT IS_RIGHT_PUNCT IS_CURRENCY",
    64: "ID ORTH LOWER NORM SHAPE PREFIX SUFFIX LENGTH CLUSTER LEMMA POS TAG DEP ENT_IOB ENT_TYPE HEAD "
    "SENT_START SPACY PROB LANG ADJ ADP ADV AUX CONJ CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT "
    "SCONJ SYM VERB X EOL SPACE",
    380: "PERSON NORP FACILITY ORG GPE LOC PRODUCT EVENT WORK_OF_ART LANGUAGE LAW DATE TIME PERCENT "
    "MONEY QUANTITY ORDINAL CARDINAL acomp advcl advmod agent amod appos attr aux auxpass cc ccomp "
    "complm conj cop csubj csubjpass dep det dobj expl hmod hyph infmod intj iobj mark meta neg nmod nn "
    "npadvmod nsubj nsubjpass num number oprd obj obl parataxis partmod pcomp pobj poss possessive "
    "preconj prep prt punct quantmod relcl rcmod root xcomp acl ENT_KB_ID MORPH ENT_ID IDX _",
}


def _symbol_ids() -> dict[str, int]:
    ids = {"": 0}
    ids |= {f"FLAG{n}": n for n in range(19, 64)}
    # DEPRECATED001 is id 104, DEPRECATED276 is 379
    ids |= {f"DEPRECATED{n:03}": 103 + n for n in range(1, 277)}
    for first, names in _SYMBOL_RUNS.items():
        ids |= {name: first + place for place, name in enumerate(names.split())}
    return ids


SYMBOL_IDS = _symbol_ids()


def string_id(text: str) -> int:
    """Return the 64-bit id that spaCy's StringStore gives `text`.

    Lone surrogates, at which spaCy raises, are hashed as their UTF-8-like bytes.
    Source: spacy/strings.pyx, get_string_id.
    """
    known = SYMBOL_IDS.get(text)
    return murmur64a(text.encode("utf8", "surrogatepass")) if known is None else known


def murmur64a(data: bytes, seed: int = 1) -> int:
    """Return MurmurHash64A of `data`; the default seed is that of spacy/strings.pyx, hash_utf8."""
    length = len(data)
    state = seed ^ (length * _MULTIPLIER & _MASK)
    whole = length >> 3
    if whole:
        for word in struct.unpack_from(f"<{whole}Q", data):
            word = word * _MULTIPLIER & _MASK
            word = (word ^ word >> 47) * _MULTIPLIER & _MASK
            state = (state ^ word) * _MULTIPLIER & _MASK
    if length & 7:
        state = (state ^ int.from_bytes(data[whole << 3 :], "little")) * _MULTIPLIER & _MASK
    state = (state ^ state >> 47) * _MULTIPLIER & _MASK
    return state ^ state >> 47


def string_ids(texts: Sequence[str]) -> np.ndarray:
    """Return `string_id` of each text as uint64, computed together: a tenth of the time of one by one."""
    data = [text.encode("utf8", "surrogatepass") for text in texts]
    ids: np.ndarray = np.zeros(len(data), dtype=np.uint64)
    short = [place for place, one in enumerate(data) if len(one) <= _MAX_TOGETHER_BYTES]
    if short:
        ids[short] = _murmur64a_together([data[place] for place in short])
    for place, text in enumerate(texts):
        if len(data[place]) > _MAX_TOGETHER_BYTES:
            ids[place] = murmur64a(data[place])
        elif text in SYMBOL_IDS:
            ids[place] = SYMBOL_IDS[text]
    return ids


def _murmur64a_together(data: list[bytes], seed: int = 1) -> np.ndarray:
    """MurmurHash64A of byte strings, padded to the longest one and taken 8 bytes of all at a time."""
    u = np.uint64
    lengths = np.array([len(one) for one in data])
    width = max(8, -(-int(lengths.max()) // 8) * 8)
    words = np.frombuffer(b"".join(one.ljust(width, b"\0") for one in data), dtype="<u8")
    words = words.reshape(len(data), -1)
    multiplier = u(_MULTIPLIER)
    with np.errstate(over="ignore"):
        state = u(seed) ^ lengths.astype(u) * multiplier
        for place in range(words.shape[1]):
            word = words[:, place]
            mixed = word * multiplier
            mixed = (mixed ^ mixed >> u(47)) * multiplier
            rest = lengths - 8 * place  # bytes from this word on
            after = np.where(rest >= 8, state ^ mixed, state ^ word) * multiplier
            state = np.where(rest > 0, after, state)
        state = (state ^ state >> u(47)) * multiplier
        result: np.ndarray = state ^ state >> u(47)
        return result


def embedding_keys(ids: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """Return the four hash keys of each id: ids (tables, n) and seeds (tables, 1) -> (tables, n, 4).

    The keys are uint32 values in an int64 array; a table of V rows takes them modulo V.
    Source: thinc's NumpyOps.hash, MurmurHash3_x86_128_uint64 (which, its name
    apart, is the x64 variant of MurmurHash3 over the one 8-byte word `id`).
    """
    u = np.uint64
    with np.errstate(over="ignore"):
        seed: np.ndarray = seeds.astype(u)
        first = ids.astype(u) * u(0x87C37B91114253D5)
        first = (first << u(31) | first >> u(33)) * u(0x4CF5AD432745937F)
        first ^= seed ^ u(8)  # 8: the length of the hashed word, in bytes
        second = np.broadcast_to(seed ^ u(8), first.shape)
        first = first + second
        second = second + first
        first, second = _mix(first), _mix(second)
        first = first + second
        second = second + first
    low = u(0xFFFFFFFF)
    keys = np.stack([first & low, first >> u(32), second & low, second >> u(32)], axis=-1)
    result: np.ndarray = keys.astype(np.int64)
    return result


def _mix(words: np.ndarray) -> np.ndarray:
    """Return MurmurHash3's 64-bit finaliser of each word."""
    u = np.uint64
    words = (words ^ words >> u(33)) * u(0xFF51AFD7ED558CCD)
    words = (words ^ words >> u(33)) * u(0xC4CEB9FE1A85EC53)
    result: np.ndarray = words ^ words >> u(33)
    return result
