"""Find an installed spaCy model and read its files, without importing spaCy or the model.

In: a model's package name or directory. Out: plain Python values, and NumPy
arrays that point into the memory-mapped file instead of copying it: of the
6.2 MB of a small model's `ner/model` only the touched pages become resident.
A msgpack library was turned down: the subset that spaCy writes is small, and
a library would copy every array once before we could look at it.
"""

from __future__ import annotations

import importlib.util
import json
import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snapshot_engine.errors import MissingExtra, SnapshotEngineError

if TYPE_CHECKING:
    import numpy as np


class ModelFilesError(SnapshotEngineError, ValueError):
    """A model directory is there, but does not hold what spaCy's format promises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDirectory:
    """Where a model lies and what its meta.json says about it."""

    path: Path
    name: str
    version: str
    lang: str
    pipeline: tuple[str, ...]
    spacy_version: str

    @property
    def title(self) -> str:
        """Return "en_core_web_sm 3.8.0": how reports name the model."""
        return f"{self.name} {self.version}"


def find_model(name: str) -> ModelDirectory:
    """Return the model that `name` stands for: a directory, or an installed package.

    Raises MissingExtra when there is neither, ModelFilesError when the
    directory is not a spaCy model. Nothing is imported: `find_spec` of a
    top-level package only looks at the import path.
    """
    if (Path(name) / "config.cfg").is_file():
        return _read_meta(Path(name))
    spec = importlib.util.find_spec(name) if name.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtra(f"the spaCy model {name!r}", "engine")
    for location in spec.submodule_search_locations:
        # A packaged model keeps its files in `<package>/<lang>_<name>-<version>/`.
        for config in sorted(Path(location).glob("*/config.cfg")):
            return _read_meta(config.parent)
    raise ModelFilesError(
        f"the package {name!r} holds no spaCy model: no <name>-<version>/config.cfg in it. Check SPACY_MODEL."
    )


def _read_meta(path: Path) -> ModelDirectory:
    try:
        with open(path / "meta.json", encoding="utf8") as stream:
            meta = json.load(stream)
        return ModelDirectory(
            path=path,
            name=f"{meta['lang']}_{meta['name']}",
            version=meta["version"],
            lang=meta["lang"],
            pipeline=tuple(meta.get("pipeline", ())),
            spacy_version=meta.get("spacy_version", ""),
        )
    except (OSError, ValueError, KeyError) as problem:
        raise ModelFilesError(f"{path}: meta.json cannot be read ({problem!r})") from problem


def map_file(path: Path) -> memoryview:
    """Return the file's bytes, mapped read-only; the mapping lives as long as any view of it."""
    try:
        with open(path, "rb") as stream:
            return memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError) as problem:
        raise ModelFilesError(f"{path}: cannot be mapped ({problem})") from problem


def unpack(data: bytes | memoryview) -> Any:
    """Return the one value that `data` (msgpack, with msgpack-numpy arrays) holds.

    Maps become dicts, arrays lists, binaries memoryviews of `data`; a map with
    `nd: true` becomes a read-only NumPy array over `data`. Keys that came as
    bytes are returned as str.
    Source: the msgpack specification; srsly's msgpack-numpy encoder.
    """
    try:
        return _Unpacker(memoryview(data)).read()
    except (struct.error, IndexError, UnicodeDecodeError, RecursionError, TypeError) as problem:
        raise ModelFilesError(f"broken msgpack data ({problem!r})") from problem


# first byte -> (struct format, bytes) of the number that follows
_NUMBERS = {
    0xCA: (">f", 4), 0xCB: (">d", 8), 0xCC: (">B", 1), 0xCD: (">H", 2), 0xCE: (">I", 4),
    0xCF: (">Q", 8), 0xD0: (">b", 1), 0xD1: (">h", 2), 0xD2: (">i", 4), 0xD3: (">q", 8),
}  # fmt: skip
# first byte -> (kind of container, bytes of its length)
_CONTAINERS = {
    0xC4: ("bin", 1), 0xC5: ("bin", 2), 0xC6: ("bin", 4), 0xD9: ("str", 1), 0xDA: ("str", 2),
    0xDB: ("str", 4), 0xDC: ("list", 2), 0xDD: ("list", 4), 0xDE: ("map", 2), 0xDF: ("map", 4),
}  # fmt: skip
_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}


class _Unpacker:
    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._at = 0

    def read(self) -> Any:
        first = self._data[self._at]
        self._at += 1
        if 0xA0 <= first < 0xC0:  # most values are short strings
            return self._sized("str", first & 0x1F)
        if first < 0x80:
            return first
        if first >= 0xE0:
            return first - 256
        if first < 0x90:
            return self._sized("map", first & 0x0F)
        if first < 0xA0:
            return self._sized("list", first & 0x0F)
        if first in _CONSTANTS:
            return _CONSTANTS[first]
        if first in _NUMBERS:
            return self._number(*_NUMBERS[first])
        if first in _CONTAINERS:
            kind, width = _CONTAINERS[first]
            return self._sized(kind, int.from_bytes(self._take(width), "big"))
        raise ModelFilesError(f"byte {self._at - 1}: msgpack type 0x{first:02x} is not used by spaCy")

    def _take(self, length: int) -> memoryview:
        piece = self._data[self._at : self._at + length]
        if len(piece) != length:
            raise ModelFilesError(f"msgpack data ends at byte {len(self._data)}, inside a value")
        self._at += length
        return piece

    def _number(self, form: str, width: int) -> Any:
        return struct.unpack(form, self._take(width))[0]

    def _sized(self, kind: str, length: int) -> Any:
        if kind == "bin":
            return self._take(length)
        if kind == "str":
            return str(self._take(length), "utf8")
        if kind == "list":
            return [self.read() for _ in range(length)]
        items = {}
        for _ in range(length):
            key = self.read()
            items[str(key, "utf8") if isinstance(key, memoryview) else key] = self.read()
        return _array(items) if items.get("nd") is True else items


def _array(items: dict[str, Any]) -> np.ndarray:
    import numpy as np  # finding a model must not need it

    kind = items["type"]
    dtype = np.dtype(str(kind, "ascii") if isinstance(kind, memoryview) else kind)
    result: np.ndarray = np.frombuffer(items["data"], dtype=dtype).reshape(items["shape"])
    return result
