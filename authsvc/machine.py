"""How much of the machine this process may use: its cores and its memory, also where a container allows less.

Linux tells it in control groups, of version 2 or 1 (Documentation/admin-guide of the kernel, cgroup-v2.rst, cgroup-v1).
A group's limits hold for all groups in it, so the least counts, from our own group up to the root that we can see.
Elsewhere there are no such groups.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_UNLIMITED = 2**60
"""Bytes; version 1 says that nothing is limited by a number that no machine has."""


def usable_cores(root: Path = Path("/")) -> float:
    """Those that we may run on, or as much CPU time as we get, in cores. `root`: of the file system, for tests."""
    cores: float = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for group in _groups(root, "cpu"):
        cores = min(cores, _quota(_words(group / "cpu.max")))
        cores = min(cores, _quota(_words(group / "cpu.cfs_quota_us") + _words(group / "cpu.cfs_period_us")))
    return cores


def usable_memory(root: Path = Path("/")) -> float:
    """Bytes; infinite where nothing limits them but the machine."""
    names = ("memory.max", "memory.high", "memory.limit_in_bytes")
    found = [
        int(word)
        for group in _groups(root, "memory")
        for name in names
        for word in _words(group / name)
        if word.isdecimal()
    ]
    return min((one for one in found if one < _UNLIMITED), default=float("inf"))


def _quota(words: list[str]) -> float:
    """Cores, of microseconds of CPU in a period; infinite for `max` and -1."""
    if len(words) != 2 or not all(word.isdecimal() for word in words) or not int(words[1]):
        return float("inf")
    return int(words[0]) / int(words[1])


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Directories of our own group and of those around it, as far as they can be seen: a container may see its own as
    the root, whatever it is called outside."""
    mount = root / "sys/fs/cgroup"
    for line in _lines(root / "proc/self/cgroup"):
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            base = mount
        elif controller in controllers.split(","):
            base = mount / controller
        else:
            continue
        own = base / path.strip("/")
        yield own
        yield from (above for above in own.parents if above.is_relative_to(base))


def _words(file: Path) -> list[str]:
    return " ".join(_lines(file)).split()


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return []
