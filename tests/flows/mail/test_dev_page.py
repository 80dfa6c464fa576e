"""/dev/mail: what `authsvc dev` would have sent, for this machine alone, and in dev mode alone."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import asyncpg
import httpx2
import pytest

from authsvc.app import App
from authsvc.flows.mail.notices import notice
from authsvc.rules.person_record import User
from authsvc.runtime import Runtime
from authsvc.store.mail import outbox
from tests.cli.conftest import terminal
from tests.conftest import ISSUER, following
from tests.support.mail import post_office, until
from tests.support.service import LOGIN

HERE = {"AUTHSVC_SMTP_URL": "dev:"}


def browser(runtime: Runtime, peer: str = "127.0.0.1", url: str = ISSUER) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=App(runtime), client=(peer, 4711))
    return httpx2.AsyncClient(transport=transport, base_url=url)


async def tell(runtime: Runtime, sql: asyncpg.Connection) -> None:
    """A notice to somebody, whose link is one of ours."""
    person = User(await sql.fetchval("SELECT id FROM users WHERE email = $1", LOGIN["email"]), LOGIN["email"], "T", ())
    link = f"{ISSUER}/account?seen=1&x=2"
    when = datetime(2026, 11, 29, tzinfo=UTC)
    mail = notice(runtime, "new_device", person, when=when, device="<i>Firefox", address_text="192.0.2.7", link=link)
    assert mail is not None
    async with runtime.db.transaction() as connection:
        await outbox.queue(connection, mail)


async def test_a_mail_is_shown_as_a_person_would_see_it_and_its_link_works(
    settings_env: dict[str, str], sql: asyncpg.Connection
) -> None:
    async with following({**settings_env, **HERE}) as runtime, post_office(runtime), browser(runtime) as http:
        assert "There are none yet" in (await http.get("/dev/mail")).text
        await tell(runtime, sql)
        await until(sql, "sent_at IS NOT NULL")
        page = await http.get("/dev/mail")
        assert page.status_code == 200
        assert "New sign-in to your account" in page.text
        assert "<i>" not in page.text
        [path] = re.findall(r'href="(/dev/mail/[^"]+)"', page.text)
        mail = await http.get(path)
        assert mail.headers["content-security-policy"].startswith("default-src 'none'")
        [link] = re.findall(r'<a href="([^"]+)"', mail.text)
        assert link == f"{ISSUER}/account?seen=1&amp;x=2"
        assert (await http.get(link.replace("&amp;", "&"))).status_code == 303  # to the login
        [told] = (await http.get("/dev/mail", headers={"accept": "application/json"})).json()["mails"]
        assert told["to"] == LOGIN["email"]
        assert told["subject"] == "New sign-in to your account"


@pytest.mark.parametrize("path", ["/dev/mail", "/dev/mail/00000000-0000-0000-0000-000000000000", "/dev/mail/x"])
async def test_it_is_nowhere_but_on_this_machine(settings_env: dict[str, str], path: str) -> None:
    async with following({**settings_env, **HERE}) as runtime:
        for peer, url, headers in (
            ("192.0.2.7", ISSUER, {}),
            ("127.0.0.1", "http://rebound.example:8000", {}),
            ("127.0.0.1", ISSUER, {"x-forwarded-for": "192.0.2.7"}),
        ):
            async with browser(runtime, peer, url) as http:
                assert (await http.get(path, headers=headers)).status_code == 404


async def test_it_is_nowhere_where_mails_are_sent_or_where_there_are_none(settings_env: dict[str, str]) -> None:
    server = {"AUTHSVC_SMTP_URL": "smtp://localhost:9", "AUTHSVC_MAIL_FROM": "mail@bar.example"}
    for mails in (server, {"AUTHSVC_SMTP_URL": ""}):
        async with following({**settings_env, **mails}) as runtime, browser(runtime) as http:
            answer = await http.get("/dev/mail")
            assert answer.status_code == 404
            assert "Mails" not in answer.text


def test_authsvc_serve_has_no_such_page_even_in_dev_mode(settings_env: dict[str, str]) -> None:
    result = terminal({**settings_env, **HERE})("serve", "--port", "0", code=2)
    assert result.stderr.startswith("authsvc: AUTHSVC_SMTP_URL: dev: is for `authsvc dev` only")
