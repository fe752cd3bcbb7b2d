"""Settings for all tests of the repository."""

from __future__ import annotations

import os

# One BLAS thread per process, here and in what the tests start: OpenBLAS's idle
# threads spin, and beside a second test worker a test of 2 s took 178.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

pytest_plugins = ["pytester"]
