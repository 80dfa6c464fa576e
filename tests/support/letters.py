"""Letters as a person reads them: what was asked for is written, and the words of a queued mail are opened."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

import httpx2

from authsvc.flows.mail.queue import open_letter
from authsvc.flows.proofs.write_letters import write_one
from authsvc.rules.people.person import normal_email
from authsvc.runtime import Runtime
from authsvc.store.mail.outbox import DueMail
from tests.conftest import ISSUER
from tests.support.login_steps import EMAIL, submit


@dataclass(frozen=True)
class Letter:
    template: str
    to: str
    language: str
    values: dict[str, str]

    @property
    def link(self) -> str:
        return self.values["link"]

    @property
    def code(self) -> str:
        return self.values["code"]

    @property
    def key(self) -> str:
        return dict(parse_qsl(urlsplit(self.link).query))["key"]


async def post(runtime: Runtime) -> None:
    """Write the letters that were asked for, as the worker does."""
    while await write_one(runtime):
        pass


async def letters(runtime: Runtime, to: str = EMAIL) -> list[Letter]:
    """All letters to an address that wait to be sent, the newest first."""
    await post(runtime)
    sql = """SELECT id, template, recipient, language, user_id, sealed, attempts, refusals, created_at FROM mails
             WHERE recipient = $1 AND sealed IS NOT NULL ORDER BY created_at DESC, id"""
    found = []
    for row in await runtime.db.fetch(sql, normal_email(to)):
        values = open_letter(runtime, DueMail(**row))
        assert values is not None
        found.append(Letter(row["template"], row["recipient"], row["language"], values))
    return found


async def letter(runtime: Runtime, to: str = EMAIL) -> Letter:
    """The newest letter to an address."""
    return (await letters(runtime, to))[0]


@asynccontextmanager
async def another(http: httpx2.AsyncClient) -> AsyncIterator[httpx2.AsyncClient]:
    """Another browser."""
    async with httpx2.AsyncClient(transport=http._transport, base_url=ISSUER) as browser:
        yield browser


async def ask(http: httpx2.AsyncClient, path: str = "/reset", email: str = EMAIL) -> httpx2.Response:
    """Ask for a letter; the page after it."""
    page = await http.get(path)
    assert page.status_code == 200, page.status_code
    return await submit(http, page, path, username=email)


def looks(answer: httpx2.Response, sealed: str) -> tuple[object, ...]:
    """An answer as whoever looks for known addresses sees it. Left away are the member `sealed`, the request's id and,
    because the time that is sealed has more digits now and then, the length."""
    said = {name: value for name, value in answer.json().items() if name != sealed}
    headers = {name: value for name, value in answer.headers.items() if name not in ("x-request-id", "content-length")}
    return answer.status_code, tuple(sorted(said.items())), tuple(sorted(headers.items()))
