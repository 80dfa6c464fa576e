"""How far a database has come, and whether it is one that went backwards. Pure.

Within one timeline of one cluster PostgreSQL's own log tells exactly: what is on disk of it never becomes less, not
even by a crash. A dump that is loaded into it makes it longer. A failover begins another timeline, and may have lost
some seconds; a backup that was played forward to a point in time begins another one, too, and has lost more; a dump
that is loaded elsewhere is in another cluster. There the beats tell, which a replica leaves in the database every few
seconds.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum

from authsvc.records import frozen

SETTLED_SECONDS = 3.0
"""Without synchronous commits a crash takes back what was committed less than a second ago (`wal_writer_delay`): a beat
is told of when it is older than that."""
LOST_TAIL_SECONDS = 120.0
"""A failover may have lost so much, and is no restore: what was acknowledged in that time is healed from Redis. The
primary that was cut off gives up after 30 s (Patroni's `ttl`), and its standby may have been behind."""


@frozen
class Position:
    """`instance`: which installation; `database`: cluster and timeline, or the server's start (`feed_database`);
    `fence`: the operator's last decision; `lsn`: bytes of the log that are on disk, None: PostgreSQL does not tell;
    `beat`: when a replica was last content, `resumed`: the last beat before this timeline began (seconds since 1970);
    `revocations`: numbers that were drawn for them."""

    instance: str
    database: str
    fence: int
    lsn: int | None
    beat: float
    resumed: float
    revocations: int

    @property
    def cluster(self) -> str | None:
        """None: not known, only the server's start."""
        name = self.database.partition(".")[0]
        return None if name in ("", "started") else name

    @property
    def timeline(self) -> int:
        return int(self.database.partition(".")[2] or 0)


class Verdict(Enum):
    """`onward`: it goes on; `moved`: another server or timeline goes on from here, a tail may be lost; `back`: it is a
    former state of what was seen."""

    ONWARD = "onward"
    MOVED = "moved"
    BACK = "back"


def judge_position(seen: Position | None, now: Position) -> Verdict:
    """What to make of a database, given how far it was seen before."""
    if seen is None or seen.instance != now.instance or seen.fence < now.fence:
        return Verdict.ONWARD
    if seen.fence > now.fence:
        return Verdict.BACK
    if seen.database == now.database:
        if now.lsn is None and now.cluster is not None:  # a standby, behind by nature
            return Verdict.ONWARD
        behind = seen.lsn is not None and now.lsn is not None and now.lsn < seen.lsn
        return Verdict.BACK if behind or now.beat < seen.beat else Verdict.ONWARD
    lost = seen.beat - now.resumed
    if seen.cluster and now.cluster and seen.cluster != now.cluster:
        # Nothing fails over to another cluster: it is a copy, and a whole one or not.
        return Verdict.BACK if lost > 0 or now.revocations < seen.revocations else Verdict.MOVED
    if seen.cluster and seen.cluster == now.cluster and now.timeline < seen.timeline:
        return Verdict.BACK
    return Verdict.BACK if lost > LOST_TAIL_SECONDS else Verdict.MOVED


def to_remember(now: Position, at: float, *known: Position | None) -> Position:
    """How far the database was seen at a time (seconds since 1970), for later: with the newest beat that a crash cannot
    take back, which may be one that is `known`."""
    beats = [one.beat for one in known if one is not None and (one.instance, one.fence) == (now.instance, now.fence)]
    if at - now.beat >= SETTLED_SECONDS:
        beats.append(now.beat)
    return replace(now, beat=max(beats, default=0.0))


def lost_seconds(seen: Position, now: Position) -> float:
    """How much was lost at the least, in seconds between beats; 0: less than one."""
    return max(0.0, seen.beat - (now.beat if seen.database == now.database else now.resumed))
