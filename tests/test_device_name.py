"""Names of devices: readable for people, harmless for pages, bounded in time and length."""

from __future__ import annotations

import asyncio
import time
import unicodedata

import httpx2
import pytest

from authsvc import device_name as module
from authsvc.device_name import UNKNOWN, device_name, ready
from tests.support.busy import again_when_busy, prompt

WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
BLINK = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("user_agent", "expected"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0", "Firefox on Windows"),
        ("Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0", "Firefox on Linux"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 14.7; rv:133.0) Gecko/20100101 Firefox/133.0", "Firefox on Mac"),
        ("Mozilla/5.0 (Android 14; Mobile; rv:133.0) Gecko/133.0 Firefox/133.0", "Firefox on Android"),
        (
            f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) {WEBKIT} FxiOS/133.0 "
            "Mobile/15E148 Safari/605.1.15",
            "Firefox on iPhone",
        ),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {BLINK} Chrome/131.0.0.0 Safari/537.36", "Chrome on Windows"),
        (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {BLINK} Chrome/131.0.0.0 Safari/537.36", "Chrome on Mac"),
        (f"Mozilla/5.0 (X11; Linux x86_64) {BLINK} Chrome/131.0.0.0 Safari/537.36", "Chrome on Linux"),
        (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {BLINK} Chrome/131.0.0.0 Safari/537.36", "Chrome on ChromeOS"),
        (f"Mozilla/5.0 (Linux; Android 10; K) {BLINK} Chrome/131.0.0.0 Mobile Safari/537.36", "Chrome on Android"),
        (
            f"Mozilla/5.0 (Linux; Android 14; Pixel 8; wv) {BLINK} Version/4.0 Chrome/131.0.0.0 Mobile Safari/537.36",
            "Chrome on Android",
        ),
        (
            f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) {WEBKIT} CriOS/131.0.6778.73 Mobile/15E148 "
            "Safari/604.1",
            "Chrome on iPhone",
        ),
        (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Version/18.1 Safari/605.1.15", "Safari on Mac"),
        (
            f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) {WEBKIT} Version/18.1 Mobile/15E148 Safari/604.1",
            "Safari on iPhone",
        ),
        (
            f"Mozilla/5.0 (iPad; CPU OS 17_7 like Mac OS X) {WEBKIT} Version/17.7 Mobile/15E148 Safari/604.1",
            "Safari on iPad",
        ),
        (
            f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {BLINK} Chrome/131.0.0.0 Safari/537.36 Edg/131.0.2903.51",
            "Edge on Windows",
        ),
        (
            f"Mozilla/5.0 (Linux; Android 10; HD1913) {BLINK} Chrome/131.0.0.0 Mobile Safari/537.36 EdgA/131.0.2903.48",
            "Edge on Android",
        ),
        (
            f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {BLINK} Chrome/131.0.0.0 Safari/537.36 OPR/115.0.0.0",
            "Opera on Windows",
        ),
        (
            f"Mozilla/5.0 (Linux; Android 14; SM-S918B) {BLINK} SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile "
            "Safari/537.36",
            "Samsung Internet on Android",
        ),
        ("Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko", "Internet Explorer on Windows"),
        ("curl/8.11.0", "curl"),
        ("Shop/7 CFNetwork/1490.0.4 Darwin/23.2.0", "Shop on iOS"),
        ("My%20Shop/7 CFNetwork/1490.0.4 Darwin/23.2.0", "My Shop on iOS"),
        ("B%C3%BCcher/3 CFNetwork/1404.0.5 Darwin/22.3.0", "B\u00fccher on iOS"),
        ("%E6%B5%8B%E8%AF%95/12.3 CFNetwork/1404.0.5 Darwin/22.3.0", "\u6d4b\u8bd5 on iOS"),
        ("Bad%FF/1 CFNetwork/1404.0.5 Darwin/22.3.0", "Bad%FF on iOS"),
        ("a%00b%E2%80%AE%1Bc/1 CFNetwork/1404.0.5 Darwin/22.3.0", "abc on iOS"),
        ("Wget/1.21.4", "Wget"),
        ("python-requests/2.32.3", "Python Requests"),
        ("okhttp/4.12.0", "okhttp"),
        ("Go-http-client/2.0", "Go-http-client"),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Googlebot"),
        ("", UNKNOWN),
        (None, UNKNOWN),
        ("???", UNKNOWN),
        ("\x00\x1b[31m", UNKNOWN),
    ],
)
def test_a_user_agent_becomes_a_name_people_know(user_agent: str | None, expected: str) -> None:
    assert device_name(user_agent) == expected


@pytest.mark.parametrize(
    "hostile",
    [
        "Evil\u202e\x1b[31m\r\nBot/1.0",
        "\u2066Bot\x00Crawler/1.0",
        "<script>Bot/1.0",
        "\ud800Bot/1.0",
        "A" * 200 + "Bot/1.0",
    ],
)
def test_a_name_holds_no_control_or_direction_marks_and_at_most_60_characters(hostile: str) -> None:
    for user_agent in (hostile, f"Mozilla/5.0 (compatible; {hostile})"):
        name = device_name(user_agent)
        assert 1 <= len(name) <= 60
        assert all(char == " " or unicodedata.category(char)[0] in "LMNPS" for char in name)


def test_only_the_first_512_characters_are_looked_at() -> None:
    start = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0"
    assert device_name(start + " " * 1_000_000) == "Firefox on Windows"
    assert device_name(" " * 512 + start) == UNKNOWN


@again_when_busy
@pytest.mark.parametrize(
    "piece", ["a", "(", "/", ";", "1", " ", ".", "Android ", "like Gecko; ", "Version/1.", "a/1 ("]
)
def test_no_user_agent_costs_more_than_a_moment(piece: str) -> None:
    device_name("warm")
    began = time.perf_counter()
    device_name((piece * 600)[:512] + "!")
    prompt(time.perf_counter() - began < 0.1)


@again_when_busy
async def test_the_first_parse_does_not_hold_up_the_loop() -> None:
    """A hundred who come at once wait for one parse."""
    module._parser.cache_clear()
    module._named.cache_clear()
    module._compiled.clear()
    waiting = asyncio.gather(*(ready() for _ in range(100)))
    latest = 0.0
    while not waiting.done():
        began = time.perf_counter()
        await asyncio.sleep(0)
        latest = max(latest, time.perf_counter() - began)
    prompt(latest < 0.05, f"{latest:.3f} s")
    assert module._compiled.is_set()
    assert module._parser.cache_info().currsize == 1


async def test_who_is_served_by_name_waits_for_the_first_parse(http: httpx2.AsyncClient) -> None:
    """What machines ask does not cause it."""
    module._compiled.clear()
    asked = await http.post("/token", data={"grant_type": "client_credentials"}, auth=("backend", "backend-secret"))
    assert asked.status_code == 200
    assert not module._compiled.is_set()
    for path in ("/login?next=/account", "/account"):
        module._compiled.clear()
        await http.get(path)
        assert module._compiled.is_set()


def test_the_cache_is_bounded() -> None:
    assert module._named.cache_parameters()["maxsize"] == 1024
