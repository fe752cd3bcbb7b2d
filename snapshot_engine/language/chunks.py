"""Cut a stream of text into spaCy's chunks: runs of non-space and runs of whitespace.

In: text in pieces that may be cut anywhere. Out: chunks and whether a blank
belongs to the end of each. Holds the last, unfinished run: at most
MAX_CHUNK_CHARS plus one piece.
Source: spacy/tokenizer.pyx, Tokenizer._tokenize_affixes: a blank after a word
belongs to that word; any other whitespace is a chunk of its own.
"""

from __future__ import annotations

import re

# A run longer than this is cut there, and counted; spaCy would make one token of
# it. Keeps an endless word bounded, and the tokenizer's quadratic worst case
# (one round of regular expressions per stripped bracket) below a second.
MAX_CHUNK_CHARS = 4096

_RUN = re.compile(r"\s+|\S+")
# Every character of which str.isspace is true except the blank.
_ASCII_SPACES = "\t\n\v\f\r\x1c\x1d\x1e\x1f"
_OTHER_SPACES = (
    "\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)


class ChunkCutter:
    """Feeds on text, gives finished chunks."""

    def __init__(self) -> None:
        self._carry = ""
        self._fresh = True  # no word right before the carry, so a leading blank stands alone
        self.cut_chunks = 0

    def feed(self, text: str) -> tuple[list[str], list[bool] | None]:
        """Return the chunks that `text` completes and, for each, whether a blank ends it.

        None instead of the list of blanks means: every chunk is followed by one.
        """
        text = self._carry + text
        # Finished is what lies before the last word: its end, and whether a
        # blank follows, is only known when the next character is.
        words = text.rstrip()
        last = words.rsplit(None, 1)[-1] if words else ""
        cut = len(words) - len(last)
        self._carry = text[cut:]
        finished = self._cut_long(*self._finished(text[:cut])) if cut else ([], [])
        if len(self._carry) > MAX_CHUNK_CHARS:
            return self._relieve(finished)
        return finished

    def finish(self) -> tuple[list[str], list[bool] | None]:
        """Return the chunks of what is left; the stream is over."""
        text, self._carry = self._carry, ""
        chunks, blanks = self._runs(text, fresh=self._fresh)
        self._fresh = True
        return self._cut_long(chunks, blanks)

    def _finished(self, text: str) -> tuple[list[str], list[bool] | None]:
        """Cut text that ends in whitespace and is followed by a word."""
        fresh, self._fresh = self._fresh, False
        if text[-1] == " " and text[0] != " " and not _has_odd_space(text):
            return text[:-1].split(" "), None
        return self._runs(text, fresh=fresh)

    def _runs(self, text: str, *, fresh: bool) -> tuple[list[str], list[bool]]:
        chunks: list[str] = []
        blanks: list[bool] = []
        for run in _RUN.findall(text):
            if run[0].isspace():
                if run[0] == " " and (chunks or not fresh):
                    blanks[-1] = True
                    run = run[1:]
                if not run:
                    continue
            chunks.append(run)
            blanks.append(False)
        return chunks, blanks

    def _relieve(self, finished: tuple[list[str], list[bool] | None]) -> tuple[list[str], list[bool] | None]:
        """Give out whole MAX_CHUNK_CHARS of an endless run, so that the carry stays bounded."""
        chunks, blanks = finished
        blanks = [True] * len(chunks) if blanks is None else blanks
        more, more_blanks = self._runs(self._carry, fresh=self._fresh)
        endless = "" if more_blanks[-1] else more[-1]  # a word with its blank is complete
        whole = max(len(endless) - 1, 0) // MAX_CHUNK_CHARS * MAX_CHUNK_CHARS
        if endless:
            del more[-1], more_blanks[-1]
        # What follows a word's blank, or the head of a whitespace run, stands alone.
        self._fresh = not endless or endless[0].isspace()
        self._carry = endless[whole:]
        if whole:
            more.append(endless[:whole])
            more_blanks.append(False)
            self.cut_chunks += 1  # the one between what is given out and what is carried
        more_cut, more_blanks_cut = self._cut_long(more, more_blanks)
        return chunks + more_cut, blanks + (more_blanks_cut or [])

    def _cut_long(self, chunks: list[str], blanks: list[bool] | None) -> tuple[list[str], list[bool] | None]:
        """Cut every chunk at each MAX_CHUNK_CHARS from its start, wherever the input was cut."""
        if not chunks or max(map(len, chunks)) <= MAX_CHUNK_CHARS:
            return chunks, blanks
        new_chunks: list[str] = []
        new_blanks: list[bool] = []
        for chunk, blank in zip(chunks, [True] * len(chunks) if blanks is None else blanks, strict=True):
            pieces = [chunk[at : at + MAX_CHUNK_CHARS] for at in range(0, len(chunk), MAX_CHUNK_CHARS)]
            new_chunks += pieces
            new_blanks += [False] * (len(pieces) - 1) + [blank]
            self.cut_chunks += len(pieces) - 1
        return new_chunks, new_blanks


def _has_odd_space(text: str) -> bool:
    """Return whether `text` holds whitespace other than single blanks."""
    if "  " in text or any(char in text for char in _ASCII_SPACES):
        return True
    return not text.isascii() and any(char in text for char in _OTHER_SPACES)
