"""JupyterHub with its generic authenticator, as docs/clients.md configures it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.interop.conftest import Provider
from tests.interop.person import Person
from tests.interop.programs.api import becomes
from tests.interop.programs.running import Program, trusting
from tests.interop.programs.shown import Shown
from tests.interop.programs.workshop import Workshop
from tests.support.replicas import free_port

OF_THE_TESTS = """
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_port = {hub}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api}"
c.ConfigurableHTTPProxy.auth_token = "of-the-tests"
c.JupyterHub.spawner_class = "simple"
c.JupyterHub.redirect_to_server = False  # the page of the hub: no server of one's own is started
"""


def test_a_person_logs_in_and_out(workshop: Workshop, provider: Provider, person: Person, tmp_path: Path) -> None:
    port = free_port()
    provider.operate(
        "users", "add", "hub@example.com", "--role", "cook", "--password-stdin", given="a password of a hub"
    )
    person.email, person.password = "hub@example.com", "a password of a hub"
    shown = Shown("JupyterHub", provider, "jupyterhub", f"http://127.0.0.1:{port}").registered()
    python, proxy = workshop.python("jupyterhub"), workshop.npm("jupyterhub") / "node_modules/.bin"
    own = OF_THE_TESTS.format(port=port, hub=free_port(), api=free_port())
    (tmp_path / "jupyterhub_config.py").write_text(shown.block("python") + own)
    env = {**trusting(provider), "PATH": f"{proxy}{os.pathsep}{os.environ['PATH']}"}
    with Program([str(python), "-m", "jupyterhub"], tmp_path, env, port) as hub:
        # Its proxy listens first.
        becomes(200, lambda: person.http.get(f"{hub.url}/hub/health").status_code)
        home = person.visit(f"{hub.url}/hub/oauth_login?next=%2Fhub%2Fhome")
        assert home.status_code == 200, hub.log.read_text()[-3000:]
        assert home.url.path == "/hub/home", hub.log.read_text()[-3000:]
        assert "hub@example.com" in home.text
        assert person.met == ["/login", "/consent"]
        with closing(sqlite3.connect(tmp_path / "jupyterhub.sqlite")) as kept:
            members = "user_group_map JOIN users u ON u.id = user_id JOIN groups g ON g.id = group_id"
            assert kept.execute(f"SELECT u.name, g.name FROM {members}").fetchall() == [("hub@example.com", "cook")]
        person.visit(f"{hub.url}/hub/logout")
        assert person.met[-1] == "/logout", "logging out there leads here"
        assert person.http.get(f"{hub.url}/hub/home").status_code == 302
