"""The snapshot as JSON; docs/snapshot.md describes every key, SCHEMA_VERSION counts changes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from snapshot_engine.document.escaping import escape_json
from snapshot_engine.document.snapshot import (
    SCHEMA_NAME,
    SCHEMA_VERSION,
    CustomerSnapshot,
    Group,
    Item,
    Section,
)


def render_json(snapshot: CustomerSnapshot) -> Iterator[str]:
    """Yield one JSON object: the head, each section by itself, then coverage and bounds."""
    head = {
        "schema": SCHEMA_NAME,
        "schema_version": SCHEMA_VERSION,
        "title": snapshot.title,
        "at_a_glance": {glance.label: glance.value for glance in snapshot.glances},
    }
    yield _encode(head)[:-2] + ',\n  "sections": [\n'
    last = len(snapshot.sections) - 1
    for index, section in enumerate(snapshot.sections):
        yield _encode(section_value(section)) + ("" if index == last else ",") + "\n"
    tail = {"coverage": asdict(snapshot.coverage), "tally_bounds": asdict(snapshot.bounds)}
    # Every strategy gives the same bytes, so the document cannot name one.
    del tail["coverage"]["strategy"]
    tail["coverage"]["problems"] = [
        {"line": line, "reason": reason} for line, reason in snapshot.coverage.problems
    ]
    yield "  ],\n" + _encode(tail)[2:] + "\n"


def section_value(section: Section) -> dict[str, Any]:
    """Return a section as plain JSON values."""
    return {
        "key": section.key,
        "title": section.title,
        "empty": section.shown == 0,
        "groups": [_group_value(group) for group in section.groups],
    }


def _group_value(group: Group) -> dict[str, Any]:
    value: dict[str, Any] = {"key": group.key, "title": group.title, "kind": group.kind, "found": group.found}
    if group.kind == "speakers":
        value["speakers"] = [{**asdict(row), "share": round(row.share, 4)} for row in group.speakers]
    elif group.kind == "names":
        value["names"] = [asdict(row) for row in group.names]
    elif group.kind == "contrasts":
        value["pairs"] = [[_item_value(item) for item in pair] for pair in group.pairs]
    else:
        value["items"] = [_item_value(item) for item in group.items]
    return value


def _item_value(item: Item) -> dict[str, Any]:
    """Return an item; keys that say nothing are left out."""
    value: dict[str, Any] = {
        "text": item.text,
        "speaker": item.speaker,
        "start_ms": item.start_ms,
        "cue_line": item.cue_line,
    }
    if item.figures:
        value["figures"] = [asdict(figure) for figure in item.figures]
    for key in ("owner", "owner_from", "due", "reply_by"):
        if getattr(item, key):
            value[key] = getattr(item, key)
    if item.reply_ms >= 0:
        value["reply_ms"] = item.reply_ms
    return value


def _encode(value: object) -> str:
    return escape_json(json.dumps(value, ensure_ascii=False, indent=2))
