"""Nothing that a transcript says can act in a document: it can only be read."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings, strategies as st

from snapshot_engine.document.compose import compose
from snapshot_engine.document.escaping import escape_json, escape_markdown, visible
from snapshot_engine.document.render import FORMATS, render
from snapshot_engine.document.snapshot import Coverage
from snapshot_engine.insight.insights import InsightsBuilder
from snapshot_engine.language.annotation import AnnotatedUtterance, Entity
from snapshot_engine.transcript.utterance import Utterance

_HIDDEN = {*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), "\u202e", "\u2066", "\u2028", "\ufeff"}


@settings(deadline=None)
@given(st.text())
def test_visible_text_has_no_control_character_and_keeps_the_rest(text: str) -> None:
    shown = visible(text)
    assert not set(shown) & _HIDDEN
    assert shown.isprintable() or not text.isascii()
    if text.isascii() and text.isprintable():
        assert shown == text


def test_control_characters_are_shown_not_dropped() -> None:
    assert visible("\x1b[31mred\x9b0m\u202eabc\x7f\ta\nb") == "␛[31mred[U+009B]0m[U+202E]abc␡ a b"


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("# no heading", "\\# no heading"),
        ("- no list", "\\- no list"),
        ("1. no list", "1\\. no list"),
        ("41.8% stays", "41.8% stays"),
        ("*a* _b_ `c` ~~d~~", "\\*a\\* \\_b\\_ \\`c\\` \\~\\~d\\~\\~"),
        ("[x](http://e.com)", "\\[x\\](http\\://e.com)"),
        ("www.e.com", "www\\.e.com"),
        ("<script>a && b</script>", "&lt;script&gt;a && b&lt;/script&gt;"),
        ("&lt; R&D", "&amp;lt; R&D"),
        ("a | b", "a \\| b"),
        ("$5 and $6", "\\$5 and \\$6"),
        ("back\\slash", "back\\\\slash"),
        ("two\nlines\n\n# three", "two lines  \\# three"),
    ],
)
def test_markdown_shows_syntax_as_text(text: str, escaped: str) -> None:
    assert escape_markdown(text) == escaped


@settings(deadline=None, max_examples=300)
@given(
    st.text(
        alphabet=st.one_of(st.sampled_from('<>&[]()`*_~|#-+=.!1:/\\\n" wahtp$'), st.characters(codec="utf-8"))
    )
)
def test_markdown_renders_back_to_the_text(text: str) -> None:
    """A CommonMark parser with every extension switched on finds one paragraph of plain text."""
    markdown_it = pytest.importorskip("markdown_it", reason="markdown-it-py, the oracle, is not installed")
    parser = markdown_it.MarkdownIt("commonmark").enable(["table", "strikethrough"])
    wanted = " ".join(visible(text).split())
    tokens = parser.parse("x " + escape_markdown(text) + " x")
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    children = tokens[1].children or []
    assert {child.type for child in children} <= {"text", "text_special"}
    assert (
        " ".join("".join(child.content for child in children).split())
        == f"x {wanted} x".replace("  ", " ").strip()
    )


@settings(deadline=None)
@given(st.text())
def test_json_decodes_to_the_same_text_and_prints_no_control_character(text: str) -> None:
    encoded = escape_json(json.dumps(text, ensure_ascii=False))
    assert json.loads(encoded) == text
    assert not set(encoded) & _HIDDEN


_EVIL = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\x1b]8;;http://evil\x07click\x1b]8;;\x07",
    "\x9b31m", "\u202egnp.exe", "{{ 7*191 }}", "{% raw %}", "</style>", "-->", "`x`", "[a](javascript:alert(1))",
    "\"onmouseover=\"x", "'", "&lt;", "|", "# h", "\x00",
)  # fmt: skip
_SPEECH = (
    "we decided to send revenue of $5 million",
    "I'll send it by Friday",
    "why is the risk 40% now?",
    "Acme is great",
)


@settings(deadline=None, max_examples=80)
@given(
    st.lists(
        st.lists(st.sampled_from(_EVIL + _SPEECH), min_size=1, max_size=8).map(" ".join),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from(_EVIL),
    st.sampled_from(FORMATS),
)
def test_no_document_carries_markup_or_escapes_of_the_transcript(
    texts: list[str], name: str, output_format: str
) -> None:
    document = _document(texts, name, output_format)
    assert not set(document) & (_HIDDEN - {"\n"})
    if output_format == "html":
        body = document.partition("</style>")[2]
        assert "1337" not in body
        for tag in ("<script", "<img", "</style", "<b>alert", 'javascript:alert(1)"'):
            assert tag not in body
    if output_format == "json":
        json.loads(document)
    if output_format == "markdown":
        assert "<" not in document


def _document(texts: list[str], name: str, output_format: str) -> str:
    builder = InsightsBuilder()
    for at, text in enumerate(texts):
        entities = (
            (
                Entity(
                    text="Acme", label="ORG", start_char=text.index("Acme"), end_char=text.index("Acme") + 4
                ),
            )
            if "Acme" in text
            else ()
        )
        builder.add(
            AnnotatedUtterance(
                utterance=Utterance(
                    speaker=name, start_ms=at, end_ms=at + 1, text=text, cue_offsets=(0,), cue_start_ms=(at,),
                    cue_end_ms=(at + 1,), cue_lines=(at + 1,),
                ),
                entities=entities,
            )
        )  # fmt: skip
    coverage = Coverage(source_name=name, annotator=name, problems=((3, name),))
    return "".join(render(compose(builder.finish(), coverage), output_format))


def test_the_page_allows_itself_one_style_and_nothing_else() -> None:
    from base64 import b64encode
    from hashlib import sha256
    from html.parser import HTMLParser

    page = _document([" ".join(_SPEECH)], "Ann", "html")

    class Reader(HTMLParser):
        def __init__(self) -> None:
            super().__init__(convert_charrefs=True)
            self.policy, self.style, self.inside, self.fetched, self.inline = "", "", False, [], []

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            given_ = dict(attrs)
            self.inside = tag == "style"
            if given_.get("http-equiv") == "Content-Security-Policy":
                self.policy = given_["content"] or ""
            self.fetched += [
                value
                for key, value in attrs
                if key in ("src", "href", "data", "action") and not (value or "").startswith("#")
            ]
            self.inline += [key for key, _ in attrs if key.startswith("on") or key == "style"]
            assert tag not in ("script", "link", "iframe", "img", "object")

        def handle_endtag(self, tag: str) -> None:
            self.inside = False

        def handle_data(self, data: str) -> None:
            if self.inside:
                self.style += data

    reader = Reader()
    reader.feed(page)
    digest = b64encode(sha256(reader.style.encode()).digest()).decode()
    assert (
        reader.policy
        == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    assert (reader.fetched, reader.inline) == ([], [])
