"""The drill of a new master key, replica by replica: nobody is logged out, and the order of its steps is why."""

from __future__ import annotations

import ast
import asyncio
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest

from authsvc.app import App
from authsvc.flows.keys import reseal_keys
from authsvc.keys.master import MasterKeys
from authsvc.keys.seal import sealed_under
from authsvc.runtime import Runtime, open_runtime
from authsvc.settings import load
from tests.cli.conftest import Cli, answer, terminal
from tests.conftest import following
from tests.support import devices
from tests.support.login_steps import Pkce, authorize_url, enter, redeem
from tests.support.service import ISSUER, LOGIN

ROOT = Path(__file__).parents[3]


class Replica:
    """A worker in this process, as it is after a start with the master key file that it finds."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.app = App(runtime)
        self.http = self.caller()

    def caller(self) -> httpx2.AsyncClient:
        transport = httpx2.ASGITransport(app=self.app, client=("192.0.2.7", 4711))
        return httpx2.AsyncClient(transport=transport, base_url=ISSUER)

    async def login(self) -> str:
        done = await self.http.post("/api/auth/login", json=LOGIN)
        assert done.status_code == 200, done.text
        return str(done.json()["refresh_token"])

    async def refresh(self, token: str) -> httpx2.Response:
        form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": "customer"}
        return await self.http.post("/token", data=form)


@asynccontextmanager
async def started(env: dict[str, str]) -> AsyncIterator[Replica]:
    async with following(env) as runtime:
        yield Replica(runtime)


@pytest.fixture
def file(settings_env: dict[str, str], tmp_path: Path) -> Path:
    """The operator's master key file; `settings_env` names it."""
    path = tmp_path / "master.key"
    path.write_text(settings_env.pop("AUTHSVC_MASTER_KEY"))
    path.chmod(0o600)
    settings_env["AUTHSVC_MASTER_KEY_FILE"] = str(path)
    return path


def rolled_out(settings_env: dict[str, str], file: Path, name: str) -> dict[str, str]:
    """The environment of a replica with its own copy of the file as it is now."""
    copy = file.with_name(name)
    copy.write_text(file.read_text())
    return {**settings_env, "AUTHSVC_MASTER_KEY_FILE": str(copy)}


async def everything_works(*replicas: Replica) -> None:
    """What one replica makes the other takes: refresh tokens, codes, device codes, forms, boxes."""
    for one, two in (replicas, replicas[::-1]):
        token = await one.login()
        for replica in (two, one, two):
            done = await replica.refresh(token)
            assert done.status_code == 200, done.text
            token = done.json()["refresh_token"]
            access = {"Authorization": f"Bearer {done.json()['access_token']}"}
            assert (await one.http.get("/api/profile/me", headers=access)).status_code == 200
        pkce, browser = Pkce(), one.caller()
        page = await browser.get(authorize_url(pkce))  # a closed box and a form's token, of `one`
        there = two.caller()
        there.cookies = browser.cookies
        location = (await enter(there, page)).headers["location"]
        code = location.partition("code=")[2].partition("&")[0]
        assert (await redeem(one.http, code, pkce)).status_code == 200
        asked = (await one.http.post("/device_authorization", data={"client_id": "terminal"})).json()
        bartender = two.caller()
        bartender.cookies.set("authsvc_session", await devices.session_cookie(two.runtime))
        await devices.decide(bartender, asked["user_code"])
        assert (await devices.poll(two.http, asked["device_code"])).status_code == 200


async def seals(sql: asyncpg.Connection) -> set[int | None]:
    return {sealed_under(row["sealed"]) for row in await sql.fetch("SELECT sealed FROM signing_keys")}


async def test_the_whole_drill_without_a_failed_refresh(
    settings_env: dict[str, str], file: Path, sql: asyncpg.Connection
) -> None:
    operator = terminal(settings_env)
    old = {name: rolled_out(settings_env, file, name) for name in ("one", "two")}
    async with started(old["one"]) as one, started(old["two"]) as two:
        await everything_works(one, two)
        living = [await one.login(), await two.login()]

        async def living_refreshes(*replicas: Replica) -> None:
            for number, token in enumerate(living):
                for replica in replicas:
                    done = await replica.refresh(token)
                    assert done.status_code == 200, done.text
                    token = living[number] = done.json()["refresh_token"]

        # 1. The next key is added, and every replica gets it: one after the other.
        await asyncio.to_thread(operator, "keys", "generate-master", "--add-to", str(file))
        both = {name: rolled_out(settings_env, file, name) for name in ("one", "two")}
        async with started(both["one"]) as one_knows:
            assert one_knows.runtime.master.ids == (1, 2)
            await everything_works(one_knows, two)
            await living_refreshes(two, one_knows, two)
        # 2. It becomes the current one: one after the other.
        await asyncio.to_thread(operator, "keys", "promote-master", str(file))
        new = {name: rolled_out(settings_env, file, name) for name in ("one", "two")}
        async with started(new["one"]) as one_uses, started(both["two"]) as two_knows:
            assert one_uses.runtime.master.current_id == 2
            await everything_works(one_uses, two_knows)
            await living_refreshes(two_knows, one_uses)
            assert await seals(sql) == {1}
        # 3. Signing keys are sealed under it, while everybody runs.
        async with started(new["one"]) as one_uses, started(new["two"]) as two_uses:
            jwks = (await one_uses.http.get("/.well-known/jwks.json")).content
            done = answer(await asyncio.to_thread(operator, "keys", "reseal", "--json"))
            assert (done["current"], len(done["resealed"])) == (2, 1)
            assert await seals(sql) == {2}
            await asyncio.sleep(0.8)  # the workers read the rows again
            assert (await two_uses.http.get("/.well-known/jwks.json")).content == jwks
            await everything_works(one_uses, two_uses)
            # Also a replica that was forgotten goes on as it is: it has opened the keys. It could not start again.
            await living_refreshes(one, two_uses, two)
            assert one.runtime.keyring.unopened == ()
        # 4. The old key goes when the last token made with it is over, and not before.
        refused = await asyncio.to_thread(operator, "keys", "drop-master", str(file), "1", code=1)
        assert "refresh tokens made with key 1 may be good until" in refused.stderr
        await sql.execute("UPDATE audit_events SET at = at - interval '1 h' WHERE event = 'keys_resealed'")
        await sql.execute("UPDATE grants SET created_at = created_at - interval '9 d', expires_at = now()")
    await asyncio.to_thread(operator, "keys", "drop-master", str(file), "1")
    async with started(rolled_out(settings_env, file, "one")) as last:
        assert last.runtime.master.ids == (2,)
        assert (await last.refresh(await last.login())).status_code == 200


async def test_why_the_new_key_comes_second_first(settings_env: dict[str, str], file: Path) -> None:
    """The trap that the drill avoids: a replica without the key takes a good refresh token for a forged one."""
    old = rolled_out(settings_env, file, "old")
    operator = terminal(settings_env)
    await asyncio.to_thread(operator, "keys", "generate-master", "--add-to", str(file))
    await asyncio.to_thread(operator, "keys", "promote-master", str(file))
    async with started(old) as behind, started(rolled_out(settings_env, file, "new")) as ahead:
        refused = await behind.refresh(await ahead.login())
        assert refused.json()["error"] == "invalid_grant"
        with pytest.raises(AssertionError):
            await everything_works(behind, ahead)


async def test_a_replica_that_was_forgotten_takes_nothing_for_a_forgery_once_others_have_resealed(
    settings_env: dict[str, str], file: Path
) -> None:
    """503, so that the client comes again and meets another replica; a refusal would log people out for good."""
    old = rolled_out(settings_env, file, "old")
    operator = terminal(settings_env)
    for words in (("generate-master", "--add-to", str(file)), ("promote-master", str(file)), ("reseal",)):
        await asyncio.to_thread(operator, "keys", *words)
    async with started(rolled_out(settings_env, file, "new")) as ahead:
        # `forgotten` has opened the keys while they were under the old one.
        forgotten = Replica(open_runtime(load(old)))
        forgotten.runtime.keyring, forgotten.runtime.clients = ahead.runtime.keyring, ahead.runtime.clients
        forgotten.runtime.following = ahead.runtime.following
        assert forgotten.runtime.master.ids == (1,)
        token = await ahead.login()
        refused = [
            await forgotten.refresh(token),
            await forgotten.http.post("/revoke", data={"token": token, "client_id": "customer"}),
            await forgotten.http.post("/api/auth/logout", json={"refresh_token": token}),
        ]
        assert [(answer.status_code, "retry-after" in answer.headers) for answer in refused] == [(503, True)] * 3
        code = (await ahead.http.post("/device_authorization", data={"client_id": "terminal"})).json()["device_code"]
        assert (await devices.poll(forgotten.http, code)).status_code == 503
        assert (await ahead.refresh(token)).status_code == 200
        # What nobody has made is a forgery, there as here.
        forged = urlsafe_b64encode(bytes((1, 77)) + urlsafe_b64decode(token)[2:]).decode()
        assert (await forgotten.refresh(forged)).json()["error"] == "invalid_grant"
        await forgotten.runtime.close()


async def test_a_device_that_is_known_stays_known(settings_env: dict[str, str], file: Path) -> None:
    """Its cookie lives for a year: nobody guesses its owner out of the account, also after the change."""
    settings_env["AUTHSVC_LOGIN_ACCOUNT_FAILURES"] = "2"
    operator = terminal(settings_env)
    async with started(rolled_out(settings_env, file, "old")) as old:
        await old.login()
        cookies = old.http.cookies
    await asyncio.to_thread(operator, "keys", "generate-master", "--add-to", str(file))
    await asyncio.to_thread(operator, "keys", "promote-master", str(file))
    async with started(rolled_out(settings_env, file, "new")) as new:
        for expected in (401, 401, 429):
            stranger = await new.caller().post("/api/auth/login", json={**LOGIN, "password": "guess"})
            assert stranger.status_code == expected
        assert (await new.caller().post("/api/auth/login", json=LOGIN)).status_code == 429
        new.http.cookies = cookies
        await new.login()


async def test_reseal_is_all_or_nothing_and_once(
    settings_env: dict[str, str], file: Path, sql: asyncpg.Connection
) -> None:
    operator = terminal(settings_env)

    async def run(*words: str, code: int = 0) -> Any:
        return await asyncio.to_thread(operator, *words, code=code)

    await run("keys", "generate")
    assert "is under master key 1 already: nothing was done" in (await run("keys", "reseal")).stdout
    await run("keys", "generate-master", "--add-to", str(file))
    await run("keys", "promote-master", str(file))
    first = file.read_text()
    half_way = (await run("keys", "reseal", "--check", code=1)).stdout
    assert "Master key 1 (older or next): 2 signing keys." in half_way
    assert "Next: `authsvc keys reseal`, when every replica has this file." in half_way
    assert "stay in the file until" not in half_way
    assert any(f["check"] == "seals" and f["state"] == "warn" for f in answer(await run("doctor", "--json")))
    last = "WHERE signs_from = (SELECT max(signs_from) FROM signing_keys)"
    await sql.execute(rf"UPDATE signing_keys SET sealed = sealed || '\x00' {last}")
    before = await sql.fetch("SELECT kid, sealed FROM signing_keys ORDER BY kid")
    refused = (await run("keys", "reseal", code=1)).stderr
    assert "nothing was resealed: key" in refused
    assert refused.count("\n") == 1
    assert await sql.fetch("SELECT kid, sealed FROM signing_keys ORDER BY kid") == before
    await sql.execute(f"UPDATE signing_keys SET sealed = substring(sealed FOR length(sealed) - 1) {last}")
    said = (await run("keys", "reseal")).stdout
    assert "Sealed 2 signing keys under master key 2." in said
    assert "Master key 1 (older or next): 0 signing keys." in said
    assert "Master key 2 (current): 2 signing keys." in said
    assert "Older keys stay in the file until " in said
    [event] = await sql.fetch("SELECT actor, detail FROM audit_events WHERE event = 'keys_resealed'")
    assert event["actor"].startswith("cli:")
    assert json.loads(event["detail"])["master_key"] == 2
    version = await sql.fetchval("SELECT keys_version FROM service_state")
    assert answer(await run("keys", "reseal", "--json"))["resealed"] == []
    assert await sql.fetchval("SELECT keys_version FROM service_state") == version
    assert await sql.fetchval("SELECT count(*) FROM audit_events WHERE event = 'keys_resealed'") == 1
    await run("keys", "reseal", "--check")
    assert file.read_text() == first


async def test_two_operators_at_once_reseal_once(
    settings_env: dict[str, str], file: Path, sql: asyncpg.Connection
) -> None:
    operator = terminal(settings_env)
    for words in (("generate-master", "--add-to", str(file)), ("promote-master", str(file))):
        await asyncio.to_thread(operator, "keys", *words)
    runtimes = [open_runtime(load(settings_env)) for _ in range(3)]
    done = await asyncio.gather(*(reseal_keys.reseal(runtime, "tests") for runtime in runtimes))
    assert sorted(len(one.kids) for one in done if isinstance(one, reseal_keys.Resealed)) == [0, 0, 1]
    assert await sql.fetchval("SELECT count(*) FROM audit_events WHERE event = 'keys_resealed'") == 1
    for runtime in runtimes:
        await runtime.close()


# How long the old key stays


async def begin(sql: asyncpg.Connection, *, begun: timedelta, ends: timedelta, ended: bool = False) -> None:
    user = await sql.fetchval("SELECT id FROM users LIMIT 1")
    session: UUID = await sql.fetchval(
        "INSERT INTO user_sessions (id, user_id, expires_at) VALUES (gen_random_uuid(), $1, now() + $2) RETURNING id",
        user,
        ends,
    )
    await sql.execute(
        """INSERT INTO grants (id, session_id, client_id, scope, audience, secret_hash, expires_at, created_at, ended)
           VALUES (gen_random_uuid(), $1, 'customer', '{}', '{}', 'x', now() + $2, now() + $3, $4)""",
        session,
        ends,
        begun,
        ended,
    )


async def test_the_old_key_stays_until_the_last_token_of_before_is_over(
    settings_env: dict[str, str], file: Path, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    day, hour = timedelta(days=1), timedelta(hours=1)

    async def keep_for() -> timedelta:
        seals = await reseal_keys.look(runtime)
        return seals.keep_until - seals.now

    def about(span: timedelta) -> Any:
        return pytest.approx(span.total_seconds(), abs=30)

    assert (await keep_for()).total_seconds() == about(hour)  # the longest-lived of forms and boxes
    await begin(sql, begun=-day, ends=29 * day)
    await begin(sql, begun=-day, ends=99 * day, ended=True)
    assert (await keep_for()).total_seconds() == about(29 * day)
    await sql.execute(
        """INSERT INTO audit_events (event, actor, detail, at)
           VALUES ('keys_resealed', 'x', $1, now() - interval '12 h')""",
        json.dumps({"master_key": 1, "kids": []}),
    )
    await begin(sql, begun=-hour, ends=50 * day)  # with the new key
    assert (await keep_for()).total_seconds() == about(29 * day)
    await sql.execute("UPDATE grants SET ended = true WHERE created_at < now() - interval '12 h'")
    assert (await keep_for()).total_seconds() == about(-11 * hour)


TAKES_A_PURPOSE = ("derive", "current_key", "_shared_key", "seal_value", "seal_secret", "seal_dated")


def purposes() -> set[str]:
    """What keys are derived for, as it stands in the code: the argument itself, or the constant that it names."""
    trees = [ast.parse(path.read_text()) for path in sorted((ROOT / "authsvc").rglob("*.py"))]
    shared = {name: text for tree in trees for name, text in constants(tree).items()}
    found = set()
    for tree in trees:
        known = {**shared, **constants(tree)}
        for node in ast.walk(tree):
            name = getattr(node.func, "attr", getattr(node.func, "id", "")) if isinstance(node, ast.Call) else ""
            if name not in TAKES_A_PURPOSE:
                continue
            for argument in node.args[:2]:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    found.add(argument.value)
                elif isinstance(argument, ast.Name) and argument.id in known:
                    found.add(known[argument.id])
    return found


def constants(tree: ast.Module) -> dict[str, str]:
    """Names that a module gives to texts."""
    return {
        target.id: node.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def test_the_drill_names_everything_that_is_derived_from_the_master_key() -> None:
    drill = (ROOT / "keys" / "README.md").read_text()
    found = purposes()
    assert len(found) >= 14, found
    assert [purpose for purpose in sorted(found) if f"`{purpose}`" not in drill] == []


async def test_a_file_is_changed_whole_and_stays_private(cli: Cli, tmp_path: Path) -> None:
    """With the rights that its owner gave it, but none for others."""
    path = tmp_path / "master.key"
    await asyncio.to_thread(cli, "keys", "generate-master", "--out", str(path))
    for mode, after in ((0o600, 0o600), (0o400, 0o600), (0o644, 0o640), (0o777, 0o640)):
        path.chmod(mode)
        ids = MasterKeys.parse(path.read_text()).ids
        await asyncio.to_thread(cli, "keys", "generate-master", "--add-to", str(path))
        assert MasterKeys.parse(path.read_text()).ids == (*ids, max(ids) + 1)
        assert path.stat().st_mode & 0o777 == after
    link = tmp_path / "link.key"
    link.symlink_to(path)
    await asyncio.to_thread(cli, "keys", "promote-master", str(link), "--id", "3")
    assert link.is_symlink()
    assert MasterKeys.parse(path.read_text()).current_id == 3
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["link.key", "master.key"]


def test_what_cannot_be_changed_stays_as_it_was(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    cli("keys", "generate-master", "--out", str(path))
    text = path.read_text()
    for words, says in (
        (("generate-master", "--add-to", str(tmp_path / "none")), "No such file"),
        (("promote-master", str(path), "--id", "9"), "master key 9 is not in"),
        (("promote-master", str(tmp_path)), "directory"),
        (("drop-master", str(path), "1"), "key 1 is the current one"),
    ):
        result = cli("keys", *words, code=2 if says == "directory" else 1)
        assert says in result.stderr
        assert result.stderr.count("\n") == 1
    (tmp_path / ".master.key.new").write_text("somebody else's")
    assert ".master.key.new exists" in cli("keys", "generate-master", "--add-to", str(path), code=1).stderr
    path.write_text("nonsense")
    assert "nonsense" not in cli("keys", "generate-master", "--add-to", str(path), code=1).output
    assert "not both" in cli("keys", "generate-master", "--add-to", str(path), "--out", "x", code=2).stderr
    assert text != path.read_text()


def test_a_file_that_lives_elsewhere_goes_through_the_pipe(cli: Cli) -> None:
    first = cli("keys", "generate-master", "--out", "-").stdout
    added = cli("keys", "generate-master", "--add-to", "-", input=first)
    promoted = cli("keys", "promote-master", "-", input=added.stdout)
    assert MasterKeys.parse(added.stdout).ids == (1, 2)
    assert MasterKeys.parse(promoted.stdout).ids == (2, 1)
    assert cli("keys", "promote-master", "-", input=promoted.stdout).stdout == promoted.stdout
    assert "promote-master" in added.stderr
    assert "reseal" in promoted.stderr


def test_a_leaked_key_is_dropped_at_once_only_where_somebody_says_so(settings_env: dict[str, str], file: Path) -> None:
    cli = terminal(settings_env)
    cli("keys", "generate-master", "--add-to", str(file))
    cli("keys", "promote-master", str(file))
    refused = cli("keys", "drop-master", str(file), "1", "--now", "--yes", code=1).stderr
    assert "1 signing key would open no more" in refused
    cli("keys", "reseal")
    assert "--now gives them up" in cli("keys", "drop-master", str(file), "1", code=1).stderr
    assert "give --yes" in cli("keys", "drop-master", str(file), "1", "--now", code=2).stderr
    assert "is the current one" in cli("keys", "drop-master", str(file), "2", "--now", "--yes", code=1).stderr
    cli("keys", "drop-master", str(file), "1", "--now", "--yes")
    assert MasterKeys.parse(file.read_text()).ids == (2,)
    cli("doctor")
