"""A snapshot as text: Markdown, HTML or JSON, in pieces of at most one section."""

from __future__ import annotations

from collections.abc import Iterator

from snapshot_engine.document.snapshot import CustomerSnapshot

FORMATS = ("markdown", "html", "json")


def render(snapshot: CustomerSnapshot, output_format: str) -> Iterator[str]:
    """Yield the document's text, to be written in order as UTF-8.

    output_format: one of FORMATS; another raises ValueError at once.
    Markdown and HTML need Jinja2 (MissingExtra otherwise), which is imported
    here and not before: it adds 7 MiB to a process, best paid when the work
    on the transcript is over and its buffers are free.
    """
    if output_format == "json":
        from snapshot_engine.document.render_json import render_json

        return render_json(snapshot)
    if output_format == "html":
        from snapshot_engine.document.render_html import render_html

        return render_html(snapshot)
    if output_format == "markdown":
        from snapshot_engine.document.render_markdown import render_markdown

        return render_markdown(snapshot)
    raise ValueError(f"output format {output_format!r}: must be one of {', '.join(FORMATS)}")
