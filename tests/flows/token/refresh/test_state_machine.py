"""Any history of logins, refreshes, ends, lost answers and crashes: each answer is what the model says.

Real PostgreSQL, the whole service in this process, twice, as two replicas. What is asserted beside the answers:
I1 one lineage, I2 no used or void token is accepted save as a repeat, I3 nothing refreshes after an end, I5 a login
outlives a crash, I6 trouble is a 503, I7 generations never fall and ended stays ended, I12 no answer before its commit.

REFRESH_MACHINE_EXAMPLES and REFRESH_MACHINE_STEPS raise the numbers, REFRESH_MACHINE_SHRINK=1 looks for the shortest
history that fails.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Coroutine, Iterator
from datetime import timedelta
from typing import Any, ClassVar, TypeVar
from uuid import UUID

import asyncpg
import httpx2
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from authsvc.app import App, start
from authsvc.flows.upkeep.follow_changes import follow_once
from authsvc.rules.token.refresh_token import decode
from authsvc.runtime import Runtime, open_runtime
from authsvc.settings import load
from authsvc.store import postgres
from authsvc.store.errors import StoreUnavailable
from authsvc.store.token import grants
from authsvc_devkit.servers import Servers
from tests.conftest import ISSUER
from tests.flows.token.refresh.model import (
    CROWDED,
    DEFAULT_GRACE,
    DEFAULT_LOST_ANSWER,
    REFUSED,
    UNAVAILABLE,
    WIDER,
    Expected,
    Given,
    Model,
)
from tests.support.calls import LOGIN, bearer, refresh

EXAMPLES = int(os.environ.get("REFRESH_MACHINE_EXAMPLES", "60"))
STEPS = int(os.environ.get("REFRESH_MACHINE_STEPS", "35"))
SHRINK = bool(os.environ.get("REFRESH_MACHINE_SHRINK"))
"""Minutes, with servers to be restarted in each attempt; without it a failure shows the history as it happened."""
TICKS = (11, 31, 301, 2 * 86_400)
"""Sums of these keep seconds away from every bound of the rule."""
SLACK = 60
"""How many real seconds an example may take before `refresh_token_expires_in` is thought wrong."""
T = TypeVar("T")


class World:
    """Servers to be killed, two replicas in this process, the operator's psql."""

    def __init__(self, servers: Servers, env: dict[str, str]) -> None:
        self.servers = servers
        self.env = env
        self.seen: Counter[str] = Counter()
        self.runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self.run(self._open())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    async def _open(self) -> None:
        self.runtimes: list[Runtime] = []
        self.https: list[httpx2.AsyncClient] = []
        for _ in range(2):
            runtime = open_runtime(load(self.env))
            await start(runtime)
            transport = httpx2.ASGITransport(app=App(runtime), client=("192.0.2.7", 4711))
            self.runtimes.append(runtime)
            self.https.append(httpx2.AsyncClient(transport=transport, base_url=ISSUER))
        self.sql = await asyncpg.connect(self.env["AUTHSVC_DATABASE_URL"])

    async def follow(self) -> None:
        """What each worker does twice a second, now; and both know all clients, also if PostgreSQL is killed next."""
        for runtime in self.runtimes:
            await follow_once(runtime)
            for client in ("customer", "strict", "admin"):
                await runtime.clients.get(client)

    def restart(self) -> None:
        self.servers.postgres.start()
        self.run(self._heal())

    async def _heal(self) -> None:
        self.sql = await asyncpg.connect(self.env["AUTHSVC_DATABASE_URL"])
        for runtime in self.runtimes:
            while not await _answers(runtime):
                await asyncio.sleep(0.02)
        await self.follow()

    def close(self) -> None:
        self.run(self._close())
        self.runner.close()

    async def _close(self) -> None:
        for http, runtime in zip(self.https, self.runtimes, strict=True):
            await http.aclose()
            await runtime.close()
        await self.sql.close()


async def _answers(runtime: Runtime) -> bool:
    """On every connection: each that died costs one error, and five of them the breaker's half second."""
    asked = (runtime.db.execute("SELECT 1") for _ in range(runtime.settings.db_pool_size))
    return not any(
        isinstance(answer, StoreUnavailable) for answer in await asyncio.gather(*asked, return_exceptions=True)
    )


replicas = st.integers(0, 1)
clients = st.sampled_from(("customer", "strict"))


def _may_end(machine: Histories) -> bool:
    return machine.since_end >= 4


class Histories(RuleBasedStateMachine):
    world: ClassVar[World]
    sessions = Bundle("sessions")
    """(number, 0): its first token."""
    tokens = Bundle("tokens")
    """(number of the session, generation): every refresh token that anybody was ever given."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.texts: dict[tuple[int, int], str] = {}
        self.ids: dict[int, tuple[UUID, UUID]] = {}
        self.bearers: dict[int, dict[str, str]] = {}
        self.may_crash = False
        # What keeps a history interesting: something is asked between two ends and between two ticks.
        self.since_end = self.since_move = 0

    # What happens

    @initialize(targets=(sessions, tokens), may_crash=st.sampled_from((False,) * 11 + (True,)), client=clients)
    def begin(self, may_crash: bool, client: str) -> Any:
        self.may_crash = may_crash
        self.world.run(self.world.sql.execute("UPDATE users SET disabled_at = NULL WHERE disabled_at IS NOT NULL"))
        self._set_patience("customer", None, None)
        self._set_patience("strict", 0, None)
        return self._login(client, 0)

    @rule(targets=(sessions, tokens), client=clients, replica=replicas)
    def login(self, client: str, replica: int) -> Any:
        return self._login(client, replica)

    @rule(target=tokens, session=sessions, replica=replicas)
    def refresh_the_newest(self, session: Any, replica: int) -> Any:
        number = session[0]
        newest = max(generation for owner, generation in self.texts if owner == number)
        return self._refresh(number, newest, self.model.rows[number].client, "", replica)

    @rule(
        target=tokens,
        token=tokens,
        replica=replicas,
        other=st.integers(0, 9),
        lost=st.booleans(),
        scope=st.sampled_from(("", "", "openid", "email profile", "openid admin")),
    )
    def refresh_any(self, token: Any, replica: int, other: int, lost: bool, scope: str) -> Any:
        number, generation = token
        client = self.model.rows[number].client
        if other == 0:
            client = {"customer": "strict", "strict": "customer"}[client]
        answer = self._refresh(number, generation, client, scope, replica)
        return multiple() if lost else answer

    @rule(token=tokens, number=st.integers(2, 4))
    def refresh_at_once(self, token: Any, number: int) -> None:
        owner, generation = token
        self._count()
        client = self.model.rows[owner].client
        text = self.texts[token]

        async def burst() -> list[httpx2.Response]:
            return await asyncio.gather(*(refresh(self.world.https[n % 2], text, client) for n in range(number)))

        answers = self.world.run(burst())
        # Equal requests: whichever came first, the same answers are given.
        expected = [self.model.refresh(owner, generation, client) for _ in range(number)]
        for answer in answers:
            matching = next((one for one in expected if _fits(answer, one)), None)
            assert matching is not None, (answer.text, expected)
            expected.remove(matching)
            self._check(answer, owner, matching)

    @rule(token=tokens, place=st.integers(0, 71), replica=replicas)
    def forge(self, token: Any, place: int, replica: int) -> None:
        text = self.texts[token]
        forged = text[:place] + "AB"[text[place] == "A"] + text[place + 1 :]
        answer = self.world.run(refresh(self.world.https[replica], forged, self.model.rows[token[0]].client))
        self._refused(answer, REFUSED)

    @precondition(_may_end)
    @rule(token=tokens, replica=replicas, mine=st.integers(0, 4), revoke=st.booleans())
    def log_out(self, token: Any, replica: int, mine: int, revoke: bool) -> None:
        self.since_end = 0
        self._log_out(token, self.model.rows[token[0]].client if mine else "admin", revoke, replica)

    def _log_out(self, token: Any, client: str, revoke: bool, replica: int) -> None:
        members = {"client_id": client, "token" if revoke else "refresh_token": self.texts[token]}
        if revoke:
            answer = self._post(replica, "/revoke", data=members)
        else:
            answer = self._post(replica, "/api/auth/logout", json=members)
        if self.model.end_by_token(token[0], client):
            assert answer.status_code in (200, 204), answer.text
        else:
            self._refused(answer, UNAVAILABLE)

    @precondition(_may_end)
    @rule(session=sessions, replica=replicas, others=st.booleans())
    def end_in_the_account(self, session: Any, replica: int, others: bool) -> None:
        self.since_end = 0
        number = session[0]
        row = self.model.rows[number]
        others = others and not row.deleted
        path = "/api/auth/sessions" + ("" if others else f"/{self.ids[number][0]}")
        answer = self.world.run(self.world.https[replica].delete(path, headers=self.bearers[number]))
        if row.ended:
            # Deleting a session that had expired revokes nothing: its access token is told that it is gone.
            assert answer.status_code in ((401, 404) if row.deleted else (401,)), answer.text
            return
        assert answer.status_code == (200 if others else 204), answer.text
        self.model.end_others(number) if others else self.model.end(number)

    @precondition(_may_end)
    @rule(session=sessions, how=st.sampled_from(("is_active", "expires_at", "delete", "disable", "enable")))
    def operate(self, session: Any, how: str) -> None:
        self.since_end = 0
        number = session[0]
        session_id = self.ids[number][0]
        if how == "disable":
            self._sql("UPDATE users SET disabled_at = now() WHERE email = $1", LOGIN["email"])
            self.model.disable()
        elif how == "enable":
            self._sql("UPDATE users SET disabled_at = NULL WHERE email = $1", LOGIN["email"])
            self.model.disabled = False
        elif how == "delete":
            self._sql("DELETE FROM user_sessions WHERE id = $1", session_id)
            self.model.delete(number)
        elif how == "expires_at":
            self._sql("UPDATE user_sessions SET expires_at = NOW() WHERE id = $1", session_id)
            self.model.expire(number)
        else:
            self._sql("UPDATE user_sessions SET is_active = false WHERE id = $1", session_id)
            self.model.end(number)
        self.world.run(self.world.follow())  # a worker hears of it within the second

    @precondition(lambda self: self.since_move)
    @rule(seconds=st.sampled_from(TICKS))
    def tick(self, seconds: int) -> None:
        moved, ids = timedelta(seconds=seconds), [session for session, _ in self.ids.values()]
        self._sql("UPDATE user_sessions SET expires_at = expires_at - $1::interval WHERE id = ANY($2)", moved, ids)
        self._sql("UPDATE grants SET rotated_at = rotated_at - $1::interval WHERE session_id = ANY($2)", moved, ids)
        self.model.tick(seconds)
        self.since_move = 0

    @precondition(lambda self: self.since_move)
    @rule(client=clients, grace=st.sampled_from((None, 0, 300)), lost_answer=st.sampled_from((None, None, 0, 600)))
    def change_patience(self, client: str, grace: int | None, lost_answer: int | None) -> None:
        self._set_patience(client, grace, lost_answer)
        self.since_move = 0

    @precondition(lambda self: self.model.before)
    @rule(pick=st.integers(0, 9))
    def lose_the_last_commit(self, pick: int) -> None:
        number = sorted(self.model.before)[pick % len(self.model.before)]
        self.model.lose_last_commit(number)
        row = self.model.rows[number]
        self._sql(
            "UPDATE grants SET generation = $2, parent = $3, repeats = $4, rotated_at = now() - $5::interval "
            "WHERE id = $1",
            self.ids[number][1],
            row.generation,
            row.parent,
            row.repeats,
            timedelta(seconds=self.model.now - row.rotated),
        )

    @precondition(lambda self: self.may_crash)
    @rule(token=tokens, at_once=st.booleans())
    def crash(self, token: Any, at_once: bool) -> None:
        """SIGKILL, whatever may be asked meanwhile, and PostgreSQL's recovery."""
        self.may_crash = False
        self.world.servers.postgres.kill()
        self.model.down = True
        for replica in (0, 1):
            self._refresh(*token, self.model.rows[token[0]].client, "", replica)
            self._log_out(token, "customer", revoke=True, replica=replica)
            self._login("customer", replica)
        if at_once:
            self.refresh_at_once(token, 4)
        self.forge(token, 20, 0)
        self.world.restart()
        self.model.down = False

    # What must hold

    @invariant()
    def every_row_is_as_the_model_has_it(self) -> None:
        """Read beside the service, after each answer: I5, I7 and I12."""
        ids = [grant for _, grant in self.ids.values()]
        found = self.world.run(
            self.world.sql.fetch("SELECT id, generation, parent, repeats, ended FROM grants WHERE id = ANY($1)", ids)
        )
        stored = {row["id"]: (row["generation"], row["parent"], row["repeats"], row["ended"]) for row in found}
        expected = {
            self.ids[number][1]: (row.generation, row.parent, row.repeats, row.ended)
            for number, row in self.model.rows.items()
            if not row.deleted
        }
        assert stored == expected

    def teardown(self) -> None:
        if self.model.down:  # a crash that failed
            self.world.restart()

    # How it is asked

    def _count(self) -> None:
        self.since_end += 1
        self.since_move += 1

    def _login(self, client: str, replica: int) -> Any:
        number = len(self.ids)
        answer = self._post(replica, "/api/auth/login", json={**LOGIN, "client_id": client})
        expected = self.model.login(number, client)
        if not isinstance(expected, Given):
            self._refused(answer, expected)
            return multiple()
        tokens = answer.json()
        mine = decode(tokens["refresh_token"], self.world.runtimes[0].refresh_mac_key, client)
        assert mine is not None
        self.ids[number] = (UUID(tokens["session_id"]), mine.grant_id)
        self.bearers[number] = bearer(tokens)
        self._given(answer, number, expected)
        return number, 0

    def _refresh(self, number: int, generation: int, client: str, scope: str, replica: int) -> Any:
        self._count()
        form = {"scope": scope} if scope else {}
        text = self.texts[number, generation]
        answer = self.world.run(refresh(self.world.https[replica], text, client, **form))
        expected = self.model.refresh(number, generation, client, frozenset(scope.split()))
        self._check(answer, number, expected)
        return (number, expected.generation) if isinstance(expected, Given) else multiple()

    def _check(self, answer: httpx2.Response, number: int, expected: Expected) -> None:
        if isinstance(expected, Given):
            self._given(answer, number, expected)
        else:
            self._refused(answer, expected)

    def _given(self, answer: httpx2.Response, number: int, expected: Given) -> None:
        assert answer.status_code == 200, (answer.text, expected)
        tokens = answer.json()
        self.world.seen["given"] += 1
        # I1: one text for one (grant, generation), for ever.
        assert self.texts.setdefault((number, expected.generation), tokens["refresh_token"]) == tokens["refresh_token"]
        mine = decode(tokens["refresh_token"], self.world.runtimes[0].refresh_mac_key, self.model.rows[number].client)
        assert mine is not None
        assert (mine.grant_id, mine.generation) == (self.ids[number][1], expected.generation)
        assert expected.left - SLACK <= tokens["refresh_token_expires_in"] <= expected.left

    def _refused(self, answer: httpx2.Response, expected: str) -> None:
        assert _fits(answer, expected), (answer.status_code, answer.text, expected)
        self.world.seen[expected] += 1
        if answer.status_code == 503:
            assert int(answer.headers["retry-after"]) >= 1

    def _post(self, replica: int, path: str, **what: Any) -> httpx2.Response:
        return self.world.run(self.world.https[replica].post(path, **what))

    def _sql(self, statement: str, *args: object) -> None:
        self.world.run(self.world.sql.execute(statement, *args))

    def _set_patience(self, client: str, grace: int | None, lost_answer: int | None) -> None:
        self._sql(
            "UPDATE clients SET refresh_grace_seconds = $2, refresh_lost_answer_seconds = $3 WHERE id = $1",
            client,
            grace,
            lost_answer,
        )
        self.model.grace[client] = DEFAULT_GRACE if grace is None else grace
        self.model.lost_answer[client] = DEFAULT_LOST_ANSWER if lost_answer is None else lost_answer
        self.world.run(self.world.follow())


STATUS = {REFUSED: 400, "invalid_scope": 400, "invalid_credentials": 401, "temporarily_unavailable": 503}


def _fits(answer: httpx2.Response, expected: Expected) -> bool:
    if isinstance(expected, Given):
        return answer.status_code == 200
    error = "temporarily_unavailable" if expected == UNAVAILABLE else expected
    return (answer.status_code, answer.json().get("error")) == (STATUS[error], error)


@pytest.fixture
def world(own_servers: Servers, own_env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(postgres, "OF_REQUESTS", postgres.OF_COMMANDS)  # a slow machine is no history
    monkeypatch.setattr(grants, "TURN_SECONDS", 10.0)
    made = World(own_servers, own_env)
    yield made
    made.close()


@pytest.mark.timeout(3600)
@pytest.mark.faults
def test_any_history_is_answered_as_the_model_says(world: World) -> None:
    Histories.world = world
    certain = Histories()  # one of each answer in every run, and a crash, whatever the dice say
    number, _ = first = certain.begin(may_crash=True, client="customer")
    for generation, scope in ((0, ""), (1, ""), (0, ""), (2, "openid admin")):
        certain._refresh(number, generation, "customer", scope, 0)
    certain.crash(first, at_once=True)
    certain.every_row_is_as_the_model_has_it()
    assert set(world.seen) >= {"given", CROWDED, WIDER, UNAVAILABLE}, world.seen
    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
            phases=[phase for phase in Phase if SHRINK or phase not in (Phase.shrink, Phase.explain)],
        ),
    )
    assert REFUSED in world.seen
