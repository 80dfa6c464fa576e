"""What a person may say of themselves: a name on one line, and a language of the pages."""

from __future__ import annotations

from authsvc.records import frozen
from authsvc.rules.discovery import UI_LOCALES
from authsvc.rules.people.person import judge_name
from authsvc.rules.refused import Refused


@frozen
class Profile:
    """`locale`: a BCP 47 tag, '' for whatever the browser asks for."""

    name: str
    locale: str


def judge_profile(name: str, locale: str) -> Profile | Refused:
    """The profile as it is stored. An empty name is nobody's mistake: who has one need not have it for ever."""
    judged = judge_name(name)
    if isinstance(judged, Refused):
        return judged
    if locale not in ("", *UI_LOCALES):
        return Refused("invalid_person", "that is no language of the pages", "locale")
    return Profile(judged, locale)
