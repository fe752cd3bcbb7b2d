"""The short ways of the tokenizer against the long one: general rounds with the whole rules."""

from __future__ import annotations

import functools

from hypothesis import example, given, settings, strategies as st
from ner_fixtures import lean_runtime, needs_model

from snapshot_engine.language.tokenizer import Tokenizer

LETTERS = st.text(alphabet="abkmsEGUSX", min_size=1, max_size=6)
SPECIALS = st.sampled_from(["don", "Mr", "im", "Inc", "e.g", "U.S", "can", "ill", "wed", "gonna", "US", "km"])
ENDS = st.sampled_from(list(".,;:?!'\"’”…)-–/$€%°&8_*é中😀"))


class LongWay(Tokenizer):
    """Everything through the general rounds and the rules as the model has them."""

    def _rules_for(self, text: str):
        return super()._rules_for("中")  # in no alphabet: the whole rules

    def _may_only_end(self, end: str, chunk: str) -> bool:
        return False


@functools.cache
def tokenizers() -> tuple[Tokenizer, Tokenizer]:
    path = lean_runtime().model.path
    return Tokenizer.from_model(path), LongWay.from_model(path)


def check(chunk: str) -> None:
    short, long = tokenizers()
    for with_specials in (True, False):
        assert short.split(chunk, with_specials=with_specials) == long.split(
            chunk, with_specials=with_specials
        )


@needs_model
@settings(deadline=None)  # the first example builds both tokenizers
@given(LETTERS | SPECIALS, ENDS)
@example("US", "$")
@example("AB", ".")
@example("aB", ".")
def test_letters_with_one_character_behind_them(letters, end):
    check(letters + end)


@needs_model
@settings(deadline=None)  # the first example builds both tokenizers
@given(
    st.lists(LETTERS | SPECIALS | ENDS | st.sampled_from(["'s", "n't", "10", "...", "(", "São"]), max_size=5)
)
def test_letters_and_marks_in_any_order(parts):
    check("".join(parts) or "x")


@needs_model
def test_every_special_case_with_an_end():
    short, _ = tokenizers()
    for chunk in short.specials:
        if not chunk.isspace():
            for end in ".,’":
                check(chunk.strip() + end)
