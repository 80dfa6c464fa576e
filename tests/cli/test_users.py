"""`authsvc users`."""

from __future__ import annotations

import asyncio
import csv
import fcntl
import io
import json
import os
import pty
import subprocess
import sys
import termios
import time
from contextlib import suppress
from pathlib import Path

import asyncpg
import bcrypt
import httpx2
import pytest

from tests.cli.conftest import Cli, answer, clean_environment, terminal
from tests.support.busy import again_when_busy, prompt

BCRYPT = bcrypt.hashpw(b"old password", bcrypt.gensalt(4)).decode()
ARGON2ID = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzYWx0$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"


async def login(http: httpx2.AsyncClient, email: str, password: str, **members: object) -> httpx2.Response:
    return await http.post("/api/auth/login", json={"email": email, "password": password, **members})


async def run(cli: Cli, *words: str, code: int = 0, input: str | bytes | None = None) -> str:
    result = await asyncio.to_thread(cli, *words, code=code, input=input)
    return result.stdout if code == 0 else result.stderr


async def test_a_person_is_added_and_logs_in(cli: Cli, http: httpx2.AsyncClient, sql: asyncpg.Connection) -> None:
    said = await run(
        cli,
        "users",
        "add",
        "Ann@Example.com",
        "--name",
        "Ann",
        "--role",
        "customer",
        "--password-stdin",
        input="correct horse battery\n",
    )
    assert "ann@example.com" in said
    assert (await login(http, "ann@example.com", "correct horse battery")).status_code == 200
    event = await sql.fetchrow("SELECT * FROM audit_events WHERE event = 'user_added'")
    assert event["actor"].startswith("cli:")
    assert "correct horse" not in str(dict(event))
    assert "already" in await run(cli, "users", "add", "ann@example.com", "--no-password", code=1)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("short\n", "fewer than 8 characters"),
        ("éa" * 600, "1800 bytes"),
        ("", "fewer than 8 characters"),
        ("\U0001f600\U0001f680", "fewer than 8 characters"),
        ("password", "attackers try first"),
        ("12345678", "attackers try first"),
        ("Ann@example.com", "attackers try first"),
        ("two\nlines\n", "more than one line"),
        (b"\xff\xfe12345678", "not UTF-8"),
    ],
)
def test_a_password_is_judged_as_on_the_account_page(cli: Cli, given: str | bytes, why: str) -> None:
    assert why in cli("users", "add", "ann@example.com", "--password-stdin", input=given, code=2).stderr


def test_without_a_terminal_the_way_to_give_a_password_is_named(cli: Cli) -> None:
    assert "--password-stdin" in cli("users", "add", "ann@example.com", input="", code=2).stderr


@pytest.mark.parametrize("email", ["ann", "ann@", "@example.com", "a nn@example.com", "a@b@c", "ann@\u202eexample.com"])
def test_what_is_no_address_is_refused(cli: Cli, email: str) -> None:
    assert "e-mail address" in (said := cli("users", "add", email, "--no-password", code=2).stderr) or "spaces" in said


def test_a_prompt_hides_the_password_asks_twice_and_argv_never_holds_it(settings_env: dict[str, str]) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "authsvc", "users", "add", "ann@example.com"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=clean_environment(**settings_env),
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(theirs)
    screen = b""
    for asked in (b"New password: ", b"Again: "):
        while not screen.endswith(asked):
            screen += os.read(ours, 1024)
        time.sleep(0.1)  # getpass empties the line's input when it switches the echo off
        os.write(ours, b"correct horse battery\n")
    while True:
        try:
            screen += os.read(ours, 1024)
        except OSError:
            break
        for file in ("cmdline", "environ"):
            with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
                assert b"correct horse" not in Path(f"/proc/{process.pid}/{file}").read_bytes()
    os.close(ours)
    assert process.wait(10) == 0, screen
    assert b"Added ann@example.com" in screen
    assert b"correct horse" not in screen


async def test_a_new_password_ends_every_session_at_once(cli: Cli, http: httpx2.AsyncClient) -> None:
    tokens = [(await login(http, "test@example.com", "password")).json() for _ in range(2)]
    said = await run(
        cli, "users", "set-password", "test@example.com", "--password-stdin", "--json", input="another password"
    )
    assert json.loads(said) == {"email": "test@example.com", "sessions_ended": 2}
    for token in tokens:
        bearer = {"Authorization": f"Bearer {token['access_token']}"}
        assert (await http.get("/api/profile/me", headers=bearer)).status_code == 401
    assert (await login(http, "test@example.com", "password")).status_code == 401
    assert (await login(http, "test@example.com", "another password")).status_code == 200
    assert "nobody" in await run(
        cli, "users", "set-password", "no@example.com", "--password-stdin", input="another password", code=1
    )


async def test_disabling_ends_every_session_and_enabling_brings_none_back(
    cli: Cli, http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    token = (await login(http, "test@example.com", "password")).json()
    bearer = {"Authorization": f"Bearer {token['access_token']}"}
    assert "1 session ended" in await run(cli, "users", "disable", "test@example.com")
    assert (await http.get("/api/profile/me", headers=bearer)).status_code == 401
    assert (await login(http, "test@example.com", "password")).status_code == 401
    assert "disabled" in await run(cli, "users", "list", "--search", "test@")
    assert "0 sessions ended" in await run(cli, "users", "disable", "test@example.com")
    await run(cli, "users", "enable", "test@example.com")
    assert (await http.get("/api/profile/me", headers=bearer)).status_code == 401
    assert (await login(http, "test@example.com", "password")).status_code == 200
    events = [row["event"] for row in await sql.fetch("SELECT event FROM audit_events WHERE event LIKE 'user_%'")]
    assert sorted(events) == ["user_disabled", "user_enabled"]


@again_when_busy
def test_redis_away_or_not_an_ending_is_acknowledged(settings_env: dict[str, str]) -> None:
    cli = terminal({**settings_env, "AUTHSVC_REDIS_URL": "redis://127.0.0.1:1"})
    started = time.monotonic()
    assert "0 sessions" in cli("users", "disable", "test@example.com").stdout
    prompt(time.monotonic() - started < 5)


async def test_imported_people_log_in_with_their_old_passwords(
    cli: Cli, http: httpx2.AsyncClient, sql: asyncpg.Connection, tmp_path: Path
) -> None:
    file = tmp_path / "people.csv"
    file.write_text(
        "email,name,roles,password_hash\n"
        f'Ann@Example.com,"Ash, Ann",customer staff,{BCRYPT}\n'
        f"bob@example.com,Bob,,{BCRYPT.replace('$2b$', '$2y$')}\n"
        f"cat@example.com,Cat,customer,\n"
    )
    rehearsed = json.loads(await run(cli, "users", "import", str(file), "--dry-run", "--json"))
    assert rehearsed == {"added": 3, "skipped": 0, "without_password": 1, "dry_run": True}
    assert await sql.fetchval("SELECT count(*) FROM users") == 3
    assert "Added 3 people, 1 of them without a password." in await run(cli, "users", "import", str(file))
    answered = await login(http, "ann@example.com", "old password")
    assert answered.status_code == 200
    assert answered.json()["user"]["roles"] == ["customer", "staff"]
    assert answered.json()["user"]["name"] == "Ash, Ann"
    scheme = await sql.fetchval("SELECT split_part(password_hash, '$', 2) FROM users WHERE email = 'ann@example.com'")
    assert scheme == "argon2id"
    assert (await login(http, "bob@example.com", "old password")).status_code == 200
    assert (await login(http, "cat@example.com", "")).status_code != 200


async def test_an_address_that_an_operator_vouches_for_is_verified(
    cli: Cli, http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    """oauth2-proxy and others let nobody in whose email_verified is false, and only SQL could change it."""
    words = ("users", "add", "ann@example.com", "--verified", "--password-stdin", "--json")
    assert json.loads(await run(cli, *words, input="correct horse battery"))["email_verified"] is True
    tokens = (await login(http, "ann@example.com", "correct horse battery", scope="openid email")).json()
    userinfo = await http.get("/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    assert userinfo.json().get("email_verified") is True, userinfo.text
    await run(cli, "users", "add", "bob@example.com", "--no-password")
    people = {row["email"]: row for row in json.loads(await run(cli, "users", "list", "--json"))}
    assert (people["ann@example.com"]["email_verified"], people["bob@example.com"]["email_verified"]) == (True, False)


@pytest.mark.parametrize("form", ["csv", "json"])
def test_an_import_keeps_ids_and_verified_addresses(cli: Cli, form: str) -> None:
    ids = ["3f0c5f6e-9d0b-4a7b-8f0e-2f6f5d9d1c11", "3F0C5F6E-9D0B-4A7B-8F0E-2F6F5D9D1C12", ""]
    verified = ["true", "No", ""]
    names = ["ann@example.com", "bob@example.com", "cat@example.com"]
    rows = [
        {"email": name, "id": one, "email_verified": word} for name, one, word in zip(names, ids, verified, strict=True)
    ]
    if form == "csv":
        text = "email,id,email_verified\n" + "".join(f"{','.join(row.values())}\n" for row in rows)
    else:
        truths: list[object] = [True, False, None]
        text = json.dumps([{**row, "email_verified": truth} for row, truth in zip(rows, truths, strict=True)])
    cli("users", "import", "-", input=text)
    found = {row["email"]: row for row in answer(cli("users", "list", "--json"))}
    assert [found[name]["id"] for name in names[:2]] == [one.lower() for one in ids[:2]]
    assert [found[name]["email_verified"] for name in names] == [True, False, False]
    assert answer(cli("users", "import", "-", "--skip-existing", "--json", input=text))["skipped"] == 3


def test_an_id_of_somebody_else_stops_an_import(cli: Cli) -> None:
    one, other = "3f0c5f6e-9d0b-4a7b-8f0e-2f6f5d9d1c11", "3f0c5f6e-9d0b-4a7b-8f0e-2f6f5d9d1c12"
    cli("users", "import", "-", input=f"email,id\nann@example.com,{one}\n")
    said = cli("users", "import", "-", "--skip-existing", input=f"email,id\nbob@example.com,{one}\n", code=1).stderr
    assert said.splitlines() == [
        f"authsvc: line 2: the id {one} is somebody else's here",
        "authsvc: nothing was imported",
    ]
    bad = f"email,id,email_verified\nb@x.example,{other},\nc@x.example,{other},\nd@x.example,17,\ne@x.example,,maybe\n"
    said = cli("users", "import", "-", input=bad, code=1).stderr
    assert f"line 3: the id {other} stands in line 2 already" in said
    assert "line 4: '17' is not a UUID" in said
    assert "line 5: email_verified is neither true nor false" in said


def test_json_lines_are_read_too(cli: Cli) -> None:
    people = [
        {"email": "ann@example.com", "name": "Ann", "roles": ["customer"], "password_hash": ARGON2ID},
        {"email": "bob@example.com"},
    ]
    text = "\n".join(json.dumps(person) for person in people) + "\n"
    assert answer(cli("users", "import", "-", "--json", input=text))["added"] == 2
    row = next(row for row in answer(cli("users", "list", "--json")) if row["email"] == "ann@example.com")
    assert (row["roles"], row["scheme"]) == (["customer"], "argon2id")
    assert "password_hash" not in row


def test_names_are_spelt_as_people_spell_them(cli: Cli) -> None:
    """A space that was copied from a page is a space; a joiner in a Persian name is no control."""
    people = [{"email": f"{n}@example.com", "name": name} for n, name in enumerate(("Ann\u00a0Ash", "علی\u200cرضا"))]
    cli("users", "import", "-", input="\n".join(json.dumps(person) for person in people))
    names = {row["email"]: row["name"] for row in answer(cli("users", "list", "--json"))}
    assert (names["0@example.com"], names["1@example.com"]) == ("Ann Ash", "علی\u200cرضا")
    assert "\ufffd" not in cli("users", "list").stdout


def test_every_bad_line_is_named_and_nobody_is_added(cli: Cli) -> None:
    good = {"email": "ann@example.com", "password_hash": BCRYPT}
    lines = [
        json.dumps(good),
        "not json",
        json.dumps({**good, "email": "nobody"}),
        json.dumps({**good, "email": "b@example.com", "password_hash": "5f4dcc3b5aa765d61d8327deb882cf99"}),
        json.dumps({**good, "email": "c@example.com", "password_hash": BCRYPT.replace("$04$", "$31$")}),
        json.dumps({**good, "email": "d@example.com", "password_hash": ARGON2ID.replace("argon2id", "argon2i")}),
        json.dumps({**good, "email": "e@example.com", "roles": ["a b"]}),
        json.dumps({**good, "email": "f@example.com", "name": "\x1b[31mred"}),
        json.dumps({**good, "email": "g@example.com", "admin": True}),
        json.dumps({**good, "email": "ANN@example.com"}),
    ]
    said = cli("users", "import", "-", input="\n".join(lines), code=1).stderr
    for number in range(2, 11):
        assert f"authsvc: line {number}: " in said
    assert "line 1:" not in said
    assert "stands in line 1 already" in said
    assert said.endswith("authsvc: nothing was imported\n")
    assert "\x1b" not in said
    assert "5f4dcc3b" not in said
    assert len(answer(cli("users", "list", "--json"))) == 3


def test_a_taken_address_stops_an_import_unless_it_is_to_be_skipped(cli: Cli) -> None:
    text = "email\nann@example.com\ntest@example.com\n"
    refused = cli("users", "import", "-", input=text, code=1).stderr
    assert "line 3: test@example.com is here already" in refused
    assert "--skip-existing" in refused
    done = answer(cli("users", "import", "-", "--skip-existing", "--json", input=text))
    assert (done["added"], done["skipped"]) == (1, 1)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "line 1"),
        (b"email\n", "holds nobody"),
        (b"name,roles\nAnn,x\n", "no column `email`"),
        (b"email,colour\na@example.com,red\n", "unknown column 'colour'"),
        (b"email,name\na@example.com,Ann,extra\n", "unknown column"),
        (b'email\n"a@example.com\n', "line 2"),
        (b"email\na@example.com\n\xff@example.com\n", "line 3: not UTF-8"),
        (b'"email" ,name\n', "line 1: ',' expected after"),
        (b'"email\n', "line 1: "),
        (b"x" * 140_000, "line 1: field larger"),
        (b"email;name\na@example.com;Ann\n", "between commas"),
        ("email\na@example.com\n".encode("utf-16"), "line 1: not UTF-8"),
        (b"[]", "holds nobody"),
        (b'[{"email": "a@example.com"}', "line 1: the JSON list is damaged"),
        (b'[\n{"email": "a@example.com"},\n]\n', "line 3: the JSON list is damaged"),
        (b"[" * 100_000, "line 1: "),
        (b"[" + b"9" * 5000 + b"]", "line 1: "),
        (b'{"users": [{"email": "a@example.com"}]}', "line 1: one JSON object around everything"),
        (b'{\n"email": "a@example.com"\n}', "line 1: one JSON object around everything"),
    ],
)
def test_a_file_of_another_form_is_refused_with_its_line(cli: Cli, data: bytes, why: str) -> None:
    said = cli("users", "import", "-", input=data, code=1).stderr
    assert why in said
    first, last = said.splitlines()
    assert "CSV in UTF-8 with a head line" in first or "unknown column" in first
    assert last == "authsvc: nothing was imported"


def test_a_json_list_is_read_as_other_systems_export_it(cli: Cli) -> None:
    people = [{"email": f"{name}@example.com", "roles": ["customer"]} for name in ("ann", "bob")]
    assert answer(cli("users", "import", "-", "--json", input=json.dumps(people)))["added"] == 2
    people = [{"email": "cat@example.com"}, "dan@example.com", {"email": "eve"}, {"email": "CAT@example.com"}]
    said = cli("users", "import", "-", input=json.dumps(people, indent=2), code=1).stderr.splitlines()
    assert [line.partition(": ")[2].partition(":")[0] for line in said[:-1]] == ["entry 2", "entry 3", "entry 4"]
    assert "not a JSON object" in said[0]
    assert "cat@example.com stands in entry 1 already" in said[2]


@again_when_busy
def test_a_hundred_thousand_people_take_seconds(cli: Cli) -> None:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("email", "name", "roles", "password_hash"))
    writer.writerows(
        (f"person{number}@example.com", f"Person {number}", "customer", BCRYPT) for number in range(100_000)
    )
    started = time.monotonic()
    assert "Added 100,000 people." in cli("users", "import", "-", input=text.getvalue()).stdout
    prompt(time.monotonic() - started < 30)
    started = time.monotonic()
    assert len(answer(cli("users", "list", "--json", "--limit", "100000"))) == 100_000
    assert len(answer(cli("users", "list", "--json", "--search", "PERSON99999"))) == 1
    prompt(time.monotonic() - started < 30)


UNICODE, PUNYCODE = "eva@bücher.example", "eva@xn--bcher-kva.example"


async def test_one_mailbox_is_one_person_in_either_spelling(cli: Cli, http: httpx2.AsyncClient) -> None:
    """Browsers hand a page the `xn--` form of what was typed into an e-mail field."""
    said = await run(cli, "users", "add", PUNYCODE, "--password-stdin", input="correct horse battery")
    assert UNICODE in said
    assert "already" in await run(cli, "users", "add", UNICODE, "--no-password", code=1)
    for spelling in (UNICODE, PUNYCODE, PUNYCODE.upper()):
        answered = await login(http, spelling, "correct horse battery")
        assert answered.status_code == 200
        assert answered.json()["user"]["email"] == UNICODE


async def test_addresses_of_before_get_their_one_form_and_clashes_are_told(
    cli: Cli, http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    for old in ("old@xn--bcher-kva.example", "both@xn--bcher-kva.example", "both@bücher.example"):
        await sql.execute(
            "INSERT INTO users (email, password_hash) SELECT $1, password_hash FROM users WHERE email LIKE 'test@%'",
            old,
        )
    for spelling in ("old@xn--bcher-kva.example", "old@bücher.example"):
        assert (await login(http, spelling, "password")).status_code == 200, "before the command, too"
    rehearsed = json.loads(await run(cli, "users", "normal-addresses", "--dry-run", "--json"))
    done = json.loads(await run(cli, "users", "normal-addresses", "--json"))
    assert rehearsed == {**done, "dry_run": True}
    assert done == {
        "changed": {"old@xn--bcher-kva.example": "old@bücher.example"},
        "clashing": {"both@xn--bcher-kva.example": "both@bücher.example"},
        "dry_run": False,
    }
    for spelling in ("old@xn--bcher-kva.example", "old@bücher.example"):
        assert (await login(http, spelling, "password")).status_code == 200
    again = await run(cli, "users", "normal-addresses")
    assert "one form" in again
    events = await sql.fetchval("SELECT count(*) FROM audit_events WHERE event = 'address_normalised'")
    assert events == 1
