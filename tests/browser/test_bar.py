"""The sample frontends of clients/browser, as `scripts/demo` starts them: in Chromium, and their API without it."""

from __future__ import annotations

import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.browser.conftest import Scenes, played
from tests.browser.demo import ROOT, TOKEN_SECONDS, Demo, running_demo
from tests.cli.conftest import children
from tests.conftest import place_for_data

EMAILS = {"customer": "test@example.com", "bartender": "bartender@example.com", "admin": "admin@example.com"}
ROLES = tuple(EMAILS)
FRONTENDS = (*ROLES, "terminal")
pytestmark = pytest.mark.timeout(240)  # some 25 s where nothing else runs


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with running_demo() as running:
        yield running


@pytest.fixture(scope="module")
def bar(demo: Demo, browser: str, stage: Path) -> Scenes:
    """What the parts of bar.mjs found. All of them run once, at the same time."""
    job = {"browser": browser, "tokenSeconds": TOKEN_SECONDS, **demo.places}
    return Scenes(played(stage, "bar.mjs", job, seconds=200))


# In Chromium


@pytest.mark.browser
def test_each_frontend_logs_in_both_ways_and_works_past_the_life_of_its_token(bar: Scenes) -> None:
    found = bar["logins"]
    told = found["told"]
    assert set(told) == {f"{name} {way}" for name in ROLES for way in ("hosted", "form")}
    for visit, what in told.items():
        assert what["status"] in (200, 201), visit
        assert what["failed"] == [], visit  # at the API: nobody noticed that the token expired
        assert what["renewals"] >= 1, visit
        assert what["keys"] == ["access_token", "access_token_times", "refresh_token", "user"], visit
    assert [told[f"{name} hosted"]["remember"] for name in ROLES] == [1, 1, 0]
    assert {told[f"{name} hosted"]["address"] for name in ROLES} == {"/"}  # no code stays in the address
    assert [told[f"{name} form"]["ends"] for name in ROLES] == [
        "in 30 days, remembered",
        "in 30 days, remembered",
        "in 7 days",
    ]


@pytest.mark.browser
def test_the_login_needs_no_mouse(bar: Scenes) -> None:
    told = bar["logins"]["told"]
    stops = ["Skip to content", "Continue to the login page", "E-mail address", "Password", "Remember me for 30 days"]
    assert told["customer form"]["reached"] == [[name, True] for name in [*stops, "Sign in"]]
    assert told["admin form"]["reached"] == [[name, True] for name in [*stops[:4], "Sign in"]]


@pytest.mark.browser
def test_axe_finds_nothing_serious_in_any_state(bar: Scenes) -> None:
    """Wide and narrow, light and dark; `examine` reports what it finds as a fault of the run."""
    states = ("sign in", "at work", "active sessions")
    assert set(bar["examined"]) == {f"{name}, {state}" for name in ROLES for state in states} | {
        "terminal, code",
        "customer, no access",
        "customer, end all others?",
    }


@pytest.mark.browser
def test_a_session_ended_from_another_browser_shows_logged_out_there(bar: Scenes) -> None:
    """By itself: nobody touches the page."""
    for name, what in bar["sessions"]["told"].items():
        assert what["left"] == {"there": [], "token": {"active": False, "userinfo": 401}}, name
        assert what["listed"] == 0, name


@pytest.mark.browser
def test_a_log_out_in_one_tab_is_one_in_all(bar: Scenes) -> None:
    for name, what in bar["sessions"]["told"].items():
        assert what["tabs"] == {"left": [], "token": {"active": False, "userinfo": 401}}, name


@pytest.mark.browser
def test_all_other_sessions_end_when_one_has_agreed(bar: Scenes) -> None:
    found = bar["endOthers"]
    assert found["before"] >= 2
    assert found["after"] == 1


@pytest.mark.browser
def test_an_account_without_the_role_is_told_so_and_can_go_on_with_another(bar: Scenes) -> None:
    told = bar["roles"]["told"]
    for name, email in (("bartender", EMAILS["customer"]), ("admin", EMAILS["bartender"])):
        why = f"has no access here: only accounts with the role “{name}” have."
        assert told[name]["form"].startswith(f"{email} {why}")
        assert told[name]["hosted"]["words"].startswith(f"This account {why}")
        assert told[name]["hosted"]["address"] == ""
    assert "bartender@example.com is signed in, but does not have the role “customer”" in told["customer"]
    assert told["password"] == {"focused": "password"}


@pytest.mark.browser
def test_without_a_network_nobody_is_logged_out(bar: Scenes) -> None:
    found = bar["offline"]
    assert found["words"] == found["told"] == "No connection. You stay signed in, and this page goes on by itself."
    assert (found["same"], found["renewed"], found["user"]) == (True, True, EMAILS["customer"])
    assert found["status"] == 201


@pytest.mark.browser
def test_the_terminal_is_connected_by_a_code_and_slows_down_when_told(bar: Scenes) -> None:
    found = bar["terminal"]
    first, *between, last = found["allowed"]["errors"]
    assert (first, last) == ("slow_down", None)
    assert set(between) <= {"authorization_pending"}  # where the person took longer
    assert found["allowed"]["waited"] >= 10  # five seconds more than before
    assert found["allowed"]["told"].startswith("Terminal (Chrome on Linux)")
    assert len(found["allowed"]["shown"]) == 9
    assert found["denied"]["errors"][-1] == "access_denied"
    assert found["denied"]["told"].startswith("The person at the other device said no")


@pytest.fixture(scope="module")
def accounts(browser: str, stage: Path) -> Iterator[Scenes]:
    """What bar_accounts.mjs found, at a bar of its own: its people get passwords and factors."""
    with running_demo() as running:
        yield Scenes(played(stage, "bar_accounts.mjs", {"browser": browser, **running.places}, seconds=200))


@pytest.mark.browser
def test_a_guest_registers_logs_in_by_passkey_and_chooses_a_new_password(accounts: Scenes) -> None:
    found = accounts["guest"]
    assert found["registered"] == ["customer"]
    assert found["byPasskey"] == ["hwk", "user", "mfa"]
    assert found["changed"] == ["pwd"]


@pytest.mark.browser
def test_the_admins_frontend_asks_for_a_second_factor_and_steps_up_by_itself(accounts: Scenes) -> None:
    found = accounts["operator"]
    assert found["without"] == ["pwd"]
    assert found["steppedUp"] == ["pwd", "otp", "mfa"]
    assert found["byForm"] == ["pwd", "mfa"]
    assert found["stayed"] is True


# Without a browser


def _login(demo: Demo, client_id: str) -> dict[str, Any]:
    body = {"client_id": client_id, "email": EMAILS[client_id], "password": "password"}
    answer = httpx2.post(f"{demo.places['issuer']}/api/auth/login", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def _bearer(login: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {login['access_token']}"}


def test_the_api_lets_in_the_role_and_nobody_else(demo: Demo) -> None:
    doors = {"customer": "/orders", "bartender": "/queue", "admin": "/evening"}
    tokens = {role: _bearer(_login(demo, role)) for role in ROLES}
    with httpx2.Client(base_url=demo.places["api"]) as http:
        for owner, door in doors.items():
            assert http.get(door).status_code == 401
            for role, token in tokens.items():
                answer = http.get(door, headers=token)
                assert answer.status_code == (200 if role == owner else 403), (role, door)
                assert answer.headers["cache-control"] == "no-store"
        challenge = http.get("/queue", headers=tokens["customer"]).headers["www-authenticate"]
        assert 'error="insufficient_scope"' in challenge
        assert http.get("/menu").status_code == 200


def test_the_api_wants_a_second_factor_for_the_till(demo: Demo) -> None:
    """RFC 9470: told with what the login must be."""
    token = _bearer(_login(demo, "admin"))
    answer = httpx2.post(f"{demo.places['api']}/evening/close", headers=token)
    assert answer.status_code == 401
    challenge = answer.headers["www-authenticate"]
    assert 'error="insufficient_user_authentication"' in challenge
    assert 'acr_values="urn:authsvc:acr:mfa"' in challenge
    other = _bearer(_login(demo, "bartender"))
    assert httpx2.post(f"{demo.places['api']}/evening/close", headers=other).status_code in (401, 403)


def test_the_api_refuses_an_ended_session_while_its_token_lives(demo: Demo) -> None:
    """By the revocation feed: there is no request for each token."""
    ended, other = _login(demo, "bartender"), _login(demo, "bartender")
    queue = f"{demo.places['api']}/queue"
    assert httpx2.get(queue, headers=_bearer(ended)).status_code == 200
    session = f"{demo.places['issuer']}/api/auth/sessions/{ended['session_id']}"
    assert httpx2.delete(session, headers=_bearer(other)).status_code == 204
    acknowledged = time.monotonic()
    while (answer := httpx2.get(queue, headers=_bearer(ended))).status_code == 200:
        assert time.monotonic() - acknowledged < 2  # the bound
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert httpx2.get(queue, headers=_bearer(other)).status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"drink":"absinthe"}', 422),
        (b'{"drink":["negroni"]}', 422),
        (b'{"name":"Ann"}', 422),
        (b"[]", 400),
        (b"{", 400),
        (b"\xff", 400),
        (b"", 400),
        (b"[" * 4000, 400),
        (b'"' + b"a" * 5000 + b'"', 413),
    ],
)
def test_the_api_says_what_is_wrong_with_an_order(demo: Demo, body: bytes, status: int) -> None:
    answer = httpx2.post(f"{demo.places['api']}/orders", content=body, headers=_bearer(_login(demo, "customer")))
    assert answer.status_code == status
    assert answer.json()["error_description"]


def test_only_the_frontends_pages_read_the_api(demo: Demo) -> None:
    origins = {demo.places[name] for name in FRONTENDS}
    assert len(origins) == 4
    for origin in (*origins, "http://localhost:1", "https://attacker.example", "null"):
        asked = {"Origin": origin, "Access-Control-Request-Method": "GET"}
        for answer in (
            httpx2.options(f"{demo.places['api']}/orders", headers=asked),
            httpx2.get(f"{demo.places['api']}/orders", headers={"Origin": origin}),
        ):
            allowed = answer.headers.get("access-control-allow-origin")
            assert allowed == (origin if origin in origins else None)
            assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("name", FRONTENDS)
def test_a_page_may_speak_with_nobody_but_the_service_and_the_api(demo: Demo, name: str) -> None:
    places = demo.places
    for path in ("/", "/callback?code=x&state=y", "/common/page.js", "/common/authsvc.js", "/common/config.js"):
        answer = httpx2.get(places[name] + path)
        assert answer.status_code == 200, path
        policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
        assert policy["connect-src"] == f"{places['issuer']} {places['api']}"
        assert policy["default-src"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == "'self'"
        assert answer.headers["referrer-policy"] == "no-referrer"  # the address may hold a code
    for path in ("/../bar/api.py", "/common/../bar/api.py", "/%2e%2e/bar/api.py", "/nothing", "//etc/passwd"):
        assert httpx2.get(places[name] + path).status_code == 404, path
    assert httpx2.post(places[name], content=b"x").status_code == 405


def test_the_demo_leaves_nothing_running_and_goes_on_with_its_data() -> None:
    with place_for_data() as data_dir:
        first = Demo(data_dir, "--port", "0", "--api-port", "0", "--frontend-port", "0")
        below = _family(first.process.pid)
        assert len(below) > 3  # the service, PostgreSQL, Valkey
        with urllib.request.urlopen(first.places["customer"]) as answer:
            assert answer.status == 200
        first.process.kill()  # nobody had time to say good-bye
        first.process.wait()
        _gone(below)
        second = Demo(data_dir, "--port", "0", "--api-port", "0", "--frontend-port", "0")
        below = _family(second.process.pid)
        assert second.end(signal.SIGINT) == 0
        _gone(below)


def test_a_port_in_use_is_said_in_one_line(demo: Demo) -> None:
    port = demo.places["api"].rpartition(":")[2]
    done = subprocess.run(
        [ROOT / "scripts/demo", "--port", "0", "--api-port", port, "--frontend-port", "0"],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 1
    assert done.stderr == f"Error: port {port} is in use: stop what listens there, or choose another with --api-port\n"


def _family(pid: int) -> list[int]:
    found = children(pid)
    return found + [one for child in found for one in _family(child)]


def _gone(pids: list[int]) -> None:
    deadline = time.monotonic() + 15
    while (left := [pid for pid in pids if Path(f"/proc/{pid}").exists()]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []
