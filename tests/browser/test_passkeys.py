"""Passkeys in Chromium, with a virtual authenticator: the pages' script, and what a person sees of it."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Play

pytestmark = pytest.mark.browser


def test_a_passkey_is_made_used_and_removed(play: Play) -> None:
    said = play("passkeys.mjs")
    print(said)
