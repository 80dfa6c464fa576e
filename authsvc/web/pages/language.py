"""A language chosen, and its texts, numbers and times. Texts come from the catalogue and nowhere else.

What is put into a text is escaped (`Markup.format`); `plain` and `named` make strings of strangers safe to read, not
only safe to parse: no control characters, no change of writing direction, no endless names.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache, lru_cache

from markupsafe import Markup, escape

from authsvc.web.http.accept import MAX_HEADER, weighted
from authsvc.web.pages.catalogue import LANGUAGES, TEXT

NAME_CHARS = 80
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


@lru_cache(maxsize=512)
def choose_language(ui_locales: str | None, accept_language: str | None) -> str:
    """ui_locales in its order (OIDC Core section 3.1.2.1), then Accept-Language by weight, then English."""
    accepted = sorted(weighted(accept_language or ""), key=lambda member: -member[1])
    for tag in (*(ui_locales or "")[:MAX_HEADER].split(), *(tag for tag, weight in accepted if weight)):
        language = tag.partition("-")[0].lower()
        if language in LANGUAGES:
            return language
    return LANGUAGES[0]


class Words:
    """The texts of one language. Make it with `words`."""

    def __init__(self, language: str) -> None:
        column = LANGUAGES.index(language)
        self.language = language
        self._texts = {key: Markup(texts[column]) for key, texts in TEXT.items()}  # noqa: S704 our own texts
        self.months = self._texts["months"].split(" ")
        self._separator = str(self._texts["thousands"])

    def text(self, key: str, **values: object) -> Markup:
        """Raises KeyError for a key or a placeholder that is not there."""
        return self._texts[key].format(**values) if values else self._texts[key]

    def counted(self, key: str, count: int) -> Markup:
        """The form for this number, with the number in it."""
        form = "one" if count == 1 else "other"
        return self._texts[f"{key}.{form}"].format(count=self.number(count))

    def number(self, count: int) -> str:
        return f"{count:,}".replace(",", self._separator)

    def scope(self, scope: str) -> Markup:
        key = f"scope.{scope}"
        if key in self._texts:
            return self._texts[key]
        return self.text("unknown_scope", scope=Markup("<code>{}</code>").format(plain(scope)))

    def ago(self, then: datetime, now: datetime) -> Markup:
        """How long ago, in its largest unit. The future (clocks differ) is now."""
        seconds = int((now - then).total_seconds())
        if seconds < _MINUTE:
            return self._texts["now"]
        if seconds < _HOUR:
            return _ago(self, "minute", seconds // _MINUTE)
        if seconds < _DAY:
            return _ago(self, "hour", seconds // _HOUR)
        days = seconds // _DAY
        if days < 30:
            return _ago(self, "day", days)
        return _ago(self, "month", days * 12 // 365 or 1) if days < 365 else _ago(self, "year", days // 365)

    def wait(self, seconds: int) -> Markup:
        """A time to wait, rounded up: nobody should come back too early."""
        if seconds < 2 * _MINUTE:
            return self.counted("wait.second", max(1, seconds))
        if seconds < 2 * _HOUR:
            return self.counted("wait.minute", -(-seconds // _MINUTE))
        return self.counted("wait.hour", -(-seconds // _HOUR))

    def date(self, when: datetime) -> Markup:
        utc = when.astimezone(UTC)
        return _date(self, utc.year, utc.month, utc.day)

    def moment(self, when: datetime) -> Markup:
        """Date and time, in UTC and saying so: without a script the server does not know where the person is."""
        utc = when.astimezone(UTC)
        before, after = _around_time(self, utc.year, utc.month, utc.day)
        return Markup(f"{before}{utc.hour:02}:{utc.minute:02}{after}")  # noqa: S704 nothing from outside


@cache
def words(language: str) -> Words:
    """The one `Words` of a language; of English where there is none."""
    return Words(language if language in LANGUAGES else LANGUAGES[0])


@lru_cache(maxsize=1024)
def _ago(texts: Words, unit: str, count: int) -> Markup:
    return texts.counted(f"ago.{unit}", count)


@lru_cache(maxsize=1024)
def _date(texts: Words, year: int, month: int, day: int) -> Markup:
    return texts.text("date", day=day, month=texts.months[month - 1], year=year)


@lru_cache(maxsize=1024)
def _around_time(texts: Words, year: int, month: int, day: int) -> tuple[str, str]:
    before, _, after = texts.text("moment", date=_date(texts, year, month, day), time="|").partition("|")
    return str(before), str(after)


def plain(value: str | None, limit: int = 320) -> str:
    """What a person can read of a stranger's string, at most `limit` characters; "" where nothing is left."""
    seen = _UNSEEN.sub("", value or "").strip()
    return seen if len(seen) <= limit else seen[: limit - 1] + "…"


def named(value: str | None, limit: int = NAME_CHARS) -> Markup:
    """A stranger's name inside a sentence: its writing direction ends with it."""
    return Markup("<bdi>") + escape(plain(value, limit)) + Markup("</bdi>")


def strong(value: str | None, limit: int = NAME_CHARS) -> Markup:
    """As `named`, in bold."""
    return Markup("<strong>") + named(value, limit) + Markup("</strong>")
