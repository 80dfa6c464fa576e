"""A client without a policy of later versions is answered byte for byte as it was.

answers.json is what commit 0519efa answered, and never changes. since.json holds the exchanges that are answered in
another way since then, whole; each stands below under its reason. After a change that is meant,
`AUTHSVC_RECORD=tests/recorded/since.json` before this test writes since.json anew, and the reason is added here. (With
tests/recorded copied into a checkout of 0519efa, `AUTHSVC_RECORD=tests/recorded/answers.json` wrote the first.)
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import asyncpg
import httpx2

from tests.recorded.conversations import converse

HERE = Path(__file__).parent
REASONS: dict[str, tuple[str, ...]] = {
    "Ed25519 is the name of EdDSA with that curve (RFC 9864); levels and claims came to discovery": (
        "discovery",
        "authorization server metadata",
        "dpop: a token without a proof",
        "dpop: a token as a bearer",
    ),
    "The answer to a preflight depends on the headers that are asked for, and says so": (
        "preflight of a client's page",
        "preflight of a stranger's page",
    ),
    "A scope beside registered ones is left out (RFC 6749 section 3.3); only one with nothing registered is refused": (
        "authorize: an unknown scope",
        "device: unknown scope",
    ),
    "The login page has a script of ours, for passkeys; its cookie came a request earlier": (
        "authorize: no scope",
        "authorize: the login page",
    ),
    "A missing code_verifier is invalid_grant (RFC 7636 section 4.6)": ("code: no verifier",),
    "One text for a grant type that a client may not use, whichever it is": (
        "code: other client",
        "credentials: other grant",
        "credentials: not its grant",
    ),
    "sub stands after jti in access tokens, and what an exchange adds comes last: the order of members means nothing": (
        "credentials: basic",
        "credentials: post",
        "introspect: its own token",
        "introspect: as a JWT",
        "assertion",
        "dpop",
        "json: login",
        "json: refresh",
    ),
    "client_id left the ID token; tokens of a stranger's client are for /userinfo and say no roles; and that order": (
        "code: rec-spa",
        "code: rec-web",
        "code: rec-pair",
        "refresh",
        "refresh: the same again",
        "refresh: narrower",
        "par: its code",
        "exchange",
    ),
    "A service is told of tokens that are for it, and of no others, unless an operator lets it": (
        "introspect: access token, a stranger asks",
        "introspect: pairwise, a stranger asks",
    ),
    "After a good signature a client hears what is wrong with its assertion": (
        "assertion: for the token endpoint",
        "assertion: an hour ahead",
        "assertion: expired",
        "assertion: used",
    ),
    "redirect_uri and state are judged apart": ("par: bad request",),
    "The order of members in a registration, which means nothing": (
        "register: a power",
        "register: with a secret",
        "register",
        "register: read",
        "register: change",
    ),
}


async def test_an_existing_client_is_answered_as_before(http: httpx2.AsyncClient, sql: asyncpg.Connection) -> None:
    found = await converse(http, sql)
    recorded = _read(HERE / "answers.json")
    if place := os.environ.get("AUTHSVC_RECORD"):
        known = recorded if Path(place).name == "since.json" else {}
        changed = {name: answer for name, answer in found.items() if known.get(name) != answer}
        Path(place).write_text(json.dumps(changed, indent=1, ensure_ascii=False) + "\n")
        return
    expected = {**recorded, **_read(HERE / "since.json")}
    assert list(found) == list(recorded), "the same is asked"
    assert {name: answer for name, answer in found.items() if answer != expected[name]} == {}


def test_every_answer_that_changed_has_one_reason() -> None:
    recorded, since = _read(HERE / "answers.json"), _read(HERE / "since.json")
    named = [name for names in REASONS.values() for name in names]
    assert sorted(named) == sorted(since)
    assert [name for name, answer in since.items() if recorded[name] == answer] == []


def _read(path: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads(path.read_text()) if path.exists() else {}
    return found
