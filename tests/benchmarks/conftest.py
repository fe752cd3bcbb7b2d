"""The benchmarks are not part of the wheel: they are imported from the tree."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(os.environ.get("SNAPSHOT_REPOSITORY") or Path(__file__).resolve().parents[2])
if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))
