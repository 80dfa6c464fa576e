"""Passkeys in Chromium, with a virtual authenticator: the pages' script, and what a person sees of it."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Play
from tests.support.busy import again_when_busy, prompt

pytestmark = pytest.mark.browser


@again_when_busy
def test_a_passkey_is_made_used_and_removed(play: Play) -> None:
    said = play("passkeys.mjs")
    assert said["made"].strip() == "Your passkey is ready to use."
    assert said["cards"] == ["My key"]
    assert said["resident"] == [[True, "localhost"]]
    assert said["renamed"] == "signalCurrentUserDetails(localhost)"
    assert said["kept"] == "test@example.com"
    assert said["button"] == ["asked"]
    assert said["claims"] == ["phrh", ["hwk", "user", "mfa"]]
    assert said["field"] == ["conditional"]
    assert said["steppedUp"] == ["pwd", "hwk", "user", "mfa"]
    assert said["hidden"] is True
    assert said["noScript"] is False
    assert said["before"] == {"active": True, "userinfo": 200}
    assert said["after"] == {"active": False, "userinfo": 401}
    prompt(said["within"] < 1000)
    assert said["told"] == "signalAllAcceptedCredentials(localhost)"
    assert said["examined"] == [
        "login, with a passkey",
        "new passkey",
        "account, with a passkey",
        "new passkey, known",
        "login, too many passkeys",
        "second step, with a passkey",
    ]
