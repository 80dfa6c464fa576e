"""A program in Rust, as docs/clients.md shows it: it writes an address, and reads where the person was sent back to."""

from __future__ import annotations

from pathlib import Path

from tests.interop.conftest import REDIRECT, Provider
from tests.interop.person import Person
from tests.interop.programs.running import Talker, trusting
from tests.interop.programs.shown import Shown
from tests.interop.programs.workshop import Workshop

NAMES = ("ISSUER", "CLIENT", "SECRET", "REDIRECT")


def test_openidconnect_logs_a_person_in(workshop: Workshop, provider: Provider, person: Person, tmp_path: Path) -> None:
    shown = Shown("openidconnect (Rust)", provider, "openidconnect", REDIRECT.removesuffix("/callback")).registered()
    values = dict(zip(NAMES, (provider.issuer, shown.client_id, shown.secret, REDIRECT), strict=True))
    source = shown.block("rust")
    for name, value in values.items():  # so that it is built once
        assert f'"{value}".to_string()' in source
        source = source.replace(f'"{value}".to_string()', f'std::env::var("{name}")?')
    program = workshop.rust("openidconnect", source)
    with Talker([str(program)], {**trusting(provider), **values}) as wiki:
        wiki.say(person.sent_to(wiki.line()))
        said = wiki.line().split()
    assert said[1:] == ["test@example.com"]
    assert person.met == ["/login", "/consent"]
