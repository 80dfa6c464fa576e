"""Frontends with oidc-client-ts in Chromium: one logs in and out; two share a login, which ends for both at once."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Play

pytestmark = pytest.mark.browser


def test_oidc_client_ts_logs_in_renews_revokes_and_logs_out(play: Play) -> None:
    said = play("login.mjs")
    assert said["consent"] == "Shop asks for access"
    user, renewed = said["user"], said["renewed"]
    assert (user["profile"]["name"], user["profile"]["email"]) == ("Test", "test@example.com")
    assert user["scope"] == "openid profile email offline_access"
    assert renewed["sub"] == user["profile"]["sub"]
    assert renewed["access_token"] != user["access_token"]
    assert renewed["refresh_token"] != user["refresh_token"]
    assert said["before"] == {"active": True, "userinfo": 200}
    assert said["after"] == {"active": False, "userinfo": 401}
    assert said["refused"] == "invalid_grant"
    assert said["account"] == "/login"
    posts = [one for one in said["asked"] if one.startswith("POST") and one != "POST /login/passkey"]  # our own page's
    assert posts == ["POST /token"] * 2 + ["POST /revoke"] * 2


def test_a_login_shared_by_two_frontends_ends_for_both_within_a_second(play: Play) -> None:
    said = play("two_frontends.mjs")
    assert said["silent"]["sub"] == said["own"]["sub"]
    assert said["silent"]["sid"] == said["own"]["sid"]
    assert f"{said['till']}/silent" in {url.partition("?")[0] for url in said["pagesSeen"]}
    assert all(url.startswith((said["till"], "about:")) for url in said["pagesSeen"])  # no page of ours, in no frame
    assert said["before"] == [{"active": True, "userinfo": 200}] * 2
    assert said["after"] == [{"active": False, "userinfo": 401}] * 2
    assert said["seconds"] <= 1
    assert said["notice"].strip() == "The session has ended."
    assert said["found"] == ["invalid_grant", "login_required"] * 2
