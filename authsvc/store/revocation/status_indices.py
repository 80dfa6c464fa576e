"""The indices of status lists that this worker holds, and what it gave away of them and has not yet written down."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from authsvc.clock import monotonic
from authsvc.store.revocation.status_lists import Entry, Leased, Named

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
    """`lives`: seconds that access tokens with a status list live, and when it was last asked for one (monotonic).
    `waiting`: requests that were told that there is an index for them, and are not over."""

    blocks: list[Block] = field(default_factory=list)
    pending: list[Entry] = field(default_factory=list)
    lives: dict[int, float] = field(default_factory=dict)
    waiting: int = 0
    leasing: asyncio.Lock = field(default_factory=asyncio.Lock)
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def spare(self, ends_at: int) -> int:
        """How many indices of a slice are at hand for those who have not been promised one."""
        return sum(block.usable() for block in self.blocks if block.ends_at == ends_at) - self.waiting

    def take(self, least: float, named: Sequence[Named]) -> Entry | None:
        """An index of the first slice that does not end before `least`, for a token that could be voided by `named`."""
        usable = [block for block in self.blocks if block.ends_at >= least and block.usable()]
        if not usable:
            return None
        block = min(usable, key=lambda each: each.ends_at)
        entry = Entry(block.ends_at, block.leased.salt, block.part, block.left.pop(), named)
        self.pending.append(entry)
        return entry
