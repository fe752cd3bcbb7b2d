"""A snapshot as text: Markdown, HTML or JSON, in pieces of at most one section."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

from snapshot_engine.document.snapshot import CustomerSnapshot
from snapshot_engine.errors import MissingExtra

FORMATS = ("markdown", "html", "json")


def check_renderer(output_format: str) -> None:
    """Raise MissingExtra where `output_format` could not be rendered here; imports nothing heavy.

    For callers that would rather know before an hour's transcript is read than after.
    """
    if output_format != "json" and find_spec("jinja2") is None:
        raise MissingExtra(f"Jinja2, which writes {output_format},", "engine")


def render(snapshot: CustomerSnapshot, output_format: str) -> Iterator[str]:
    """Yield the document's text, to be written in order as UTF-8.

    output_format: one of FORMATS; another raises ValueError at once.
    Markdown and HTML need Jinja2 (MissingExtra otherwise, at once), which is imported
    here and not before: it adds 7 MiB to a process, best paid when the work
    on the transcript is over and its buffers are free.
    """
    check_renderer(output_format)
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
