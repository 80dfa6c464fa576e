"""What README.md, docs/verify.md and the verifier's say, taken from there and run: only the address is another."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from textwrap import dedent
from typing import Any

import httpx2
import jwt
import pytest

from tests.support.papers import snippet
from tests.verifiers.conftest import ROOT, House, bent

README = ROOT / "README.md"
VERIFY = ROOT / "docs/verify.md"
VERIFIERS = ROOT / "clients/verifier/README.md"
NGINX = ROOT / "clients/verifier/examples/nginx/orders.conf"


def here(code: str, house: House) -> str:
    """The addresses that a reader puts in place of ours."""
    for theirs in ("http://localhost:8000", "https://auth.example.com"):
        code = code.replace(theirs, house.issuer)
    return code


def _is_a_persons(claims: dict[str, Any], house: House) -> None:
    assert {"iss", "aud", "sub", "sid", "jti", "client_id", "scope", "roles", "iat", "exp", "auth_time"} <= set(claims)
    assert (claims["iss"], claims["client_id"], claims["roles"]) == (house.issuer, "customer", ["customer"])


def test_pyjwt_verifies_our_tokens(house: House) -> None:
    names: dict[str, Any] = {}
    exec(here(snippet(README, "python", "PyJWKClient"), house), names)
    verify, person = names["verify"], house.person()
    _is_a_persons(verify(person["access_token"]), house)
    own = verify(house.own())
    assert own["sub"] == own["client_id"] == "verifier"
    with pytest.raises(jwt.InvalidTokenError):
        verify(bent(person["access_token"]))


def test_npms_jose_verifies_our_tokens(house: House, npm: Path) -> None:
    code = here(snippet(VERIFY, "js", "createRemoteJWKSet"), house)
    script = npm / "readme.js"
    script.write_text(f"const token = process.argv[2];\n{code}\nconsole.log(JSON.stringify(payload));\n")

    def run(token: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["node", script.name, token], cwd=npm, capture_output=True, text=True, timeout=30)

    token = house.person()["access_token"]
    good = run(token)
    assert good.returncode == 0, good.stderr
    _is_a_persons(json.loads(good.stdout), house)
    assert json.loads(run(house.own()).stdout)["sub"] == "verifier"
    wrong = run(bent(token))
    assert wrong.returncode != 0
    assert "ERR_JWS_SIGNATURE_VERIFICATION_FAILED" in wrong.stderr


async def test_the_protected_route_in_ten_lines(house: House) -> None:
    names: dict[str, Any] = {}
    exec(here(snippet(VERIFIERS, "python", "FastAPI"), house), names)
    await _guards(names, house, {"orders_of": "verifier"})


async def test_the_route_of_the_first_page(house: House) -> None:
    """It leaves out what the other shows: imports, and what the route does."""
    imports, _, _ = snippet(VERIFIERS, "python", "FastAPI").partition("\n\n")
    names: dict[str, Any] = {}
    exec(f"{imports}\napp = FastAPI()\n" + here(snippet(README, "python", "Guard"), house), names)
    await _guards(names, house, None)


async def _guards(names: dict[str, Any], house: House, said: object) -> None:
    transport = httpx2.ASGITransport(app=names["app"])
    async with httpx2.AsyncClient(transport=transport, base_url="http://orders.test") as http:

        async def ask(token: str | None) -> httpx2.Response:
            return await http.get("/orders", headers={"Authorization": f"Bearer {token}"} if token else {})

        assert (await ask(None)).status_code == 401
        token = house.own("orders.read")
        answer = await ask(token)
        assert (answer.status_code, answer.json()) == (200, said)
        assert (await ask(bent(token))).status_code == 401
        narrow = await ask(house.own("api"))
        assert (narrow.status_code, 'scope="orders.read"' in narrow.headers["www-authenticate"]) == (403, True)
    await names["guard"].verifier.close()


def test_the_nginx_of_the_papers_is_the_examples() -> None:
    """test_nginx.py runs it."""
    block = snippet(VERIFY, "nginx", "auth_request")
    assert dedent(block).strip() in "\n".join(line.removeprefix("    ") for line in NGINX.read_text().splitlines())
