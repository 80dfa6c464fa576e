"""A replica: what it knows, signs and serves, also while it is cut off, or started again with what is on its disk."""

from __future__ import annotations

from datetime import datetime, timedelta

from authsvc.keys.records import SigningKey
from authsvc.keys.simulation.chance import Chance
from authsvc.keys.simulation.database import Rows
from authsvc.keys.simulation.records import CLOCKS_APART, DISTANT_FUTURE, DISTANT_PAST
from authsvc.keys.simulation.scene import READINESS_INTERVAL, UNREADY_AFTER, Scene


class Replica:
    """`linked_since`: it reads the database since then; `heard`: when it last did, `news_at`: something new. `life`:
    counts its starts. `asked_until`: by the balancer, once cut off."""

    def __init__(self, number: int, scene: Scene, chance: Chance) -> None:
        self.name = f"replica {number}"
        self._scene = scene
        self._chance = chance
        self.life = 0
        self.up = True
        self.cut_until = DISTANT_PAST
        self.snapshot: frozenset[str] | None = None
        self.offset = timedelta()
        self._forget()

    def _forget(self) -> None:
        self.rows: Rows | None = None
        self.heard = self.news_at = self.asked_until = DISTANT_PAST
        self.linked_since = self._asked_from = DISTANT_FUTURE

    @property
    def linked(self) -> bool:
        return self.linked_since < DISTANT_FUTURE

    def hear(self, rows: Rows, now: datetime) -> None:
        """Read the database, after a change or a silence; the JWKS goes to disk (`flows/keys/jwks_snapshot`)."""
        if not self.linked:
            self.linked_since = now
            self.offset = self._chance.within(-CLOCKS_APART, CLOCKS_APART)
            self._asked_from = now + self._chance.share() * READINESS_INTERVAL
        if rows is not self.rows:
            self.rows, self.news_at = rows, now
            self.snapshot = rows.at(now + self.offset).kids
        self.heard = now

    def cut(self, heard: datetime) -> None:
        """It hears no more; `heard`: its last reading, before which nothing changed that it does not know."""
        if self.linked:
            self.linked_since = DISTANT_FUTURE
            self.heard = max(heard, self.news_at)
            if self._asked_from <= self.heard or self.asked_until > self.heard:
                self.asked_until = self.heard + UNREADY_AFTER + self._chance.share() * READINESS_INTERVAL
            self._asked_from = DISTANT_FUTURE

    def crash(self, keeps_disk: bool) -> None:
        self.up = False
        self._forget()
        if not keeps_disk:
            self.snapshot = None

    def start(self) -> None:
        self.up = True
        self.life += 1

    def asked(self, now: datetime) -> bool:
        """Whether the balancer sends requests here."""
        return self.up and (now < self.asked_until or now >= self._asked_from)

    def feed(self, life: int, now: datetime) -> datetime | None:
        """Up to when all that was withdrawn has come by a stream of the feed (`flows/revocation/feed`). None: it has
        ended, with the `life` in which it began."""
        if not self.up or self.life != life:
            return None
        return now if self.linked else self.heard

    def silent_for(self, now: datetime) -> timedelta:
        return timedelta() if self.linked else now - self.heard

    def jwks(self, now: datetime) -> frozenset[str] | None:
        """What it publishes; None: 503, it has neither rows nor snapshot."""
        return self.snapshot if self.rows is None else self.rows.at(now + self.offset).kids

    def signer(self, alg: str, now: datetime) -> SigningKey | None:
        """The key that signs here; None: 503."""
        if self.rows is None:
            return None
        if not self.linked and self._scene.lease is not None and now - self.heard > self._scene.lease:
            return None
        return self.rows.at(now + self.offset).signers.get(alg)
