"""The pass that puts together again those special cases which affixes tear apart.

In: the tokens of a run of chunks. Out: the tokens after the pass. Holds the
phrases: what is left of a model's tokenizer exceptions once its own affix
rules have split them.
Source: spacy/tokenizer.pyx, the methods named below.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snapshot_engine.language.tokenizer import Tokenizer

# text and the NORM that a special case sets, or None
Token = tuple[str, "str | None"]


class Phrases:
    """Special cases that affixes tear apart, put together again (Tokenizer._apply_special_cases).

    spaCy matches them over the tokens of the whole document, so a match may
    cross a blank; then its text is no special case and the tokens stay, but it
    still hides shorter matches that it overlaps.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._specials = tokenizer.specials
        self._root: dict[str | None, Any] = {}
        self.longest = 0  # tokens of the longest phrase
        inner: set[str] = set()
        for chunk in tokenizer.specials:
            # add_special_case with faster_heuristics: only chunks that an affix rule touches
            if not tokenizer.is_letters(chunk) and (" " in chunk or tokenizer.is_touched(chunk)):
                texts = [text for text, _ in tokenizer.split(chunk, with_specials=False)]
                node = self._root
                for text in texts:
                    node = node.setdefault(text, {})
                node[None] = True
                self.longest = max(self.longest, len(texts))
                inner.update(texts[1:])
        self.inner_texts = frozenset(inner)  # texts that go on with some phrase
        self.texts = inner.union(text for text in self._root if text is not None)

    def knows(self, text: str) -> bool:
        """Return whether a token `text` is part of some phrase."""
        return text in self.texts

    def is_phrase(self, text: str) -> bool:
        """Return whether a token `text` alone is a phrase."""
        return None in self._root.get(text, ())

    def continuations(self, tokens: Sequence[Token]) -> frozenset[str]:
        """Return the texts which, as the next token after `tokens`, keep some phrase alive."""
        if not self.knows(tokens[-1][0]):
            return frozenset()
        alive: set[str] = set()
        for first in range(max(0, len(tokens) - self.longest + 1), len(tokens)):
            node = self._root
            for text, _ in tokens[first:]:
                if text not in node:
                    break
                node = node[text]
            else:
                alive.update(text for text in node if text is not None)
        return frozenset(alive)

    def apply(self, tokens: list[Token], spaces: list[bool]) -> tuple[list[Token], list[bool]]:
        """Return the tokens and their following blanks after the phrase pass.

        spaces: whether a blank follows each token; parallel to `tokens`.
        """
        spans = self._spans(tokens)
        if not spans:
            return tokens, spaces
        new_tokens: list[Token] = []
        new_spaces: list[bool] = []
        at = 0
        for start, end in _filtered(spans):
            new_tokens += tokens[at:start]
            new_spaces += spaces[at:start]
            texts = [
                text + " " * space
                for (text, _), space in zip(tokens[start:end], spaces[start:end], strict=True)
            ]
            if spaces[end - 1]:
                texts[-1] = texts[-1][:-1]
            special = self._specials.get("".join(texts))
            if special is None:
                new_tokens += tokens[start:end]
                new_spaces += spaces[start:end]
            else:
                new_tokens += special
                new_spaces += [False] * (len(special) - 1) + [spaces[end - 1]]
            at = end
        return new_tokens + tokens[at:], new_spaces + spaces[at:]

    def _spans(self, tokens: list[Token]) -> list[tuple[int, int]]:
        """Return every (start, end) whose texts are a phrase (PhraseMatcher.find_matches)."""
        spans = []
        for start, (first, _) in enumerate(tokens):
            if first not in self._root:
                continue
            node, end = self._root, start
            while end < len(tokens) and tokens[end][0] in node:
                node = node[tokens[end][0]]
                end += 1
                if None in node:
                    spans.append((start, end))
        return spans


def _filtered(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return spans without overlaps, longest first, then leftmost (Tokenizer._filter_special_spans)."""
    kept = []
    seen: set[int] = set()
    for start, end in sorted(spans, key=lambda span: (span[0] - span[1], span[0])):
        if start not in seen and end - 1 not in seen:
            kept.append((start, end))
        seen.update(range(start, end))
    return sorted(kept)
