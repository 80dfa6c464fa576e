"""Text for headers and bodies of mails. A name or a device is a stranger's word: it makes no header, no line, no markup
and no link, for a mail program makes a link of whatever looks like one."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from authsvc.rules.readable_text import made_readable

VALUE_CHARS = 120
SUBJECT_CHARS = 150
_OURS = frozenset({"link", "code", "email", "brand", "host", "when"})
"""Values that we make or have judged."""
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,15}):(?=[/\\]{2})")
_DOMAIN = re.compile(r"(?<=\w)([.\u3002\uff0e\uff61])(?=[^\W\d_]{2})")
_LINES = re.compile(r"[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]+")


def header_text(text: str, limit: int = SUBJECT_CHARS) -> str:
    """One line, no controls, no change of direction, `limit` characters at most."""
    return _cut(made_readable(_LINES.sub(" ", text)), limit)


def moment(when: datetime) -> str:
    """A time that both languages read alike, in UTC: nobody knows where the person is."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def safe_values(values: dict[str, str]) -> dict[str, str]:
    """The values as a mail may show them; those of strangers without what a mail program takes for a link."""
    return {name: _one(name, value) for name, value in values.items()}


def _one(name: str, value: str) -> str:
    if name in ("link", "code"):
        return value
    line = header_text(value, VALUE_CHARS if name not in _OURS else 400)
    return line if name in _OURS else _no_link(line)


def _no_link(text: str) -> str:
    return _DOMAIN.sub(r" \1 ", _SCHEME.sub(r"\1 : ", text)).replace("@", " @ ")


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
