"""A person's browser for the benchmark: it logs in at the hosted page, and fetches codes for a client."""

from __future__ import annotations

import re
import time
from base64 import urlsafe_b64encode
from hashlib import sha256
from http.client import HTTPConnection, HTTPResponse
from itertools import cycle, islice
from urllib.parse import parse_qs, urlencode, urlsplit

from authsvc.runtime import open_runtime
from authsvc.settings import load
from authsvc_devkit.demo import PASSWORD
from bench.load import request

CALLBACK = "http://localhost:5173/callback"
VERIFIER = "v" * 43
AUTHORIZE = "/authorize?" + urlencode(
    {
        "response_type": "code",
        "client_id": "customer",
        "redirect_uri": CALLBACK,
        "scope": "openid profile email offline_access",
        "state": "s",
        "nonce": "n",
        "code_challenge": urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).decode().rstrip("="),
        "code_challenge_method": "S256",
    }
)
_CSRF = re.compile(r'name="csrf" value="([^"]+)"')
_BOX = re.compile(r'name="request" value="([^"]+)"')


class Browser:
    """One cookie jar and one connection. Raises SystemExit where an answer is not what it should be."""

    def __init__(self, url: str) -> None:
        self.connection = HTTPConnection(urlsplit(url).netloc, timeout=30)
        self.cookies: dict[str, str] = {}
        self._asked_at = 0.0

    @property
    def cookie_header(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def ask(self, method: str, path: str, form: dict[str, str] | None = None) -> tuple[HTTPResponse, str]:
        headers = {"Cookie": self.cookie_header} if self.cookies else {}
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        if time.monotonic() - self._asked_at > 2:
            self.connection.close()  # the service does not keep an idle connection for long
        self._asked_at = time.monotonic()
        self.connection.request(method, path, urlencode(form) if form is not None else None, headers)
        answer = self.connection.getresponse()
        text = answer.read().decode()
        for line in answer.headers.get_all("set-cookie") or []:
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer, text

    def log_in(self, email: str) -> Browser:
        _, page = self.ask("GET", "/login")
        csrf, box = _CSRF.search(page), _BOX.search(page)
        if not csrf or not box:
            raise SystemExit(f"this is no login page:\n{page[:2000]}")
        form = {"csrf": csrf[1], "request": box[1], "username": email, "password": PASSWORD}
        answer, page = self.ask("POST", "/login", form)
        if answer.status != 303:
            raise SystemExit(f"the login of {email} failed with {answer.status}:\n{page[:2000]}")
        return self

    def code(self) -> str:
        answer, page = self.ask("GET", AUTHORIZE)
        csrf, box = _CSRF.search(page), _BOX.search(page)
        if csrf and box:  # the page on which a person goes on to an app that anybody can pose as
            answer, page = self.ask("POST", "/consent", {"csrf": csrf[1], "request": box[1], "decision": "allow"})
        codes = parse_qs(urlsplit(answer.headers.get("location", "")).query).get("code")
        if not codes:
            raise SystemExit(f"no code, but {answer.status}:\n{page[:2000]}")
        return codes[0]


def exchanges(browsers: list[Browser], count: int) -> list[bytes]:
    """Requests that redeem one fresh code each. Codes are good for a minute."""
    form = {"grant_type": "authorization_code", "client_id": "customer", "redirect_uri": CALLBACK}
    return [
        request("POST", "/token", urlencode({**form, "code": browser.code(), "code_verifier": VERIFIER}))
        for browser in islice(cycle(browsers), count)
    ]


async def add_sessions(env: dict[str, str], email: str, sessions: int) -> None:
    """Live sessions of one person, each with tokens of a client."""
    runtime = open_runtime(load(env))
    async with runtime.db.transaction(seconds=60) as connection:
        await connection.execute(
            """WITH made AS (
                   INSERT INTO user_sessions
                       (id, user_id, device_info, user_agent, ip_address, created_at, expires_at, last_activity)
                   SELECT gen_random_uuid(), u.id, 'Terminal ' || n, 'Mozilla/5.0 (X11; Linux x86_64) Chrome/' || n,
                          ('192.0.2.' || n % 250)::inet, now() - n * interval '1 minute', now() + interval '6 days',
                          now() - n * interval '1 second'
                   FROM users u, generate_series(1, $2) n WHERE u.email = $1 RETURNING id, expires_at)
               INSERT INTO grants (id, session_id, client_id, scope, audience, secret_hash, expires_at)
               SELECT gen_random_uuid(), id, 'customer', '{openid}', '{x}', sha256(id::text::bytea), expires_at
               FROM made""",
            email,
            sessions,
            timeout=60,
        )
    await runtime.close()
