"""Who speaks in a cue, and what is left of its text once the label is taken off.

In: a cue's payload and identifier, in file order. Out: (speaker, plain text).

Evidence, strongest first: a voice tag `<v Name>`; Azure's `<Speaker 1>`; a Webex
identifier `1 "Last, First" (123)`; a first line `Name  0:03` (Otter); a label
`Name: text` (Zoom, Meet and others). The label is the only guess among them:

- It ends at the first colon followed by a space, so 10:30 and https:// are none.
- It reads like a name: at most 60 characters and six words, none of them ending
  a sentence, each beginning with a capital, a digit or a script without case;
  one lower-case word alone may be a name ("vitto"), and so may the small words
  inside names ("de", "van", "of"), what follows a mark ("Ann | acme") and what
  stands in brackets ("Ann (she/her)").
- Up to four words of any case ("john smith") are a name from the third cue on
  that they begin.
- It is none of the words that lead into a sentence ("Note", "First", "Question").
- After the first 32 cues the file decides: unless one in five of them carried a
  label, no later cue does.

A classifier over the whole file was turned down: the first cue would wait for
the last byte.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise, repeat
from typing import TypeVar

from snapshot_engine.transcript.character_references import resolve
from snapshot_engine.transcript.cue_text import first_voice, plain_text, voice_spans

TRIAL_CUES = 32
_LABELLED_SHARE = 5  # one in five
_MAX_LABEL_CHARS = 60
_MAX_LABEL_WORDS = 6
# Labels are few; the bound is for a file made to have new ones all the way. 2,048 were
# 0.3 MiB that a file of 60 MiB filled slowly and one of 1 MiB did not: growth with size.
_MAX_REMEMBERED = 512
_SIGHTINGS = 3
_T = TypeVar("_T")

_AZURE_TAG = re.compile(r"<((?:Speaker|Guest)[ _-]?[0-9A-Z]{1,8})>")
_WEBEX_IDENTIFIER = re.compile(r'[0-9]+ "([^"]{1,200})"(?: \([0-9]*\))?')
_NAME_AND_TIME = re.compile(r"(\S[^\n]{0,80}?) {2,}(?:[0-9]{1,3}:)?[0-5]?[0-9]:[0-5][0-9] *\n")
_BRACKETS = re.compile(r"\([^()]*\)|\[[^][]*\]")
_TURN_MARK = re.compile(r"\s*(?:>{2,3}|[-–—](?=\s))\s*")
# Zoom names a shared recording so.
_SHARED_AUDIO = "Audio shared by "
_SMALL_WORD_LIST = (
    "al and ap at bin bint da das de del della den der di do dos du e el for from i ibn in la le of "
    "och or san ten ter the to und van vom von y zu zum zur"
)
_NEVER_FIRST_LIST = "as at by for he her his i if in it its on our she step they to we when with you"
_LEAD_IN_LIST = (
    "actually again agenda also alternatively and another answer anyway background basically "
    "because besides but caveat clarification conclusion context correct correction currently "
    "disclaimer edit error example examples exactly fact finally first firstly following fourth goal "
    "goals here hint however http https idea important instead issue item last lastly like link "
    "literally meaning meanwhile namely next no note notes now number obviously ok okay one option "
    "otherwise outcome plan plus point ps problem problems question questions quote reason reasons "
    "remember reminder result results right same second secondly similarly simply since so solution "
    "source spoiler step still summary task that then therefore third thirdly this thus time tip tldr "
    "title to-do today todo tomorrow topic translation true two update url verdict warning well what "
    "why yeah yes yesterday yet"
)
_NEVER_FIRST = frozenset(_NEVER_FIRST_LIST.split())
_SMALL_WORDS = frozenset(_SMALL_WORD_LIST.split())
_LEAD_INS = frozenset(_LEAD_IN_LIST.split())


class SpeakerFinder:
    """Tells label from speech over one file, cue by cue in file order.

    Holds at most 512 labels of 60 characters.
    """

    def __init__(self) -> None:
        self._cues = 0
        self._labelled = 0
        self._labels_expected = True
        self._timed = 0
        self._times_expected = True
        self._known: dict[str, str] = {}
        self._sightings: dict[str, int] = {}

    @property
    def settled(self) -> bool:
        """Whether the trial cues are over, so that each cue is judged by itself."""
        return self._cues >= TRIAL_CUES

    def split(self, raw_text: str, identifier: str) -> tuple[str, str]:
        """Return (speaker, plain text) of the next cue; the speaker is "" for nobody."""
        if "<" in raw_text:
            speaker, text = _one_voice(raw_text) or _split_markup(raw_text)
            if speaker:
                return self._counted(speaker, text)
        else:
            text = resolve(raw_text)
        if '"' in identifier and (match := _WEBEX_IDENTIFIER.fullmatch(identifier)):
            return self._counted(match.group(1), text)
        if self._labels_expected:
            head, colon, rest = text.partition(": ")
            if not colon and text[-1:] == ":":
                # A label that is the whole cue.
                head, colon, rest = text[:-1], ":", ""
            if colon and (label := self.label(head)):
                return self._counted(label, rest, labels=1)
        if self._times_expected and "  " in text and (match := _NAME_AND_TIME.match(text + "\n")):
            return self._counted(match.group(1), text[match.end() :], times=1)
        return self._counted("", text)

    def split_all(self, raw_texts: list[str], *, plain: bool) -> tuple[Iterable[str], Iterable[str]]:
        """Return the speakers and the plain texts of the next cues, as split() would.

        raw_texts: payloads of one line, of cues whose identifiers name nobody.
        plain: whether they are known to hold neither "<" nor "&".
        """
        if not self.settled or self._times_expected:
            pairs = [self.split(raw_text, "") for raw_text in raw_texts]
            return [speaker for speaker, _ in pairs], [text for _, text in pairs]
        if plain and not self._labels_expected:
            return repeat(""), raw_texts
        return self._split_lines(raw_texts, plain=plain)

    def _split_lines(self, raw_texts: list[str], *, plain: bool) -> tuple[list[str], list[str]]:
        speakers: list[str] = []
        texts: list[str] = []
        known = self._known
        add_speaker, add_text = speakers.append, texts.append
        for raw_text in raw_texts:
            head, colon, text = raw_text.partition(": ")
            speaker = known.get(head) if colon else ""
            if not speaker or not (plain or ("<" not in raw_text and "&" not in raw_text)):
                speaker, text = _one_voice(raw_text) or self.split(raw_text, "")
            add_speaker(speaker)
            add_text(text)
        return speakers, texts

    def label(self, head: str) -> str:
        """Return the name if `head`, the words before a colon, reads like one, else ""."""
        known = self._known.get(head)
        if known is None:
            mark = _TURN_MARK.match(head)
            name = head[mark.end() if mark else 0 :].strip()
            known = name if is_label(name) else ""
            _remember(self._known, head, known)
        return known or self._by_repetition(head)

    def _by_repetition(self, head: str) -> str:
        """Return `head` if it begins its third cue and may be a name in lower case."""
        if not _may_be_label(head):
            return ""
        seen = self._sightings.get(head, 0) + 1
        _remember(self._sightings, head, seen)
        if seen < _SIGHTINGS:
            return ""
        _remember(self._known, head, head)
        return head

    def _counted(self, speaker: str, text: str, *, labels: int = 0, times: int = 0) -> tuple[str, str]:
        if self._cues < TRIAL_CUES:
            self._cues += 1
            self._labelled += labels
            self._timed += times
            if self._cues == TRIAL_CUES:
                self._labels_expected = self._labelled * _LABELLED_SHARE >= TRIAL_CUES
                if not self._labels_expected:
                    self._known.clear()
                self._times_expected = self._timed > 0
        return speaker, text


def is_label(head: str) -> bool:
    """Say whether the words before a colon read like a speaker's name; see the module's rules."""
    words = _name_words(head.removeprefix(_SHARED_AUDIO))
    if not words or not _begins_a_name(words[0]):
        return len(words) == 1 and any(character.isalpha() for character in head)
    if len(words) == 1:
        # A telephone's number may stand for its owner; "10" and "2024" do not.
        return len(words[0]) >= 7 or any(character.isalpha() for character in head)
    return all(
        _begins_a_name(word) or word in _SMALL_WORDS or not before[-1].isalnum()
        for before, word in pairwise(words)
    )


def _may_be_label(head: str) -> bool:
    """Say whether the words may be a name in lower case, should they begin cue after cue."""
    words = _name_words(head)
    return 1 < len(words) <= 4 and words[0].lower() not in _LEAD_INS and head.replace(" ", "").isalpha()


def _name_words(head: str) -> list[str]:
    """Return the words of what may be a name, without bracketed ones; none if it cannot be one."""
    if not 0 < len(head) <= _MAX_LABEL_CHARS or "\n" in head:
        return []
    words = _BRACKETS.sub(" ", head).split() or head.split()
    if len(words) > _MAX_LABEL_WORDS or not any(character.isalnum() for character in head):
        return []
    first = words[0].lower()
    if first in _NEVER_FIRST or (len(words) == 1 and first in _LEAD_INS):
        return []
    if any(word[-1] in ".?!;…" and len(word) > 3 for word in words[:-1]) or words[-1][-1] in ",?!;…":
        return []
    return words


def voices(raw_text: str) -> list[tuple[str, str]]:
    """Return the (speaker, text) runs of a cue with several voice tags; blank runs are left out."""
    return [span for span in voice_spans(raw_text) if span[1].strip()]


def _remember(memory: dict[str, _T], key: str, value: _T) -> None:
    """Keep `value`, in bounds: forget all when there are too many, nothing that is too long."""
    if len(key) <= _MAX_LABEL_CHARS:
        if len(memory) >= _MAX_REMEMBERED:
            memory.clear()
        memory[key] = value


def _begins_a_name(word: str) -> bool:
    first = word.lstrip("(\"'[“‘@#+&|-")[:1]
    return not first or not first.islower()


def _one_voice(raw_text: str) -> tuple[str, str] | None:
    """Split `<v Name>text</v>` and `<v Name>text`; None for anything less plain."""
    if raw_text[:3] != "<v ":
        return None
    speaker, tag_end, text = raw_text[3:].partition(">")
    text = text.removesuffix("</v>")
    if not tag_end or "<" in text or "&" in raw_text or " ".join(speaker.split()) != speaker:
        return None
    return (speaker, text) if len(speaker) > 1 else None


def _split_markup(raw_text: str) -> tuple[str, str]:
    if match := _AZURE_TAG.match(raw_text):
        return match.group(1), plain_text(raw_text[match.end() :]).lstrip()
    named = first_voice(raw_text) if "<v" in raw_text else ""
    return named, plain_text(raw_text)
