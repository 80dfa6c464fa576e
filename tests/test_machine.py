"""What the process may use of its machine, as Linux tells it in control groups."""

from __future__ import annotations

import os
from math import inf
from pathlib import Path

import pytest

from authsvc.machine import usable_cores, usable_memory
from authsvc.passwords import usual_threads

HERE = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
MIB = 1024 * 1024


def tree(root: Path, groups: str, files: dict[str, str]) -> Path:
    for name, text in {"proc/self/cgroup": groups, **{f"sys/fs/cgroup/{k}": v for k, v in files.items()}}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("groups", "files", "cores", "memory"),
    [
        pytest.param("", {}, inf, inf, id="no groups"),
        pytest.param("0::/\n", {}, inf, inf, id="nothing to read"),
        pytest.param("0::/\n", {"cpu.max": "max 100000\n", "memory.max": "max\n"}, inf, inf, id="no limit"),
        pytest.param("0::/\n", {"cpu.max": "50000 100000", "memory.max": "536870912"}, 0.5, 512 * MIB, id="container"),
        pytest.param(
            "0::/a/b\n", {"a/cpu.max": "25000 100000", "memory.max": "7"}, 0.25, 7, id="limits of those around"
        ),
        pytest.param(
            "0::/a\n", {"a/memory.max": "900", "a/memory.high": "800"}, inf, 800, id="the lower one of a unit"
        ),
        pytest.param("0::/../else\n", {"cpu.max": "10000 100000"}, 0.1, inf, id="outside of what is seen"),
        pytest.param(
            "4:memory:/docker/c\n2:cpu,cpuacct:/docker/c\n1:name=systemd:/\n0::/\n",
            {
                "cpu/cpu.cfs_quota_us": "20000\n",
                "cpu/cpu.cfs_period_us": "100000\n",
                "memory/memory.limit_in_bytes": "9223372036854771712\n",
                "memory/docker/c/memory.limit_in_bytes": "268435456\n",
            },
            0.2,
            256 * MIB,
            id="version 1, seen by its outer name",
        ),
        pytest.param(
            "2:cpu:/\n",
            {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"},
            inf,
            inf,
            id="1, no limit",
        ),
        pytest.param("0::/\n", {"cpu.max": "x y z", "memory.max": "-3 \n\x00"}, inf, inf, id="no numbers"),
        pytest.param("nonsense\n::\n", {"cpu.max": "1 0"}, inf, inf, id="no groups that anybody knows"),
    ],
)
def test_the_least_limit_of_all_groups_counts(
    groups: str, files: dict[str, str], cores: float, memory: float, tmp_path: Path
) -> None:
    root = tree(tmp_path, groups, files)
    assert usable_cores(root) == min(cores, HERE)
    assert usable_memory(root) == memory


def test_this_machine_can_be_asked() -> None:
    assert 0 < usable_cores() <= HERE
    assert usable_memory() > 64 * MIB


@pytest.mark.parametrize(
    ("cores", "memory", "workers", "threads"),
    [
        (1, inf, 1, 1),
        (2, inf, 1, 1),
        (4, inf, 1, 2),
        (64, inf, 1, 32),
        (64, 512 * MIB, 1, 13),  # of 19 MiB each, 256
        (64, inf, 8, 4),
        (4, inf, 4, 1),
        (0.25, inf, 1, 1),
        (64, 64 * MIB, 1, 1),
    ],
)
def test_threads_that_hash_fit_into_half_of_cores_and_memory(
    cores: float, memory: float, workers: int, threads: int
) -> None:
    assert usual_threads(cores, memory, hash_kib=19_456, workers=workers) == threads
