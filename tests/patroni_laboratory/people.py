"""People at work: each logs in, refreshes, logs out at last and begins anew, whatever happens to the stores."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import httpx2

from tests.patroni_laboratory.history import UNKNOWN, History

PAUSE = 1.0
"""Seconds between two refreshes of a person, on average."""
LOGOUT_SHARE = 0.06
BACKENDS = ("backend", "backend-secret")


def address(number: int) -> str:
    """Of one person: logins of one account at once count as guesses until they are judged."""
    return f"person-{number}@example.com"


@dataclass
class Session:
    """As its client knows it. `asked_to_end`: a log-out was sent, and what became of it is not known."""

    id: str
    tokens: dict[str, Any]
    asked_to_end: bool = False
    ended: bool = False
    rotations: int = 0


@dataclass
class People:
    """`limit`: how often each session may still rotate; None: without end. Set anew by `hold` and `release`."""

    http: list[httpx2.AsyncClient]
    history: History
    chance: random.Random
    sessions: list[Session] = field(default_factory=list)
    limit: int | None = None
    stopping: bool = False

    def hold(self, rotations: int) -> None:
        """From now on each session rotates so often and no more."""
        for session in self.sessions:
            session.rotations = 0
        self.limit = rotations

    def release(self) -> None:
        self.limit = None

    def living(self) -> list[Session]:
        return [session for session in self.sessions if not session.asked_to_end]

    def dead(self) -> list[Session]:
        return [session for session in self.sessions if session.ended]

    async def work(self, number: int) -> None:
        """So many people, until `stopping`."""
        await asyncio.gather(*(self._person(one) for one in range(number)), self._watch())

    async def _person(self, number: int) -> None:
        while not self.stopping:
            session = await self._login(number)
            while session is not None and not session.ended and not self.stopping:
                await asyncio.sleep(PAUSE * self.chance.uniform(0.5, 1.5))
                if session.asked_to_end or self.chance.random() < LOGOUT_SHARE:
                    await self._logout(session)
                elif self.limit is None or session.rotations < self.limit:
                    await self._refresh(session)

    async def _call(self, kind: str, path: str, **body: Any) -> httpx2.Response | None:
        began = monotonic()
        try:
            answer = await self.chance.choice(self.http).post(path, **body)
        except httpx2.HTTPError:
            self.history.record(kind, UNKNOWN, began)
            return None
        error = answer.text[:200] if answer.status_code >= 400 else ""
        self.history.record(kind, answer.status_code, began, error=error, retry_after=answer.headers.get("retry-after"))
        return answer

    async def _login(self, number: int) -> Session | None:
        typed = {"email": address(number), "password": "password"}
        while not self.stopping:
            answer = await self._call("login", "/api/auth/login", json=typed)
            if answer is not None and answer.status_code == 200:
                session = Session(answer.json()["session_id"], answer.json())
                self.sessions.append(session)
                return session
            await asyncio.sleep(self.chance.uniform(0.1, 0.3))
        return None

    async def _refresh(self, session: Session) -> None:
        while not self.stopping:
            form = {"grant_type": "refresh_token", "client_id": "customer"}
            form["refresh_token"] = session.tokens["refresh_token"]
            answer = await self._call("refresh", "/token", data=form)
            if answer is not None and answer.status_code == 200:
                session.tokens |= answer.json()
                session.rotations += 1
                return
            await asyncio.sleep(self.chance.uniform(0.05, 0.15))

    async def _logout(self, session: Session) -> None:
        session.asked_to_end = True
        answer = await self._call("logout", "/api/auth/logout", json={"refresh_token": session.tokens["refresh_token"]})
        session.ended = answer is not None and answer.status_code == 204

    async def _watch(self) -> None:
        """Sessions whose end was acknowledged are tried again and again, at every replica."""
        while not self.stopping:
            await asyncio.sleep(0.2)
            for session in self.chance.sample(self.dead(), min(3, len(self.dead()))):
                for http in self.http:
                    await self.look(session, http)

    async def look(self, session: Session, http: httpx2.AsyncClient) -> None:
        """Whether a session that ended is dead here: at the refresh, and at introspection."""
        form = {"grant_type": "refresh_token", "client_id": "customer"}
        try:
            answer = await http.post("/token", data={**form, "refresh_token": session.tokens["refresh_token"]})
            told = await http.post("/introspect", data={"token": session.tokens["access_token"]}, auth=BACKENDS)
        except httpx2.HTTPError:
            return
        self.history.counted["looks at the dead"] += 1
        if answer.status_code == 200:
            self.history.forgotten(session.id, "it was refreshed")
        if told.status_code == 200 and told.json()["active"]:
            self.history.forgotten(session.id, "its token is active")
