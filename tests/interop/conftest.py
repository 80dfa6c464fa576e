"""One provider for the whole directory: a real process that serves https, as in production and not in dev mode."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from authsvc.jose.jwk import public_jwk
from authsvc.rules.client_record import Client
from authsvc.store.caller import clients
from authsvc_devkit.servers import Servers
from authsvc_devkit.tls import TlsFiles, make_certificate
from tests.cli.conftest import clean_environment
from tests.conftest import TEMPLATE, with_database
from tests.interop.person import Person
from tests.support.clients import flat_client
from tests.support.replicas import Replicas
from tests.support.service import BACKEND

HERE = Path(__file__).parent
REDIRECT = "https://app.example/callback"
SIGNED_OUT = "https://app.example/bye"
API = "https://api.example"
SECRET = "of-the-app: 100% +&/=~"
"""Characters that RFC 6749 section 2.3.1 wants encoded before base64."""


@dataclass
class Provider:
    """authsvc under test, seen from outside, and the operator's psql."""

    issuer: str
    env: dict[str, str] = field(repr=False)
    tls: TlsFiles
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    def __post_init__(self) -> None:
        self.trust = ssl.create_default_context(cafile=str(self.tls.ca_file))

    def operate_json(self, *words: str) -> dict[str, Any]:
        """As `operate`; what it answers."""
        answer: dict[str, Any] = json.loads(self.operate(*words, "--json"))
        return answer

    def operate(self, *words: str, given: str = "") -> str:
        """`authsvc ...` in the operator's terminal, and what it says."""
        command = [sys.executable, "-m", "authsvc", *words]
        env = clean_environment(**self.env)
        done = subprocess.run(command, env=env, input=given, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout

    def register(self, *added: Client) -> None:
        async def add() -> None:
            connection = await asyncpg.connect(self.env["AUTHSVC_DATABASE_URL"])
            for client in added:
                assert await clients.add(connection, client)
            await connection.close()

        asyncio.run(add())

    def active(self, token: str) -> bool:
        """What introspection says to a service that asks."""
        with httpx2.Client(verify=self.trust, trust_env=False) as http:
            answer = http.post(f"{self.issuer}/introspect", data={"token": token}, auth=BACKEND)
        assert answer.status_code == 200, answer.text
        return bool(answer.json()["active"])


def app(name: str, *, kind: str = "confidential", secret: str | None = SECRET, **policy: Any) -> Client:
    """A client of somebody else's: consent is asked for."""
    values: dict[str, Any] = {
        "redirect_uris": (REDIRECT,),
        "post_logout_redirect_uris": (SIGNED_OUT,),
        "grant_types": frozenset({"authorization_code", "refresh_token"}),
        "scopes": ("openid", "profile", "email", "offline_access"),
        **policy,
    }
    hashes = (sha256(secret.encode()).digest(),) if secret else ()
    return flat_client(id=name, name=name.title(), kind=kind, secret_hashes=hashes, **values)


def _clients(key: ec.EllipticCurvePrivateKey) -> list[Client]:
    own_key: dict[str, Any] = {
        "secret": None,
        "jwks": {"keys": [{**public_jwk(key.public_key(), "ES256"), "kid": "k"}]},
    }
    grants = frozenset({"authorization_code", "refresh_token", "client_credentials"})
    return [
        app("app", introspection=True),
        app("authlib", introspection=True),
        app("requests"),
        app("poster", introspection=True),
        app("spa", kind="public", secret=None),
        app("letter-app", introspection=True, audiences=(API,)),
        app("letter-spa", kind="public", secret=None, audiences=(API,)),
        app("keyed", grant_types=grants, introspection=True, audiences=(API,), **own_key),
        *(
            app(name, require_pushed_authorization_requests=True, dpop_bound_access_tokens=True, **own_key)
            for name in ("fapi-plain", "fapi-signed")
        ),
        app(
            "television",
            kind="public",
            secret=None,
            redirect_uris=(),
            grant_types=frozenset({"refresh_token", "urn:ietf:params:oauth:grant-type:device_code"}),
        ),
    ]


@contextmanager
def provided(servers: Servers, base_env: dict[str, str], name: str, tls: TlsFiles, **more: str) -> Iterator[Provider]:
    """A provider on a database of this name, with the accounts and clients of the demo; `more` is its environment."""

    async def operate(command: str) -> None:
        admin = await asyncpg.connect(servers.admin_url)
        await admin.execute(command)
        await admin.close()

    asyncio.run(operate(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy"))
    env = {
        **base_env,
        "AUTHSVC_DATABASE_URL": with_database(servers.database_url, name),
        "AUTHSVC_REDIS_PREFIX": name,
        "AUTHSVC_DEV_MODE": "false",
        "AUTHSVC_OUTGOING_PRIVATE": "true",  # logout receivers are on this machine
        "SSL_CERT_FILE": str(tls.ca_file),  # and have certificates of this authority
        **more,
    }
    replicas = Replicas(env)
    try:
        [replica] = replicas.start(tls=tls)
        yield Provider(replica.url, env, tls, ec.generate_private_key(ec.SECP256R1()))
    finally:
        replicas.stop()
        asyncio.run(operate(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))


@pytest.fixture(scope="session")
def provider(
    servers: Servers, base_env: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Provider]:
    tls = make_certificate(tmp_path_factory.mktemp("tls"))
    with provided(servers, base_env, f"interop{os.getpid()}", tls) as made:
        made.register(*_clients(made.key))
        yield made


class Node:
    """Scripts of this directory, with npm's packages beside them."""

    def __init__(self, directory: Path, provider: Provider) -> None:
        self.directory = directory
        self.provider = provider
        for script in HERE.glob("*.mjs"):
            shutil.copy(script, directory)
        pem = provider.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        self.env = {
            **os.environ,
            "NODE_EXTRA_CA_CERTS": str(provider.tls.ca_file),
            "ISSUER": provider.issuer,
            "REDIRECT": REDIRECT,
            "SIGNED_OUT": SIGNED_OUT,
            "CLIENT_SECRET": SECRET,
            "CLIENT_KEY": pem,
        }

    def run(self, script: str, person: Person, *arguments: str) -> dict[str, Any]:
        """What the script reports. Each address that it asks to open is opened by the person, and the script is told
        where that led; a person who was sent nowhere was told so by a page."""
        command = ["node", script, *arguments]
        with subprocess.Popen(
            command,
            cwd=self.directory,
            env=self.env,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            assert process.stdin and process.stdout and process.stderr
            try:
                for line in process.stdout:
                    said: dict[str, Any] = json.loads(line)
                    if "done" in said:
                        return dict(said["done"])
                    answer = person.visit(said["open"])
                    print(json.dumps(answer.headers.get("location")), file=process.stdin, flush=True)
                raise AssertionError(process.stderr.read())
            finally:
                process.kill()


@pytest.fixture(scope="session")
def node(npm: Path, provider: Provider) -> Node:
    return Node(npm, provider)


@pytest.fixture
def person(provider: Provider) -> Iterator[Person]:
    person = Person(provider.trust)
    with person.http:
        yield person
