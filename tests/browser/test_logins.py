"""The module in Chromium: login by redirect, log-out, and what is no answer for this page."""

from __future__ import annotations

import pytest
import pytest_asyncio

from tests.browser.conftest import Apps, Scenes
from tests.browser.readme import MOST_LINES, ROOT, html_of

pytestmark = pytest.mark.browser


@pytest_asyncio.fixture(scope="module")
async def played(apps: Apps) -> Scenes:
    return await apps.play("logins.mjs")


async def test_login_by_redirect_with_code_pkce_state_nonce_and_iss(apps: Apps, played: Scenes) -> None:
    said = played["hosted"]
    user = said["user"]
    assert (user["email"], user["name"], user["roles"]) == ("test@example.com", "Test", ["customer"])
    assert said["hint"] == "test@example.com"
    assert said["back"] == {"user": user, "returnTo": "/cart?n=1"}
    assert said["address"] == f"{apps.job['app']}/house/local", "nothing of the answer stays in the address"
    assert said["statuses"] == [200, 200]
    assert (said["left"], said["reloaded"]) == (0, None)


async def test_a_page_that_is_instrumented_logs_in(played: Scenes) -> None:
    """Its headers were in no list of ours, so that the browser let no request through."""
    assert played["instrumented"] == {"wrong": None, "user": "test@example.com", "statuses": [200, 200]}


async def test_an_answer_with_another_state_iss_or_nonce_is_refused(played: Scenes) -> None:
    said = played["refusedAnswers"]
    for kind, code in (("state", "state_mismatch"), ("iss", "iss_mismatch"), ("denied", "access_denied")):
        assert said[kind] == [code, [None, ""]]
    assert said["beforeCode"] == 0, "no code was sent before state and iss were right"
    assert said["code"] == ["invalid_grant", [None, ""]]
    assert said["unasked"] == [None, [None, "?code=x"]], "no login was begun here: it is none of this page's"
    assert said["nonce"] == ["id_token_mismatch", [None, {}]]


async def test_after_a_log_out_the_next_login_asks_for_the_password(apps: Apps, played: Scenes) -> None:
    said = played["outAndIn"]
    """Chromium waits for the page that asks. A frontend of the house ends the browser's login; a guest may not, and who
    is offline cannot: the question is asked nevertheless."""
    for client, told in (("house", True), ("offline", False), ("guest", True)):
        found = said[client]
        assert found["told"] is told, client
        assert found["user"] == "test@example.com", client
        assert found["before"]["active"] is (client == "offline"), client
    assert not await apps.active(said["house"]["session"])
    assert await apps.active(said["guest"]["session"])


async def test_the_end_of_a_shared_login_is_the_end_for_both_frontends(played: Scenes) -> None:
    said = played["shared"]
    assert said["sessions"][0] == said["sessions"][1]
    assert said["after"] == [401]
    assert said["standing"] == {"user": None, "ended": ["session_over"]}


@pytest.mark.parametrize("page", ["README", "package"])
async def test_the_page_that_a_readme_shows_logs_in_and_out(played: Scenes, page: str) -> None:
    assert played[page]["kept"] == "Log out Test"


def test_the_projects_readme_needs_ten_lines() -> None:
    assert len(html_of(ROOT / "README.md").splitlines()) <= MOST_LINES
