"""Clients and their tokens: at every instant at which something changes, from shortly before until long after.

Between those instants nothing can differ, so nobody looks. At each, caches of every age are made (a token passes by at
a random time of a cache's life before it), tokens are asked for and shown to every verifier at once, and some are kept
and shown later, the last time in the last moments of their life by the clock of whom they are shown to.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count
from typing import Final

from authsvc.jose.names import DEFAULT_ALG
from authsvc.keys.phases import instants
from authsvc.keys.policy import PROPAGATION
from authsvc.keys.records import SigningKey
from authsvc.keys.simulation.records import DISTANT_FUTURE, NO_TIME, SECOND, Token
from authsvc.keys.simulation.replicas import Replica
from authsvc.keys.simulation.verifiers import Verifier
from authsvc.keys.simulation.world import World

TICK: Final = timedelta(microseconds=1)
FORGED_SHARE: Final = 0.05
"""How often a token comes by that nobody gave: it spends what a verifier may ask of the issuer."""
STICKY_SHARE: Final = 0.1
"""How many clients keep to one replica, ready or not."""


class Traffic:
    """Issues tokens and lets every verifier judge them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._marked: set[datetime] = set()
        self._numbers = count(1)
        self._stolen: set[str] = set()
        self._cache = max(verifier.trusts for verifier in world.verifiers) + PROPAGATION

    def mark_changes(self) -> None:
        """Every instant that the rows foresee."""
        world, marked = self._world, self._marked
        rows = world.database.rows
        self.attend(world.now)
        for key in rows.keys:
            for at in instants(key):
                if at > world.now and at not in marked:
                    marked.add(at)
                    world.at(at, self._pass, at)
                    self.attend(at)
            if key.withdrawn_at is not None and key.kid not in self._stolen:
                self._stolen.add(key.kid)
                self._steal(key)
        due = rows.due(world.now)
        if due > world.now and due not in marked:
            marked.add(due)
            world.at(due, self._pass, due)
            self.attend(due + SECOND)

    def _pass(self, at: datetime) -> None:
        self._marked.discard(at)
        self._world.turn()

    def attend(self, at: datetime) -> None:
        """Look at what happens around an instant, now or ahead."""
        world = self._world
        span = self._cache
        for verifier in world.verifiers:
            before = at - world.chance.within(-PROPAGATION, span)
            if before >= world.now:
                world.at(before, self._pass_by, verifier, at + span)
        for least, most in ((-SECOND, SECOND), (NO_TIME, 2 * SECOND), (NO_TIME, PROPAGATION), (NO_TIME, span)):
            world.at(at + world.chance.within(least, most), self._ask)

    def _pass_by(self, verifier: Verifier, until: datetime) -> None:
        world = self._world
        world.attended_until = max(world.attended_until, until)
        verifier.pass_by(world.now)
        if world.chance.happens(FORGED_SHARE):
            self._forge("nobody's", DEFAULT_ALG, verifier)

    def _steal(self, key: SigningKey) -> None:
        """Whoever has a withdrawn key signs with it, and tries everybody: within the bound, and right after it."""
        world = self._world
        for verifier in world.verifiers:
            bound = verifier.trusts + PROPAGATION
            for after in (
                world.chance.within(NO_TIME, bound),
                bound + world.chance.within(TICK, PROPAGATION),
                2 * bound,
            ):
                world.at(world.now + after, self._forge, key.kid, key.alg, verifier)

    def _forge(self, kid: str, alg: str, verifier: Verifier) -> None:
        iat = self._world.now.replace(microsecond=0)
        exp = iat + self._world.scene.around.longest_token
        self._show(Token(next(self._numbers), kid, alg, iat, exp, "a thief"), verifier)

    def _ask(self) -> None:
        """A client asks for a token, and shows it to everybody."""
        world = self._world
        replica = self._asked()
        if replica is None:
            world.account.counted["nobody_asked"] += 1
            return
        alg = world.chance.one_of(world.scene.life.algorithms)
        key = replica.signer(alg, world.now)
        if key is not None:
            self._show_around(self._given(replica, key))
        elif alg == DEFAULT_ALG or world.signed_since.get(alg, DISTANT_FUTURE) < world.now - SECOND:  # begins later
            world.account.not_signed(replica.name, alg, replica.linked_since, world.now)

    def _given(self, replica: Replica, key: SigningKey) -> Token:
        world = self._world
        assert replica.rows is not None
        iat = (world.now + replica.offset).replace(microsecond=0)
        life = replica.rows.longest if world.chance.happens(0.7) else world.scene.around.longest_token
        token = Token(next(self._numbers), key.kid, key.alg, iat, iat + life, replica.name)
        world.account.signed(token, replica.linked_since, world.now)
        return token

    def _show_around(self, token: Token) -> None:
        world = self._world
        for verifier in world.verifiers:
            self._show(token, verifier)
        some, other = world.chance.one_of(world.verifiers), world.chance.one_of(world.verifiers)
        world.at(world.now + world.chance.within(NO_TIME, token.exp - token.iat), self._show, token, some)
        left = world.chance.within(TICK, 2 * SECOND)
        world.at(token.exp - other.skew - left, self._show, token, other)

    def _asked(self) -> Replica | None:
        world = self._world
        if world.chance.happens(STICKY_SHARE):
            up = world.running()
            return world.chance.one_of(up) if up else None
        return world.route()

    def _show(self, token: Token, verifier: Verifier) -> None:
        world = self._world
        world.account.shown(token, verifier, verifier.judge(token, world.now), world.now)
