"""`python performance_dashboard.py --mode comprehensive`: the same as `snapshot-engine dashboard`."""

from __future__ import annotations

import sys

from snapshot_engine.monitoring.dashboard_cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
