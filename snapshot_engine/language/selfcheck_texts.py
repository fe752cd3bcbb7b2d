"""Texts for comparing two NER runtimes: offline literature, its variations, and fuzz.

Everything is generated or comes with Python itself, so that the check runs
anywhere; callers add their own files. Deterministic for a seed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

_PLACES = [
    "Berlin",
    "New York City",
    "São Paulo",
    "the Czech Republic",
    "Ghana",
    "東京",
    "Москва",
    "Lake Geneva",
]
_FIRMS = [
    "Acme Corp.",
    "Deutsche Bank AG",
    "O'Reilly Media, Inc.",
    "SK hynix",
    "MTN Ghana",
    "H&M",
    "Yahoo!",
    "AT&T",
]
_PEOPLE = [
    "Angela Merkel",
    "Dr. José García-Núñez",
    "Ms. O'Neil",
    "J. R. R. Tolkien",
    "Anton",
    "Xi Jinping",
    "Zoë",
]
_AMOUNTS = [
    "$5 million",
    "€3.2bn",
    "12.5%",
    "£1,000.50",
    "US$ 7k",
    "5-6%",
    "¥100",
    "20 per cent",
    "minus 3",
    "1/2",
    "3e10",
]
_TIMES = [
    "Monday",
    "Q3 2020",
    "July 4th, 1999",
    "9:30am",
    "10 p.m.",
    "last year",
    "2019-11-22",
    "the '90s",
    "'07",
]
_ODDITIES = [
    "http://www.example.com/a?b=c&d=e#f",
    "foo.bar@example.co.uk",
    ":-) :) xD ;-)",
    "don't can't won't y'all",
    "\u200bzero\u200dwidth",
    "😀👩\u200d👩\u200d👧 🇩🇪",
    "... …. .. !? ?!",
    "C++ C# .NET",
    "e.g. i.e. etc. vs.",
    "a.m. p.m.",
    "(((nested))) [[x]] {{y}}",
    "#hashtag @user",
    "10km 5kg 30°C 6'2\"",
    "and/or w/o",
    "__init__ --flag -x",
    "l'été naïve Straße ΑΒΓ नमस्ते שלום مرحبا 한국어",
    "IS_ALPHA DATE PERSON X _",
    "\ud7ff�́",
    "100,000,000 1.2.3.4 0x1F 1st 2nd",
    "rock'n'roll 'tis ’twas ‘quoted’ “double”",
    "a-b-c co-op re-elect",
    "ohhhhhhhhh AAAAAAAAAA 1111111111",
    "doesn’t I’m we’ve",
    "Mr. Mrs. St. Ph.D. U.S. U.K. N.Y.",
    "$ $ $ % % %",
]
_FRAMES = [
    "{0} said that {1} paid {2} in {3} on {4}.",
    "I think, um, {1} - you know - grew {2} {4}?",
    "{0}: yes. {0}: no.",
    "We met {0} and {0} at {1} in {3}; {2} of it by {4}...",
    "{5} {1} {5}",
    "so {3} and {3}, {2} to {2}, {5}",
    "{5}",
]
_SPACES = (" ", " ", " ", "  ", "\n", "\t", " \n ", "\r\n", "\u00a0", "\u2009", " \u3000 ", "\n\n\n", "\x1c")
_ALPHABET = "abcxyzABCXYZ019.,;:!?'\"()[]-–—/\\$€%&@#*+=<>~_^|`’“”…°ñЖ中😀²\u0301éÅß "


def literature() -> Iterator[str]:
    """Yield English prose that comes with Python: the topics of its help, about 110,000 tokens."""
    from pydoc_data.topics import topics

    yield from topics.values()


def talk(rng: random.Random, sentences: int) -> str:
    """Return made-up talk, dense in names, figures and oddities."""
    parts = []
    for _ in range(sentences):
        words = [rng.choice(kind) for kind in (_PEOPLE, _FIRMS, _AMOUNTS, _PLACES, _TIMES, _ODDITIES)]
        parts.append(rng.choice(_FRAMES).format(*words))
    return " ".join(parts)


def fuzz(rng: random.Random, words: int) -> str:
    """Return words of random characters between random whitespace."""
    parts = []
    for _ in range(words):
        parts.append("".join(rng.choices(_ALPHABET, k=rng.randint(1, 9))))
        parts.append(rng.choice(_SPACES))
    return "".join(parts)


def respaced(text: str, rng: random.Random) -> str:
    """Return `text` with its blanks replaced by mixed whitespace."""
    return "".join(rng.choice(_SPACES) if char == " " else char for char in text)


def sprinkled(text: str, rng: random.Random) -> str:
    """Return `text` with every twelfth word or so replaced by an oddity."""
    return " ".join(rng.choice(_ODDITIES) if rng.random() < 0.08 else word for word in text.split(" "))


VARIATIONS: dict[str, Callable[[str, random.Random], str]] = {
    "plain": lambda text, rng: text,
    "lower": lambda text, rng: text.lower(),
    "upper": lambda text, rng: text.upper(),
    "title": lambda text, rng: text.title(),
    "respaced": respaced,
    "sprinkled": sprinkled,
    "shuffled": lambda text, rng: " ".join(rng.sample(text.split(" "), text.count(" ") + 1)),
}


def quick_texts(seed: int = 0) -> Iterator[tuple[str, str]]:
    """Yield (kind, text) of a check that takes a few seconds: about 40,000 tokens."""
    rng = random.Random(seed)
    sample = " ".join(text for text, _ in zip(literature(), range(4), strict=False))[:12_000]
    for kind, vary in VARIATIONS.items():
        yield f"help, {kind}", vary(sample, rng)
        yield f"talk, {kind}", vary(talk(rng, 60), rng)
    yield "fuzz", fuzz(rng, 3000)
    yield "help, whole", "\n".join(text for text, _ in zip(literature(), range(12), strict=False))[:60_000]
