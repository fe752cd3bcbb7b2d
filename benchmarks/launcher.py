"""Run one command and print what the kernel says about it, as one JSON line.

Started as `python -I -S launcher.py SPEC`, SPEC being JSON: argv, stdout, stderr
(paths), data_limit_bytes or null, cgroup_procs (path or null).

Why a process of its own: the high-water mark that wait4 gives for a child
starts at what the child held between fork and exec, so a runner of 60 MB would
report at least 60 MB for everything it starts. This one imports nothing but
json and os and holds about 9 MB; smaller commands read 9 MB.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time


def _become(spec: dict[str, object]) -> None:
    """In the forked child: redirect, apply the limits, turn into the command. Never returns."""
    try:
        for path, descriptor in ((str(spec["stdout"]), 1), (str(spec["stderr"]), 2)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), descriptor)
        if spec.get("cgroup_procs"):
            with open(str(spec["cgroup_procs"]), "w") as procs:
                procs.write(str(os.getpid()))
        limit = spec.get("data_limit_bytes")
        if limit:
            resource.setrlimit(resource.RLIMIT_DATA, (int(str(limit)), int(str(limit))))
        argv = [str(word) for word in spec["argv"]]  # type: ignore[attr-defined]
        os.execvp(argv[0], argv)
    except BaseException as problem:
        os.write(2, f"{type(problem).__name__}: {problem}\n".encode())
    finally:
        os._exit(127)


def _watch(child: int) -> tuple[int, resource.struct_rusage, int]:
    """Wait for `child`; return (status, usage, the largest VmHWM seen while it ran, in bytes).

    Both are needed: wait4 is exact but blind to what was before a process reset
    its own mark (our gauges do); a look every 10 ms is not, but misses the end.
    """
    seen = 0
    path = f"/proc/{child}/status"
    while True:
        done, status, usage = os.wait4(child, os.WNOHANG)
        if done:
            return status, usage, seen
        try:
            with open(path, "rb") as lines:
                for line in lines:
                    if line.startswith(b"VmHWM"):
                        seen = max(seen, int(line.split()[1]) * 1024)
                        break
        except OSError:
            pass
        time.sleep(0.01)


def main() -> None:
    spec = json.loads(sys.argv[1])
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        _become(spec)
    print(child, flush=True)
    status, usage, seen = _watch(child)
    figures = {
        "wall_seconds": time.monotonic() - began,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_bytes": max(seen, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)),
        "exit_code": os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
        "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else None,
    }
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
