"""A program with the Nimbus SDK, as docs/clients.md shows it: it writes addresses, and reads where they led."""

from __future__ import annotations

from pathlib import Path

from tests.interop.conftest import REDIRECT, Provider
from tests.interop.person import Person
from tests.interop.programs.running import Talker, java_trusting
from tests.interop.programs.shown import Shown, key_files
from tests.interop.programs.workshop import Workshop

HOME = REDIRECT.removesuffix("/callback")


def registered(provider: Provider, client_id: str, tmp_path: Path) -> Shown:
    return Shown("Nimbus OAuth SDK", provider, client_id, HOME, key_files(tmp_path)).registered()


def started(shown: Shown, workshop: Workshop, tmp_path: Path) -> Talker:
    values = {"ISSUER": shown.provider.issuer, "CLIENT": shown.client_id, "KEY": shown.names["private-key.json"]}
    source = shown.block("java")
    for name, value in values.items():  # so that it is built once
        assert f'"{value}"' in source
        source = source.replace(f'"{value}"', f'System.getenv("{name}")')
    classes = workshop.java("nimbus", source)
    return Talker([*java_trusting(shown.provider, tmp_path), "-cp", classes, "wiki.Wiki"], values)


def test_login_refresh_and_logout(workshop: Workshop, provider: Provider, person: Person, tmp_path: Path) -> None:
    with started(registered(provider, "nimbus", tmp_path), workshop, tmp_path) as wiki:
        wiki.say(person.sent_to(wiki.line()))
        email, token = wiki.line().split()
        assert email == "test@example.com"
        assert provider.active(token)
        assert person.sent_to(wiki.line()).startswith(f"{HOME}/?state=")
    assert person.met == ["/login", "/consent"]
    assert not provider.active(token)


def test_without_the_policy_it_is_told_what_is_wrong(
    workshop: Workshop, provider: Provider, person: Person, tmp_path: Path
) -> None:
    shown = registered(provider, "nimbus-strict", tmp_path)
    provider.operate("clients", "choose-assertions", "nimbus-strict", "--assertion-audience", "issuer")
    with started(shown, workshop, tmp_path) as wiki:
        wiki.say(person.sent_to(wiki.line()))
        said = wiki.ended()
        assert "invalid_client" in said
        assert "aud" in said
