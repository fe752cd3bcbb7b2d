"""A Jinja2 environment in which every value is escaped unless a template says otherwise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snapshot_engine.document import wording
from snapshot_engine.errors import MissingExtra

if TYPE_CHECKING:
    from jinja2 import Environment

_TOOLS: tuple[Callable[..., Any], ...] = (
    wording.amounts,
    wording.clock,
    wording.count,
    wording.duration,
    wording.iso_duration,
    wording.percent,
    wording.plural,
)
_TEMPLATES = Path(__file__).parent / "templates"


def read_template(name: str) -> str:
    """Return the text of a file of the template folder."""
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def environment(*, finalize: Callable[[Any], Any]) -> Environment:
    """Return an environment for the package's templates.

    finalize: applied to every value that a template prints, before it is
    escaped for HTML; what it returns as Markup is left alone. A template that
    names something that does not exist fails instead of printing nothing.
    """
    try:
        from jinja2 import Environment, FunctionLoader, StrictUndefined
    except ModuleNotFoundError as missing:
        raise MissingExtra("Jinja2", "engine") from missing
    made = Environment(
        loader=FunctionLoader(read_template),
        autoescape=True,
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    for tool in _TOOLS:
        made.filters[tool.__name__] = tool
    return made
