"""The README says what is true: settings, commands, options, links."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from snapshot_engine import Config
from snapshot_engine.cli import build_parser
from snapshot_engine.settings import settings

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def shown(value: object) -> str:
    """Return a default as the README writes it."""
    if value is None:
        return "unset"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)


def test_the_table_of_settings_is_the_declared_one() -> None:
    config = Config()
    rows = [
        f"| `{s.variable}` | {s.unit} | {shown(getattr(config, name))} | {s.help} |"
        for name, s in settings().items()
    ]
    block = README.partition("<!-- settings -->\n")[2].partition("<!-- /settings -->")[0]
    assert block.splitlines() == rows


def test_every_command_is_in_the_readme_or_the_docs() -> None:
    text = README + "".join(p.read_text(encoding="utf-8") for p in (ROOT / "docs").glob("*.md"))
    commands = next(a.choices for a in build_parser()._actions if isinstance(a.choices, dict))
    assert {"process", "analyze", "verify", "synth", "selfcheck", "health", "dashboard"} <= set(commands)
    for command in commands:
        assert f"snapshot-engine {command}" in text, f"{command} is not documented"


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda p: p.name
)
def test_links_inside_the_repository_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"(?:\]\(|src=\"|srcset=\")([^)\"#\s]+)", text):
        if "://" in target or target.startswith("mailto:"):
            continue
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_python_blocks_compile() -> None:
    blocks = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert blocks
    for block in blocks:
        compile(block, "README.md", "exec")
