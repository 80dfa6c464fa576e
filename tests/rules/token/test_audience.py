"""Whom a token is for: the house's names stand in the tokens of the house, strangers get /userinfo and no more."""

from __future__ import annotations

import pytest

from authsvc.rules.client_record import Client
from authsvc.rules.token.access_token import sees_roles
from authsvc.rules.token.audience import (
    audience_now,
    audience_of,
    granted_audience,
    own_audience_of,
    resources_of,
    userinfo_of,
)
from tests.support.clients import flat_client

ISSUER, API = "https://auth.example", "https://api.example"
USERINFO = "https://auth.example/userinfo"


def client(*audiences: str, ours: bool = False) -> Client:
    return flat_client(id="c", name="C", kind="public", first_party=ours, audiences=audiences)


def test_the_audience_of_userinfo_is_its_address() -> None:
    assert userinfo_of(ISSUER) == USERINFO


@pytest.mark.parametrize(
    ("of", "person", "itself", "feed"),
    [
        (client(), (USERINFO,), (ISSUER,), (ISSUER,)),
        (client(API), (API,), (API,), (API, ISSUER)),
        (client(API, ISSUER), (API, ISSUER), (API, ISSUER), (API, ISSUER)),
        (client(ours=True), (ISSUER,), (ISSUER,), (ISSUER,)),
        (client(API, ours=True), (API, ISSUER), (API, ISSUER), (API, ISSUER)),
        (client(ISSUER, API, ours=True), (ISSUER, API), (ISSUER, API), (ISSUER, API)),
    ],
)
def test_who_takes_a_clients_tokens(
    of: Client, person: tuple[str, ...], itself: tuple[str, ...], feed: tuple[str, ...]
) -> None:
    assert audience_of(of, ISSUER) == person
    assert own_audience_of(of, ISSUER, ("api",)) == itself
    assert own_audience_of(of, ISSUER, ("api", "revocations")) == feed


@pytest.mark.parametrize(
    ("of", "allowed"),
    [
        (client(), {USERINFO}),
        (client(API), {API, USERINFO}),
        (client(API, ISSUER), {API, ISSUER, USERINFO}),
        (client(ours=True), {ISSUER, USERINFO}),
    ],
)
def test_the_issuer_is_no_resource_of_a_stranger(of: Client, allowed: set[str]) -> None:
    assert resources_of(of, ISSUER) == allowed


@pytest.mark.parametrize(
    ("of", "scope", "resource", "granted"),
    [
        (client(), ("openid",), (), (USERINFO,)),
        (client(), (), (), (USERINFO,)),
        (client(API), ("openid",), (), (API, USERINFO)),
        (client(API), ("profile",), (), (API,)),
        (client(API), ("openid",), (API,), (API,)),
        (client(API, ISSUER), ("openid",), (), (API, ISSUER)),
        (client(API, ours=True), ("openid",), (), (API, ISSUER)),
        (client(API, ours=True), ("openid",), (USERINFO,), (USERINFO,)),
    ],
)
def test_what_a_person_grants(
    of: Client, scope: tuple[str, ...], resource: tuple[str, ...], granted: tuple[str, ...]
) -> None:
    assert granted_audience(of, ISSUER, scope=scope, resource=resource) == granted


@pytest.mark.parametrize(
    ("of", "granted", "now"),
    [
        (client(), (ISSUER,), (USERINFO,)),
        (client(API), (API, ISSUER), (API, USERINFO)),
        (client(API), (ISSUER, USERINFO), (USERINFO,)),
        (client(API), (API,), (API,)),
        (client(ISSUER), (ISSUER,), (ISSUER,)),
        (client(ours=True), (ISSUER,), (ISSUER,)),
    ],
)
def test_a_grant_of_before_gives_no_more_than_one_of_today(
    of: Client, granted: tuple[str, ...], now: tuple[str, ...]
) -> None:
    assert audience_now(of, ISSUER, granted) == now


def test_who_sees_roles() -> None:
    assert sees_roles(client(ours=True), ("openid",))
    assert sees_roles(client(), ("openid", "roles"))
    assert not sees_roles(client(API, ISSUER), ("openid", "profile", "role"))
