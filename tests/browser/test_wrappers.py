"""The module in Chromium: auth.fetch and axios attach, renew, try once more and give up; and DPoP."""

from __future__ import annotations

import pytest
import pytest_asyncio

from tests.browser.conftest import Apps, Scenes

pytestmark = pytest.mark.browser
STILL_IN = {"user": "test@example.com", "ended": []}


@pytest_asyncio.fixture(scope="module")
async def played(apps: Apps) -> Scenes:
    return await apps.play("wrappers.mjs")


@pytest.mark.parametrize("dpop", [False, True])
@pytest.mark.parametrize("wrapper", ["fetch", "axios"])
async def test_a_wrapper_attaches_renews_tries_once_more_and_gives_up(played: Scenes, wrapper: str, dpop: bool) -> None:
    said = played[wrapper + ("DPoP" if dpop else "")]
    assert said["fresh"] == [200] * 10
    assert set(said["sent"]) == {"DPoP" if dpop else "Bearer"}
    assert said["before"] == 0
    renewed = 2 if dpop else 1  # the clock was changed: the first proof is refused, the next one right
    assert said["ahead"] == [[200] * 10, 10, renewed], "renewed before the calls, which are sent once"
    assert said["refused"] == [[200] * 10, 20, renewed + 1], "refused, renewed once for all, sent once more"
    assert said["elsewhere"] is None
    assert said["other"] == [404, STILL_IN]
    assert said["final"] == [401, 1, {"user": None, "ended": ["refused"]}]


@pytest.mark.parametrize("hosted", [False, True])
async def test_tokens_are_bound_to_a_key_that_cannot_leave_the_browser(
    apps: Apps, played: Scenes, hosted: bool
) -> None:
    said = played["keyHosted" if hosted else "key"]
    assert said["statuses"] == [200] * 12
    assert len(said["keys"]) == 3
    assert len(set(said["keys"])) == 1, "one key, over refreshes and reloads"
    assert said["extractable"] == [1, False, "refused"]
    assert said["stolen"] == [401, 401, "invalid_dpop_proof"]
    assert said["lost"] == [[401], {"user": None, "ended": ["session_over"]}]
    assert await apps.lineage(said["session"]) == (2, 0, False)


async def test_a_wrong_clock_is_no_hindrance_to_proofs(played: Scenes) -> None:
    said = played["wrongClockWithKey"]
    for minutes in ("-10", "10"):
        found = said[minutes]
        assert found["statuses"] == [200] * 12
        assert found["quiet"] == 0
        assert found["standing"] == STILL_IN
