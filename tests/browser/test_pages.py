"""The hosted pages in Chromium, in real flows: nothing to complain of for axe-core, the console and the policy."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Play

pytestmark = pytest.mark.browser
PAGES = [
    ["login", "Sign in"],
    ["login, wrong password", "Sign in"],
    ["consent", "Shop asks for access"],
    ["account", "Your account"],
    ["password change, wrong", "Your account"],
    ["password change, done", "Your account"],
    ["device, entry", "Connect a device"],
    ["device, wrong code", "Connect a device"],
    ["device, confirm", "Connect this device?"],
    ["device, done", "The device is connected"],
    ["turned away", "No access with this account"],
    ["error", "This link does not work"],
    ["logout, confirm", "Sign out?"],
    ["logout, done", "You are signed out"],
]


def test_every_page_is_met_and_has_no_fault(play: Play) -> None:
    """Wide and narrow, light and dark: axe-core finds nothing serious, Chromium says nothing, no policy is broken."""
    said = play("pages.mjs")
    assert said["seen"] == PAGES
    assert said["examined"] == [label for label, _ in PAGES]
    assert said["others"] == [200] * 3
    assert len(said["cards"]) == 4
    assert "<b>not bold</b>" in said["cards"]
    assert len(said["left"]) == 1
    assert said["device"] == 200
    assert said["formPost"] == ["code", "iss", "state"]
    assert said["after"] == "/login"


def test_the_login_needs_no_mouse(play: Play) -> None:
    said = play("keyboard.mjs")
    assert said["stops"] == [
        [name, True]
        for name in (
            "E-mail address",
            "Password",
            "Keep me signed in",
            "Sign in",
            "Privacy policy of the app",
            "Allow",
            "Deny",
        )
    ]
    assert said["kept"] is True


def test_everything_works_without_javascript(play: Play) -> None:
    said = play("without_javascript.mjs")
    assert said["loading"] == "loading"  # no script ran, the frontend's neither
    assert said["before"] == {"active": True, "userinfo": 200}
    assert said["after"] == {"active": False, "userinfo": 401}
    assert said["apps"] == 1


def test_what_a_page_does_wrong_would_be_noticed(play: Play) -> None:
    """The same watch, over a login page that the script spoils."""
    with pytest.raises(AssertionError) as raised:
        play("spoilt.mjs")
    for noticed in (
        "color-contrast",
        ": label at",
        "wider than the window",
        "CSP at /login",
        "console at",
        "no answer with 418",
    ):
        assert noticed in str(raised.value)
