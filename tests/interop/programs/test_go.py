"""Programs in Go, as docs/clients.md shows them."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from tests.interop.conftest import Provider
from tests.interop.person import Person
from tests.interop.programs.api import asked_about, caller, id_token, own_token, status
from tests.interop.programs.running import Program, trusting
from tests.interop.programs.shown import Shown, key_files
from tests.interop.programs.workshop import Workshop
from tests.support.replicas import free_port

AUDIENCE = "https://orders.example.com"
BY_KEY = ("--auth-method", "private_key_jwt", "--assertion-seconds", "3600")


@pytest.mark.parametrize(("title", "name"), [("go-oidc", "go-oidc"), ("zitadel/oidc", "zitadel-oidc")])
def test_a_person_logs_in(
    title: str, name: str, workshop: Workshop, provider: Provider, person: Person, tmp_path: Path
) -> None:
    shown = Shown(title, provider, name, f"http://127.0.0.1:{free_port()}").registered()
    with started(workshop, name, shown, shown.block("go"), tmp_path) as wiki:
        told_who(wiki, person)


def test_a_person_logs_in_where_zitadel_has_a_key(
    workshop: Workshop, provider: Provider, person: Person, tmp_path: Path
) -> None:
    keys = key_files(tmp_path)
    shown = Shown("zitadel/oidc", provider, "zitadel-key", f"http://127.0.0.1:{free_port()}")
    shown.registered("--jwks", keys["public-keys.json"], *BY_KEY)
    source = shown.block("go").replace('"its-secret"', '""')
    last = "rp.WithPKCE(cookies))"
    assert last in source
    source = source.replace(last, last.replace("))", "),\n") + shown.block("go", 1) + "\t)")
    with started(workshop, "zitadel-oidc", shown, with_key(source), tmp_path) as wiki:
        told_who(wiki, person)


def test_go_oidc_takes_what_is_for_its_api_and_nothing_else(
    workshop: Workshop, provider: Provider, person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = Shown("go-oidc: an API", provider, "go-shop", AUDIENCE).registered()
    with started(workshop, "go-oidc", shown, shown.block("go"), tmp_path) as shop:
        orders = f"{shop.url}/orders"
        assert status(orders, own_token(provider, "go-shop", shown.secret)) == 200, shop.log.read_text()
        assert status(orders, None) == 401
        assert status(orders, own_token(provider, "go-other", caller(provider, "go-other"))) == 401
        assert status(orders, id_token(provider, person, "go-person", monkeypatch)) == 401


def test_go_oidc_that_skips_the_audience_takes_an_id_token_as_the_paper_says(
    workshop: Workshop, provider: Provider, person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = Shown("go-oidc: an API", provider, "go-anybody", AUDIENCE).registered()
    named = f'ClientID: "{AUDIENCE}"'
    source = shown.block("go")
    assert named in source
    with started(workshop, "go-oidc", shown, source.replace(named, "SkipClientIDCheck: true"), tmp_path) as shop:
        assert status(f"{shop.url}/orders", own_token(provider, "go-anybody", shown.secret)) == 200
        assert status(f"{shop.url}/orders", id_token(provider, person, "go-second", monkeypatch)) == 200


@pytest.mark.parametrize("by_key", [False, True], ids=["secret", "key"])
def test_zitadel_asks_about_tokens_and_hears_of_a_revocation_at_once(
    by_key: bool, workshop: Workshop, provider: Provider, tmp_path: Path
) -> None:
    name = f"zitadel-orders-{by_key}"
    keys = ("--jwks", key_files(tmp_path)["public-keys.json"], *BY_KEY)
    shown = Shown("zitadel/oidc: introspection", provider, name, AUDIENCE).registered(*(keys if by_key else ()))
    source = shown.block("go")
    if by_key:
        before, _, rest = source.partition("\tserver, err := ")
        source = with_key(before + shown.block("go", 1) + rest.partition(")\n")[2])
    with started(workshop, "zitadel-oidc", shown, source, tmp_path) as shop:
        asked_about(provider, f"{shop.url}/orders", f"{name}-caller", AUDIENCE)


def test_zitadels_token_source_has_no_grant_type_here_as_the_paper_says(provider: Provider) -> None:
    """What it sends is refused whatever the assertion."""
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "e30.e30.e30"}
    with_client = {**form, "client_id": "app"}
    with httpx2.Client(verify=provider.trust, trust_env=False) as http:
        assert http.post(f"{provider.issuer}/token", data=with_client).json()["error"] == "unsupported_grant_type"


def told_who(wiki: Program, person: Person) -> None:
    answer = person.visit(f"{wiki.url}/login")
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert person.met == ["/login", "/consent"]
    assert (told["name"], told["email"], told["preferred_username"]) == ("Test", "test@example.com", "test@example.com")


def with_key(source: str) -> str:
    """`pem` is read as a program would."""
    return source.replace("func main() {\n", 'func main() {\n\tpem, _ := os.ReadFile("private-key.pem")\n')


def started(workshop: Workshop, name: str, shown: Shown, source: str, cwd: Path) -> Program:
    """The names of a run are read from the environment, so that the program is built once."""
    names = {"ISSUER": shown.provider.issuer, "CLIENT": shown.client_id, "SECRET": shown.secret}
    for variable, ours in names.items():
        source = source.replace(f'"{ours}"', f'os.Getenv("{variable}")') if ours else source
    source = source.replace(f'"{shown.url}/callback"', 'os.Getenv("URL") + "/callback"')
    built = workshop.go(name, source)
    env = {**trusting(shown.provider), **names, "URL": shown.url}
    port = int(shown.url.rpartition(":")[2]) if shown.url.startswith("http://") else free_port()
    return Program([str(built)], cwd, {**env, "PORT": str(port)}, port)
