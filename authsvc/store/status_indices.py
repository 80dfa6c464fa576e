"""The indices of status lists that this worker holds, and what it gave away of them and has not yet written down."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic

from authsvc.store.status_lists import Entry, Leased, Named

HOLD_SECONDS = 8.0
"""After so long without a word to PostgreSQL a block is given up: well before others take its process for dead."""


@dataclass(slots=True)
class Block:
    """Indices of one list in random order. `heard_at`: when PostgreSQL was last told of the block (monotonic)."""

    leased: Leased
    ends_at: int
    part: int
    left: list[int]
    heard_at: float

    def usable(self) -> int:
        """How many indices may still be given."""
        return len(self.left) if monotonic() - self.heard_at <= HOLD_SECONDS else 0


@dataclass(slots=True)
class StatusIndices:
    """`lives`: seconds that clients with status lists let access tokens live, and when it was last asked for one
    (monotonic)."""

    blocks: list[Block] = field(default_factory=list)
    pending: list[Entry] = field(default_factory=list)
    lives: dict[int, float] = field(default_factory=dict)
    leasing: asyncio.Lock = field(default_factory=asyncio.Lock)
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def left(self, ends_at: int) -> int:
        """How many indices of a slice are at hand."""
        return sum(block.usable() for block in self.blocks if block.ends_at == ends_at)

    def take(self, slices: Sequence[int], named: Sequence[Named]) -> Entry | None:
        """An index in the first of these slices that has one, for a token that could be voided by `named`."""
        for ends_at in slices:
            for block in self.blocks:
                if block.ends_at == ends_at and block.usable():
                    entry = Entry(ends_at, block.leased.salt, block.part, block.left.pop(), named)
                    self.pending.append(entry)
                    return entry
        return None
