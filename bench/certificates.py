"""Tokens of a client that proves itself by a certificate and has them bound to it (RFC 8705), in a service of its own:
the settings that let a proxy tell the certificate are not those of the other rows."""

from __future__ import annotations

import argparse
import asyncio
import sys
from base64 import b64encode
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from authsvc.flows.operator import manage_clients
from authsvc.jose.jwk import public_jwk
from authsvc.rules.client_record import Authentication, Client, Tokens
from authsvc.rules.refused import Refused
from authsvc.runtime import open_runtime
from authsvc.settings import load
from authsvc_devkit import demo
from bench.load import request
from bench.measure import Result, measure
from bench.service import Scenario, Service
from bench.stores import Stores

NAME = "client_credentials, certificate"
SETTINGS = {"AUTHSVC_CLIENT_CERTIFICATE_HEADER": "client-cert", "AUTHSVC_TRUSTED_PROXIES": "127.0.0.1"}
CLIENT_ID = "backend-certificate"


def made() -> tuple[Client, Scenario]:
    """A client with a certificate of its own, and the load of its requests."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, CLIENT_ID)])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=30))
    der = b64encode(builder.sign(key, SHA256()).public_bytes(Encoding.DER)).decode("ascii")
    client = Client(
        id=CLIENT_ID,
        name="Backend with a certificate",
        kind="confidential",
        grant_types=frozenset({"client_credentials"}),
        authentication=Authentication(
            token_endpoint_auth_method="self_signed_tls_client_auth",
            jwks={"keys": [{**public_jwk(key.public_key(), "ES256"), "x5c": [der]}]},
        ),
        tokens=Tokens(scopes=("api",), audiences=(demo.ORDERS,), tls_client_certificate_bound_access_tokens=True),
    )
    body = f"grant_type=client_credentials&client_id={CLIENT_ID}"
    return client, Scenario(NAME, None, (request("POST", "/token", body, f"Client-Cert: :{der}:\r\n"),))


def measured(stores: Stores, options: argparse.Namespace) -> list[Result]:
    """Its row; none where others alone are asked for."""
    if options.only and NAME not in options.only:
        return []
    client, scenario = made()
    asyncio.run(_add(stores.env | SETTINGS, client))
    service = Service(stores)
    service.env |= SETTINGS
    with service:
        print(f"measuring {NAME} …", file=sys.stderr)
        return [measure(service, scenario, options.rounds, options.seconds)]


async def _add(env: dict[str, str], client: Client) -> None:
    runtime = open_runtime(load(env))
    added = await manage_clients.add(runtime, "bench", client)
    assert not isinstance(added, Refused), added
    await runtime.close()
