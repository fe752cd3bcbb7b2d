"""What a JSON snapshot claims about its transcript, read from untrusted JSON.

Gives every sentence and first mention as a Claim under the line of its cue;
what is malformed, or contradicts itself without looking at the transcript, is
a mistake with its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from snapshot_engine.document.snapshot import SCHEMA_NAME, SCHEMA_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A text that must begin in the cue whose timing line is `cue_line`.

    speaker: who must say it; None where only the text is claimed.
    """

    text: str
    speaker: str | None
    start_ms: int
    cue_line: int
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakerClaim:
    """Words and talk time that the document gives for one speaker."""

    name: str
    words: int
    talk_ms: int
    share: float
    where: str


@dataclass(slots=True, kw_only=True)
class Claims:
    """All claims; `by_line` and `replies` shrink as the transcript bears them out.

    replies: (start_ms, speaker, where) of those who are said to speak next.
    """

    by_line: dict[int, list[Claim]] = field(default_factory=dict)
    replies: set[tuple[int, str, str]] = field(default_factory=set)
    speakers: list[SpeakerClaim] = field(default_factory=list)
    coverage: dict[str, Any] = field(default_factory=dict)
    words_error: int = 0
    sentences: int = 0
    figures: int = 0
    mistakes: list[tuple[str, str]] = field(default_factory=list)


class _Malformed(Exception):
    """A value of the JSON is not of the kind that the schema states."""


def read_claims(snapshot_json: Any) -> Claims:
    """Return the claims of a decoded JSON snapshot; never raises on malformed input."""
    claims = Claims()
    if not isinstance(snapshot_json, dict):
        claims.mistakes.append(("", "not a JSON object"))
        return claims
    found = (snapshot_json.get("schema"), snapshot_json.get("schema_version"))
    if found != (SCHEMA_NAME, SCHEMA_VERSION):
        claims.mistakes.append(
            (
                "schema",
                f"{found[0]!r} version {found[1]!r}: this checks {SCHEMA_NAME!r} version {SCHEMA_VERSION}",
            )
        )
        return claims
    try:
        claims.coverage = _typed(snapshot_json, "coverage", dict, "coverage")
        claims.words_error = _typed(
            _typed(snapshot_json, "tally_bounds", dict, "tally_bounds"), "speaker_words", int, "tally_bounds"
        )
        for where, group in _groups(snapshot_json):
            _read_group(claims, group, where)
    except _Malformed as mistake:
        claims.mistakes.append((str(mistake), "missing, or not of the kind that the schema states"))
    return claims


def _groups(snapshot_json: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for section in _typed(snapshot_json, "sections", list, "sections"):
        key = _typed(section, "key", str, "sections")
        for group in _typed(section, "groups", list, f"sections.{key}"):
            yield f"sections.{key}.{_typed(group, 'key', str, f'sections.{key}.groups')}", group


def _read_group(claims: Claims, group: dict[str, Any], where: str) -> None:
    for index, item in enumerate(_typed(group, "items", list, where, default=[])):
        _read_item(claims, item, f"{where}.items[{index}]")
    for index, pair in enumerate(_typed(group, "pairs", list, where, default=[])):
        if not isinstance(pair, list):
            raise _Malformed(f"{where}.pairs[{index}]")
        for at, item in enumerate(pair):
            _read_item(claims, item, f"{where}.pairs[{index}][{at}]")
    for index, row in enumerate(_typed(group, "speakers", list, where, default=[])):
        _read_speaker(claims, row, f"{where}.speakers[{index}]")
    for index, row in enumerate(_typed(group, "names", list, where, default=[])):
        place = f"{where}.names[{index}]"
        _add(claims, place, _typed(row, "name", str, place), None,
             _typed(row, "first_ms", int, place), _typed(row, "first_line", int, place))  # fmt: skip


def _read_speaker(claims: Claims, row: Any, where: str) -> None:
    share = _typed(row, "share", float, where)
    claims.speakers.append(
        SpeakerClaim(
            name=_typed(row, "name", str, where),
            words=_typed(row, "words", int, where),
            talk_ms=_typed(row, "talk_ms", int, where),
            share=float(share),
            where=where,
        )
    )


def _read_item(claims: Claims, item: Any, where: str) -> None:
    """Take one sentence: a claim about the transcript, and what it says about itself."""
    text, speaker = _typed(item, "text", str, where), _typed(item, "speaker", str, where)
    _add(
        claims,
        where,
        text,
        speaker,
        _typed(item, "start_ms", int, where),
        _typed(item, "cue_line", int, where),
    )
    claims.sentences += 1
    for figure in _typed(item, "figures", list, where, default=[]):
        amount, start = _typed(figure, "text", str, where), _typed(figure, "start_char", int, where)
        claims.figures += 1
        if not amount or start < 0 or text[start : start + len(amount)] != amount:
            claims.mistakes.append(
                (f"{where}.figures", f"{amount!r} is not at character {start} of the sentence")
            )
    due, owner = _typed(item, "due", str, where, default=""), _typed(item, "owner", str, where, default="")
    if due not in text:
        claims.mistakes.append((f"{where}.due", f"{due!r} is not in the sentence"))
    owner_from = _typed(item, "owner_from", str, where, default="")
    if owner and not (owner == speaker if owner_from == "speaker" else owner in text):
        claims.mistakes.append((f"{where}.owner", f"{owner!r} is neither in the sentence nor who says it"))
    if "reply_ms" in item:
        reply = _typed(item, "reply_ms", int, where), _typed(item, "reply_by", str, where, default="")
        claims.replies.add((*reply, f"{where}.reply_by"))


def _add(claims: Claims, where: str, text: str, speaker: str | None, start_ms: int, cue_line: int) -> None:
    if not text:
        claims.mistakes.append((where, "an empty sentence proves nothing"))
        return
    claim = Claim(text=text, speaker=speaker, start_ms=start_ms, cue_line=cue_line, where=where)
    claims.by_line.setdefault(cue_line, []).append(claim)


def _typed(holder: Any, key: str, kind: type, where: str, *, default: Any = None) -> Any:
    """Return holder[key] if it is of `kind`; True is no number."""
    value = holder.get(key, default) if isinstance(holder, dict) else None
    if kind is float and isinstance(value, int):
        kind = int
    if not isinstance(value, kind) or isinstance(value, bool):
        raise _Malformed(f"{where}.{key}" if where != key else key)
    return value
