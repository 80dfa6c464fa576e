"""`authsvc keys plan`: what an operator reads before going home."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from authsvc.cli.keys import show_plan
from authsvc.keys.forecast import forecast
from authsvc.keys.policy import SIGNS_WHILE_CUT_OFF
from tests.cli.conftest import Cli, answer
from tests.keys.lines import CURRENT, LINE, NEXT, SIGN, ahead
from tests.support.jose import DAY, HOUR, MINUTE, NOW, POLICY, SECOND


def test_the_time_line_shows_each_keys_phases_in_plain_ascii() -> None:
    lines = list(show_plan.timeline(ahead(LINE)))
    assert [line[:26].split() for line in lines] == [
        [],
        ["current..", "RS256"],
        ["next..", "RS256"],
        ["new", "RS256", "key", "1", "RS256"],
        ["new", "RS256", "key", "2", "RS256"],
        [],
    ]
    assert lines[0].split() == ["2030-01-01", "2030-02-27", "2030-04-24", "2030-06-20"]
    assert lines[-1].strip() == ". announced, # signing, - retired"
    for line, life in zip(lines[1:5], ("#", ".#", " .#", " ."), strict=True):
        shown = line[26:]
        assert "".join(dict.fromkeys(shown.replace("-", ""))) == life
    for line in lines:
        assert line.isascii()
        assert len(line) <= 100
    # One takes over from the other: in no column do two sign, in each one does.
    columns = [[line.ljust(100)[26:][number] for line in lines[1:5]] for number in range(74)]
    assert [column.count("#") for column in columns] == [1] * 74


@pytest.mark.parametrize(
    ("span", "ticks"),
    [
        (180 * DAY, ["2030-01-01", "2030-02-15", "2030-04-01", "2030-05-16"]),
        (DAY, ["01. 12:00", "01. 18:00", "02. 00:00", "02. 06:00"]),
        (4 * MINUTE, ["12:00:00", "12:01:00", "12:02:00", "12:03:00"]),
    ],
)
def test_the_axis_fits_the_span(span: timedelta, ticks: list[str]) -> None:
    axis = next(iter(show_plan.timeline(ahead(LINE, span))))
    assert [axis[26 + number * 18 :][: len(tick)] for number, tick in enumerate(ticks)] == ticks


def test_in_good_order_it_says_until_when_nobody_is_needed() -> None:
    assert list(show_plan.summary(ahead(LINE))) == [
        "No replica is needed until 2030-03-31 11:00:00 UTC (in 88 d 23 h): the next RS256 key.",
        "RS256: the keys there are sign until 2030-06-30 11:00:00 UTC (in 179 d 23 h).",
    ]
    assert next(iter(show_plan.summary(ahead(LINE, DAY)))) == "No replica is needed before 2030-01-02 12:00:00 UTC."


def test_what_is_overdue_stands_first() -> None:
    lines = list(show_plan.summary(ahead((CURRENT,))))
    assert lines[:2] == [
        "OVERDUE: the next RS256 key, since 2029-12-31 11:00:00 UTC (1 d 1 h ago).",
        "Any replica does this within a second of its start. After that:",
    ]
    assert lines[2].startswith("No replica is needed until 2030-03-31 11:00:00 UTC")
    nothing = list(show_plan.summary(ahead((), DAY)))
    assert nothing[0] == "OVERDUE: the next RS256 key."
    assert nothing[-1] == "RS256: no key signs now; one does from 2030-01-01 12:00:00 UTC (now) on."
    unborn = list(show_plan.summary(ahead(LINE, 2 * DAY, ("RS256", "ES256"))))
    assert unborn[-1] == "ES256: no key signs now; one does from 2030-01-02 12:00:00 UTC (in 1 d) on."
    assert list(show_plan.summary(ahead(LINE, HOUR, ("RS256", "ES256"))))[-1] == "ES256: no key signs now."
    assert all(len(line) <= 100 for line in (*lines, *nothing, *unborn))


def test_for_scripts_a_key_that_is_not_made_yet_has_a_name_but_no_kid() -> None:
    found = show_plan.as_document(forecast(LINE, NOW, POLICY, ("RS256",), NOW + SIGN))
    assert found["overdue"] == []
    assert found["replica_needed"] == {"alg": "RS256", "at": NOW + SIGN - HOUR - POLICY.wait}
    assert found["lines"] == [
        {"alg": "RS256", "signing_kid": "current", "signs_until_without_replicas": NEXT.signs_until}
    ]
    assert found["events"][:2] == [
        {
            "at": NOW + SIGN - HOUR - POLICY.wait,
            "event": "announced",
            "alg": "RS256",
            "kid": None,
            "name": "new RS256 key 1",
        },
        {"at": NOW + SIGN - HOUR, "event": "signs", "alg": "RS256", "kid": "next", "name": "next"},
    ]


def test_the_command_shows_what_is_overdue_and_what_comes(cli: Cli) -> None:
    """No replica has run here: the second key is missing."""
    shown = cli("keys", "plan").stdout
    assert shown.startswith("OVERDUE: the next RS256 key, since ")
    [key] = answer(cli("keys", "list", "--json"))
    lines = shown.splitlines()
    assert max(map(len, lines)) <= 100 or "OVERDUE" in max(lines, key=len) or "RS256: should" in max(lines, key=len)
    assert [line.split() for line in lines if line.startswith("WHEN")] == [
        ["WHEN", "(UTC)", "IN", "KEY", "ALG", "WHAT"]
    ]
    retired = next(line for line in lines if line.endswith("  retired"))
    assert key["kid"] in retired
    assert "in 89 d 23 h" in retired or "in 90 d" in retired
    document = answer(cli("keys", "plan", "--json"))
    assert [duty["alg"] for duty in document["overdue"]] == ["RS256"]
    assert document["events"][0]["event"] == "announced"


def test_every_line_fits_100_columns(cli: Cli) -> None:
    lines = cli("keys", "plan", "--until", "999 d").stdout.splitlines()
    table = lines[next(number for number, line in enumerate(lines) if line.startswith("WHEN")) :]
    assert len(table) > 40
    assert max(lines, key=len)[100:] == ""
    assert all(line.isascii() for line in lines)


async def test_it_is_what_a_replica_then_does(cli: Cli, settings_env: dict[str, str], sql: asyncpg.Connection) -> None:
    """The first thing that is foretold, done by the same step that a worker takes."""
    from authsvc.flows.keys import manage_keys
    from authsvc.flows.keys.served_settings import in_force
    from authsvc.runtime import open_runtime
    from authsvc.settings import load

    foretold = answer(await asyncio.to_thread(cli, "keys", "plan", "--json"))
    runtime = open_runtime(load(settings_env))
    made = await manage_keys.step(runtime, (await in_force(runtime)).policy, "tests")
    await runtime.close()
    assert isinstance(made, manage_keys.Generated)
    signs = next(
        event for event in foretold["events"] if event["name"] == "new RS256 key 1" and event["event"] == "signs"
    )
    assert abs(datetime.fromisoformat(signs["at"]) - made.signs_from) < SECOND
    again = answer(await asyncio.to_thread(cli, "keys", "plan", "--json"))
    assert again["overdue"] == []
    assert [event["name"] for event in again["events"]][1] == made.kid


@pytest.mark.parametrize("span", ["", "soon", "0 s", "3651 d", "-1 d", "999999 d 999999 d"])
def test_a_span_that_is_none_is_refused(cli: Cli, span: str) -> None:
    assert cli("keys", "plan", "--until", span, code=2).stderr.startswith("authsvc: --until: ")


def test_the_keys_of_a_further_algorithm_are_planned_too(
    cli: Cli, settings_env: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "policy.toml"
    file.write_text('algorithms = ["RS256", "EdDSA"]\nsign = "30 d"')
    settings_env["AUTHSVC_KEY_POLICY_FILE"] = str(file)
    events = answer(cli("keys", "plan", "--json"))["events"]
    first = [event for event in events if event["name"] == "new EdDSA key 1"]
    assert [event["event"] for event in first] == ["announced", "signs", "retired", "dropped"]
    announced, signs = (datetime.fromisoformat(event["at"]) for event in first[:2])
    assert signs - announced == DAY + SIGNS_WHILE_CUT_OFF
