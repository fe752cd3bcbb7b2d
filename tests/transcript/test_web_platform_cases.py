"""The W3C's own cases for the WebVTT file parser and for cue text, at every block size."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from snapshot_engine import Cue, NotWebVTT, WebVTTParser
from snapshot_engine.transcript.cue import Region
from snapshot_engine.transcript.cue_text import events, plain_text, voice_spans

WPT = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "wpt"
EXPECTATIONS: dict[str, Any] = (
    json.loads((WPT / "expectations.json").read_text(encoding="utf-8"))
    if (WPT / "expectations.json").exists()
    else {"file_parsing": {}, "cue_text": {}}
)
FILE_CASES = sorted(EXPECTATIONS["file_parsing"].items())
TEXT_CASES = [
    pytest.param(case, id=f"{group}-{number}")
    for group, cases in sorted(EXPECTATIONS["cue_text"].items())
    for number, case in enumerate(cases)
]
pytestmark = pytest.mark.skipif(not FILE_CASES, reason=f"the W3C cases are not at {WPT}")


def parse(pieces: list[bytes], **options: Any) -> list[Cue]:
    parser = WebVTTParser(**options)
    cues = [cue for piece in pieces for cue in parser.feed(piece)]
    return cues + parser.close()


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def region_facts(region: Region | None) -> dict[str, Any] | None:
    if region is None:
        return None
    return {
        "id": region.identifier,
        "width": region.width,
        "lines": float(region.lines),
        "anchor": list(region.region_anchor),
        "viewport": list(region.viewport_anchor),
        "scroll": region.scroll,
    }


def facts(cue: Cue) -> dict[str, Any]:
    settings = cue.settings
    return {
        "id": cue.identifier,
        "start": cue.start_ms,
        "end": cue.end_ms,
        "vertical": settings.vertical,
        "snap": settings.snap_to_lines,
        "line": "auto" if settings.line is None else settings.line,
        "lineAlign": settings.line_align,
        "position": "auto" if settings.position is None else settings.position,
        "positionAlign": settings.position_align,
        "size": settings.size,
        "align": settings.align,
        "region": region_facts(settings.region),
        "text": cue.raw_text,
    }


def assert_case(expected: dict[str, Any], pieces: list[bytes]) -> None:
    if expected["valid"]:
        for cue in expected["cues"]:
            if cue["region"]:
                # From JavaScript, whose numbers are doubles.
                cue["region"]["lines"] = float(cue["region"]["lines"])
        assert [facts(cue) for cue in parse(pieces)] == expected["cues"]
    else:
        with pytest.raises(NotWebVTT):
            parse(pieces)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1 << 20])
@pytest.mark.parametrize(("name", "expected"), FILE_CASES, ids=[name for name, _ in FILE_CASES])
def test_file_gives_the_cues_of_the_standard(name: str, expected: dict[str, Any], size: int) -> None:
    assert_case(expected, cut((WPT / "file-parsing" / f"{name}.vtt").read_bytes(), size))


@given(data=st.data())
@settings(deadline=None)
def test_any_split_gives_the_same_cues(data: st.DataObject) -> None:
    name, expected = data.draw(st.sampled_from(FILE_CASES))
    whole = (WPT / "file-parsing" / f"{name}.vtt").read_bytes()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=12)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert_case(expected, pieces)


@pytest.mark.parametrize("case", TEXT_CASES)
def test_cue_text_gives_the_plain_text_and_voices_of_the_standard(case: dict[str, Any]) -> None:
    assert plain_text(case["text"]) == case["plain"]
    found = [
        event.annotation for event in events(case["text"]) if event.value == "v" and event.kind == "open"
    ]
    assert found == case["voices"]
    assert "".join(text for _, text in voice_spans(case["text"])) == case["plain"]


@pytest.mark.parametrize("case", TEXT_CASES)
def test_cue_text_gives_the_tree_of_the_standard(case: dict[str, Any]) -> None:
    assert "\n".join(dump(case["text"])) == case["tree"]


def dump(raw_text: str) -> list[str]:
    """The tree in the notation of the W3C's expectations."""
    lines: list[str] = []
    depth = 0
    for event in events(raw_text):
        indent = "| " + "  " * depth
        if event.kind == "text":
            lines.append(f'{indent}"{event.value}"')
        elif event.kind == "time":
            seconds, ms = divmod(event.time_ms, 1000)
            minutes, seconds = divmod(seconds, 60)
            hours, minutes = divmod(minutes, 60)
            lines.append(f"{indent}<?timestamp {hours:02}:{minutes:02}:{seconds:02}.{ms:03}>")
        elif event.kind == "close":
            depth -= 1
        else:
            name = "span" if event.value in ("c", "v", "lang") else event.value
            lines.append(f"{indent}<{name}>")
            depth += 1
            if event.classes:
                lines.append(f'{indent}  class="{" ".join(event.classes)}"')
            if event.value in ("v", "lang"):
                attribute = "title" if event.value == "v" else "lang"
                lines.append(f'{indent}  {attribute}="{event.annotation}"')
    return lines
