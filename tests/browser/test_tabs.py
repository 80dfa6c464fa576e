"""The module in Chromium: one refresh for all tabs, and nobody is logged out by a clock, a dead tab or the network."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio

from tests.browser.conftest import Apps, Scenes

pytestmark = pytest.mark.browser
STILL_IN = {"user": "test@example.com", "ended": []}


@pytest_asyncio.fixture(scope="module")
async def expired(apps: Apps) -> Scenes:
    """An access token of ten seconds expires in several browsers: they wait for it together."""
    return await apps.play("expiry.mjs")


async def one_refresh(apps: Apps, said: dict[str, Any], tabs: int) -> None:
    """Exactly one, as the browser and the service count, and no call failed. A token of ten seconds is due for the next
    one after two thirds of them, and an answer is waited for eight seconds: where the calls took that long, there may
    be another."""
    assert said["before"] == [200] * tabs
    assert said["fresh"] == 0
    assert said["statuses"] == [200] * (8 * tabs)
    assert said["standings"] == [STILL_IN] * tabs
    generation, repeated, ended = await apps.lineage(said["session"])
    assert 1 <= said["refreshes"] <= 1 + said["seconds"] // 6.5
    assert (generation + repeated, ended) == (said["refreshes"], False)


async def test_forty_calls_in_five_tabs_need_one_refresh_when_the_token_has_expired(
    apps: Apps, expired: Scenes
) -> None:
    await one_refresh(apps, expired["ahead"], 5)


async def test_forty_calls_in_flight_when_the_token_expires_need_one_refresh_and_none_fails(
    apps: Apps, expired: Scenes
) -> None:
    """A clock that was set back meanwhile: all of them are sent with the token, and refused."""
    await one_refresh(apps, expired["inFlight"], 5)


async def test_without_web_locks_it_is_still_one_refresh(apps: Apps, expired: Scenes) -> None:
    await one_refresh(apps, expired["withoutLocks"], 3)


async def test_a_laptop_that_slept_for_a_night_is_still_logged_in(apps: Apps, expired: Scenes) -> None:
    await one_refresh(apps, expired["asleep"], 2)


@pytest.mark.parametrize("clock", ["early", "late"])
async def test_a_clock_that_is_ten_minutes_wrong_costs_no_refresh_and_no_call(
    apps: Apps, expired: Scenes, clock: str
) -> None:
    await one_refresh(apps, expired[clock], 1)


async def test_the_tab_that_refreshes_is_killed_and_another_takes_over(apps: Apps) -> None:
    apps.proxy.delay = 0.1
    try:
        said = await apps.play("faults.mjs", scene="killed")
    finally:
        apps.proxy.heal()
    assert said["statuses"] == [200] * 8
    assert said["standing"] == STILL_IN
    assert said["refreshes"] == [said["refreshes"][0]] * 2, "the very same token again"
    generation, _, ended = await apps.lineage(said["session"])
    assert (generation, ended) == (1, False)


async def test_a_refresh_whose_answer_is_lost_twice_is_sent_again_and_nobody_is_logged_out(apps: Apps) -> None:
    with apps.losing_answers(2):
        said = await apps.play("faults.mjs", scene="lostAnswers")
    assert said["statuses"] == [200] * 8
    assert said["standing"] == STILL_IN
    assert len(set(said["refreshes"])) == 1, "the very same token again"
    assert await apps.lineage(said["session"]) == (1, 2, False)


async def test_offline_for_longer_than_the_grace_after_a_lost_answer_and_still_logged_in(apps: Apps) -> None:
    with apps.losing_answers(2):
        said = await apps.play("faults.mjs", scene="offline")
    assert said["error"] == {"code": "network", "temporary": True}
    assert said["away"] == said["standing"] == STILL_IN
    assert said["statuses"] == [200] * 4
    assert len(set(said["refreshes"])) == 1
    generation, _, ended = await apps.lineage(said["session"])
    assert (generation, ended) == (2, False), "superseded: the lost one is void"


async def test_a_strict_client_with_two_tabs_uses_its_token_once(apps: Apps) -> None:
    said = await apps.play("faults.mjs", scene="strict")
    assert said["statuses"] == [200] * 8
    assert said["standing"] == STILL_IN
    assert await apps.lineage(said["session"]) == (1, 0, False)


async def test_a_strict_client_is_logged_out_by_a_lost_answer_and_says_so(apps: Apps) -> None:
    """What strict means: the same token again is a copy's. README tells who chooses it."""
    with apps.losing_answers(1):
        said = await apps.play("faults.mjs", scene="strict")
    assert said["statuses"] == [401] * 8
    assert (said["standing"]["user"], len(said["standing"]["ended"])) == (None, 1)
    assert not await apps.active(said["session"])
