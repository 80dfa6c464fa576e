"""Who calls: people with one or two devices, services, and one who looks at the keys. Each call is recorded.

People are honest: they keep the newest refresh token that they heard of, ask again with it until they are answered,
and do so at any replica. Some have a thief, who shows a token that was used long ago.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Any
from uuid import UUID

import asyncpg
import httpx2

from authsvc.flows.operator import manage_users
from authsvc.store.errors import StoreUnavailable
from tests.laboratory.history import (
    BROKEN,
    NOT_NOW,
    OK,
    RATE_LIMITED,
    REFUSED,
    UNAVAILABLE,
    Call,
    History,
    Keys,
    opened,
)
from tests.laboratory.world import OPERATOR, World
from tests.support.gone import SERVER_GONE
from tests.support.login_steps import Pkce, code_for, press

BACKEND = ("backend", "backend-secret")
PASSWORD = "password"
NEW_PASSWORD = "another password {}"
TRIES = 40
_people = count(1)


class Desk:
    """Makes the calls of one schedule and writes them down."""

    def __init__(self, world: World, history: History, dice: random.Random) -> None:
        self.world, self.history, self.dice = world, history, dice
        self.settled = False

    def anywhere(self) -> int:
        return self.dice.randrange(len(self.world.places))

    def _begin(self, what: str, place: int, **members: Any) -> Call:
        call = Call(what, place, self.world.clock(), settled=self.settled, **members)
        self.history.calls.append(call)
        return call

    async def send(self, call: Call, method: str, path: str, **options: Any) -> httpx2.Response | None:
        """The answer of its place, written into the call; None: there was none."""
        url = self.world.places[call.place].url + path
        try:
            answer = await self.world.http.request(method, url, **options)
        except SERVER_GONE:
            return None
        finally:
            call.ended = self.world.clock()
        self.write(call, answer)
        return answer

    def write(self, call: Call, answer: httpx2.Response) -> None:
        call.ended, call.status = self.world.clock(), answer.status_code
        if answer.status_code < 400:
            call.outcome = OK
            return
        with suppress(ValueError):
            call.error = answer.json().get("error", "")
        if answer.status_code in (NOT_NOW, RATE_LIMITED):
            call.outcome, call.odd = UNAVAILABLE, _odd(answer)
        else:
            call.outcome = REFUSED if answer.status_code < 500 else BROKEN

    # Calls

    async def login(self, email: str, password: str, place: int) -> Call:
        call = self._begin("login", place, person=email)
        answer = await self.send(call, "POST", "/api/auth/login", json={"email": email, "password": password})
        self._take(call, answer)
        return call

    async def refresh(self, grant: str, token: str, place: int, *, heard: bool = True) -> Call:
        call = self._begin("refresh", place, grant=grant, presented=token, heard=heard)
        form = {"grant_type": "refresh_token", "client_id": "customer", "refresh_token": token}
        self._take(call, await self.send(call, "POST", "/token", data=form))
        return call

    async def redeem(self, code: str, pkce: Pkce, person: str, place: int) -> Call:
        call = self._begin("redeem", place, person=person, code=code)
        form = {
            "grant_type": "authorization_code",
            "client_id": "customer",
            "code": code,
            "code_verifier": pkce.verifier,
            "redirect_uri": "http://localhost:5173/callback",
        }
        self._take(call, await self.send(call, "POST", "/token", data=form))
        return call

    def _take(self, call: Call, answer: httpx2.Response | None) -> None:
        if answer is None or call.outcome != OK:
            return
        said = answer.json()
        call.given, call.access = said["refresh_token"], said["access_token"]
        call.grant = call.grant or opened(call.given).grant

    async def introspect(self, grant: str, access: str, place: int) -> Call:
        call = self._begin("introspect", place, grant=grant, access=access)
        answer = await self.send(call, "POST", "/introspect", data={"token": access}, auth=BACKEND)
        if answer is not None and call.outcome == OK:
            call.active = answer.json()["active"]
        return call

    async def userinfo(self, grant: str, access: str, place: int) -> Call:
        call = self._begin("userinfo", place, grant=grant, access=access)
        answer = await self.send(call, "GET", "/api/profile/me", headers={"Authorization": f"Bearer {access}"})
        if answer is not None and call.outcome in (OK, REFUSED):
            call.active = call.outcome == OK
        if call.status == 401:  # over: it is judged by `active`
            call.outcome = OK
        return call

    async def machine(self, place: int) -> Call:
        call = self._begin("machine", place)
        form = {"grant_type": "client_credentials", "scope": "api"}
        answer = await self.send(call, "POST", "/token", data=form, auth=BACKEND)
        if answer is not None and call.outcome == OK:
            call.access = answer.json()["access_token"]
        return call

    async def end(self, place: int, method: str, path: str, **about: Any) -> Call:
        """`about`: the call's grant, or person and spares, and the options of the request."""
        members = {name: about.pop(name) for name in ("grant", "person", "spares") if name in about}
        call = self._begin("end", place, **members)
        await self.send(call, method, path, **about)
        return call

    async def jwks(self, place: int) -> None:
        call = self._begin("jwks", place)
        answer = await self.send(call, "GET", "/.well-known/jwks.json")
        if answer is not None and call.outcome == OK and call.ended is not None:
            keys = {key["kid"]: key for key in answer.json()["keys"]}
            self.history.jwks.append(Keys(place, call.began, call.ended, keys))

    async def by_operator(self, call: Call, work: Callable[[], Any]) -> None:
        """A command of the operator's: it says that it is done, or nothing."""
        try:
            await work()
        except (StoreUnavailable, asyncpg.PostgresError, OSError, TimeoutError):
            return
        call.ended, call.outcome = self.world.clock(), OK


def _odd(answer: httpx2.Response) -> str:
    if not answer.headers.get("retry-after", "").isdecimal():
        return "no Retry-After"
    for name in ("set-cookie", "www-authenticate"):
        if name in answer.headers:
            return name
    return ""


class Device:
    """One session of a person, and its newest tokens. `over`: it has been told so."""

    def __init__(self, desk: Desk, person: Person) -> None:
        self.desk, self.person = desk, person
        self.grant = self.session = self.token = self.access = ""
        self.oldest = ""
        self.over = False

    @property
    def lives(self) -> bool:
        return bool(self.grant) and not self.over

    def take(self, call: Call) -> bool:
        """Keep what was heard; False: ask again."""
        if call.outcome == OK and call.heard:
            self.grant = call.grant
            if not self.token or opened(call.given).generation >= opened(self.token).generation:
                self.token, self.access = call.given, call.access
            self.oldest = self.oldest or call.given
            return True
        if call.outcome == REFUSED:
            self.over = True
            return True
        return False

    async def until(self, ask: Callable[[], Any], tries: int = TRIES) -> Call:
        """Ask until there is an answer, at other replicas too."""
        for turn in range(tries):
            call: Call = await ask()
            if self.take(call):
                break
            await asyncio.sleep(min(0.4, 0.02 * 2**turn) * self.desk.dice.uniform(0.5, 1.5))
        return call

    async def log_in(self) -> None:
        desk, person = self.desk, self.person
        await self.until(lambda: desk.login(person.email, person.password, desk.anywhere()))

    async def refresh(self, *, tries: int = TRIES) -> Call:
        desk = self.desk
        lost = desk.dice.random() < 0.15
        return await self.until(
            lambda: desk.refresh(
                self.grant, self.token, desk.anywhere(), heard=not (lost and desk.dice.random() < 0.7)
            ),
            tries,
        )

    async def tabs(self) -> None:
        """Several refreshes of the same token at once, at several replicas."""
        desk, token = self.desk, self.token
        calls = await asyncio.gather(
            *(desk.refresh(self.grant, token, desk.anywhere()) for _ in range(desk.dice.choice((2, 2, 3, 5))))
        )
        for call in calls:
            if call.outcome != REFUSED or not any(one.outcome == OK for one in calls):
                self.take(call)

    async def tick(self) -> None:
        """Half a minute or more goes by for this grant alone: its last rotation is that much older."""
        seconds = self.desk.dice.choice((40, 3_600, 86_400))
        call = self.desk._begin("tick", 0, grant=self.grant, seconds=seconds)

        async def move() -> None:
            async with self.desk.world.sql() as sql:
                moved = "UPDATE grants SET rotated_at = rotated_at - make_interval(secs => $2) WHERE id = $1"
                await sql.execute(moved, UUID(self.grant), float(seconds))

        await self.desk.by_operator(call, move)

    async def away(self) -> None:
        """It asks, hears nothing, and asks again with the same token long afterwards."""
        await self.desk.refresh(self.grant, self.token, self.desk.anywhere(), heard=False)
        await self.tick()
        await self.refresh()

    async def end(self) -> None:
        """By one of the ways out, until it is acknowledged or we give up."""
        desk, dice = self.desk, self.desk.dice
        way = dice.choice(("logout", "logout", "revoke", "session", "operator"))
        for _ in range(4):
            place = desk.anywhere()
            if way == "logout":
                call = await desk.end(
                    place, "POST", "/api/auth/logout", grant=self.grant, json={"refresh_token": self.token}
                )
            elif way == "revoke":
                form = {"token": self.token, "client_id": "customer"}
                call = await desk.end(place, "POST", "/revoke", grant=self.grant, data=form)
            elif way == "session":
                call = await self._end_own(place)
            else:
                call = await self._end_by_operator()
            if call.answered:
                break
            await asyncio.sleep(dice.uniform(0.02, 0.2))
        self.over = True

    async def _end_own(self, place: int) -> Call:
        bearer = {"Authorization": f"Bearer {self.access}"}
        return await self.desk.end(
            place, "DELETE", f"/api/auth/sessions/{self.session_id}", grant=self.grant, headers=bearer
        )

    async def _end_by_operator(self) -> Call:
        desk = self.desk
        call = desk._begin("end", 0, grant=self.grant)
        session = UUID(self.session_id)
        await desk.by_operator(call, lambda: manage_users.end_session(desk.world.runtime, OPERATOR, session))
        return call

    @property
    def session_id(self) -> str:
        from tests.laboratory.history import claims

        sid: str = claims(self.access)["sid"]
        return sid

    async def end_others(self) -> None:
        desk = self.desk
        bearer = {"Authorization": f"Bearer {self.access}"}
        about = {"person": self.person.email, "spares": self.grant, "headers": bearer}
        await desk.end(desk.anywhere(), "DELETE", "/api/auth/sessions", **about)
        self.person.threatened(self)

    async def stolen(self) -> None:
        """A thief shows the first token; it is found out where four rotations lie between."""
        if opened(self.token).generation < 5:
            return
        desk = self.desk
        await desk.refresh(self.grant, self.oldest, desk.anywhere())
        self.over = True


class Person:
    def __init__(self, desk: Desk, number: int) -> None:
        self.desk = desk
        self.email = f"person-{number}@example.com"
        self.password = PASSWORD
        self.devices: list[Device] = []

    def threatened(self, spared: Device | None) -> None:
        """They hear of it at their next refresh; here they leave at once, so that none is asked for needlessly."""
        for device in self.devices:
            if device is not spared:
                device.over = True

    async def live(self, until: float) -> None:
        desk, dice = self.desk, self.desk.dice
        device = Device(desk, self)
        self.devices.append(device)
        await device.log_in()
        while desk.world.clock() < until and device.lives:
            await asyncio.sleep(dice.uniform(0.01, 0.12))
            if device.lives:
                await self._do_something(device)

    async def _do_something(self, device: Device) -> None:
        desk, dice = self.desk, self.desk.dice
        does = dice.choices(
            (device.refresh, device.tabs, device.away, device.end, device.end_others, device.stolen, self.new_password),
            (60, 12, 6, 5, 1, 4, 1),
        )[0]
        if does == device.refresh and dice.random() < 0.1:
            look = desk.introspect if dice.random() < 0.6 else desk.userinfo
            await look(device.grant, device.access, desk.anywhere())
        await does()

    async def new_password(self) -> None:
        """The operator gives one: every session ends."""
        desk = self.desk
        call = desk._begin("end", 0, person=self.email, spares="")
        new = NEW_PASSWORD.format(next(_people))
        await desk.by_operator(call, lambda: manage_users.set_password(desk.world.runtime, OPERATOR, self.email, new))
        self.threatened(None)


class Browser:
    """A login by the pages, and its code, redeemed once, perhaps again, perhaps by two at a time."""

    def __init__(self, desk: Desk, person: Person) -> None:
        self.desk, self.person = desk, person
        self.device = Device(desk, person)

    async def live(self, until: float) -> None:
        desk, dice = self.desk, self.desk.dice
        async with httpx2.AsyncClient(
            base_url=desk.world.places[desk.anywhere()].url, timeout=8, trust_env=False
        ) as http:
            pkce = Pkce()
            try:
                code = await code_for(http, pkce, email=self.person.email)
            except (httpx2.HTTPError, AssertionError, KeyError):
                return  # a page of ours said that it cannot be now
            self.person.devices.append(self.device)
            tries = [lambda: desk.redeem(code, pkce, self.person.email, desk.anywhere())]
            calls = await asyncio.gather(*(ask() for ask in tries * dice.choice((1, 1, 1, 2))))
            while not any(call.answered for call in calls) and len(calls) < 20:
                await asyncio.sleep(0.1)
                calls.append(await tries[0]())
            won = [call for call in calls if call.outcome == OK]
            if not won:
                return
            self.device.take(won[0])
            if len(calls) > 1:
                self.device.over = True  # the other one was a replay
                return
            if dice.random() < 0.4:
                await self._change_password(http)
            elif dice.random() < 0.4:
                await tries[0]()
                self.device.over = True
                return
        while desk.world.clock() < until and self.device.lives:
            await asyncio.sleep(dice.uniform(0.02, 0.12))
            await self.device.refresh()

    async def _change_password(self, http: httpx2.AsyncClient) -> None:
        new = NEW_PASSWORD.format("of a page")
        form = {"current_password": self.person.password, "new_password": new, "repeat_password": new}
        desk = self.desk
        call = desk._begin("end", 0, person=self.person.email, spares=self.device.grant)
        try:
            answer = await press(http, "/account/password", **form)
        except (httpx2.HTTPError, AssertionError, KeyError):
            answer = None
        call.ended = desk.world.clock()
        if answer is not None and answer.status_code == 303 and "notice=" in answer.headers["location"]:
            call.outcome = OK
        self.person.threatened(self.device)


class Watcher:
    """A service: it asks about tokens of the living and of the dead, gets tokens of its own, and reads the keys."""

    def __init__(self, desk: Desk, people: list[Person]) -> None:
        self.desk, self.people = desk, people

    async def live(self, until: float) -> None:
        desk, dice = self.desk, self.desk.dice
        while desk.world.clock() < until:
            await asyncio.sleep(dice.uniform(0.01, 0.05))
            known = [device for person in self.people for device in person.devices if device.access]
            chance = dice.random()
            if chance < 0.1:
                await desk.jwks(desk.anywhere())
            elif chance < 0.25 or not known:
                await desk.machine(desk.anywhere())
            else:
                device = dice.choice(known)
                look = desk.introspect if chance < 0.8 else desk.userinfo
                await look(device.grant, device.access, desk.anywhere())


async def invite(world: World, number: int) -> list[int]:
    """So many new people; their numbers."""
    numbers = [next(_people) for _ in range(number)]
    hashed = await world.runtime.passwords.hash(PASSWORD)
    async with world.sql() as sql:
        await sql.execute(
            """INSERT INTO users (email, name, roles, password_hash)
               SELECT email, 'Guest', '{customer}', $2 FROM unnest($1::text[]) AS one (email)""",
            [f"person-{n}@example.com" for n in numbers],
            hashed,
        )
    return numbers
