"""`authsvc clients`."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import asyncpg
import httpx2
import pytest

from authsvc.jose import jwk
from authsvc.rules.client_record import Client, flat_of
from authsvc.rules.clients.tls_authentication import SUBJECTS
from tests.cli.conftest import Cli, answer
from tests.support.certificates import AUTHORITY
from tests.support.receiver import answer as said
from tests.support.receiver import receiver

BOUND = "tls_client_certificate_bound_access_tokens"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
REDIRECTS = ["--redirect-uri", "https://a.example/cb", "--redirect-uri", "https://b.example/cb"]


def listed(cli: Cli, client_id: str) -> dict[str, object]:
    return next(row for row in answer(cli("clients", "list", "--json")) if row["id"] == client_id)


async def token(http: httpx2.AsyncClient, client_id: str, secret: str) -> int:
    answered = await http.post("/token", data={"grant_type": "client_credentials"}, auth=(client_id, secret))
    return answered.status_code


def test_a_public_client_is_added_with_its_policy(cli: Cli) -> None:
    cli(
        "clients",
        "add",
        "bar",
        "--name",
        "The bar",
        "--public",
        "--first-party",
        "--required-role",
        "bartender",
        "--no-remember-me",
        "--strict",
        "--scope",
        "openid",
        "--scope",
        "profile",
        "--session-seconds",
        "3600",
        "--redirect-uri",
        "https://bar.example.com/callback",
        "--redirect-uri",
        "http://127.0.0.1:5173/callback",
    )
    row = listed(cli, "bar")
    assert row["grant_types"] == ["authorization_code", "refresh_token"]
    assert row["scopes"] == ["openid", "profile"]
    assert row["required_role"] == "bartender"
    assert row["remember_me_allowed"] is False
    assert row["refresh_grace_seconds"] == 0
    assert row["session_seconds"] == 3600
    assert len(row["redirect_uris"]) == 2  # type: ignore[arg-type]
    assert "no remember me, strict, role bartender" in cli("clients", "list").stdout
    assert "already" in cli("clients", "add", "bar", "--public", code=1).stderr


@pytest.fixture
def many_algorithms(settings_env: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text('algorithms = ["RS256", "ES256", "EdDSA"]')
    settings_env["AUTHSVC_KEY_POLICY_FILE"] = str(file)


def test_every_field_of_a_client_can_be_said_and_is_listed(cli: Cli, many_algorithms: None) -> None:
    cli(
        "clients",
        "add",
        "bank",
        "--confidential",
        "--native",
        "--jwks-uri",
        "https://bank.example/jwks",
        "--auth-method",
        "private_key_jwt",
        "--redirect-uri",
        "https://bank.example/cb",
        "--origin",
        "capacitor://localhost",
        "--require-par",
        "--require-signed-requests",
        "--dpop-bound",
        "--status-list",
        "--pairwise",
        "--post-logout-redirect-uri",
        "https://bank.example/bye",
        "--scope",
        "openid",
        "--backchannel-logout-uri",
        "https://bank.example/logout",
        "--client-uri",
        "https://bank.example/",
        "--policy-uri",
        "https://bank.example/policy",
        "--tos-uri",
        "https://bank.example/terms",
        "--grant-type",
        "authorization_code",
        "--grant-type",
        "token_exchange",
        "--grant-type",
        "device_code",
        "--exchange-audience",
        "https://orders.example",
        "--exchange-subject",
        "https://bank.example",
        "--first-party",
        "--introspection-all",
        "--required-role",
        "customer",
        "--registration-role",
        "customer",
        "--required-acr",
        "urn:authsvc:acr:password",
        "--mail-code-login",
        "--pkce",
        "nonce",
        "--no-remember-me",
        "--strict",
        "--lost-answer-seconds",
        "3600",
        "--audience",
        "https://api.example",
        "--access-token-seconds",
        "60",
        "--session-seconds",
        "3600",
        "--remember-me-seconds",
        "7200",
        "--sector",
        "bank.example",
        "--name",
        "The Bank",
        "--refresh-without-offline-access",
        "--id-token-on-refresh",
        "--id-token-seconds",
        "600",
        "--access-token-typ",
        "JWT",
        "--assertion-audience",
        "token-endpoint",
        "--assertion-seconds",
        "3600",
        "--id-token-alg",
        "ES256",
        "--access-token-alg",
        "EdDSA",
    )
    row = listed(cli, "bank")
    assert row == {
        "id": "bank",
        "name": "The Bank",
        "kind": "confidential",
        "secrets": 0,
        "registered_itself": False,
        "application_type": "native",
        "jwks": None,
        "jwks_uri": "https://bank.example/jwks",
        "token_endpoint_auth_method": "private_key_jwt",
        **dict.fromkeys(SUBJECTS),
        "redirect_uris": ["https://bank.example/cb"],
        "origins": ["capacitor://localhost"],
        "require_pushed_authorization_requests": True,
        "require_signed_request_object": True,
        "dpop_bound_access_tokens": True,
        "tls_client_certificate_bound_access_tokens": False,
        "subject_type": "pairwise",
        "sector": "bank.example",
        "sector_identifier_uri": None,
        "post_logout_redirect_uris": ["https://bank.example/bye"],
        "scopes": ["openid"],
        "backchannel_logout_uri": "https://bank.example/logout",
        "client_uri": "https://bank.example/",
        "policy_uri": "https://bank.example/policy",
        "tos_uri": "https://bank.example/terms",
        "grant_types": ["authorization_code", "urn:ietf:params:oauth:grant-type:device_code", EXCHANGE],
        "exchange_audiences": ["https://orders.example"],
        "exchange_subjects": ["https://bank.example"],
        "first_party": True,
        "introspection": True,
        "introspection_all": True,
        "profile": "none",
        "stranger": False,
        "required_role": "customer",
        "registration_role": "customer",
        "required_acr": "urn:authsvc:acr:password",
        "mail_code_login": True,
        "pkce": "nonce",
        "remember_me_allowed": False,
        "refresh_grace_seconds": 0,
        "refresh_lost_answer_seconds": 3600,
        "audiences": ["https://api.example"],
        "access_token_seconds": 60,
        "session_seconds": 3600,
        "remember_me_seconds": 7200,
        "trusted_device_days": 0,
        "status_list": True,
        "refresh_without_offline_access": True,
        "id_token_claims": True,
        "claim_aliases": True,
        "id_token_on_refresh": True,
        "id_token_seconds": 600,
        "access_token_typ": "JWT",
        "assertion_audience": "token-endpoint",
        "assertion_seconds": 3600,
        "id_token_signed_response_alg": "ES256",
        "access_token_signed_response_alg": "EdDSA",
    }
    plain = flat_of(Client(id="", name="", kind=""))
    told = set(plain) - {"secret_hashes", "registration_hash"}
    assert set(row) == told | {"secrets", "registered_itself"}
    default = {name for name in told if row[name] == plain[name]}
    defaults = {"jwks", "sector_identifier_uri", "stranger", "trusted_device_days", BOUND, "profile", *SUBJECTS}
    assert default == defaults, "an option is missing for these"
    line = next(line for line in cli("clients", "list").stdout.splitlines() if line.startswith("bank "))
    for words in (
        "keys at its jwks_uri (private_key_jwt only)",
        "authorization_code device_code token_exchange",
        "native",
        "pushed requests only",
        "DPoP only",
        "status lists",
        "pairwise for bank.example",
        "told of logouts",
        "exchange for https://orders.example",
        "introspection of all",
        "codes by mail",
        "PKCE or a nonce is required",
        "assertions for the token endpoint, assertions 3600 s",
        "ID tokens say who it is, ID tokens with a refresh, ID tokens 600 s",
        "preferred_username and groups, ID tokens ES256, access tokens EdDSA",
        "access tokens of type JWT",
    ):
        assert words in line


def test_what_a_confidential_client_may_leave_out_is_chosen(cli: Cli) -> None:
    cli("clients", "add", "wiki", "--confidential", *REDIRECTS)
    done = answer(cli("clients", "choose-login", "wiki", "--pkce", "nonce", "--json"))
    assert done == {"id": "wiki", "mail_code_login": False, "pkce": "nonce", "refresh_without_offline_access": False}
    assert listed(cli, "wiki")["pkce"] == "nonce"
    assert "PKCE is optional" in cli("clients", "choose-login", "wiki", "--pkce", "optional").stdout
    cli("clients", "add", "shop", "--public", *REDIRECTS)
    for refused in (("choose-login", "shop"), ("add", "other", "--public", *REDIRECTS)):
        said = cli("clients", *refused, "--pkce", "nonce", code=2).stderr
        assert "public client" in said, said
    assert listed(cli, "shop")["pkce"] == "required"


def test_what_id_tokens_say_is_chosen(cli: Cli) -> None:
    cli("clients", "add", "wiki", "--confidential", *REDIRECTS)
    assert listed(cli, "wiki")["id_token_claims"] is True, "a new client of an operator's"
    assert listed(cli, "wiki")["claim_aliases"] is True
    done = answer(cli("clients", "choose-id-tokens", "wiki", "--no-id-token-claims", "--id-token-on-refresh", "--json"))
    chosen = {"id_token_claims": False, "claim_aliases": True, "id_token_on_refresh": True, "id_token_seconds": None}
    assert done == {"id": "wiki", **chosen}
    assert chosen.items() <= listed(cli, "wiki").items()
    said = cli("clients", "choose-id-tokens", "wiki", "--id-token-seconds", "3600").stdout
    assert "the subject alone, under second names, too, with a refresh, too, good for 3600 s" in said
    assert "say what to choose" in cli("clients", "choose-id-tokens", "wiki", code=2).stderr
    assert "there is no client bank" in cli("clients", "choose-id-tokens", "bank", "--id-token-claims", code=1).stderr


def test_the_type_of_access_tokens_is_chosen(cli: Cli) -> None:
    cli("clients", "add", "shop", "--public", *REDIRECTS)
    assert listed(cli, "shop")["access_token_typ"] == "at+jwt"
    done = answer(cli("clients", "choose-access-tokens", "shop", "--access-token-typ", "JWT", "--json"))
    assert done == {"id": "shop", "access_token_typ": "JWT"}
    assert listed(cli, "shop")["access_token_typ"] == "JWT"
    said = cli("clients", "choose-access-tokens", "shop", "--access-token-typ", "at+jwt").stdout
    assert said == "Access tokens of shop: of the type at+jwt.\n"
    unknown = cli("clients", "choose-access-tokens", "bank", "--access-token-typ", "JWT", code=1)
    assert "there is no client bank" in unknown.stderr


def test_which_assertions_a_client_may_send_is_chosen(cli: Cli) -> None:
    uri = "https://bank.example/jwks"
    cli("clients", "add", "bank", "--confidential", "--jwks-uri", uri)
    done = answer(cli("clients", "choose-assertions", "bank", "--assertion-audience", "token-endpoint", "--json"))
    assert done == {"id": "bank", "assertion_audience": "token-endpoint", "assertion_seconds": None}
    said = cli("clients", "choose-assertions", "bank", "--assertion-seconds", "3600").stdout
    assert said == "Assertions of bank: for the token-endpoint, 3600 s at most.\n"
    assert listed(cli, "bank")["assertion_seconds"] == 3600
    assert "say what to choose" in cli("clients", "choose-assertions", "bank", code=2).stderr
    cli("clients", "add", "wiki", "--confidential", *REDIRECTS)
    refused = cli("clients", "choose-assertions", "wiki", "--assertion-seconds", "60", code=1)
    assert "has no keys that could sign assertions" in refused.stderr


def test_whether_people_log_in_by_a_mailed_code_is_chosen(cli: Cli) -> None:
    cli("clients", "add", "shop", "--public", *REDIRECTS)
    assert listed(cli, "shop")["mail_code_login"] is False
    done = answer(cli("clients", "choose-login", "shop", "--mail-code-login", "--json"))
    assert done == {
        "id": "shop",
        "mail_code_login": True,
        "pkce": "required",
        "refresh_without_offline_access": False,
    }
    assert listed(cli, "shop")["mail_code_login"] is True
    assert "takes no codes by mail" in cli("clients", "choose-login", "shop", "--no-mail-code-login").stdout
    assert "say what to choose" in cli("clients", "choose-login", "shop", code=2).stderr
    assert "there is no client bank" in cli("clients", "choose-login", "bank", "--mail-code-login", code=1).stderr
    cli("clients", "add", "bank", "--public", *REDIRECTS, "--required-acr", "urn:authsvc:acr:mfa")
    refused = cli("clients", "choose-login", "bank", "--mail-code-login", code=2)
    assert "never reaches" in refused.stderr
    both = ("--mail-code-login", "--required-acr", "phr")
    assert "never reaches" in cli("clients", "add", "vault", "--public", *REDIRECTS, *both, code=2).stderr


def test_an_algorithm_is_chosen_out_of_the_key_policy(cli: Cli, many_algorithms: None) -> None:
    added = cli("clients", "add", "shop", "--public", *REDIRECTS, "--id-token-alg", "ES256")
    assert "No ES256 key signs now: the client gets 503 until one does" in added.stderr
    told = cli("clients", "add", "till", "--public", *REDIRECTS, "--id-token-alg", "ES256", "--json")
    assert json.loads(told.stdout) == {"id": "till", "kind": "public", "without_key": ["ES256"]}
    assert (
        "the key policy has no PS256, but RS256, ES256, EdDSA: add it to `algorithms`"
        in cli("clients", "add", "bank", "--public", *REDIRECTS, "--access-token-alg", "PS256", code=2).stderr
    )
    assert "no PS256" in cli("clients", "choose-alg", "shop", "--id-token-alg", "PS256", code=1).stderr
    assert "there is no client bank" in cli("clients", "choose-alg", "bank", "--id-token-alg", "ES256", code=1).stderr
    assert "say --id-token-alg" in cli("clients", "choose-alg", "shop", code=2).stderr
    assert answer(cli("clients", "choose-alg", "shop", "--access-token-alg", "EdDSA", "--json")) == {
        "id": "shop",
        "id_token_signed_response_alg": "ES256",
        "access_token_signed_response_alg": "EdDSA",
        "without_key": ["ES256", "EdDSA"],
    }
    said = cli("clients", "choose-alg", "shop", "--id-token-alg", "RS256", "--access-token-alg", "RS256")
    assert said.stdout == "Client shop: RS256 for ID tokens, RS256 for access tokens.\n"
    assert said.stderr == ""
    assert " tokens RS256" not in cli("clients", "list").stdout


def test_the_built_in_policy_has_one_algorithm(cli: Cli) -> None:
    refused = cli("clients", "add", "shop", "--public", *REDIRECTS, "--id-token-alg", "ES256", code=2).stderr
    assert "the key policy has no ES256, but RS256: add it to `algorithms` (keys/README.md)" in refused


async def test_what_the_options_say_is_what_happens(cli: Cli, http: httpx2.AsyncClient) -> None:
    words = ("clients", "add", "poster", "--confidential", "--auth-method", "client_secret_post", "--json")
    secret = answer(await asyncio.to_thread(cli, *words))["client_secret"]
    form = {"grant_type": "client_credentials"}
    assert await token(http, "poster", secret) == 401
    posted = await http.post("/token", data={**form, "client_id": "poster", "client_secret": secret})
    assert posted.status_code == 200
    await asyncio.to_thread(
        cli, "clients", "add", "pusher", "--public", "--require-par", "--redirect-uri", "http://[::1]/"
    )
    asked = {
        "client_id": "pusher",
        "response_type": "code",
        "redirect_uri": "http://[::1]/",
        "code_challenge": "x" * 43,
        "code_challenge_method": "S256",
    }
    answered = await http.get("/authorize", params=asked)
    assert "The+request+must+be+pushed" in answered.headers["location"]
    assert (await http.post("/par", data=asked)).status_code == 201
    await asyncio.to_thread(
        cli, "clients", "add", "bound", "--confidential", "--dpop-bound", "--secret-stdin", input="s" * 32
    )
    refused = await http.post("/token", data=form, auth=("bound", "s" * 32))
    assert refused.json()["error"] in ("invalid_dpop_proof", "use_dpop_nonce")


@pytest.mark.parametrize(
    ("words", "grants", "secrets", "sector"),
    [
        (["--public"], ["refresh_token"], 0, ""),
        (["--confidential"], ["client_credentials"], 1, ""),
        (["--confidential", *REDIRECTS], ["authorization_code", "refresh_token"], 1, ""),
        (["--confidential", "--jwks-uri", "https://a.example/jwks"], ["client_credentials"], 0, ""),
        (
            ["--confidential", "--jwks-uri", "https://a.example/jwks", "--auth-method", "client_secret_basic"],
            ["client_credentials"],
            1,
            "",
        ),
        (
            ["--public", "--pairwise", *REDIRECTS, "--sector", "a.example"],
            ["authorization_code", "refresh_token"],
            0,
            "a.example",
        ),
        (
            ["--public", "--pairwise", "--native", "--redirect-uri", "com.example.app:/cb"],
            ["authorization_code", "refresh_token"],
            0,
            "",
        ),
        (["--confidential", "--grant-type", EXCHANGE, "--exchange-audience", "https://a.example"], [EXCHANGE], 1, ""),
    ],
    ids=range(8),
)
def test_what_is_left_away_is_what_such_a_client_needs(
    cli: Cli, words: list[str], grants: list[str], secrets: int, sector: str
) -> None:
    cli("clients", "add", "x", *words)
    row = listed(cli, "x")
    assert (row["grant_types"], row["secrets"], row["sector"]) == (grants, secrets, sector)


def test_origins_are_given_at_the_beginning_and_changed(cli: Cli) -> None:
    cli("clients", "add", "app", "--public", "--grant-type", "refresh_token", "--origin", "capacitor://localhost")
    assert listed(cli, "app")["origins"] == ["capacitor://localhost"]
    assert "pages of capacitor://localhost" in cli("clients", "list").stdout
    words = ("--add", "https://localhost", "--remove", "capacitor://localhost", "--json")
    assert answer(cli("clients", "origins", "app", *words)) == {"id": "app", "origins": ["https://localhost"]}
    assert listed(cli, "app")["origins"] == ["https://localhost"]
    assert "say what to change" in cli("clients", "origins", "app", code=2).stderr
    assert "is not an origin" in cli("clients", "origins", "app", "--add", "https://a.example/", code=2).stderr
    assert "has no origin" in cli("clients", "origins", "app", "--remove", "https://a.example", code=1).stderr


async def test_a_sector_is_read_where_it_lists_its_redirect_uris(cli: Cli) -> None:
    async with receiver(said(200, b'["https://a.example/cb", "https://b.example/cb"]')) as host:
        uri = f"http://127.0.0.1:{host.port}/sector.json"
        words = ("--public", "--pairwise", *REDIRECTS, "--sector-identifier-uri", uri)
        await asyncio.to_thread(cli, "clients", "add", "a", *words)
        row = await asyncio.to_thread(listed, cli, "a")
        assert (row["sector"], row["sector_identifier_uri"]) == ("127.0.0.1", uri)
        other = (*words, "--redirect-uri", "https://c.example/cb")
        done = await asyncio.to_thread(cli, "clients", "add", "b", *other, code=2)
        assert "--sector-identifier-uri does not list all of --redirect-uri" in done.stderr
        host.answer = said(500)
        done = await asyncio.to_thread(cli, "clients", "add", "b", *words, code=2)
        assert "--sector-identifier-uri could not be read" in done.stderr
    done = await asyncio.to_thread(cli, "clients", "add", "b", *words, "--sector", "a.example", code=2)
    assert "leave --sector away" in done.stderr


def test_what_a_client_may_ask_about_is_chosen(cli: Cli) -> None:
    cli("clients", "add", "rs", "--confidential", "--introspection")
    for about, flags in (("own", (True, False)), ("all", (True, True)), ("none", (False, False))):
        said = answer(cli("clients", "introspection", "rs", about, "--json"))
        assert said == {"id": "rs", "introspection": about}
        row = listed(cli, "rs")
        assert (row["introspection"], row["introspection_all"]) == flags
    assert "is public" in cli("clients", "introspection", "customer", "own", code=1).stderr
    assert "there is no client" in cli("clients", "introspection", "nobody", "own", code=1).stderr
    assert "Client rs may ask about no tokens." in cli("clients", "introspection", "rs", "none").stdout


def test_a_private_scheme_without_a_dot_is_taken_with_a_warning(cli: Cli) -> None:
    done = cli("clients", "add", "wallet", "--public", "--native", "--redirect-uri", "mywallet://callback")
    assert "Any app may take the scheme mywallet" in done.stderr
    assert listed(cli, "wallet")["redirect_uris"] == ["mywallet://callback"]
    done = cli("clients", "redirect-uris", "wallet", "--add", "com.example.wallet:/cb")
    assert "Any app" not in done.stderr
    done = cli("clients", "redirect-uris", "wallet", "--add", "otherwallet:/cb")
    assert "otherwallet" in done.stderr
    assert "private scheme" in cli("clients", "redirect-uris", "wallet", "--add", "javascript:/x", code=2).stderr


async def test_redirect_uris_change_and_with_them_whose_pages_read_answers(cli: Cli, http: httpx2.AsyncClient) -> None:
    new, old = "http://localhost:5999/callback", "http://localhost:5173/callback"

    async def change(*words: str) -> list[str]:
        done = await asyncio.to_thread(cli, "clients", "redirect-uris", "customer", *words, "--json")
        return list(answer(done)["redirect_uris"])

    async def readable(origin: str) -> bool:
        answered = await http.options("/token", headers={"Origin": origin})
        return "access-control-allow-origin" in answered.headers

    before = await asyncio.to_thread(listed, cli, "customer")
    assert not await readable("http://localhost:5999")
    assert await change("--add", new, "--add", old) == [old, new]
    after = await asyncio.to_thread(listed, cli, "customer")
    assert after == {**before, "redirect_uris": [old, new]}
    async with asyncio.timeout(5):
        while not await readable("http://localhost:5999"):
            await asyncio.sleep(0.05)
    assert await change("--remove", old) == [new]


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (["customer"], 2, "say what to change"),
        (["customer", "--add", "http://shop.example.com/cb"], 2, "plain http"),
        (["customer", "--add", "https://shop.example.com/*"], 2, "wildcard"),
        (["customer", "--remove", "https://shop.example.com/cb"], 1, "has no redirect URI"),
        (["customer", "--remove", "http://localhost:5173/callback"], 1, "no redirect URI left"),
        (["nobody", "--add", "https://shop.example.com/cb"], 1, "there is no client nobody"),
    ],
)
def test_a_wrong_change_of_redirect_uris_changes_nothing(cli: Cli, words: list[str], code: int, why: str) -> None:
    assert why in cli("clients", "redirect-uris", *words, code=code).stderr
    assert listed(cli, "customer")["redirect_uris"] == ["http://localhost:5173/callback"]


def test_audiences_change_and_nothing_else_of_the_client(cli: Cli) -> None:
    api, other = "https://api.example.com", "https://other.example.com"

    def change(*words: str) -> list[str]:
        return list(answer(cli("clients", "audiences", "customer", *words, "--json"))["audiences"])

    before = listed(cli, "customer")
    assert change("--add", api, "--add", other, "--add", api) == [api, other]
    assert listed(cli, "customer") == {**before, "audiences": [api, other]}
    assert change("--remove", api, "--remove", other) == []


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (["customer"], 2, "say what to change"),
        (["customer", "--add", "a b"], 2, "is not an audience"),
        (["customer", "--remove", "https://api.example.com"], 1, "has no audience"),
        (["nobody", "--add", "https://api.example.com"], 1, "there is no client nobody"),
    ],
)
def test_a_wrong_change_of_audiences_changes_nothing(cli: Cli, words: list[str], code: int, why: str) -> None:
    assert why in cli("clients", "audiences", *words, code=code).stderr
    assert listed(cli, "customer")["audiences"] == []


async def test_a_client_that_registered_itself_is_listed_as_such(cli: Cli, http: httpx2.AsyncClient) -> None:
    made = answer(await asyncio.to_thread(cli, "clients", "registration-token", "--json"))
    headers = {"Authorization": f"Bearer {made['registration_token']}"}
    members = {"redirect_uris": ["https://shop.example/callback"]}
    client = (await http.post("/register", json=members, headers=headers)).json()
    shown = await asyncio.to_thread(cli, "clients", "list", "--json")
    row = next(row for row in answer(shown) if row["id"] == client["client_id"])
    assert row["registered_itself"] is True
    assert "registration_hash" not in row
    assert "registered itself" in (await asyncio.to_thread(cli, "clients", "list")).stdout
    await asyncio.to_thread(cli, "clients", "remove", client["client_id"], "--yes")
    headers = {"Authorization": f"Bearer {client['registration_access_token']}"}
    assert (await http.get(client["registration_client_uri"], headers=headers)).status_code == 401


async def test_a_made_secret_is_shown_once_and_works(
    cli: Cli, http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    made = answer(
        await asyncio.to_thread(cli, "clients", "add", "billing", "--confidential", "--scope", "api", "--json")
    )
    assert await token(http, "billing", made["client_secret"]) == 200
    assert made["client_secret"] not in (await asyncio.to_thread(cli, "clients", "list", "--json")).stdout
    assert made["client_secret"] not in str(await sql.fetchrow("SELECT c::text FROM clients c WHERE id = 'billing'"))
    event = await sql.fetchrow("SELECT * FROM audit_events WHERE event = 'client_added'")
    assert event["actor"].startswith("cli:")
    assert event["client_id"] == "billing"


async def test_a_secret_rotates_without_a_gap(cli: Cli, http: httpx2.AsyncClient) -> None:
    old = "backend-secret"
    new = answer(await asyncio.to_thread(cli, "clients", "rotate-secret", "backend", "--json"))["client_secret"]
    await asyncio.sleep(1)
    assert (await token(http, "backend", old), await token(http, "backend", new)) == (200, 200)
    third = await asyncio.to_thread(cli, "clients", "rotate-secret", "backend", code=1)
    assert "--drop-old" in third.stderr
    await asyncio.to_thread(cli, "clients", "rotate-secret", "backend", "--drop-old")
    await asyncio.sleep(1)
    assert (await token(http, "backend", old), await token(http, "backend", new)) == (401, 200)
    again = await asyncio.to_thread(cli, "clients", "rotate-secret", "backend", "--drop-old", code=1)
    assert "only one secret" in again.stderr


def test_an_own_secret_comes_from_standard_input_and_is_not_shown(cli: Cli) -> None:
    secret = "a-secret-of-our-own-making"
    result = cli("clients", "add", "own", "--confidential", "--secret-stdin", input=secret + "\n")
    assert secret not in result.output
    short = cli("clients", "add", "own2", "--confidential", "--secret-stdin", input="short", code=2)
    assert "16" in short.stderr


async def test_a_removed_client_is_refused_and_its_tokens_are_void(cli: Cli, http: httpx2.AsyncClient) -> None:
    login = {"email": "test@example.com", "password": "password"}
    tokens = (await http.post("/api/auth/login", json=login)).json()
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert (await http.get("/api/profile/me", headers=bearer)).status_code == 200
    assert "--yes" in (await asyncio.to_thread(cli, "clients", "remove", "customer", code=2)).stderr
    await asyncio.to_thread(cli, "clients", "remove", "customer", "--yes")
    assert (await http.get("/api/profile/me", headers=bearer)).status_code == 401
    await asyncio.sleep(1)
    assert (await http.post("/api/auth/login", json=login)).status_code == 401
    assert "no client" in (await asyncio.to_thread(cli, "clients", "remove", "customer", "--yes", code=1)).stderr


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([], "--public"),
        (["--public", "--introspection"], "introspection"),
        (["--public", "--grant-type", "client_credentials"], "confidential"),
        (["--public", "--secret-stdin"], "public"),
        (["--public", "--redirect-uri", "http://example.com/cb"], "plain http"),
        (["--public", "--redirect-uri", "https://example.com/cb#x"], "fragment"),
        (["--public", "--scope", 'a"b'], "scope"),
        (["--public", "--scope", "a b"], "scope"),
        (["--public", "--grant-type", "password"], "password"),
        (["--public", "--access-token-seconds", "5"], "access-token-seconds"),
        (["--public", "--grant-type", "token_exchange"], "confidential"),
        (["--public", "--grant-type", EXCHANGE], "confidential"),
        (["--public", "--grant-type", "authorization_code"], "--redirect-uri"),
        (["--public", "--auth-method", "client_secret_post"], "confidential"),
        (["--public", "--jwks-uri", "https://a.example/jwks"], "confidential"),
        (["--public", "--name", "a\x1b[2J"], "--name"),
        (["--public", "--sector", "a.example"], "--pairwise"),
        (["--public", "--pairwise", "--sector", "https://a.example"], "--sector"),
        (["--public", "--pairwise", *REDIRECTS], "--sector"),
        (["--public", "--pairwise", "--redirect-uri", "https://["], "redirect URI"),
        (["--public", "--post-logout-redirect-uri", "http://a.example/"], "post-logout redirect URI"),
        (["--public", "--backchannel-logout-uri", "http://a.example/"], "--backchannel-logout-uri"),
        (["--public", "--backchannel-logout-uri", "https://10.0.0.1/"], "AUTHSVC_OUTGOING_PRIVATE"),
        (["--public", "--tos-uri", "javascript:alert(1)"], "--tos-uri"),
        (["--public", "--policy-uri", "http://localhost/"], "--policy-uri"),
        (["--confidential", "--jwks-uri", "http://a.example/jwks"], "--jwks-uri"),
        (["--confidential", "--jwks-uri", "https://169.254.169.254/"], "--jwks-uri"),
        (["--confidential", "--auth-method", "private_key_jwt"], "--jwks"),
        (["--confidential", "--auth-method", "private_key_jwt", "--secret-stdin"], "--secret-stdin"),
        (["--confidential", "--auth-method", "none"], "--auth-method"),
        (["--confidential", "--grant-type", "token_exchange"], "--exchange-audience"),
        (["--confidential", "--exchange-audience", "https://a.example"], "token_exchange"),
        (["--confidential", "--exchange-subject", "https://a.example"], "token_exchange"),
        (["--confidential", "--grant-type", "token_exchange", "--exchange-audience", "a b"], "audience"),
    ],
)
def test_what_would_be_unsafe_is_refused_before_anything_is_written(cli: Cli, words: list[str], why: str) -> None:
    assert why in cli("clients", "add", "x", *words, code=2).stderr
    assert all(row["id"] != "x" for row in answer(cli("clients", "list", "--json")))


def test_an_id_is_made_of_letters_that_need_no_escape(cli: Cli) -> None:
    assert "an ID has" in cli("clients", "add", "a b", "--public", code=2).stderr


async def test_a_registration_token_is_shown_once_and_registers_that_many(
    cli: Cli, http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    words = ("clients", "registration-token", "--uses", "2", "--seconds", "60", "--note", "partner team")
    made = answer(await asyncio.to_thread(cli, *words, "--pkce", "nonce", "--json"))
    assert (made["uses"], made["pkce"]) == (2, "nonce")
    headers = {"Authorization": f"Bearer {made['registration_token']}"}
    members = {"redirect_uris": ["https://shop.example/callback"]}
    statuses = [(await http.post("/register", json=members, headers=headers)).status_code for _ in range(3)]
    assert statuses == [201, 201, 401]
    assert await sql.fetchval("SELECT count(*) FROM clients WHERE pkce = 'nonce'") == 2
    row = await sql.fetchrow(
        "SELECT t::text AS text, expires_at - now() < '1 minute' AS soon FROM registration_tokens t"
    )
    assert made["registration_token"] not in row["text"]
    assert row["soon"]
    assert "partner team" in row["text"]
    assert await sql.fetchval("SELECT actor FROM audit_events WHERE event = 'registration_token_made'")
    plain = await asyncio.to_thread(cli, "clients", "registration-token")
    assert "Good for 1 client until" in plain.stdout
    assert "is off" not in plain.stderr


@pytest.mark.parametrize("words", [["--uses", "0"], ["--seconds", "0"], ["--note", "x" * 201], ["--note", "a\x1bb"]])
def test_a_registration_token_that_nobody_could_use_is_not_made(cli: Cli, words: list[str]) -> None:
    assert words[0] in cli("clients", "registration-token", *words, code=2).stderr


def test_keys_of_a_client_are_public_ones(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "jwks.json"
    public = jwk.public_jwk(jwk.generate("ES256").public_key(), "ES256")
    file.write_text(json.dumps({"keys": [public]}))
    made = cli("clients", "add", "signer", "--confidential", "--jwks", str(file))
    assert "secret" not in made.stdout
    assert made.stderr == ""
    assert listed(cli, "signer")["secrets"] == 0
    file.write_text(json.dumps({"keys": [{**public, "use": "enc"}, public, {"kty": "AKP", "pub": "x"}]}))
    made = cli("clients", "add", "publisher", "--confidential", "--jwks", str(file))
    assert made.stderr == "Of 3 keys, 1 can verify signatures; the others were left out.\n"
    assert listed(cli, "publisher")["jwks"] == {"keys": [public]}
    for keys, why in (
        ([{**public, "d": "AAAA"}], "private"),
        ([{"kty": "oct", "k": "c2VjcmV0"}], "symmetric"),
        ([], "JWKS"),
        ([{**public, "x": "AA"}], "cannot be used"),
    ):
        file.write_text(json.dumps({"keys": keys}))
        assert why in cli("clients", "add", "bad", "--confidential", "--jwks", str(file), code=2).stderr


def test_days_of_trust_are_bounded_listed_and_none_where_a_second_factor_is_demanded(cli: Cli) -> None:
    shop = ("clients", "add", "shop", "--public", "--redirect-uri", "https://shop.example/cb", "--scope", "openid")
    cli(*shop, "--trusted-device-days", "30")
    assert "devices trusted 30 d" in cli("clients", "list").stdout
    assert listed(cli, "shop")["trusted_device_days"] == 30
    assert answer(cli("clients", "trusted-devices", "shop", "7", "--json"))["trusted_device_days"] == 7
    assert listed(cli, "shop")["trusted_device_days"] == 7
    assert "may not trust a device" in cli("clients", "trusted-devices", "shop", "0").stdout
    assert "devices trusted" not in cli("clients", "list").stdout
    for days in ("91", "-1", "x"):
        cli("clients", "trusted-devices", "shop", days, code=2)
    assert "there is no client" in cli("clients", "trusted-devices", "nobody", "7", code=1).stderr
    bank = ("clients", "add", "bank2", "--public", "--redirect-uri", "https://bank.example/cb", "--scope", "openid")
    both = cli(*bank, "--required-acr", "urn:authsvc:acr:mfa", "--trusted-device-days", "30", code=2)
    assert "demand no second factor" in both.stderr
    cli(*bank, "--required-acr", "urn:authsvc:acr:mfa")
    assert "demand no second factor" in cli("clients", "trusted-devices", "bank2", "7", code=1).stderr


def test_a_client_proves_itself_by_its_certificate(cli: Cli, settings_env: dict[str, str], tmp_path: Path) -> None:
    dn = "CN=bank,O=Bank,C=DE"
    add = ("clients", "add", "bank", "--confidential", "--auth-method", "tls_client_auth")
    assert "AUTHSVC_CLIENT_CA_FILE" in cli(*add, "--tls-subject-dn", dn, code=2).stderr
    (tmp_path / "ca.pem").write_bytes(AUTHORITY.pem)
    settings_env |= {
        "AUTHSVC_CLIENT_CA_FILE": str(tmp_path / "ca.pem"),
        "AUTHSVC_CLIENT_CERTIFICATE_HEADER": "client-cert",
        "AUTHSVC_TRUSTED_PROXIES": "10.0.0.0/8",
    }
    assert "exactly one of --tls-subject-dn" in cli(*add, code=2).stderr
    assert "--tls-subject-dn" in cli(*add, "--tls-subject-dn", "bank", code=2).stderr
    assert "client_secret" not in cli(*add, "--tls-subject-dn", dn, "--json").stdout
    assert (listed(cli, "bank")["tls_client_auth_subject_dn"], listed(cli, "bank")["secrets"]) == (dn, 0)
    assert f"certificate of {dn} (tls_client_auth only)" in cli("clients", "list").stdout
    choose = ("clients", "choose-certificates", "bank")
    assert "give one" in cli(*choose, "--tls-san-dns", "a.example", "--tls-san-ip", "192.0.2.1", code=2).stderr
    assert cli(*choose, code=2).stderr
    assert "jwks" in cli(*choose, "--auth-method", "self_signed_tls_client_auth", code=2).stderr
    assert "san_dns a.example" in cli(*choose, "--tls-san-dns", "a.example").stdout
    assert listed(cli, "bank")["tls_client_auth_subject_dn"] is None
    assert answer(cli(*choose, "--bound", "--json"))[BOUND] is True
    assert "bound to its certificate" in cli("clients", "list").stdout
    cli("clients", "add", "app", "--public", "--certificate-bound", *REDIRECTS)
    assert listed(cli, "app")[BOUND] is True
    assert "two ways" in cli("clients", "add", "b", "--public", "--certificate-bound", "--dpop-bound", code=2).stderr


def test_a_profile_is_chosen_and_what_is_missing_is_said(cli: Cli, many_algorithms: None, tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"keys": [dict(jwk.public_jwk(jwk.generate("ES256").public_key(), "ES256"))]}))
    add = (
        "clients",
        "add",
        "fund",
        "--confidential",
        "--profile",
        "fapi2",
        "--redirect-uri",
        "https://fund.example/cb",
    )
    assert "FAPI 2.0: the client proves itself by whatever it has" in cli(*add, code=2).stderr
    proof = ("--jwks", str(keys), "--auth-method", "private_key_jwt")
    assert "ID tokens that are signed with RS256" in cli(*add, *proof, code=2).stderr
    cli(*add, *proof, "--id-token-alg", "ES256", "--access-token-alg", "ES256")
    assert "FAPI 2.0" in cli("clients", "list").stdout
    assert answer(cli("clients", "choose-profile", "fund", "none", "--json")) == {"id": "fund", "profile": "none"}
    cli("clients", "add", "wiki", "--confidential", *REDIRECTS)
    assert "FAPI 2.0" in cli("clients", "choose-profile", "wiki", "fapi2", code=2).stderr
