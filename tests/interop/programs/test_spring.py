"""An API of Spring Boot, as docs/clients.md configures it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.interop.conftest import Provider
from tests.interop.person import Person
from tests.interop.programs.api import asked_about, becomes, caller, id_token, own_token, status
from tests.interop.programs.running import Program, java_trusting
from tests.interop.programs.shown import Shown
from tests.interop.programs.workshop import HERE, Workshop

AUDIENCE = "https://orders.example.com"
STARTER = "spring-boot-starter-oauth2-resource-server"
SHOP = (HERE / "Shop.java").read_text()


def started(jar: Path, tmp_path: Path, shown: Shown, *, audience: bool = True) -> Program:
    """`audience`: whether the configuration says whom tokens are for, as it should."""
    configured = shown.block("yaml")
    if not audience:
        configured = "".join(line for line in configured.splitlines(True) if "audiences" not in line)
    (tmp_path / "application.yml").write_text(configured)
    java = java_trusting(shown.provider, tmp_path)
    return Program([*java, "-jar", str(jar), "--server.port={port}"], tmp_path)


@pytest.mark.parametrize("version", [3, 4])
def test_its_defaults_take_the_type_jwt_and_no_other(
    version: int,
    workshop: Workshop,
    provider: Provider,
    person: Person,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = f"spring-{version}"
    shown = Shown("Spring Boot", provider, name, AUDIENCE).registered()
    with started(workshop.spring(version, STARTER, SHOP), tmp_path, shown) as shop:
        orders = f"{shop.url}/orders"
        assert status(orders, own_token(provider, name, shown.secret)) == 200, shop.log.read_text()[-2000:]
        assert status(orders, None) == 401
        assert status(orders, id_token(provider, person, f"{name}-person", monkeypatch)) == 401
        provider.operate("clients", "choose-access-tokens", name, "--access-token-typ", "at+jwt")
        becomes(401, lambda: status(orders, own_token(provider, name, shown.secret)))


def test_without_an_audience_it_takes_an_id_token_as_the_paper_says(
    workshop: Workshop, provider: Provider, person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = Shown("Spring Boot", provider, "spring-anybody", AUDIENCE).registered()
    with started(workshop.spring(3, STARTER, SHOP), tmp_path, shown, audience=False) as shop:
        assert status(f"{shop.url}/orders", id_token(provider, person, "spring-other", monkeypatch)) == 200


@pytest.mark.parametrize("version", [3, 4])
def test_the_bean_takes_at_jwt_and_no_other(
    version: int,
    workshop: Workshop,
    provider: Provider,
    person: Person,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = f"spring-bean-{version}"
    shown = Shown("Spring Boot", provider, name, AUDIENCE).registered("--access-token-seconds", "10")
    with started(workshop.spring(version, STARTER, SHOP, shown.block("java")), tmp_path, shown) as shop:
        orders = f"{shop.url}/orders"
        assert status(orders, own_token(provider, name, shown.secret)) == 401
        assert status(orders, id_token(provider, person, f"{name}-person", monkeypatch)) == 401
        provider.operate("clients", "choose-access-tokens", name, "--access-token-typ", "at+jwt")
        becomes(200, lambda: status(orders, own_token(provider, name, shown.secret)))
        assert status(orders, own_token(provider, f"{name}-other", caller(provider, f"{name}-other"))) == 401
        assert when_ended(orders, own_token(provider, name, shown.secret)) == 401


def when_ended(orders: str, token: str) -> int:
    """What an API says to a token of ten seconds after those and Spring's leeway of sixty."""
    ended = time.monotonic() + 10 + 60
    assert status(orders, token) == 200
    time.sleep(ended + 1 - time.monotonic())
    return status(orders, token)


@pytest.mark.parametrize("version", [3, 4])
def test_it_asks_about_tokens_and_hears_of_a_revocation_at_once(
    version: int, workshop: Workshop, provider: Provider, tmp_path: Path
) -> None:
    name = f"spring-opaque-{version}"
    shown = Shown("Spring Boot: introspection", provider, name, AUDIENCE).registered()
    with started(workshop.spring(version, STARTER, SHOP), tmp_path, shown) as shop:
        asked_about(provider, f"{shop.url}/orders", f"{name}-caller", AUDIENCE)
