"""The module in Chromium: where a login ends, how long it lasts, and where it is kept."""

from __future__ import annotations

import pytest
import pytest_asyncio

from tests.browser.conftest import Apps, Scenes

pytestmark = pytest.mark.browser
STILL_IN = {"user": "test@example.com", "ended": []}


@pytest_asyncio.fixture(scope="module")
async def played(apps: Apps) -> Scenes:
    return await apps.play("sessions.mjs")


async def test_a_device_ended_from_another_browser_is_logged_out_by_its_next_call_within_two_seconds(
    apps: Apps, played: Scenes
) -> None:
    said = played["endedElsewhere"]
    assert said["before"] == STILL_IN
    assert said["status"] == 401
    assert said["ms"] < 2000
    assert said["after"] == {"user": None, "ended": ["session_over"]}
    assert said["heard"] == ["test@example.com", None]
    assert not await apps.active(said["session"])
    status, sessions = said["others"]
    assert status == 200
    assert said["session"] not in sessions


async def test_all_other_devices_are_ended_and_this_one_is_not(played: Scenes) -> None:
    said = played["endedOthers"]
    assert said["ended"] >= 1
    assert said["left"] == [True]
    assert (said["far"], said["here"]) == ([401], [200])


@pytest.mark.parametrize("storage", ["memory", "session", "local"])
async def test_log_out_in_one_tab_logs_out_all_tabs(apps: Apps, played: Scenes, storage: str) -> None:
    """With `local` they share one session; else each has its own, and all of them end."""
    said = played[storage]
    assert said["told"] is True
    assert len(set(said["sessions"])) == (1 if storage == "local" else 2)
    assert not any([await apps.active(session) for session in said["sessions"]])
    me, *others = said["standings"]
    assert me == {"user": None, "ended": []}
    assert others == [{"user": None, "ended": ["elsewhere"]}] * (2 if storage == "local" else 1)
    assert said["kept"] == [{"authsvc_login": "login"}, {}]


async def test_remember_me_gives_thirty_days_and_outlives_the_browser(played: Scenes) -> None:
    said = played["rememberMe"]
    for remember_me, days in (("true", 30), ("false", 7)):
        found = said[remember_me]
        assert found["remember_me"] is (remember_me == "true")
        assert found["days"] == pytest.approx(days, abs=0.001)
        assert found["given"] == pytest.approx(days, abs=0.001)
        assert found["after"] == [200]


async def test_old_storage_keys_are_taken_over_once(played: Scenes) -> None:
    said = played["migrated"]
    assert said["first"] == said["second"] == {"access_token": said["token"], "user": '{"id":"1","name":"Bo"}'}
    assert (said["status"], said["name"]) == ([200], "Bo")


async def test_a_duplicated_tab_that_slept_goes_on_though_the_other_one_refreshed_and_is_closed(
    apps: Apps, played: Scenes
) -> None:
    """It has an old refresh token, which would end the session: it does not show it."""
    said = played["duplicated"]
    assert said["statuses"] == [200] * 12
    assert said["quiet"] == 4, "the newest access token is shared, too"
    assert len(said["refreshes"]) == len(set(said["refreshes"])) == 5
    assert said["standing"] == STILL_IN
    assert await apps.lineage(said["session"]) == (5, 0, False)
