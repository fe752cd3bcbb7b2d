"""The snapshot as Markdown that reads well as plain text too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from snapshot_engine.document.escaping import escape_markdown
from snapshot_engine.document.render_html import schema_line
from snapshot_engine.document.snapshot import CustomerSnapshot
from snapshot_engine.document.templating import environment

_BLANK_LINES = re.compile(r"\n{3,}")


def render_markdown(snapshot: CustomerSnapshot) -> Iterator[str]:
    """Yield the text: head, one piece per section, foot."""
    from markupsafe import Markup

    def escaped(value: Any) -> Any:
        # Markup says "this is escaped": Jinja2 then leaves it alone, and so
        # does this function when the value is a macro's result.
        return value if hasattr(value, "__html__") else Markup(escape_markdown(str(value)))

    jinja = environment(finalize=escaped)
    yield _tidy(jinja.get_template("head.md.j2").render(snapshot=snapshot))
    section_template = jinja.get_template("section.md.j2")
    for section in snapshot.sections:
        yield _tidy(section_template.render(section=section))
    foot = jinja.get_template("foot.md.j2")
    yield _tidy(foot.render(coverage=snapshot.coverage, bounds=snapshot.bounds, version=schema_line()))


def _tidy(text: str) -> str:
    """Return a piece with single blank lines inside and none but a line end after it.

    Values hold no line ends (they are escaped), so only the templates' own are touched.
    """
    return _BLANK_LINES.sub("\n\n", text).strip("\n") + "\n\n"
