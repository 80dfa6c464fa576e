"""docs/accounts.md, its half for production, word by word: its blocks run as they stand there, with other places, a
mail server of the test and a stand-in for systemctl. Then the service runs with what they wrote, and people join."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import httpx2

from tests.cli.conftest import clean_environment
from tests.deploy.judges import ROOT
from tests.deploy.shell_of_page import shell_of, stand_ins, with_places
from tests.support.login_steps import submit
from tests.support.mail import mail_server
from tests.support.replicas import Replicas

PAGE = ROOT / "docs/accounts.md"
PASSWORD = "a long enough password"


def written(etc: Path, unit: Path) -> dict[str, str]:
    """The settings that systemd would give the service: of the file, and of the unit with its credential."""
    found = {}
    for word in shlex.split((etc / "authsvc.env").read_text()):
        name, _, value = word.partition("=")
        found[name] = value
    lines = [line.partition("=")[::2] for line in unit.read_text().splitlines() if "=" in line]
    credential, _, file = dict(lines)["LoadCredential"].partition(":")
    name, _, value = dict(lines)["Environment"].partition("=")
    assert value == f"%d/{credential}"
    return {**found, name: file}


async def test_the_page_makes_a_service_where_people_register(
    settings_env: dict[str, str], replicas: Replicas, tmp_path: Path
) -> None:
    etc, system = tmp_path / "etc", tmp_path / "system"
    etc.mkdir()
    (etc / "authsvc.env").write_text("AUTHSVC_TRUSTED_PROXIES=127.0.0.1\n")
    programs = stand_ins(tmp_path / "bin", systemctl="", authsvc=f'exec {shlex.quote(sys.executable)} -m authsvc "$@"')
    env = clean_environment(**settings_env, PATH=f"{programs}:{os.environ['PATH']}")
    async with mail_server() as server:
        places = {
            "smtps://user:password@mail.example.com": server.url(),
            "/etc/authsvc/": f"{etc}/",
            "/etc/systemd/system/": f"{system}/",
        }
        script = with_places(shell_of(PAGE, "In production"), places)
        command = ["sh", "-eu"]
        done = await asyncio.to_thread(
            subprocess.run, command, input=script, cwd=ROOT, env=env, capture_output=True, text=True, timeout=90
        )
        assert done.returncode == 0, (done.stdout, done.stderr)
        assert (tmp_path / "calls").read_text().count("systemctl") == 2
        assert (etc / "smtp_url").stat().st_mode & 0o777 == 0o600
        assert server.mails[0]["To"] == "you@example.com", "mail test"
        said = re.sub(r"\s+", " ", done.stdout)
        assert "mail.test: no TLS, on this machine" in said, "doctor greets the mail server"
        before = len(server.mails)
        [replica] = replicas.start(1, **written(etc, system / "authsvc.service.d/mail.conf"))
        async with httpx2.AsyncClient(base_url=replica.url, timeout=30) as browser:
            sent = await submit(browser, await browser.get("/signup"), "/signup", username="new@example.com")
            await server.until(before + 2)  # the invitation of the page, and this one
            [mail] = [one for one in server.mails if one["To"] == "new@example.com"]
            words = mail.get_body(("plain",))
            assert words is not None
            [code] = re.findall(r"\b(\d{4} \d{4})\b", words.get_content())
            page = await submit(browser, sent, "/proof/code", code=code)
            chosen = {"name": "New", "new_password": PASSWORD, "repeat_password": PASSWORD}
            assert (await submit(browser, page, "/proof", **chosen)).status_code == 200
            answer = await browser.post(
                "/api/auth/login", json={"email": "new@example.com", "password": PASSWORD, "client_id": "customer"}
            )
            assert answer.status_code == 200, answer.text
        [invited] = [one for one in server.mails if one["To"] == "ann@example.com"]
        assert invited["From"] == "Example <mail@example.com>"
