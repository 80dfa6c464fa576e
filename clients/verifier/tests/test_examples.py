"""Each example as its docstring starts it: what it lets in, what it refuses and how, what it hears of."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from adapters import OURS, Holder
from fake_issuer import AUDIENCE, FakeIssuer, Write, entry, event
from started import EXAMPLES, FRAMEWORKS, Example


@pytest.fixture(params=FRAMEWORKS)
def example(request: pytest.FixtureRequest, issuer: FakeIssuer) -> Iterator[Example]:
    issuer.streams = [follow]
    who = {"ISSUER": issuer.url, "AUDIENCE": AUDIENCE, "CLIENT_ID": "orders", "CLIENT_SECRET": "secret"}
    who["EXTERNAL_URL"] = OURS
    with Example(EXAMPLES / f"{request.param}_app.py", **who) as started:
        yield started


def follow(issuer: FakeIssuer, last_id: str | None, write: Write) -> None:
    """The feed: whoever is in `issuer.revoked` by the id of the token."""
    write(issuer.snapshot(1))
    told: set[str] = set()
    while not issuer.over.wait(0.02):
        for jti in issuer.revoked - told:
            write(event("revocation", entry("token", jti), 2 + len(told)))
            told.add(jti)
        write(event("heartbeat", {"sequence": 1 + len(told)}))


def test_an_example_lets_in_and_refuses(example: Example, issuer: FakeIssuer) -> None:
    ask = example.ask
    nothing = ask("GET", "/me", None)
    assert (nothing.status_code, nothing.headers["www-authenticate"]) == (401, "Bearer")
    good = f"Bearer {issuer.token()}"
    assert ask("GET", "/me", good).json() == {"sub": "user-1"}
    assert ask("GET", "/orders", good).json() == {"orders_of": "user-1"}
    expired = ask("GET", "/orders", f"Bearer {issuer.token(exp=1)}")
    assert (expired.status_code, 'error="invalid_token"' in expired.headers["www-authenticate"]) == (401, True)
    narrow = ask("GET", "/orders", f"Bearer {issuer.token(scope='profile')}")
    assert narrow.status_code == 403
    assert 'error="insufficient_scope"' in narrow.headers["www-authenticate"]
    assert 'scope="orders.read"' in narrow.headers["www-authenticate"]
    assert ask("DELETE", "/orders", good).status_code == 403
    old = ask("DELETE", "/orders", f"Bearer {issuer.token(roles=['admin'], auth_time=int(time.time()) - 400)}")
    assert old.status_code == 401
    assert 'error="insufficient_user_authentication"' in old.headers["www-authenticate"]
    assert 'max_age="300"' in old.headers["www-authenticate"]
    assert ask("DELETE", "/orders", f"Bearer {issuer.token(roles=['admin'])}").json() == {"deleted_by": "user-1"}
    assert ask("GET", "/me", "Bearer a b").status_code == 400
    bound = ask("GET", "/me", f"Bearer {issuer.token(cnf={'jkt': 'x'})}")
    assert (bound.status_code, bound.headers["www-authenticate"].partition(" ")[0]) == (401, "DPoP")
    holder = Holder(issuer)
    for path in ("/me", "/orders"):
        proved = holder.sent(f"{OURS}{path}")
        assert [example.http.get(path, headers=proved).status_code for _ in range(2)] == [200, 401], "once"
    elsewhere = holder.sent("https://evil.example/me", Host="evil.example")
    assert example.http.get("/me", headers=elsewhere).status_code == 401
    revoked = f"Bearer {issuer.token(jti='stolen')}"
    assert ask("GET", "/me", revoked).status_code == 200
    issuer.revoked.add("stolen")
    answer = example.until_refused("/me", revoked)
    assert (answer.status_code, 'error="invalid_token"' in answer.headers["www-authenticate"]) == (401, True)
    assert ask("GET", "/me", good).status_code == 200
