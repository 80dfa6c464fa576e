"""A template, a language and values become a subject, a text and an HTML page. Pure, and the same every time: a second
attempt sends the same bytes as the first.

The HTML carries its few styles with it and loads nothing: no image, no font, no script. Its only link is the one given,
which must be of the issuer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import escape

from authsvc.records import frozen
from authsvc.rules.mail.templates import FACTS, LANGUAGES, TEMPLATES, Template, wrong_values
from authsvc.rules.mail.text import header_text, safe_values
from authsvc.rules.palette import LIGHT_SURFACE, palette

_PATH = re.compile(r"/[!#$%&'()*+,./:;=?@\[\]~A-Za-z0-9_-]*").fullmatch
_LINK_CHARS = 2000


@frozen
class Look:
    """What the pages look like, and where they are: `issuer` is the only place that links lead to."""

    brand: str
    color: str
    issuer: str


@frozen
class Composed:
    subject: str
    text: str
    html: str


def judge_letter(template: str, language: str, values: Mapping[str, str], look: Look) -> Template:
    """The template, where the values are those that it wants. Raises ValueError: a mistake of the caller's."""
    known = TEMPLATES.get(template)
    if known is None or language not in LANGUAGES:
        raise ValueError(f"no mail {template!r} in {language!r}")
    if wrong := wrong_values(known, frozenset(values)):
        raise ValueError(f"mail {template}: values {', '.join(sorted(wrong))}")
    link = values.get("link")
    if link is not None and not _is_ours(link, look.issuer):
        raise ValueError(f"mail {template}: the link leads elsewhere")
    return known


def compose(template: str, language: str, values: Mapping[str, str], look: Look) -> Composed:
    """The mail in words. Raises ValueError, as `judge_letter`."""
    known = judge_letter(template, language, values, look)
    column = LANGUAGES.index(language)
    host = look.issuer.partition("://")[2]
    said = safe_values({**values, "brand": look.brand, "host": host})
    subject = header_text(known.subject[column].format(**said))
    parts = _Parts(known, column, said)
    return Composed(subject, "\n\n".join(parts.plain()) + "\n", _page(parts, subject, language, look))


def _is_ours(link: str, issuer: str) -> bool:
    return len(link) <= _LINK_CHARS and link.startswith(issuer + "/") and bool(_PATH(link[len(issuer) :]))


class _Parts:
    """The parts of a mail in their order, as plain text and as HTML."""

    def __init__(self, template: Template, column: int, said: Mapping[str, str]) -> None:
        self._template = template
        self._column = column
        self._said = said
        self._link = said.get("link", "")
        self._after = template.after if self._link or not template.instead else template.instead
        self._facts = [(FACTS[name][column], said[name]) for name in FACTS if said.get(name)]
        self._safe = {name: escape(value) for name, value in said.items()}

    def plain(self) -> Iterator[str]:
        for text in self._template.before:
            yield text[self._column].format(**self._said)
        if self._facts:
            yield "\n".join(f"{name}: {value}" for name, value in self._facts)
        if "code" in self._said:
            yield f"    {self._said['code']}"
        if self._link:
            yield f"{self._label()}:\n{self._link}"
        for text in self._after:
            yield text[self._column].format(**self._said)
        yield f"-- \n{self._said['brand']}, {self._said['host']}"

    def marked(self, colors: Mapping[str, str]) -> Iterator[str]:
        for text in self._template.before:
            yield self._paragraph(text)
        if self._facts:
            yield '<table role="presentation" style="margin:0 0 16px;border-spacing:0">'
            for name, value in self._facts:
                yield (
                    f'<tr><th scope="row" style="text-align:left;font-weight:normal;padding:2px 16px 2px 0">'
                    f'{escape(name)}</th><td style="padding:2px 0;word-break:break-word">'
                    f"<bdi>{escape(value)}</bdi></td></tr>"
                )
            yield "</table>"
        if "code" in self._said:
            yield f'<p style="font-size:28px;letter-spacing:4px;margin:0 0 16px"><b>{self._safe["code"]}</b></p>'
        if self._link:
            yield (
                f'<p style="margin:24px 0"><a href="{self._safe["link"]}" style="background:{colors["brand"]};'
                f"color:{colors['on_brand']};padding:12px 20px;border-radius:8px;text-decoration:none;"
                f'display:inline-block">{escape(self._label())}</a></p>'
            )
        for text in self._after:
            yield self._paragraph(text)

    def _label(self) -> str:
        return self._template.button[self._column] if self._template.button else self._link

    def _paragraph(self, text: tuple[str, str]) -> str:
        return f'<p style="margin:0 0 16px">{escape(text[self._column], quote=False).format(**self._safe)}</p>'


def _page(parts: _Parts, subject: str, language: str, look: Look) -> str:
    colors = palette(look.color, LIGHT_SURFACE)
    brand, host = escape(header_text(look.brand)), escape(look.issuer.partition("://")[2])
    body = "\n".join(parts.marked(colors))
    return f"""<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{escape(subject)}</title>
</head>
<body style="margin:0;padding:24px;background:#f4f5f7;color:#1a1f29;font:16px/1.5 system-ui,sans-serif">
<div style="max-width:520px;margin:0 auto;background:#ffffff;border-radius:12px;padding:24px">
<p style="margin:0 0 24px;font-size:18px;color:{colors["accent"]}"><b>{brand}</b></p>
{body}
<p style="margin:24px 0 0;font-size:13px;color:#5b6472">{brand}, {host}</p>
</div>
</body>
</html>
"""
