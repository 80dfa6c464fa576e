"""A readable name for the device behind a User-Agent, for the list of sessions: "Firefox on Windows".

A hint for people, never evidence: anybody can send any User-Agent. The answer is short and holds no character that
could disturb a page or a terminal.
"""

from __future__ import annotations

import asyncio
import threading
import unicodedata
from functools import cache, lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from ua_parser import Parser

UNKNOWN = "Unknown device"
NAME_CHARS = 60
MAX_DEVICE_INFO = 120
MAX_USER_AGENT = 512  # the patterns cost time in proportion to the length

_BROWSERS = {
    "Mobile Safari": "Safari",
    "Mobile Safari UI/WKWebView": "Safari",
    "Chrome Mobile": "Chrome",
    "Chrome Mobile iOS": "Chrome",
    "Chrome Mobile WebView": "Chrome",
    "HeadlessChrome": "Chrome",
    "Firefox Mobile": "Firefox",
    "Firefox iOS": "Firefox",
    "Edge Mobile": "Edge",
    "Opera Mobile": "Opera",
    "Opera Mini": "Opera",
    "DuckDuckGo Mobile": "DuckDuckGo",
    "IE": "Internet Explorer",
    "IE Mobile": "Internet Explorer",
    "Android": "Android browser",
}
_SYSTEMS = {
    "Mac OS X": "Mac",
    "Chrome OS": "ChromeOS",
    "Ubuntu": "Linux",
    "Debian": "Linux",
    "Fedora": "Linux",
    "Red Hat": "Linux",
    "Arch Linux": "Linux",
}
_compiled = threading.Event()
_compiling = threading.Lock()


def device_name(user_agent: str | None) -> str:
    """A name of 1 to 60 characters. Never raises; what nobody recognises is "Unknown device"."""
    return _named(user_agent[:MAX_USER_AGENT]) if user_agent else UNKNOWN


async def ready() -> None:
    """Wait until `device_name` answers at once: the first parse, some 100 ms of compiling patterns (1.3 MB), is done in
    a thread for the first person."""
    if not _compiled.is_set():
        await asyncio.to_thread(_compile)


def _compile() -> None:
    with _compiling:
        if not _compiled.is_set():
            _families("a first parse compiles every pattern")
            _compiled.set()


@lru_cache(maxsize=1024)
def _named(user_agent: str) -> str:
    browser, system = _families(user_agent)
    if "CFNetwork/" in user_agent:
        browser = _app_name(browser)
    browser = _BROWSERS.get(browser, browser)
    if system == "iOS":
        system = next((name for name in ("iPad", "iPod", "iPhone") if name in user_agent), "iOS")
    system = _SYSTEMS.get(system, system)
    name = f"{browser} on {system}" if browser and system else browser or system
    return _plain(name)[:NAME_CHARS].strip() or UNKNOWN


def _app_name(escaped: str) -> str:
    """Apple's network library escapes the name of an app that is not plain ASCII: `B%C3%BCcher/3 CFNetwork/1490`."""
    try:
        return unquote(escaped, errors="strict")
    except UnicodeDecodeError:
        return escaped


def _families(user_agent: str) -> tuple[str, str]:
    """(browser, system) in ua-parser's words, "" for what it does not know."""
    from ua_parser import Domain

    result = _parser()(user_agent, Domain.USER_AGENT | Domain.OS)
    browser = result.user_agent.family if result.user_agent else ""
    system = result.os.family if result.os else ""
    return ("" if browser == "Other" else browser), ("" if system == "Other" else system)


@cache
def _parser() -> Parser:
    """Without the patterns for device models: they are most of the memory and time, and no name here needs them."""
    from ua_parser import BasicResolver, Parser, load_lazy_builtins

    return Parser(BasicResolver(load_lazy_builtins()))


def _plain(text: str) -> str:
    """Without control, format (bidi), private and unassigned characters."""
    return "".join(char for char in text if char == " " or unicodedata.category(char)[0] in "LMNPS")
