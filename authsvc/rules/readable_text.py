"""Text of strangers that people read on one line: names of persons, clients, devices.

Not to be had are controls, ends of lines, what changes the direction of writing, and halves of characters. All else is
somebody's spelling: joiners (U+200C, U+200D) in Persian, in Indic scripts and in emoji, spaces that came by copying.
"""

from __future__ import annotations

import re
import unicodedata

_HARMFUL = "\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_JOINERS = "\u200c\u200d"
_UNSEEN = "\u00ad\u200b\u2060-\u2065\ufeff"
_harmful = re.compile(f"[{_HARMFUL}]")
_harmful_or_unseen = re.compile(f"[{_HARMFUL}{_UNSEEN}]")
_space = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")


def one_line(text: str) -> str:
    """With U+0020 for every other space (Zs), and none outside."""
    return _space.sub(" ", text).strip(" ")


def is_readable(text: str) -> bool:
    """Whether nothing in it can disturb a page or a terminal."""
    return _harmful.search(text) is None


def hides_nothing(text: str) -> bool:
    """Whether all of it is seen, but for joiners: what looks alike then is alike."""
    return all(char in _JOINERS or unicodedata.category(char) not in ("Cf", "Co", "Cn") for char in text)


def disarmed(text: str, instead: str) -> str:
    """With another character for each that could disturb."""
    return _harmful.sub(instead, text)


def made_readable(text: str) -> str:
    """Without what could disturb and what is never seen; "" where nothing is left to see."""
    kept = one_line(_harmful_or_unseen.sub("", text))
    return kept if any(unicodedata.category(char)[0] in "LNPS" for char in kept) else ""
