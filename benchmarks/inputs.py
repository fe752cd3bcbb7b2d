"""Generated input files, made once per size and kept in a cache folder."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from snapshot_engine import synthetic

FOLDER_VARIABLE = "BENCHMARK_INPUTS"
DATA_VARIABLE = "BENCHMARK_DATA"


def folder() -> Path:
    """Return the cache folder: $BENCHMARK_INPUTS, else a folder of this user's in the temporary one."""
    named = os.environ.get(FOLDER_VARIABLE)
    path = Path(named) if named else Path(tempfile.gettempdir()) / f"transcript-benchmarks-{os.getuid()}"
    path.mkdir(parents=True, exist_ok=True)
    return path


def transcript(size_mib: float, *, producer: str = "zoom", seed: int = 0) -> Path:
    """Return a generated transcript of this size, made now or by an earlier run.

    The name carries a digest of a sample, so that another generator makes another file.
    """
    import hashlib

    sample = hashlib.sha256(b"".join(synthetic.generate(20_000, seed=seed, producer=producer)))
    path = folder() / f"{producer}-{size_mib:g}-{seed}-{sample.hexdigest()[:8]}.vtt"
    if not path.exists():
        synthetic.write(path, size_mb=size_mib, seed=seed, producer=producer)
    return path


def shared_data() -> Path | None:
    """Return the folder of real transcripts and plugin suites: $BENCHMARK_DATA, else ../shared/data; or None."""
    named = os.environ.get(DATA_VARIABLE)
    path = Path(named) if named else Path(__file__).resolve().parents[1] / ".." / "shared" / "data"
    return path.resolve() if path.is_dir() else None
