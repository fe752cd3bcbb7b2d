"""Settings for all tests of the repository."""

from __future__ import annotations

pytest_plugins = ["pytester"]
