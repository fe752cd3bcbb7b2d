"""The snapshot as Markdown that reads well as plain text too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from snapshot_engine.document.escaping import escape_markdown
from snapshot_engine.document.render_html import schema_line
from snapshot_engine.document.snapshot import CustomerSnapshot
from snapshot_engine.document.templating import environment


def render_markdown(snapshot: CustomerSnapshot) -> Iterator[str]:
    """Yield the text: head, one piece per section, foot."""
    # finalize and not autoescape: what must be escaped is Markdown's syntax,
    # and every printed value goes through it all the same.
    jinja = environment(finalize=_escaped, autoescape=False)
    yield jinja.get_template("head.md.j2").render(snapshot=snapshot)
    section_template = jinja.get_template("section.md.j2")
    for section in snapshot.sections:
        yield section_template.render(section=section)
    yield jinja.get_template("foot.md.j2").render(
        coverage=snapshot.coverage, bounds=snapshot.bounds, version=schema_line()
    )


def _escaped(value: Any) -> str:
    return escape_markdown(str(value))
