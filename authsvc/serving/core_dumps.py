"""No core dump: one would hold the master key, signing keys, and passwords on their way to be hashed."""

from __future__ import annotations

import resource
import sys

_PR_SET_DUMPABLE = 4


def forbid_core_dumps() -> None:
    """Let this process leave no core, whatever its shell allows.

    RLIMIT_CORE 0, which children inherit; and on Linux PR_SET_DUMPABLE 0 (prctl(2)), since a program that takes cores
    by a pipe asks no limit. That one each process must do for itself, and it keeps others of the same user from
    attaching to it, or reading its memory and environment.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
