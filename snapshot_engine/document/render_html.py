"""One self-contained HTML page: inline style, no script, nothing fetched from anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from snapshot_engine.document.escaping import visible
from snapshot_engine.document.snapshot import CustomerSnapshot
from snapshot_engine.document.templating import environment, read_template
from snapshot_engine.insight.facts import Figure


def render_html(snapshot: CustomerSnapshot) -> Iterator[str]:
    """Yield the page: head, one piece per section, foot."""
    from markupsafe import Markup

    style = read_template("style.css")
    jinja = environment(finalize=_printable)
    jinja.filters["pieces"] = figure_pieces
    yield jinja.get_template("head.html.j2").render(
        snapshot=snapshot, style=Markup(style), policy=content_policy(style)
    )
    section_template = jinja.get_template("section.html.j2")
    for section in snapshot.sections:
        yield section_template.render(section=section)
    yield jinja.get_template("foot.html.j2").render(
        coverage=snapshot.coverage, bounds=snapshot.bounds, version=schema_line()
    )


def schema_line() -> str:
    """Return the schema's name and version as the footer prints them."""
    from snapshot_engine.document.snapshot import SCHEMA_NAME, SCHEMA_VERSION

    return f"{SCHEMA_NAME} {SCHEMA_VERSION}"


def content_policy(style: str) -> str:
    """Return a Content-Security-Policy that allows this one style sheet and nothing else."""
    from base64 import b64encode
    from hashlib import sha256

    digest = b64encode(sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def figure_pieces(text: str, figures: tuple[Figure, ...]) -> list[tuple[str, bool]]:
    """Cut a sentence into (piece, is a figure), so that figures can be marked where they stand."""
    pieces: list[tuple[str, bool]] = []
    at = 0
    for figure in figures:
        pieces.append((text[at : figure.start_char], False))
        at = figure.start_char + len(figure.text)
        pieces.append((text[figure.start_char : at], True))
    pieces.append((text[at:], False))
    return [piece for piece in pieces if piece[0]]


def _printable(value: Any) -> Any:
    """Show control characters of plain strings; markup made by the templates passes."""
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return visible(value)
    return value
