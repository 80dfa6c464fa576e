"""Steps of a login by a mailed code, on the hosted page."""

from __future__ import annotations

import asyncio
import re
from html import unescape

import asyncpg
import httpx2

from authsvc.runtime import Runtime
from authsvc.store.postgres import Database
from tests.support.letters import letter
from tests.support.login_steps import EMAIL, Pkce, authorize_url, submit


async def allow(
    runtime: Runtime, sql: asyncpg.Connection | Database, client_id: str = "customer", *, on: bool = True
) -> None:
    """Let people log in by mailed codes at a client, or not any more; every worker of this runtime knows."""
    await sql.execute("UPDATE clients SET mail_code_login = $2 WHERE id = $1", client_id, on)
    while (client := await runtime.clients.get(client_id)) and client.login.mail_code_login is not on:
        await asyncio.sleep(0.02)


def offered(page: httpx2.Response) -> str | None:
    """Where a login page leads whoever wants a code by mail; None: it offers none."""
    found = re.search(r'href="(/login/mail\?[^"]*)"', page.text)
    return unescape(found[1]) if found else None


async def ask_page(http: httpx2.AsyncClient, pkce: Pkce, **changed: str | None) -> httpx2.Response:
    """The page that asks for the address, as a person gets there."""
    login = await http.get(authorize_url(pkce, **changed))
    where = offered(login)
    assert where is not None, login.text
    return await http.get(where)


async def ask(
    http: httpx2.AsyncClient, pkce: Pkce, email: str = EMAIL, *, remember_me: bool = False, **changed: str | None
) -> httpx2.Response:
    """The page with the field for the code."""
    ticked = {"remember_me": "1"} if remember_me else {}
    sent = await submit(http, await ask_page(http, pkce, **changed), "/login/mail", username=email, **ticked)
    assert sent.status_code == 200, sent.text
    return sent


async def enter_code(http: httpx2.AsyncClient, sent: httpx2.Response, code: str) -> httpx2.Response:
    return await submit(http, sent, "/proof/code", code=code)


async def log_in_by_mail(
    http: httpx2.AsyncClient, runtime: Runtime, pkce: Pkce, email: str = EMAIL, **changed: str | None
) -> httpx2.Response:
    """The whole way; the answer to the code."""
    sent = await ask(http, pkce, email, **changed)
    return await enter_code(http, sent, (await letter(runtime, email)).code)
