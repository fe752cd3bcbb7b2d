"""spaCy's rule tokenizer over one chunk of text, driven by the rules in a model's `tokenizer` file.

In: a chunk (a run of characters without blanks between tokens: `chunks.py` cuts
them). Out: tokens as (text, norm), where norm is the NORM that a special case
sets, or None. Holds the rules only; results are cached by `lexemes.py`.
Source: spacy/tokenizer.pyx, the methods named below.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from snapshot_engine.language.affixes import EdgePattern, InnerPattern
from snapshot_engine.language.model_files import ModelFilesError, map_file, unpack
from snapshot_engine.language.narrowing import narrowed
from snapshot_engine.language.phrases import Phrases, Token

# Keys of a special case's token attributes: spacy.symbols.ORTH and NORM.
_ORTH, _NORM = 65, 67
_NEVER = "(?!)"
_PATTERN_KEYS = ("prefix_search", "suffix_search", "infix_finditer", "url_match", "token_match")
# Characters beyond ASCII that English text and the names in it hold; any other one costs 50 ms, once.
# Besides these: the blocks of general punctuation and of currency signs.
_COMMON = "•·°€£¥¢©®½♪àáâãäåæçèéêëìíîïñòóôõöøùúûüýßÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝ" + "".join(
    map(chr, (*range(0x2010, 0x2028), *range(0x2030, 0x205F), *range(0x20A0, 0x20C1)))
)


class _AffixRules:
    """The five patterns of a model's tokenizer, ready to match."""

    def __init__(self, patterns: dict[str, str]) -> None:
        self.prefix = EdgePattern(patterns["prefix_search"], last=False)
        self.suffix = EdgePattern(patterns["suffix_search"], last=True)
        self.infix = InnerPattern(patterns["infix_finditer"])
        self.url = InnerPattern(patterns["url_match"])
        self.token = InnerPattern(patterns["token_match"])


class Tokenizer:
    """The affix rules, special cases and phrase pass of one model."""

    def __init__(self, rules: dict[str, Any]) -> None:
        # Most texts are of these characters, and so are all special cases.
        self._alphabet = frozenset(_COMMON).union(*rules["exceptions"])
        self._patterns = {key: _pattern(rules, key) for key in _PATTERN_KEYS}
        classes: dict[str, str] = {}
        self._narrow = _AffixRules(
            {
                key: narrowed(pattern, self._alphabet, known_classes=classes)
                for key, pattern in self._patterns.items()
            }
        )
        self._wide: _AffixRules | None = None
        self._ends: dict[str, bool] = {}
        self._has_token_match = isinstance(rules.get("token_match"), str)
        self.specials: dict[str, tuple[Token, ...]] = {
            chunk: tuple((token[_ORTH], token.get(_NORM)) for token in tokens)
            for chunk, tokens in sorted(rules["exceptions"].items())
        }
        # A chunk of ASCII letters alone is one token if no affix can match inside it.
        self._letters_are_whole = not self._has_token_match and all(
            pattern.needs_a_non_letter()
            for pattern in (self._narrow.prefix, self._narrow.suffix, self._narrow.infix)
        )
        self.phrases = Phrases(self)
        # Letters besides these are one token that no special case or phrase changes.
        self._touchy = frozenset(self.specials) | self.phrases.texts

    @classmethod
    def from_model(cls, model_path: Path) -> Tokenizer:
        """Return the tokenizer of a model directory; raise ModelFilesError when its file is no such thing."""
        rules = unpack(map_file(model_path / "tokenizer"))
        if not isinstance(rules, dict) or not isinstance(rules.get("exceptions"), dict):
            raise ModelFilesError(f"{model_path}/tokenizer: no table of exceptions in it")
        return cls(rules)

    def split(self, chunk: str, *, with_specials: bool = True) -> list[Token]:
        """Return the tokens of `chunk` before the phrase pass (Tokenizer._tokenize_affixes)."""
        specials = self.specials if with_specials else {}
        if chunk in specials:
            return list(specials[chunk])
        if self.is_letters(chunk):
            return [(chunk, None)]
        if self.is_letters(chunk[:-1]) and self._may_only_end(chunk[-1], chunk):
            return [*(specials.get(chunk[:-1]) or ((chunk[:-1], None),)), (chunk[-1], None)]
        prefixes, middle, suffixes = self._strip_affixes(chunk, specials)
        tokens: list[Token] = [(text, None) for text in prefixes]
        if middle in specials:
            tokens += specials[middle]
        elif middle:
            tokens += self._split_middle(middle)
        tokens += [(text, None) for text in reversed(suffixes)]
        return tokens

    def _may_only_end(self, end: str, chunk: str) -> bool:
        """Return whether of letters with `end` behind them just `end` is stripped: most chunks but words.

        No prefix can match there, the suffix is one character, and the letters stay whole.
        """
        only = self._ends.get(end)
        if only is None:
            known = end.isascii() or end in self._alphabet
            only = known and not self._narrow.prefix.may_begin_in_letters(end)
            if known:  # bounds what is remembered
                self._ends[end] = only
        return only and self._narrow.suffix.matched_length(chunk) == 1

    def _rules_for(self, text: str) -> _AffixRules:
        if text.isascii() or self._alphabet.issuperset(text):
            return self._narrow
        if self._wide is None:
            self._wide = _AffixRules(self._patterns)
        return self._wide

    def _strip_affixes(
        self, text: str, specials: dict[str, tuple[Token, ...]]
    ) -> tuple[list[str], str, list[str]]:
        """Tokenizer._split_affixes: strip one prefix and one suffix per round until nothing changes."""
        rules = self._rules_for(text)
        prefixes: list[str] = []
        suffixes: list[str] = []
        last_length = 0
        while text and len(text) != last_length:
            if text in specials or self.is_letters(text) or self._matches_token(text):
                break
            last_length = len(text)
            before = rules.prefix.matched_length(text)
            if before and text[before:] in specials:
                prefixes.append(text[:before])
                return prefixes, text[before:], suffixes
            after = rules.suffix.matched_length(text[before:]) if before < len(text) else 0
            if after and text[:-after] in specials:
                suffixes.append(text[-after:])
                return prefixes, text[:-after], suffixes
            if before and after and before + after <= len(text):
                prefixes.append(text[:before])
                suffixes.append(text[-after:])
                text = text[before:-after]
            elif before:
                prefixes.append(text[:before])
                text = text[before:]
            elif after:
                suffixes.append(text[-after:])
                text = text[:-after]
        return prefixes, text, suffixes

    def _split_middle(self, text: str) -> list[Token]:
        """Tokenizer._attach_tokens: what is left after the affixes, split at infixes unless it is a URL."""
        if self.is_letters(text) or self._matches_token(text):
            return [(text, None)]
        rules = self._rules_for(text)
        url = rules.url.pattern_for(text)
        infix = rules.infix.pattern_for(text)
        if infix is None or (url and url.match(text)):
            return [(text, None)]
        pieces: list[str] = []
        start = 0
        for match in infix.finditer(text):
            begin, end = match.span()
            if begin == 0:
                # tokenizer.pyx compares with start_before_infixes, which stays 0
                continue
            if begin != start:
                pieces.append(text[start:begin])
            if begin != end:
                pieces.append(text[begin:end])
            start = end
        pieces.append(text[start:])
        return [(piece, None) for piece in pieces if piece]

    def is_plain(self, chunk: str) -> bool:
        """Return whether `chunk` is one token of which no special case or phrase knows anything."""
        return chunk.isalpha() and chunk.isascii() and self._letters_are_whole and chunk not in self._touchy

    def is_plain_with_end(self, chunk: str) -> bool:
        """Return whether `chunk` is a plain token and one character that is a token; False when unsure.

        A phrase may begin at that last token, but none ends there.
        """
        return (
            self.is_plain(chunk[:-1])
            and chunk not in self.specials
            and not self.phrases.is_phrase(chunk[-1])
            and self._may_only_end(chunk[-1], chunk)
        )

    def is_touched(self, chunk: str) -> bool:
        """Return whether an affix rule matches in `chunk` (the test of Tokenizer.add_special_case)."""
        rules = self._rules_for(chunk)
        infix = rules.infix.pattern_for(chunk)
        return bool(
            rules.prefix.matched_length(chunk)
            or rules.suffix.matched_length(chunk)
            or (infix and infix.search(chunk))
        )

    def is_letters(self, text: str) -> bool:
        """Return whether `text` is of ASCII letters, among which no affix rule matches."""
        return self._letters_are_whole and text.isalpha() and text.isascii()

    def _matches_token(self, text: str) -> bool:
        if not self._has_token_match:
            return False
        pattern = self._rules_for(text).token.pattern_for(text)
        return bool(pattern and pattern.match(text))


def _pattern(rules: dict[str, Any], key: str) -> str:
    """Return the pattern of a rule; one that never matches where the model has none."""
    pattern = rules.get(key)
    return pattern if isinstance(pattern, str) else _NEVER
