"""The shared database: rows of signing keys, one change at a time, and what a backup brings back."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from authsvc.keys.plans import GeneratePlan
from authsvc.keys.policy import KeyPolicy
from authsvc.keys.records import SigningKey
from authsvc.keys.simulation.records import DISTANT_FUTURE, DISTANT_PAST
from authsvc.keys.simulation.scene import Scene
from authsvc.records import frozen

SWEPT_AFTER: Final = timedelta(hours=1)
"""`store/upkeep/sweep`: a row is deleted this long after its key is of no use to anybody; the last of a line stays."""


@frozen
class View:
    """What follows from rows in [since, until), as `keys.ring` holds it."""

    since: datetime
    until: datetime
    signers: Mapping[str, SigningKey]
    kids: frozenset[str]


class Rows:
    """What one reading gives: the keys, and the longest life of any client's tokens. Shared by all who read the same,
    with what follows from it."""

    __slots__ = ("_due", "_scene", "_views", "keys", "longest", "policy")

    def __init__(self, keys: Sequence[SigningKey], longest: timedelta, scene: Scene) -> None:
        self.keys = tuple(keys)
        self.longest = longest
        self.policy: KeyPolicy = scene.judges.policy_of(scene.life, scene.around_with(longest))
        self._scene = scene
        self._views: tuple[View, ...] = ()
        self._due: datetime | None = None

    def at(self, now: datetime) -> View:
        for view in self._views:
            if view.since <= now < view.until:
                return view
        judges, keys = self._scene.judges, self.keys
        signers = {alg: judges.signer(keys, now, alg) for alg in self._scene.life.algorithms}
        view = View(
            judges.last_change(keys, now) or DISTANT_PAST,
            judges.next_change(keys, now) or DISTANT_FUTURE,
            {alg: key for alg, key in signers.items() if key is not None},
            frozenset(key.kid for key in judges.published(keys, now)),
        )
        self._views = (view, *self._views[:1])
        return view

    def step(self, now: datetime) -> Any:
        """The verdict on what is due."""
        return self._scene.judges.plan_step(self.keys, now, self.policy, self._scene.life.algorithms)

    def due(self, now: datetime) -> datetime:
        """When somebody must look again."""
        if self._due is None or self._due <= now:
            judges = self._scene.judges
            self._due = min(judges.due_at(self.keys, now, self.policy, alg) for alg in self._scene.life.algorithms)
        return self._due


class Database:
    """`busy`: somebody holds the lock. `past`: what was written, as far back as a backup may lie."""

    def __init__(self, scene: Scene, now: datetime) -> None:
        self._scene = scene
        self.up = True
        self.busy = False
        self.rows = Rows((), scene.around.longest_token, scene)
        self.past: deque[tuple[datetime, Rows]] = deque([(DISTANT_PAST, self.rows)])
        self._named = 0

    def write(self, read: Rows, plan: Any, now: datetime) -> SigningKey | None:
        """As `flows/keys/manage_keys` writes: whole rows, where they differ from what was read. The new key."""
        after = self._scene.judges.apply_changes(read.keys, plan.changes)
        changed = {row.kid: row for row, was in zip(after, read.keys, strict=True) if row != was}
        newest = {row.alg: row.kid for row in sorted(self.rows.keys, key=lambda row: row.signs_from)}
        keys = [
            changed.get(row.kid, row) for row in self.rows.keys if row.kid == newest[row.alg] or not _swept(row, now)
        ]
        made = None
        if isinstance(plan, GeneratePlan):
            self._named += 1
            made = plan.row(f"k{self._named}", {}, b"")
            keys.append(made)
        self.put(Rows(keys, self.rows.longest, self._scene), now)
        return made

    def lengthen(self, longest: timedelta, now: datetime) -> None:
        """A client was given tokens of another life."""
        self.put(Rows(self.rows.keys, longest, self._scene), now)

    def put(self, rows: Rows, now: datetime) -> None:
        self.rows = rows
        self.past.append((now, rows))
        oldest = now - self._scene.life.backup
        while len(self.past) > 1 and self.past[1][0] <= oldest:
            self.past.popleft()

    def restore(self, at: datetime, now: datetime) -> None:
        """Come back as a backup of `at`, which is not further back than backups are apart."""
        self.busy = False
        found = [rows for written, rows in self.past if written <= at]
        self.past = deque([(DISTANT_PAST, found[-1])])
        self.put(Rows(found[-1].keys, found[-1].longest, self._scene), now)


def _swept(key: SigningKey, now: datetime) -> bool:
    ends = [at for at in (key.drop_after, key.withdrawn_at) if at is not None]
    return bool(ends) and max(ends) < now - SWEPT_AFTER


def able(key: SigningKey, now: datetime) -> bool:
    """Whether a key may sign by its times, said without any judge."""
    return key.withdrawn_at is None and key.signs_from <= now < (key.signs_until or DISTANT_FUTURE)
