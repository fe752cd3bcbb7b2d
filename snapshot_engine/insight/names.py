"""Make the annotator's names fit to print: clean, choose a label, merge spellings.

The small model finds organisations on earnings calls with a precision of
.56, so a name needs a plausible shape, and its label is the one it got most
often; "Acme", "Acme Corp." and "the Acme Group" are one organisation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from snapshot_engine.insight.word_sets import word_set

LABELS = ("PERSON", "ORG", "GPE", "LOC", "PRODUCT", "NORP", "EVENT", "FAC", "WORK_OF_ART", "LAW", "LANGUAGE")
MAX_NAME_CHARS = 60

_TRIM = " \t\n.,;:!?…\"'“”‘’()[]-–—"
_LEADS = word_set("the a an our your my this that mr mrs ms mx dr prof hi hey hello thanks and")
_POSSESSIVES = ("'s", "’s", "'", "’")
_NAME_SHAPE = re.compile(r"[\w .&'’/+-]+").fullmatch
_SUFFIX = re.compile(
    r"(?:,? (?:inc|corp|corporation|ltd|limited|llc|llp|plc|gmbh|ag|sa|s\.a|co|company|group|holdings|holding|bv|nv|pty|k\.k))+\.?$",
    re.IGNORECASE,
)
_NOT_NAMES = word_set(
    """
    yeah yes yep yup no nope okay ok um uh hmm hi hey hello thanks thank bye cool nice right sure alright
    good great gonna oh god guys everyone everybody someone somebody mhm inaudible unk question answer slide
    page digital mister sir madam ladies gentlemen company board committee team group department management
    corporation operator speaker moderator internet zoom ceo cfo cto coo vp hr it q&a qa r&d m&a faq api
    apis ui ux pdf url ai gdp covid covid-19 vtt kpi kpis roi ebitda fy yoy mom qoq ytd gb mb kb tb ipo esg
    capex opex roe roic usd eur gbp jpy dm pr prs eta fyi tbd q1 q2 q3 q4 sdk sdks llm llms json xml html
    http https sql tcp udp rpc dns vpn cpu gpu ram ssd ios mcp mvp sla slas crm erp saas b2b b2c smb arpu
    p2p otp nda rfp rfi sow poc uat etl kyc lte erc evm zk nft dao eip eips tvl crypto bitcoin blockchain ip
    egm agm
    """
)


def clean_name(text: str) -> str:
    """Return the name without articles, titles and punctuation around it; "" if it is none."""
    if len(text) > MAX_NAME_CHARS:
        return ""
    name = text.strip(_TRIM)
    for ending in _POSSESSIVES:
        name = name.removesuffix(ending)
    first, _, rest = name.partition(" ")
    while rest and first.lower().rstrip(".") in _LEADS:
        name = rest.lstrip(_TRIM)
        first, _, rest = name.partition(" ")
    if len(name) < 2 or first.islower() or name.islower() or not _NAME_SHAPE(name):
        return ""
    if name.lower() in _NOT_NAMES or first.lower() in _NOT_NAMES:
        return ""
    if not name.isalpha() and sum(map(str.isdigit, name)) * 2 > len(name):
        return ""
    return name


def merge_key(name: str, label: str) -> str:
    """Return what two spellings of one name share."""
    key = _SUFFIX.sub("", name) if label == "ORG" else name
    return " ".join((key or name).replace("-", " ").replace(".", "").split()).casefold()


def merge_names(counted: Iterable[tuple[str, str, int]]) -> list[tuple[str, str, int, tuple[str, ...]]]:
    """Merge (name, label, count) into (name, label, count, variants), most mentioned first.

    A spelling keeps the label that it got most often. Organisations merge
    over company suffixes, capitals and, from seven letters on, one differing
    letter; persons merge a first or last name into the one full name that
    holds it, if there is just one.
    """
    groups: dict[str, dict[tuple[str, str], int]] = {}
    for name, label, count in counted:
        groups.setdefault(merge_key(name, "ORG"), {})[(name, label)] = count
    merged = [_resolve(spellings) for spellings in groups.values()]
    merged.sort(key=lambda entry: (-entry[2], entry[0]))
    return _merge_near(_merge_persons(_relabel(merged)))


_Entry = tuple[str, str, int, tuple[str, ...]]


def _resolve(spellings: dict[tuple[str, str], int]) -> _Entry:
    """Choose label and spelling of one group by count, ties by name."""
    labels: dict[str, int] = {}
    names: dict[str, int] = {}
    for (name, label), count in sorted(spellings.items()):
        labels[label] = labels.get(label, 0) + count
        names[name] = names.get(name, 0) + count
    label = min(labels, key=lambda key: (-labels[key], key))
    order = sorted(names, key=lambda key: (-names[key], -len(key), key))
    return order[0], label, sum(names.values()), tuple(order[1:])


def _relabel(entries: list[_Entry]) -> list[_Entry]:
    """Mend labels that the other names contradict.

    "MTN Ghana" is no person where MTN is an organisation; "Kobina" is no
    place where Kobina Bentsi-Enchill is a person and is named as often.
    """
    companies = {name.casefold() for name, label, count, _ in entries if label == "ORG" and count > 1}
    relabelled: list[_Entry] = []
    for name, label, count, variants in entries:
        if label == "PERSON" and " " in name and name.casefold().split()[0] in companies:
            label = "ORG"
        relabelled.append((name, label, count, variants))
    words: dict[str, int] = {}
    for name, label, count, _ in relabelled:
        if label == "PERSON" and " " in name:
            for word in name.casefold().split():
                words[word] = max(words.get(word, 0), count)
    return [
        (
            name,
            "PERSON" if label != "PERSON" and count <= 2 * words.get(name.casefold(), 0) else label,
            count,
            variants,
        )
        for name, label, count, variants in relabelled
    ]


def _merge_persons(entries: list[_Entry]) -> list[_Entry]:
    """Fold "Kamil" into "Kamil Salakhiev" where no other full name holds that word."""
    full: dict[str, list[int]] = {}
    for index, (name, label, _, _) in enumerate(entries):
        if label == "PERSON" and " " in name:
            for word in name.casefold().split():
                full.setdefault(word, []).append(index)
    result: list[_Entry | None] = list(entries)
    for index, (name, label, count, variants) in enumerate(entries):
        homes = full.get(name.casefold(), [])
        if label != "PERSON" or " " in name or len(homes) != 1:
            continue
        home = result[homes[0]]
        assert home is not None, "a full name is never folded away"
        result[homes[0]] = (home[0], home[1], home[2] + count, (*home[3], name, *variants))
        result[index] = None
    return sorted((e for e in result if e is not None), key=lambda entry: (-entry[2], entry[0]))


def _merge_near(entries: list[_Entry]) -> list[_Entry]:
    """Fold an organisation into a commoner one that differs by one letter (from 7 letters on)."""
    kept: list[_Entry] = []
    by_start: dict[str, list[int]] = {}
    for entry in entries:
        name, label, count, variants = entry
        key = merge_key(name, label)
        home = -1
        if label == "ORG" and len(key) >= 7:
            for index in by_start.setdefault(key[:2], []):
                if one_letter_apart(key, merge_key(kept[index][0], "ORG")):
                    home = index
                    break
        if home >= 0:
            near = kept[home]
            kept[home] = (near[0], near[1], near[2] + count, (*near[3], name, *variants))
            continue
        if label == "ORG":
            by_start.setdefault(key[:2], []).append(len(kept))
        kept.append(entry)
    return sorted(kept, key=lambda entry: (-entry[2], entry[0]))


def one_letter_apart(a: str, b: str) -> bool:
    """Say whether one insertion, deletion or change of a letter turns `a` into `b`."""
    if abs(len(a) - len(b)) > 1 or a == b:
        return False
    if len(a) > len(b):
        a, b = b, a
    at = 0
    while at < len(a) and a[at] == b[at]:
        at += 1
    if any(c.isdigit() for c in (a[at : at + 1] + b[at : at + 1])):
        return False
    return a[at + 1 :] == b[at + 1 :] if len(a) == len(b) else a[at:] == b[at + 1 :]
