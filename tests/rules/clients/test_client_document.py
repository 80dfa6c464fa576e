"""Documents that make a client (client ID metadata documents): which addresses are asked, what a document may say."""

from __future__ import annotations

from typing import Any

import pytest

from authsvc.rules.client_record import Client, names_document
from authsvc.rules.clients.client_document import (
    FRESH_SECONDS,
    NOBODYS_TOKEN,
    USUAL_SECONDS,
    base_client,
    fresh_seconds,
    host_allowed,
    name_is_plain,
    read_document,
    url_problem,
    with_host,
)
from authsvc.rules.clients.judge_client import Service, judge_client
from authsvc.rules.clients.strangers import Strangers
from authsvc.rules.refused import Refused
from authsvc.rules.token.refresh_token import gets_refresh_token

URL = "https://agent.example/oauth/client.json"
CALLBACK = "https://agent.example/callback"
LEAST: dict[str, Any] = {"client_id": URL, "client_name": "Agent", "redirect_uris": [CALLBACK]}
SERVICE = Service(("RS256",), loopback=False, may_ask=lambda _: True, taken_names=("Bar", "Partner"))
NOTHING_MORE = Strangers()


def made(document: Any, strangers: Strangers = NOTHING_MORE, url: str = URL) -> Client | Refused:
    """As `flows/caller/client_documents` makes it, but for keys."""
    base = base_client(url, strangers)
    client = read_document(document, base)
    if isinstance(client, Refused):
        return client
    judged = judge_client(client, "registrant", SERVICE, base)
    if isinstance(judged, Refused):
        return judged
    return name_is_plain(judged) or with_host(judged)


def good(strangers: Strangers = NOTHING_MORE, **members: Any) -> Client:
    client = made({**LEAST, **members}, strangers)
    assert isinstance(client, Client), client
    return client


# Addresses


@pytest.mark.parametrize(
    "url", [URL, "https://a.example/", "https://a.b-c.example:8443/x/y", "https://xn--e1awd7f.com/c"]
)
def test_an_address_that_may_be_asked(url: str) -> None:
    assert url_problem(url, loopback=False) is None
    assert names_document(url)


@pytest.mark.parametrize(
    "url",
    [
        *("http://agent.example/c", "https://agent.example", "https:///c", "https://agent/c", "ftp://agent.example/c"),
        *("https://user@agent.example/c", "https://u:p@agent.example/c", "https://agent.example/c#f"),
        *("https://agent.example/c?x=1", "https://agent.example/c?", "https://agent.example/a/../c"),
        *("https://agent.example/./c", "https://agent.example/%2e%2e/c", "https://agent.example/c%00"),
        *(
            "https://Agent.example/c",
            "HTTPS://agent.example/c",
            "https://agent.example:443/c",
            "https://agent.example:0/c",
        ),
        *("https://127.0.0.1/c", "https://[::1]/c", "https://169.254.169.254/c", "https://0x7f000001/c"),
        *("https://2130706433/c", "https://10.0.0.1:8443/c", "https://localhost/c", "https://agent.example./c"),
        *(
            "https://агент.example/c",
            "https://agent.example\\@x.example/c",
            "https://agent.example/ c",
            URL + "x" * 256,
        ),
        *("http://localhost:5000/c", "https://agent.example/c\n"),
    ],
)
def test_an_address_that_is_never_asked(url: str) -> None:
    assert url_problem(url, loopback=False) == "client_document_url"


def test_this_machine_is_for_development() -> None:
    for url in ("http://localhost:5000/c", "http://127.0.0.1/c", "http://[::1]:5000/c", "https://localhost:5000/c"):
        assert url_problem(url, loopback=True) is None
        assert url_problem(url, loopback=False) is not None
    for url in ("http://localhost.example/c", "http://localhost:5000", "http://127.0.0.2/c", "http://127.0.0.1/../c"):
        assert url_problem(url, loopback=True) is not None


@pytest.mark.parametrize(
    ("hosts", "blocked", "allowed"),
    [
        ((), (), True),
        (("agent.example",), (), True),
        ((".example",), (), True),
        ((".agent.example",), (), True),
        (("other.example", "gent.example", ".gent.example"), (), False),
        ((), ("agent.example",), False),
        ((), (".example",), False),
        (("agent.example",), (".agent.example",), False),
        ((), ("gent.example", ".ent.example"), True),
    ],
)
def test_an_operator_names_hosts(hosts: tuple[str, ...], blocked: tuple[str, ...], allowed: bool) -> None:
    assert host_allowed(URL, hosts, blocked) is allowed


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("", USUAL_SECONDS),
        ("public", USUAL_SECONDS),
        ("max-age=3600", 3600),
        ("public, Max-Age=3600", 3600),
        ('max-age="900"', 900),
        ("max-age=0", FRESH_SECONDS[0]),
        ("no-store", FRESH_SECONDS[0]),
        ("max-age=3600, no-cache", FRESH_SECONDS[0]),
        ("max-age=99999999999999999999", FRESH_SECONDS[1]),
        ("max-age=-1", USUAL_SECONDS),
        ("max-age=\u0663", USUAL_SECONDS),
        (",,=,max-age", USUAL_SECONDS),
    ],
)
def test_cache_control_is_obeyed_within_bounds(said: str, seconds: float) -> None:
    assert fresh_seconds(said) == seconds


# Documents


def test_a_document_makes_a_public_client_that_shows_its_host() -> None:
    client = good()
    assert (client.id, client.name, client.kind) == (URL, "Agent (agent.example)", "public")
    assert client.by_document
    assert client.login.redirect_uris == (CALLBACK,)
    assert client.grant_types == {"authorization_code"}
    assert client.tokens.scopes == ("openid", "profile", "email")
    assert client.authentication.registration_hash == NOBODYS_TOKEN
    assert not client.first_party


def test_what_is_not_for_us_is_passed_over() -> None:
    client = good(
        grant_types=["authorization_code", "refresh_token", "client_credentials", "urn:example:other", 1],
        scope="openid notes.read offline_access unknown",
        logo_uri="http://169.254.169.254/logo",
        client_uri="http://agent.example/",
        post_logout_redirect_uris=["https://evil.example/"],
        backchannel_logout_uri="http://10.0.0.1/logout",
        sector_identifier_uri="https://evil.example/sector",
        first_party=True,
        introspection=True,
        audiences=["https://api.example"],
        software_statement="x",
        userinfo_signed_response_alg="RS256",
    )
    assert client.grant_types == {"authorization_code", "refresh_token"}
    assert client.tokens.scopes == ("openid", "offline_access")
    assert not client.first_party
    assert not client.introspection
    assert (client.logout.post_logout_redirect_uris, client.logout.backchannel_logout_uri) == ((), None)
    assert (client.login.sector_identifier_uri, client.tokens.audiences) == (None, ())


def test_an_operator_lets_strangers_have_scopes_audiences_and_refresh_tokens() -> None:
    strangers = Strangers(("https://mcp.example.com",), ("notes.read", "notes.write"), True)
    client = good(strangers, grant_types=["authorization_code", "refresh_token"], scope="notes.read roles")
    assert client.tokens.scopes == ("notes.read",)
    assert client.tokens.audiences == ("https://mcp.example.com",)
    assert gets_refresh_token(client, ("notes.read",))
    assert not gets_refresh_token(good(strangers), ("notes.read",)), "it has not registered the grant type"
    without = good(grant_types=["authorization_code", "refresh_token"])
    assert not gets_refresh_token(without, ("openid",))
    assert gets_refresh_token(without, ("openid", "offline_access"))


def test_a_document_with_keys_makes_a_confidential_client() -> None:
    jwks = {"keys": [{"kty": "EC"}]}
    assert good(token_endpoint_auth_method="private_key_jwt", jwks=jwks).confidential
    client = good(token_endpoint_auth_method="private_key_jwt", jwks_uri="https://agent.example/jwks.json")
    assert client.authentication.jwks_uri == "https://agent.example/jwks.json"


@pytest.mark.parametrize("uri", ["http://127.0.0.1/cb", "http://localhost:3000/cb", "http://[::1]/cb"])
def test_redirects_to_the_persons_device_make_it_native(uri: str) -> None:
    client = good(redirect_uris=[uri, CALLBACK])
    assert client.login.application_type == "native"


def test_a_document_without_a_name_is_called_by_its_host() -> None:
    client = made({"client_id": URL, "redirect_uris": [CALLBACK]})
    assert isinstance(client, Client)
    assert client.name == "agent.example"


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"client_id": URL + "x"}, "client_document_other_id"),
        ({"client_id": URL.upper()}, "client_document_other_id"),
        ({"client_id": None}, "client_document_other_id"),
        ({"client_id": [URL]}, "client_document_other_id"),
        ({"client_secret": "s"}, "client_document_client_secret"),
        ({"client_secret": None}, "client_document_client_secret"),
        ({"client_secret_expires_at": 0}, "client_document_client_secret_expires_at"),
        *(
            ({"token_endpoint_auth_method": method}, "client_document_auth_method")
            for method in (
                "client_secret_basic",
                "client_secret_post",
                "client_secret_jwt",
                "tls_client_auth",
                1,
                ["none"],
            )
        ),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "jwks_missing"),
        ({"jwks": {"keys": []}}, "jwks_of_public_client"),
        *(
            ({"redirect_uris": [CALLBACK, uri]}, "client_document_redirect_elsewhere")
            for uri in (
                *("https://evil.example/cb", "https://agent.example.evil.example/cb", "https://agent.example:8443/cb"),
                *(
                    "http://agent.example/cb",
                    "https://sub.agent.example/cb",
                    "com.example.agent:/cb",
                    "javascript:x",
                    "",
                    1,
                ),
                *("http://127.0.0.1.evil.example/cb", "https://[/cb", "//agent.example/cb", "https://127.0.0.1/cb"),
            )
        ),
        ({"redirect_uris": ["https://evil.example@agent.example/cb"]}, "redirect_uris_refused"),
        ({"redirect_uris": ["https://agent.example/*"]}, "redirect_uris_refused"),
        ({"redirect_uris": []}, "redirect_uris_missing"),
        ({"redirect_uris": None}, "redirect_uris_missing"),
        ({"redirect_uris": CALLBACK}, "redirect_uris_type"),
        (
            {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://keys.example/jwks"},
            "client_document_keys_elsewhere",
        ),
        ({"scope": "admin other"}, "client_document_scope"),
        ({"response_types": ["token"]}, "response_types"),
        ({"id_token_signed_response_alg": "HS256"}, "id_token_signed_response_alg"),
        ({"client_name": "Claude (claude.ai)"}, "client_document_name"),
        ({"client_name": ""}, "client_name"),
        ({"client_name": 1}, "client_name"),
        ({"client_name": "Agent\u202eteg"}, "client_name"),
        ({"client_name": "Раrtner"}, "client_name_scripts"),
        ({"client_name": "Ｐartner"}, "client_name_form"),
        ({"client_name": "Partner"}, "client_name_taken"),
        ({"client_name": "Pаrtnеr".replace("а", "a").replace("е", "e")}, "client_name_taken"),
    ],
)
def test_a_document_that_makes_no_client(members: dict[str, Any], reason: str) -> None:
    refused = made({**LEAST, **members})
    assert isinstance(refused, Refused), refused
    assert refused.reason == reason


@pytest.mark.parametrize("document", [None, [], [LEAST], "x", 1, True])
def test_what_is_no_object_makes_no_client(document: Any) -> None:
    refused = made(document)
    assert isinstance(refused, Refused)
    assert refused.reason == "client_document_malformed"


def test_an_operator_adds_no_client_by_such_an_id() -> None:
    client = Client(id=URL, name="Agent", kind="public")
    refused = judge_client(client, "operator", SERVICE)
    assert isinstance(refused, Refused)
    assert refused.reason == "client_id"
