"""Each example in a process of its own, behind a real server, asked over HTTP."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from fake_issuer import AUDIENCE, FakeIssuer

EXAMPLES = Path(__file__).parents[1] / "examples"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


COMMANDS = {
    "fastapi": ["-m", "uvicorn", "fastapi_app:app", "--port", "{port}"],
    "starlette": ["-m", "uvicorn", "starlette_app:app", "--port", "{port}"],
    "flask": ["-m", "flask", "--app", "flask_app", "run", "--port", "{port}"],
    "django": ["django_app.py", "runserver", "--noreload", "127.0.0.1:{port}"],
}


@pytest.fixture(params=COMMANDS)
def example(request: pytest.FixtureRequest, issuer: FakeIssuer) -> Iterator[httpx2.Client]:
    port = free_port()
    command = [word.format(port=port) for word in COMMANDS[request.param]]
    env = {**os.environ, "ISSUER": issuer.url, "AUDIENCE": AUDIENCE}
    process = subprocess.Popen(
        [sys.executable, *command], cwd=EXAMPLES, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}") as http:
            deadline = time.monotonic() + 20
            while True:
                try:
                    http.get("/me")
                    break
                except httpx2.TransportError:
                    assert process.poll() is None, "the example ended"
                    assert time.monotonic() < deadline, "the example does not answer"
                    time.sleep(0.05)
            yield http
    finally:
        process.terminate()
        process.wait(10)


def test_an_example_lets_in_and_refuses(example: httpx2.Client, issuer: FakeIssuer) -> None:
    def ask(method: str, path: str, authorization: str | None) -> httpx2.Response:
        return example.request(method, path, headers={"Authorization": authorization} if authorization else {})

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
