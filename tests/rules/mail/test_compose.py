"""What a mail says: both languages, every template; and nothing that a name, a device or a link could make of it."""

from __future__ import annotations

import re
import string
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from html.parser import HTMLParser
from uuid import UUID

import pytest

from authsvc.outgoing.mail import Message, to_bytes
from authsvc.rules.mail.compose import Composed, Look, compose
from authsvc.rules.mail.templates import ALWAYS, FACTS, LANGUAGES, LONGEST_SECONDS, TEMPLATES
from authsvc.rules.mail.text import header_text
from authsvc.settings.mail import Sender

LOOK = Look("The Bar & Co.", "#3b5bdb", "https://login.example.com")
LINK = "https://login.example.com/proof?t=abc_DEF-1"
NASTY = (
    "Eve\r\nBcc: all@example.com\r\n\r\n<script>alert(1)</script> http://evil.example www.evil.example \u202egnp.exe"
)


def values_of(template: str, filler: str = "x") -> dict[str, str]:
    wanted = TEMPLATES[template]
    given = dict.fromkeys(wanted.values | wanted.optional, filler)
    return given | ({"link": LINK} if "link" in given else {})


def made(mail: Composed, to: str = "ann@example.com") -> bytes:
    sender = Sender("The Bar & Co.", "mail@example.com")
    when = datetime(2026, 11, 29, 12, tzinfo=UTC)
    return to_bytes(Message(UUID(int=7), when, sender, to, "en", mail.subject, mail.text, mail.html))


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", TEMPLATES)
def test_every_mail_says_something_in_both_languages(template: str, language: str) -> None:
    mail = compose(template, language, values_of(template), LOOK)
    assert 5 < len(mail.subject) < 80
    assert "{" not in mail.subject + mail.text
    assert "The Bar &amp; Co." in mail.html
    assert "login.example.com" in mail.text
    assert f'lang="{language}"' in mail.html


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_languages_want_the_same_values_and_all_of_them_are_known(template: str) -> None:
    known = TEMPLATES[template]
    for text in (known.subject, *known.before, *known.after, *known.instead):
        wanted = [{name for _, name, _, _ in string.Formatter().parse(column) if name} for column in text]
        assert wanted[0] == wanted[1]
        assert wanted[0] <= known.values | ALWAYS
    assert 0 < known.lifetime_seconds <= LONGEST_SECONDS


def test_a_mail_loads_nothing_and_leads_to_its_link_alone() -> None:
    mail = compose("notice_new_device", "en", values_of("notice_new_device"), LOOK)
    page = Page(mail.html)
    assert {tag for tag, _ in page.tags}.isdisjoint({"img", "script", "link", "iframe", "form", "style", "svg"})
    assert [attributes["href"] for _, attributes in page.tags if "href" in attributes] == [LINK]
    assert not [attributes for _, attributes in page.tags if "src" in attributes]
    assert "url(" not in mail.html
    assert re.findall(r"https?://\S+", mail.text) == [LINK]


def test_without_a_link_there_is_no_button_and_another_advice() -> None:
    given = values_of("notice_new_device")
    del given["link"]
    mail = compose("notice_new_device", "en", given, LOOK)
    assert "href" not in mail.html
    assert "button" not in mail.text
    assert "change your password" in mail.text


@pytest.mark.parametrize("name", FACTS)
def test_a_strangers_words_are_one_line_of_text_without_links(name: str) -> None:
    given = {**values_of("notice_new_device"), name: NASTY}
    mail = compose("notice_new_device", "en", given, LOOK)
    assert "<script" not in mail.html
    assert "\u202e" not in mail.html + mail.text
    [line] = [line for line in mail.text.splitlines() if line.startswith(FACTS[name][0])]
    assert "Bcc" in line
    if name != "when":  # ours
        assert not re.search(r"https?://evil|\w[.]example", line)
        assert "all@example" not in line
    raw = made(mail)
    assert b"\nBcc:" not in raw


@pytest.mark.parametrize(
    "link",
    [
        "https://login.example.com.evil.example/x",
        "https://login.example.com@evil.example/x",
        "https://evil.example/",
        "http://login.example.com/x",
        "//login.example.com/x",
        "javascript:alert(1)",
        "https://login.example.com",
        "https://login.example.com/x y",
        "https://login.example.com/x\r\nBcc: a@b.example",
        'https://login.example.com/"><script>',
        "https://login.example.com/\\evil",
        "https://login.example.com/" + "x" * 2100,
        "",
    ],
)
def test_a_link_that_leads_elsewhere_is_no_mail(link: str) -> None:
    with pytest.raises(ValueError, match="elsewhere"):
        compose("notice_new_device", "en", {**values_of("notice_new_device"), "link": link}, LOOK)


@pytest.mark.parametrize(
    ("template", "language", "values"),
    [
        ("nothing", "en", {}),
        ("test", "fr", {}),
        ("test", "en", {"surprise": "x"}),
        ("notice_new_device", "en", {"when": "x", "device": "x"}),
    ],
)
def test_what_no_template_can_say_is_a_mistake(template: str, language: str, values: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="mail"):
        compose(template, language, values, LOOK)


def test_the_brand_makes_no_header_and_no_markup() -> None:
    look = Look("A\r\nBcc: a@b.example <b>", "#000000", "https://login.example.com")
    mail = compose("test", "en", {}, look)
    assert "\n" not in mail.subject
    assert "&lt;b&gt;" in mail.html
    assert b"\nBcc" not in made(mail)


def test_the_same_mail_is_the_same_bytes() -> None:
    mail = compose("notice_new_device", "de", values_of("notice_new_device", "Gerät №1"), LOOK)
    first = made(mail)
    assert first == made(mail)
    read = message_from_bytes(first, policy=default)
    assert read["Message-ID"] == f"<{UUID(int=7)}@example.com>"
    assert read["Auto-Submitted"] == "auto-generated"
    assert read["Date"] == "Sun, 29 Nov 2026 12:00:00 +0000"
    assert read["From"] == '"The Bar & Co." <mail@example.com>'
    assert not [name for name in read if name.startswith("List-")]
    assert read.get_content_type() == "multipart/alternative"
    text, html = read.iter_parts()  # type: ignore[attr-defined]
    assert text.get_content().replace("\r\n", "\n") == mail.text
    assert html.get_content().replace("\r\n", "\n") == mail.html
    assert max(map(len, first.split(b"\r\n"))) <= 998
    assert b"\n" not in first.replace(b"\r\n", b"")


@pytest.mark.parametrize(
    "to",
    [
        "ann@example.com",
        "a>b@example.com",
        "a,b@example.com",
        'a"b@example.com',
        "a\\b@example.com",
        "a<c@d>e@example.com",
        "..@example.com",
        "änne@example.com",
    ],
)
def test_an_odd_address_is_one_recipient_or_none(to: str) -> None:
    mail = compose("test", "en", {}, LOOK)
    try:
        read = message_from_bytes(made(mail, to), policy=default)
    except ValueError:
        return
    [found] = read["To"].addresses
    username = found.username.encode("utf-8", "surrogateescape").decode()  # SMTPUTF8 has it raw
    assert (username, found.domain) == tuple(to.rsplit("@", 1))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\r\nb", "a b"),
        ("a\x00b", "ab"),
        ("a\u2028b", "a b"),
        ("\u202ea", "a"),
        ("x" * 200, "x" * 149 + "…"),
        ("", ""),
    ],
)
def test_a_header_is_one_line(text: str, expected: str) -> None:
    assert header_text(text) == expected
