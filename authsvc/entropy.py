"""Random bytes from the operating system, drawn in blocks.

A token needs sixteen of them, and where a sandbox stands between us and the kernel one system call costs as much as all
of the token's JSON. A byte is handed out once; a forked child draws its own.
"""

from __future__ import annotations

import os
from threading import Lock
from weakref import WeakMethod

BLOCK = 4096


class Entropy:
    """`entropy(n)`: n bytes from a cryptographic source. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._block = b""
        self._at = 0
        forget = WeakMethod(self._forget)
        os.register_at_fork(after_in_child=lambda: (method := forget()) and method())

    def __call__(self, size: int) -> bytes:
        with self._lock:
            end = self._at + size
            if end > len(self._block):
                self._block = os.urandom(max(BLOCK, size))
                self._at, end = 0, size
            taken = self._block[self._at : end]
            self._at = end
            return taken

    def _forget(self) -> None:
        self._lock = Lock()
        self._block = b""
        self._at = 0
