"""What a process may use, by recorded /proc and /sys trees of both cgroup versions."""

from __future__ import annotations

import pytest

from snapshot_engine.memory.container import available_memory, memory_groups

MIB = 2**20
MEMINFO = "MemTotal:       24684000 kB\nMemFree:        23000000 kB\nMemAvailable:   24000000 kB\n"
V1_MOUNT = "35 31 0:32 {root} /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
V2_MOUNT = "35 31 0:32 {root} /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
NO_LIMIT_V1 = "9223372036854771712"


@pytest.fixture
def tree(tmp_path):
    def write(files):
        for name, text in {"proc/meminfo": MEMINFO, **files}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write


def v2_group(folder, limit, used=0, inactive=0):
    base = f"sys/fs/cgroup{folder}"
    return {
        f"{base}/memory.max": f"{limit}\n",
        f"{base}/memory.current": f"{used}\n",
        f"{base}/memory.stat": f"anon {used - inactive}\nfile {inactive}\ninactive_file {inactive}\n",
    }


def v1_group(folder, limit, used=0, inactive=0):
    base = f"sys/fs/cgroup/memory{folder}"
    return {
        f"{base}/memory.limit_in_bytes": f"{limit}\n",
        f"{base}/memory.usage_in_bytes": f"{used}\n",
        f"{base}/memory.stat": f"cache {inactive}\ninactive_file 0\ntotal_inactive_file {inactive}\n",
    }


def test_a_container_of_version_2_limits_and_droppable_file_pages_do_not_count(tree):
    """A container sees its own group as / of a mount that it cannot look out of."""
    root = tree(
        {
            "proc/self/cgroup": "0::/\n",
            "proc/self/mountinfo": V2_MOUNT.format(root="/"),
            **v2_group("", 96 * MIB, used=50 * MIB, inactive=20 * MIB),
        }
    )
    memory = available_memory(root)
    assert memory.limit_bytes == 96 * MIB
    assert memory.limit_of == "cgroup v2 /"
    assert memory.used_bytes == 30 * MIB
    assert memory.available_bytes == 66 * MIB
    assert memory.machine_bytes == 24684000 * 1024


def test_the_tightest_group_wins_wherever_it_is_nested(tree):
    root = tree(
        {
            "proc/self/cgroup": "0::/shop/web/worker\n",
            "proc/self/mountinfo": V2_MOUNT.format(root="/"),
            **v2_group("/shop", 512 * MIB, used=500 * MIB),
            **v2_group("/shop/web", 200 * MIB, used=50 * MIB),
            **v2_group("/shop/web/worker", "max", used=10 * MIB),
        }
    )
    memory = available_memory(root)
    assert (memory.limit_bytes, memory.limit_of) == (200 * MIB, "cgroup v2 /shop/web")
    assert memory.available_bytes == 12 * MIB  # the outer group is nearly full


def test_version_1_with_the_path_of_the_host_below_the_mounts_root(tree):
    """Docker on version 1: /proc/self/cgroup shows the host's path, the mount starts inside it."""
    root = tree(
        {
            "proc/self/cgroup": "5:memory:/docker/4f2a\n4:cpu,cpuacct:/docker/4f2a\n0::/\n",
            "proc/self/mountinfo": V1_MOUNT.format(root="/docker/4f2a"),
            **v1_group("", 128 * MIB, used=100 * MIB, inactive=60 * MIB),
        }
    )
    memory = available_memory(root)
    assert (memory.limit_bytes, memory.limit_of) == (128 * MIB, "cgroup v1 /")
    assert memory.available_bytes == 88 * MIB


def test_version_1_nested_groups_and_hybrid_mounts(tree):
    root = tree(
        {
            "proc/self/cgroup": "4:memory:/a/b\n0::/\n",
            "proc/self/mountinfo": V1_MOUNT.format(root="/")
            + "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
            **v1_group("", NO_LIMIT_V1),
            **v1_group("/a", 300 * MIB, used=MIB),
            **v1_group("/a/b", NO_LIMIT_V1, used=MIB),
        }
    )
    assert available_memory(root).limit_of == "cgroup v1 /a"
    assert [group.name for group in memory_groups(str(root)) if group.version == 1] == ["/a/b", "/a", "/"]


@pytest.mark.parametrize(
    "files",
    [
        {},
        {
            "proc/self/cgroup": "0::/\n",
            "proc/self/mountinfo": V2_MOUNT.format(root="/"),
            **v2_group("", "max"),
        },
        {"proc/self/cgroup": "4:memory:/gone\n", "proc/self/mountinfo": V1_MOUNT.format(root="/")},
        {"proc/self/cgroup": "junk\n::\n", "proc/self/mountinfo": "junk - \n- - -\n"},
    ],
    ids=["no groups", "no limit", "group is gone", "junk"],
)
def test_without_a_limit_it_is_the_machine(tree, files):
    memory = available_memory(tree(files))
    assert (memory.limit_of, memory.limit_bytes) == ("machine", 24684000 * 1024)
    assert memory.available_bytes == 24000000 * 1024


def test_a_limit_above_the_machines_memory_is_no_limit(tree):
    root = tree(
        {
            "proc/self/cgroup": "0::/\n",
            "proc/self/mountinfo": V2_MOUNT.format(root="/"),
            **v2_group("", 64 * 2**30, used=MIB),
        }
    )
    assert available_memory(root).limit_of == "machine"


def test_a_group_seen_through_a_foreign_namespace_counts_by_its_top_only(tree):
    root = tree(
        {
            "proc/self/cgroup": "0::/../other\n",
            "proc/self/mountinfo": V2_MOUNT.format(root="/"),
            **v2_group("", 100 * MIB, used=MIB),
        }
    )
    assert available_memory(root).limit_bytes == 100 * MIB


def test_a_mount_point_with_a_space(tree):
    root = tree(
        {
            "proc/self/cgroup": "0::/\n",
            "proc/self/mountinfo": "35 31 0:32 / /my\\040groups rw - cgroup2 cgroup2 rw\n",
            "my groups/memory.max": f"{70 * MIB}\n",
        }
    )
    assert available_memory(root).limit_bytes == 70 * MIB


def test_another_process_has_groups_of_its_own(tree):
    root = tree(
        {
            "proc/self/cgroup": "0::/\n",
            "proc/77/cgroup": "0::/small\n",
            "proc/self/mountinfo": V2_MOUNT.format(root="/"),
            **v2_group("/small", 40 * MIB, used=MIB),
        }
    )
    assert available_memory(root, pid=77).limit_of == "cgroup v2 /small"
    assert available_memory(root).limit_of == "machine"


def test_here_and_now_there_is_some():
    memory = available_memory()
    assert 0 < memory.available_bytes <= memory.machine_bytes
    assert memory.limit_bytes <= memory.machine_bytes
