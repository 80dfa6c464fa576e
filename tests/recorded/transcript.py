"""An exchange over HTTP, written down so that two runs of the same service write the same.

What a run cannot fix from outside (PostgreSQL's clock and randomness, the signing key of the run) gets a name in place
of its value: what it was called, and the exchange in which it was seen first. All else stays byte for byte, also the
order of members in a body and of claims in a token. Nothing of the package is imported: old versions run this as it is.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from dataclasses import dataclass, field
from typing import Any

import httpx2

JWS = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+")
VOLATILE = re.compile(
    r"(?P<uuid>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
    r"|(?P<time>20\d\d-\d\d-\d\dT[0-9:.]+(?:Z|\+00:00))"
    r"|(?P<hex>(?<![\w.-])[0-9a-f]{32}(?![\w.-]))"
    r"|(?P<user_code>\b[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}\b)"
    r"|(?P<value>(?<![\w.-])[\w.-]{20,}(?![\w.-]))"
)
SECONDS = re.compile(r"(?<![\w.])1[6-9]\d{8}(?![\w.])")
LEFT = re.compile(r'("refresh_token_expires_in":)(\d+)')
HTML = "text/html"
OF_THE_BODY = ("content-length", "etag")
"""Headers that follow from the body, which has other lengths with names in it."""


@dataclass
class Transcript:
    """`exchanges`: name -> what was answered. A name is given once."""

    http: httpx2.AsyncClient
    exchanges: dict[str, dict[str, Any]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    current: str = ""

    async def ask(self, name: str, method: str, path: str, **options: Any) -> httpx2.Response:
        """Send a request and write down its answer."""
        answer = await self.http.request(method, path, **options)
        self.note(name, answer)
        return answer

    def note(self, name: str, answer: httpx2.Response) -> None:
        assert name not in self.exchanges, name
        self.current = name
        kind = answer.headers.get("content-type", "")
        headers = [pair for pair in sorted(answer.headers.multi_items()) if pair[0] not in OF_THE_BODY]
        form = re.search(r'<form method="post" action="([^"]*)"', answer.text)
        found: dict[str, Any] = {
            "status": answer.status_code,
            "headers": [f"{key}: {'<id>' if key == 'x-request-id' else self._named(value)}" for key, value in headers],
            "body": f"a page with a form for {form and form[1]}" if kind.startswith(HTML) else self._named(answer.text),
        }
        for token in dict.fromkeys(JWS.findall(answer.text + answer.headers.get("location", ""))):
            found.setdefault("tokens", {})[self._name(token, "token")] = self._opened(token)
        self.exchanges[name] = found

    def _opened(self, token: str) -> list[str]:
        parts = [base64.urlsafe_b64decode(part + "==").decode() for part in token.split(".")[:2]]
        claims = json.loads(parts[1])
        issued, ends = claims.get("iat"), claims.get("exp")
        if isinstance(issued, int) and isinstance(ends, int):
            parts[1] = parts[1].replace(f'"exp":{ends}', f'"exp":<iat+{ends - issued}>')
        return [self._named(part) for part in parts]

    def _name(self, value: str, kind: str) -> str:
        if value not in self.names:
            taken, name, number = set(self.names.values()), f"<{kind} of {self.current}>", 1
            while name in taken:
                number += 1
                name = f"<{kind} {number} of {self.current}>"
            self.names[value] = name
        return self.names[value]

    def _named(self, text: str) -> str:
        text = JWS.sub(lambda found: self._name(found[0], _called(found)), text)
        text = VOLATILE.sub(self._one, text)
        text = LEFT.sub(lambda found: f"{found[1]}<{_minutes(int(found[2]))}>", text)
        return SECONDS.sub(lambda found: _seconds(int(found[0])), text)

    def _one(self, found: re.Match[str]) -> str:
        kind, value = str(found.lastgroup), found[0]
        if kind == "time":
            return "<time>"
        if kind == "value" and not (re.search(r"[a-z]", value) and re.search(r"[A-Z]", value)):
            return value  # a word of the protocol
        return self._name(value, _called(found))


class Patient(httpx2.AsyncBaseTransport):
    """Sends a request again that a busy store answered with 503: nothing was changed, as that answer says."""

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self.inner = inner

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        for _ in range(20):
            answer = await self.inner.handle_async_request(request)
            if answer.status_code != 503:
                break
            await asyncio.sleep(0.5)
        return answer


def _called(found: re.Match[str]) -> str:
    """The member, parameter or cookie whose value this is."""
    before = re.search(r'"(\w+)":\s*\[?"$|(\w+)=(?:")?$', found.string[: found.start()])
    return (before[1] or before[2]) if before else "value"


def _minutes(seconds: float) -> int:
    """Rounded to whole minutes: half of one is more than lies between two answers, also on a busy machine."""
    return round(seconds / 60) * 60


def _seconds(value: int) -> str:
    away = _minutes(value - time.time())
    return f"<now{away:+}>" if away else "<now>"
