"""Settings for all tests of the repository."""

from __future__ import annotations

import contextlib
import os

# One BLAS thread per process, here and in what the tests start: OpenBLAS's idle
# threads spin, and beside a second test worker a test of 2 s took 178.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# pytester forgets the modules that were first imported while a test used it, and NumPy
# refuses to be loaded a second time: so it is there before.
with contextlib.suppress(ImportError):
    import numpy  # noqa: F401

pytest_plugins = ["pytester"]
