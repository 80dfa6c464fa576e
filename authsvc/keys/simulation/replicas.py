"""A replica: what it knows, signs and serves, also while it is cut off, or started again with what is on its disk."""

from __future__ import annotations

from datetime import datetime, timedelta

from authsvc.keys.records import SigningKey
from authsvc.keys.simulation.chance import Chance
from authsvc.keys.simulation.database import Rows
from authsvc.keys.simulation.records import DISTANT_FUTURE, DISTANT_PAST
from authsvc.keys.simulation.scene import CLOCKS_APART, READINESS_INTERVAL, UNREADY_AFTER, Scene


class Replica:
    """`linked`: it reads the database now, since `linked_since`; `heard`: when it last did, `news_at`: something new.
    `life`, `connection`: count its starts, and connections lost. `asked_until`: by the balancer, once cut off."""

    def __init__(self, number: int, scene: Scene, chance: Chance) -> None:
        self.name = f"replica {number}"
        self._scene = scene
        self._chance = chance
        self.life = self.connection = 0
        self.up = True
        self.linked = False
        self.linked_since = DISTANT_FUTURE
        self.cut_until = DISTANT_PAST
        self.heard = DISTANT_PAST
        self.news_at = DISTANT_PAST
        self.rows: Rows | None = None
        self.snapshot: frozenset[str] | None = None
        self.offset = timedelta()
        self.asked_until = DISTANT_PAST
        self._asked_from = DISTANT_FUTURE

    def hear(self, rows: Rows, now: datetime) -> None:
        """Read the database, after a change or a silence; the JWKS goes to disk (`flows/keys/jwks_snapshot`)."""
        if not self.linked:
            self.linked, self.linked_since = True, now
            self.offset = self._chance.within(-CLOCKS_APART, CLOCKS_APART)
            self._asked_from = now + self._chance.share() * READINESS_INTERVAL
        if rows is not self.rows:
            self.rows, self.news_at = rows, now
            self.snapshot = rows.at(now + self.offset).kids
        self.heard = now

    def cut(self, heard: datetime) -> None:
        """It hears no more; `heard`: its last reading, before which nothing changed that it does not know."""
        if self.linked:
            self.linked, self.linked_since = False, DISTANT_FUTURE
            self.connection += 1
            self.heard = max(heard, self.news_at)
            if self._asked_from <= self.heard or self.asked_until > self.heard:
                self.asked_until = self.heard + UNREADY_AFTER + self._chance.share() * READINESS_INTERVAL
            self._asked_from = DISTANT_FUTURE

    def crash(self, keeps_disk: bool) -> None:
        self.up, self.linked, self.linked_since, self.rows = False, False, DISTANT_FUTURE, None
        self.asked_until, self._asked_from = DISTANT_PAST, DISTANT_FUTURE
        self.heard = self.news_at = DISTANT_PAST
        self.connection += 1
        if not keeps_disk:
            self.snapshot = None

    def start(self) -> None:
        self.up = True
        self.life += 1

    def asked(self, now: datetime) -> bool:
        """Whether the balancer sends requests here."""
        return self.up and (now < self.asked_until or now >= self._asked_from)

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
