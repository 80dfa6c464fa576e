"""What was answered, and the answers that may never be given."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from time import monotonic

LONGEST_CALL = 5.0
"""Seconds within which each request ends."""
UNKNOWN = 0
"""In place of a status: the connection died, or no answer came."""


@dataclass(frozen=True, slots=True)
class Call:
    """`kind`: login, refresh or logout; `status`: of the answer; `began`, `ended`: monotonic seconds."""

    kind: str
    status: int
    began: float
    ended: float


@dataclass
class History:
    """All calls, and each promise that was broken, in words."""

    calls: list[Call] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    counted: Counter[str] = field(default_factory=Counter)

    def record(self, kind: str, status: int, began: float, *, error: str = "", retry_after: str | None = "1") -> None:
        call = Call(kind, status, began, monotonic())
        self.calls.append(call)
        self.counted[f"{kind} {status or 'unknown'}"] += 1
        if call.ended - began > LONGEST_CALL:
            self.violations.append(f"a {kind} took {call.ended - began:.1f} s")
        if status == 503 and not retry_after:
            self.violations.append(f"a {kind} was answered 503 without Retry-After")
        if status not in (200, 204, 503, UNKNOWN):
            self.violations.append(f"a {kind} that was right was answered {status} {error}")

    def forgotten(self, session_id: str, how: str) -> None:
        self.violations.append(f"session {session_id} was ended, and is alive: {how}")

    def first_success(self, since: float, kinds: frozenset[str]) -> float | None:
        """When the first call of these kinds ended well that began after `since`; None: none did."""
        ends = (c.ended for c in self.calls if c.began >= since and c.kind in kinds and c.status in (200, 204))
        return min(ends, default=None)

    def last_failure(self, since: float, until: float) -> float:
        """When the last call was refused that began between these; `since` where none was."""
        ends = [c.ended for c in self.calls if since <= c.began < until and c.status in (503, UNKNOWN)]
        return max(ends, default=since)

    def failures(self, since: float, until: float) -> int:
        return sum(1 for call in self.calls if since <= call.began < until and call.status in (503, UNKNOWN))

    def longest(self, since: float, until: float) -> float:
        return max((call.ended - call.began for call in self.calls if since <= call.began < until), default=0.0)
