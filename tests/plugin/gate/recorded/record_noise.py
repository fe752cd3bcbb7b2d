"""Record real noise of the kernel's peak, for the replay that publishes the gate's error rates.

Run by hand (Linux, about 5 minutes of CPU):

    python tests/plugin/gate/recorded/record_noise.py > tests/plugin/gate/recorded/noise_linux.txt

Each line of the output: kind, workload, variant, then growth in KiB of one run
after another; in kind "suite" each value is growth:reusable. Kinds:
  fresh   a new interpreter per run
  forked  a forked child of one clean, frozen parent per run; a line per parent
  suite   all workloads in one process after settling, in an order shuffled per run
Variants: base; plus5 (5 % more of the same objects); plus256 (256 KiB more).
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import os
import platform
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import Any

RUNS_PER_PARENT = 9
VARIANTS = ("base", "plus5", "plus256")
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
CLIB: Any = ctypes.CDLL(None)


class MallInfo(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keepcost",
        )
    ]


CLIB.mallinfo2.restype = MallInfo


def touched(size_bytes: int) -> bytearray:
    block = bytearray(size_bytes)
    block[::4096] = b"x" * len(block[::4096])
    return block


def lists(n: int) -> object:
    return [[i, i + 1] for i in range(n)]


def strings(n: int) -> object:
    return [f"value number {i}" for i in range(n)]


def dicts(n: int) -> object:
    return [{"id": i, "name": str(i)} for i in range(n)]


def blocks(n: int) -> object:
    return [touched(50_000) for _ in range(n)]


def one_block(n: int) -> object:
    return touched(n)


def parsed(n: int) -> object:
    return json.loads("[" + ",".join(f'{{"a":[1,2,3],"b":"text {i}"}}' for i in range(n)) + "]")


def matched(n: int) -> object:
    return re.findall(r"\w+", "some words and more words " * n)


def joined(n: int) -> object:
    return "".join([chr(97 + i % 26) * 50 for i in range(n)]).split("a")


WORKLOADS: dict[str, tuple[Callable[[int], object], int]] = {
    "lists": (lists, 60_000),
    "strings": (strings, 250_000),
    "dicts": (dicts, 40_000),
    "blocks": (blocks, 400),
    "one_block": (one_block, 8_000_000),
    "parsed": (parsed, 40_000),
    "matched": (matched, 40_000),
    "joined": (joined, 150_000),
}


def run(name: str, variant: str) -> None:
    work, n = WORKLOADS[name]
    # taken before the work, so that it is still held when the work peaks
    more = touched(256 * 1024) if variant == "plus256" else None
    held = work(n * 105 // 100 if variant == "plus5" else n)
    del held, more


def free_in_arenas_kib() -> int:
    """Return what pymalloc could hand out again without asking the system."""
    with tempfile.TemporaryFile() as file:
        kept = os.dup(2)
        os.dup2(file.fileno(), 2)
        sys._debugmallocstats()
        os.dup2(kept, 2)
        os.close(kept)
        file.seek(0)
        text = file.read().decode()
    kinds = r"# bytes in available blocks|unused pools \* \d+ bytes"
    return sum(int(n.replace(",", "")) for n in re.findall(rf"(?:{kinds})\s*=\s*([\d,]+)", text)) // 1024


def status_kib(field: str) -> int:
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(field))


def measured(name: str, variant: str) -> tuple[int, int]:
    """Return growth and reusable memory in KiB of one settled run."""
    gc.collect()
    CLIB.malloc_trim(0)
    reusable = CLIB.mallinfo2().fordblks // 1024 + free_in_arenas_kib()
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    start = status_kib("VmRSS")
    run(name, variant)
    return max(0, status_kib("VmHWM") - start), reusable


def forked(name: str, variant: str) -> int:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, str(measured(name, variant)[0]).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        value = int(pipe.read())
    os.waitpid(child, 0)
    return value


def child_main(kind: str, workload: str, variant: str, seed: int, runs: int) -> None:
    CLIB.mallopt(M_MMAP_THRESHOLD, 65536)
    CLIB.mallopt(M_TRIM_THRESHOLD, 65536)
    if kind == "forked":
        gc.freeze()
        print(" ".join(str(forked(workload, variant)) for _ in range(runs)))
    elif kind == "fresh":
        print(measured(workload, variant)[0])
    else:
        order = sorted(WORKLOADS)
        random.Random(seed).shuffle(order)
        readings = {name: measured(name, variant) for name in order}
        print(json.dumps({name: f"{growth}:{reusable}" for name, (growth, reusable) in readings.items()}))


def ask(*arguments: str) -> str:
    done = subprocess.run([sys.executable, __file__, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--child", nargs=5, metavar=("KIND", "WORKLOAD", "VARIANT", "SEED", "RUNS"))
    parser.add_argument("--runs", type=int, default=60)
    given = parser.parse_args()
    if given.child:
        kind, workload, variant, seed, runs = given.child
        child_main(kind, workload, variant, int(seed), int(runs))
        return
    print(f"# Linux {platform.release()}, Python {platform.python_version()}, {os.cpu_count()} CPUs, KiB")
    for variant in VARIANTS:
        for name in WORKLOADS:
            for _ in range(given.runs * 2 // 5):
                print(
                    "forked",
                    name,
                    variant,
                    ask("--child", "forked", name, variant, "0", str(RUNS_PER_PARENT)),
                )
            values = [ask("--child", "fresh", name, variant, "0", "1") for _ in range(given.runs)]
            print("fresh", name, variant, " ".join(values), flush=True)
        suites = [
            json.loads(ask("--child", "suite", "-", variant, str(seed), "1")) for seed in range(given.runs)
        ]
        for name in WORKLOADS:
            print("suite", name, variant, " ".join(suite[name] for suite in suites), flush=True)


if __name__ == "__main__":
    main()
