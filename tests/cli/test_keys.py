"""`authsvc keys`."""

from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path

import asyncpg
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_public_key,
)

from authsvc.jose import jwk
from authsvc.keys.master import MasterKeys
from tests.cli.conftest import Cli, answer


def phases(cli: Cli) -> dict[str, str]:
    return {key["kid"]: key["phase"] for key in answer(cli("keys", "list", "--json"))}


def signing(cli: Cli) -> str:
    return next(kid for kid, phase in phases(cli).items() if phase == "signing")


def pem(bits: int = 2048, password: bytes | None = None) -> bytes:
    lock = BestAvailableEncryption(password) if password else NoEncryption()
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock)


def test_the_list_says_what_each_key_does_and_when_it_moves_on(cli: Cli) -> None:
    first = signing(cli)
    made = answer(cli("keys", "generate", "--json"))
    table = cli("keys", "list").stdout.splitlines()
    assert table[0].split("  ")[0] == "KID"
    line = next(line for line in table if made["kid"] in line)
    assert "announced" in line
    assert "in 23 h 59 min" in line or "in 1 d" in line
    assert made["replaces"] == first


def test_rotate_announces_once_and_then_says_when(cli: Cli) -> None:
    first = signing(cli)
    text = cli("keys", "rotate").stdout
    assert "announced, signs in" in text
    again = cli("keys", "rotate").stdout
    assert "is announced already and signs in" in again
    assert len(phases(cli)) == 2
    assert signing(cli) == first


def test_rotate_now_is_refused_while_caches_may_lack_the_key(cli: Cli) -> None:
    assert "authsvc keys generate" in cli("keys", "rotate", "--now", code=1).stderr
    cli("keys", "generate")
    refused = cli("keys", "rotate", "--now", code=1).stderr
    assert "caches may lack it" in refused
    assert refused.count("\n") == 1


def test_withdraw_asks_first_and_needs_a_successor(cli: Cli) -> None:
    first = signing(cli)
    assert "--yes" in cli("keys", "withdraw", first, code=2).stderr
    assert "authsvc keys generate" in cli("keys", "withdraw", first, "--yes", code=1).stderr
    second = answer(cli("keys", "generate", "--json"))["kid"]
    done = answer(cli("keys", "withdraw", first, "--yes", "--json"))
    assert done == {"kid": first, "successor": second}
    assert phases(cli) == {first: "withdrawn", second: "signing"}


def test_an_imported_key_is_announced_like_a_new_one(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "old.pem"
    file.write_bytes(pem())
    made = answer(cli("keys", "import", str(file), "--json"))
    assert phases(cli)[made["kid"]] == "announced"


def test_a_key_that_is_here_already_is_not_imported_again_not_even_after_its_withdrawal(cli: Cli) -> None:
    text = pem()
    kid = answer(cli("keys", "import", "-", "--json", input=text))["kid"]
    assert "here already" in cli("keys", "import", "-", input=text, code=1).stderr
    cli("keys", "withdraw", kid, "--yes")
    assert "here already" in cli("keys", "import", "-", input=text, code=1).stderr
    assert phases(cli)[kid] == "withdrawn"


def test_a_key_that_cannot_serve_is_refused_with_the_reason(cli: Cli) -> None:
    assert "too short" in cli("keys", "import", "-", input=pem(1024), code=1).stderr
    assert "encrypted" in cli("keys", "import", "-", input=pem(password=b"x"), code=1).stderr
    assert "no PEM private key" in cli("keys", "import", "-", input=b"hello", code=1).stderr


@pytest.fixture
def es256(settings_env: dict[str, str], tmp_path: Path) -> None:
    """The key policy has ES256."""
    file = tmp_path / "policy.toml"
    file.write_text('algorithms = ["RS256", "ES256"]')
    settings_env["AUTHSVC_KEY_POLICY_FILE"] = str(file)


def elliptic(alg: str = "ES256") -> bytes:
    return jwk.generate(alg).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def test_a_line_of_another_algorithm_is_made_rotated_and_withdrawn_by_its_name(cli: Cli, es256: None) -> None:
    rsa_key = signing(cli)
    assert "authsvc keys generate --alg ES256" in cli("keys", "rotate", "--alg", "ES256", "--now", code=1).stderr
    first = answer(cli("keys", "generate", "--alg", "ES256", "--json"))
    assert first["replaces"] is None
    assert "is announced already and signs in" in cli("keys", "rotate", "--alg", "ES256").stdout
    assert "caches may lack it" in cli("keys", "rotate", "--alg", "ES256", "--now", code=1).stderr
    second = answer(cli("keys", "generate", "--alg", "ES256", "--json"))
    assert second["replaces"] == first["kid"]
    assert [key["alg"] for key in answer(cli("keys", "list", "--json"))] == ["ES256", "ES256", "RS256"]
    cli("keys", "withdraw", first["kid"], "--yes")
    assert phases(cli) == {first["kid"]: "withdrawn", second["kid"]: "announced", rsa_key: "signing"}
    assert signing(cli) == rsa_key


@pytest.mark.parametrize("last", [False, True], ids=["before the options", "after them"])
def test_a_kid_that_begins_with_a_hyphen_is_no_option(cli: Cli, es256: None, last: bool) -> None:
    """One in 64 does, and a leaked key does not wait until somebody remembers `--`."""
    while not (kid := jwk.public_jwk((key := jwk.generate("ES256")).public_key(), "ES256")["kid"]).startswith("-"):
        pass
    cli("keys", "import", "-", input=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    assert cli("keys", "export-public", *(["--pem", kid] if last else [kid, "--pem"])).stdout.startswith("-----BEGIN")
    assert "No such option" in cli("keys", "withdraw", "-x", code=2).stderr
    cli("keys", "withdraw", *(["--yes", kid] if last else [kid, "--yes"]))
    assert phases(cli)[kid] == "withdrawn"
    assert "no key has this kid" in cli("keys", "withdraw", "--yes", "--", "-no-such-key", code=1).stderr


def test_a_key_is_imported_as_what_it_is(cli: Cli, es256: None) -> None:
    made = answer(cli("keys", "import", "-", "--json", input=elliptic()))
    [key] = [key for key in answer(cli("keys", "list", "--json")) if key["kid"] == made["kid"]]
    assert (key["alg"], key["phase"]) == ("ES256", "announced")
    assert "RS256 needs an RSA key" in cli("keys", "import", "-", "--alg", "RS256", input=elliptic(), code=1).stderr


def test_no_line_is_begun_that_no_replica_would_go_on_with(cli: Cli) -> None:
    for words, input in (
        (("generate", "--alg", "ES256"), None),
        (("rotate", "--alg", "PS256"), None),
        (("import", "-"), elliptic("EdDSA")),
        (("import", "-", "--alg", "PS256"), pem()),
    ):
        refused = cli("keys", *words, input=input, code=1).stderr
        assert "the key policy has no " in refused
        assert refused.count("\n") == 1
    assert "HS256" in cli("keys", "generate", "--alg", "HS256", code=2).stderr
    assert "leave --alg away" in cli("keys", "generate", "--first", "--alg", "ES256", code=2).stderr
    assert len(phases(cli)) == 1


def test_public_halves_come_out_as_jwks_jwk_and_pem(cli: Cli) -> None:
    kid = signing(cli)
    jwks = json.loads(cli("keys", "export-public").stdout)
    assert [key["kid"] for key in jwks["keys"]] == [kid]
    one = json.loads(cli("keys", "export-public", kid).stdout)
    public = load_pem_public_key(cli("keys", "export-public", kid, "--pem").stdout.encode())
    assert isinstance(public, rsa.RSAPublicKey)
    assert jwt.PyJWK(one).key.public_numbers() == public.public_numbers()
    assert "d" not in one
    assert "authsvc keys list" in cli("keys", "export-public", "nonsense", code=1).stderr


def test_a_master_key_file_is_private_and_never_overwritten(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    cli("keys", "generate-master", "--out", str(path))
    text = path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert MasterKeys.parse(text).ids == (1,)
    assert "not overwritten" in cli("keys", "generate-master", "--out", str(path), code=1).stderr
    assert path.read_text() == text
    assert "cannot make" in cli("keys", "generate-master", "--out", str(tmp_path / "no/such"), code=1).stderr
    assert MasterKeys.parse(cli("keys", "generate-master", "--out", "-").stdout).ids == (1,)


async def test_nobody_fills_the_jwks_until_verifiers_refuse_it(
    cli: Cli, sql: asyncpg.Connection, tmp_path: Path
) -> None:
    await asyncio.to_thread(cli, "keys", "generate")
    await sql.execute(
        """INSERT INTO signing_keys (kid, alg, public_jwk, sealed, announced_at, signs_from, signs_until, drop_after)
           SELECT 'k' || n, 'RS256', '{}', '', now() - interval '9 days', now() - interval '9 days',
                  now() - interval '1 hour', now() + interval '1 day' FROM generate_series(1, 56) AS n"""
    )
    file = tmp_path / "old.pem"
    file.write_bytes(pem())
    for words in (("generate",), ("rotate", "--now"), ("import", str(file))):
        refused = (await asyncio.to_thread(cli, "keys", *words, code=1)).stderr
        assert "the JWKS holds 58 keys, the first of them until " in refused
        assert refused.count("\n") == 1
    assert await sql.fetchval("SELECT count(*) FROM signing_keys") == 58
    leaked = await sql.fetchval("SELECT kid FROM signing_keys ORDER BY announced_at DESC LIMIT 1")
    await asyncio.to_thread(cli, "keys", "withdraw", leaked, "--yes")
