"""Insights to a CustomerSnapshot: which sentence stands where. Pure.

A sentence is shown once: groups choose in the order of `_CHOOSING`, each
from its ranked candidates, and skip what another has taken or what says
nearly the same. Only lists that a reader takes for complete may repeat one:
dates those of the summary, amounts those of the summary, decisions and actions.
A section whose sentences all stand elsewhere repeats two, since it must not
say that nothing was found. Within a group sentences stand
in the order in which they were said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from snapshot_engine.document.contrasts import find_contrasts
from snapshot_engine.document.names import name_groups
from snapshot_engine.document.snapshot import (
    Coverage,
    CustomerSnapshot,
    Glance,
    Group,
    Item,
    Section,
    SpeakerRow,
    TallyBounds,
)
from snapshot_engine.document.wording import count, duration
from snapshot_engine.insight.facts import Figure, Insights, Sentence
from snapshot_engine.insight.signals import COUNTED

_MAX_SPEAKERS = 40
# Sentences that share this part of their words say the same.
_SAME_RATIO = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """How a group chooses: its candidates' tag, how many, and what a candidate needs.

    figures: kinds of figure that it must hold (all are shown with it).
    own: take only sentences for which no other tag is much stronger.
    """

    key: str
    title: str
    tag: str
    most: int
    kind: str = "sentences"
    figures: tuple[str, ...] = ()
    own: bool = False


_SUMMARY = _Plan(key="highlights", title="In their own words", tag="summary", most=6)
# In the order of choosing: what must be complete first, impressions last.
_CHOOSING = (
    _Plan(key="decisions", title="Decisions", tag="decision", most=10),
    _Plan(key="actions", title="Action items", tag="action", most=16, kind="actions"),
    _SUMMARY,
    _Plan(key="questions", title="Questions asked", tag="question", most=10, kind="questions"),
    _Plan(key="money", title="Money", tag="financial", most=14, kind="figures", figures=("money",)),
    _Plan(key="figures", title="Measured results", tag="metric", most=14, kind="figures", figures=("percent", "quantity")),
    _Plan(key="dates", title="Dates and milestones", tag="milestone", most=12, kind="dates", figures=("date",)),
    _Plan(key="introductions", title="Introductions and context", tag="introduction", most=5),
    _Plan(key="risks", title="Risks and concerns", tag="risk", most=7, own=True),
    _Plan(key="challenges", title="Challenges", tag="challenge", most=7, own=True),
    _Plan(key="solution", title="Approach and product", tag="solution", most=7, own=True),
    _Plan(key="adoption", title="Adoption and usage", tag="adoption", most=6, own=True),
    _Plan(key="long_term", title="Looking ahead", tag="long_term", most=6),
    _Plan(key="financial", title="What was said about cost and value", tag="financial", most=5),
    _Plan(key="quotes", title="Quotes", tag="sentiment", most=5, kind="quotes"),
    _Plan(key="commentary", title="Views and explanations", tag="opinion", most=6),
)  # fmt: skip

# Lists that a reader takes for complete.
_COMPLETE = ("figures", "dates")
_MOST_AGAIN = 2
_EMPTY = "Nothing was found in the transcript for this section."
# The document: (section key, title, group keys).
_SECTIONS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("executive_summary", "Executive summary", ("highlights",)),
    ("customer_information", "Customer information", ("speakers", "introductions", "names_ORG", "names_PERSON", "names_PLACE", "names_PRODUCT")),
    ("background", "Background and challenges", ("challenges",)),
    ("solution", "Solution", ("solution",)),
    ("timeline", "Engagement timeline", ("dates",)),
    ("results", "Results and metrics", ("figures", "contrasts")),
    ("adoption", "Adoption and usage", ("adoption",)),
    ("financial_impact", "Financial impact", ("money", "financial")),
    ("risks_and_questions", "Risks and open questions", ("risks", "questions")),
    ("decisions_and_actions", "Decisions and action items", ("decisions", "actions")),
    ("long_term_impact", "Long-term impact", ("long_term",)),
    ("quotes", "Notable quotes", ("quotes",)),
    ("commentary", "Additional commentary", ("commentary",)),
)  # fmt: skip


def compose(insights: Insights, coverage: Coverage, *, title: str = "") -> CustomerSnapshot:
    """Return the document; the same insights and coverage give the same document.

    title: the heading's second line; the source's name if empty.
    """
    chosen = _choose(insights)
    groups = {plan.key: _group(plan, chosen[plan.key], insights) for plan in _CHOOSING}
    groups["contrasts"] = _contrasts(insights)
    groups["speakers"] = _speakers(insights)
    for group in name_groups(insights):
        groups[group.key] = group
    sections = tuple(
        Section(
            key=key,
            title=heading,
            groups=tuple(groups[name] for name in names if name in groups and groups[name].shown),
            empty=_EMPTY,
        )
        for key, heading, names in _SECTIONS
    )
    return CustomerSnapshot(
        title=title or coverage.source_name,
        glances=_glances(insights, coverage, groups),
        sections=sections,
        coverage=coverage,
        bounds=TallyBounds(
            speaker_words=insights.speakers_error,
            name_mentions=insights.names_error,
            unlisted_words=insights.other_words,
            unlisted_talk_ms=insights.other_talk_ms,
        ),
    )


def _choose(insights: Insights) -> dict[str, list[Sentence]]:
    """Give every group its sentences, each sentence to one group, in order of speech."""
    taken: list[Sentence] = []
    summary: list[Sentence] = []
    figures: list[Sentence] = []
    chosen: dict[str, list[Sentence]] = {}
    for plan in _CHOOSING:
        closed = figures if plan.kind == "figures" else taken
        candidates = insights.candidates.get(plan.tag, ())
        picked = _pick(
            plan, candidates, closed + summary if plan.kind not in _COMPLETE else closed, insights.sentences
        )
        # Rather say one or two sentences again than that nothing was found.
        picked = picked or _pick(plan, candidates, [], insights.sentences)[:_MOST_AGAIN]
        chosen[plan.key] = sorted(picked, key=lambda sentence: sentence.order)
        if plan is _SUMMARY:
            summary = picked
        else:
            taken += picked
        if plan.kind == "figures":
            figures += picked
    return chosen


def _pick(
    plan: _Plan, candidates: Iterable[Sentence], closed: list[Sentence], sentences: int
) -> list[Sentence]:
    """Return the best candidates of a group that say nothing that `closed` or one another say.

    sentences: how many the transcript has. No third of it gives more than two thirds of the summary.
    """
    orders = {sentence.order for sentence in closed}
    said = [content_words(sentence.text) for sentence in closed]
    picked: list[Sentence] = []
    thirds = [0, 0, 0]
    # A short talk has a short summary, else nothing is left for the sections.
    most = plan.most if plan is not _SUMMARY else min(plan.most, max(2, sentences // 8))
    for sentence in candidates:
        if len(picked) == most:
            break
        third = min(2, sentence.order * 3 // max(1, sentences))
        if plan is _SUMMARY and thirds[third] * 3 >= plan.most * 2:
            continue
        if sentence.order in orders or not _fits(plan, sentence):
            continue
        words = content_words(sentence.text)
        if not any(_alike(words, other) for other in said):
            said.append(words)
            picked.append(sentence)
            thirds[third] += 1
    return picked


def _fits(plan: _Plan, sentence: Sentence) -> bool:
    """Say whether a candidate is what the group is for."""
    tags = sentence.tags
    if plan.figures and not any(figure.kind in plan.figures for figure in sentence.figures):
        return False
    if plan.tag not in ("question", "action") and sentence.text.endswith("?"):
        return False
    if plan is _SUMMARY:
        return "decision" not in tags and "action" not in tags
    if plan.own:
        strength = tags.get(plan.tag, 0)
        return all(n <= strength + 1 for tag, n in tags.items() if tag in _OWNING)
    return True


_OWNING = frozenset({"challenge", "solution", "adoption", "risk", "financial", "long_term"})


def content_words(text: str) -> frozenset[str]:
    """Return the lower-case words of a sentence that are longer than three letters, and its numbers."""
    cleaned = (word.strip(".,;:!?…\"'“”’()[]").lower() for word in text.split())
    return frozenset(word for word in cleaned if len(word) > 3 or word[:1].isdigit())


def _alike(a: frozenset[str], b: frozenset[str]) -> bool:
    shared = len(a & b)
    return shared > _SAME_RATIO * (len(a) + len(b) - shared) if a and b else False


def _group(plan: _Plan, sentences: Iterable[Sentence], insights: Insights) -> Group:
    items = tuple(_item(sentence, plan) for sentence in sentences)
    found = insights.tagged.get(plan.tag, 0) if plan.tag in COUNTED else 0
    return Group(key=plan.key, title=plan.title, kind=plan.kind, found=max(found, len(items)), items=items)


def _item(sentence: Sentence, plan: _Plan) -> Item:
    figures: tuple[Figure, ...] = tuple(f for f in sentence.figures if f.kind in plan.figures)
    task = sentence.task if plan.kind == "actions" else None
    asked = plan.kind == "questions"
    return Item(
        text=sentence.text,
        speaker=sentence.speaker,
        start_ms=sentence.start_ms,
        cue_line=sentence.cue_line,
        figures=figures,
        owner=task.owner if task else "",
        owner_from=task.owner_from if task else "",
        due=task.due if task else "",
        reply_by=sentence.reply_by if asked else "",
        reply_ms=sentence.reply_ms if asked else -1,
    )


def _contrasts(insights: Insights) -> Group:
    plan = _Plan(key="contrasts", title="Similar statements with different figures", tag="metric", most=5,
                 kind="contrasts", figures=("money", "percent", "quantity"))  # fmt: skip
    sentences = {
        sentence.order: sentence
        for tag in ("metric", "financial", "adoption")
        for sentence in insights.candidates.get(tag, ())
    }
    pairs = find_contrasts([sentences[order] for order in sorted(sentences)], most=plan.most)
    make: Callable[[Sentence], Item] = lambda sentence: _item(sentence, plan)  # noqa: E731
    return Group(
        key=plan.key, title=plan.title, kind=plan.kind, found=len(pairs),
        pairs=tuple(tuple(map(make, pair)) for pair in pairs),
    )  # fmt: skip


def _speakers(insights: Insights) -> Group:
    rows = tuple(
        SpeakerRow(
            name=speaker.name, words=speaker.words, talk_ms=speaker.talk_ms, turns=speaker.utterances,
            share=speaker.share, first_ms=speaker.first_ms, first_line=speaker.first_line,
        )
        for speaker in insights.speakers[:_MAX_SPEAKERS]
    )  # fmt: skip
    return Group(
        key="speakers",
        title="People on the call",
        kind="speakers",
        found=len(insights.speakers),
        speakers=rows,
    )


def _glances(insights: Insights, coverage: Coverage, groups: dict[str, Group]) -> tuple[Glance, ...]:
    named = sum(1 for speaker in insights.speakers if speaker.name)
    return (
        Glance(label="Duration", value=duration(coverage.duration_ms)),
        Glance(label="Speakers", value=count(named) if named else "not named"),
        Glance(label="Words", value=count(coverage.words or insights.words)),
        Glance(label="Decisions", value=count(groups["decisions"].found)),
        Glance(label="Action items", value=count(groups["actions"].found)),
        Glance(label="Questions", value=count(groups["questions"].found)),
    )
