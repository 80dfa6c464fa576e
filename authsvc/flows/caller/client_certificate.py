"""A client proves itself by the certificate of its TLS connection (RFC 8705 section 2): one that an authority of ours
issued to it, or one that it registered."""

from __future__ import annotations

from pathlib import Path

from authsvc.flows.caller.client_keys import KeysMissing, keys_of
from authsvc.jose.client_certificates import (
    MAX_CHAIN,
    Authorities,
    has_ended_or_not_begun,
    is_certificate,
    is_named,
    is_registered,
)
from authsvc.reason import Reason
from authsvc.rules.caller.certificate import SELF_SIGNED, TLS_CLIENT_AUTH, SentCertificate
from authsvc.rules.client_record import Client
from authsvc.rules.clients.tls_authentication import subjects_of
from authsvc.rules.errors import not_authenticated
from authsvc.runtime import Memory, Runtime
from authsvc.settings import Settings, SettingsError

_authorities = Memory(dict[str, Authorities])
"""By the file that they were read from, once."""

__all__ = [
    "MAX_CHAIN",
    "are_certificates",
    "authorities_of",
    "begin",
    "certificate_problem",
    "offered_tls_methods",
]


def are_certificates(sent: SentCertificate) -> bool:
    """Whether what was sent can be read as what it is said to be."""
    return is_certificate(sent.der) and all(map(is_certificate, sent.chain))


def offered_tls_methods(settings: Settings) -> tuple[str, ...]:
    """By which methods clients can prove themselves here: how their certificates come to us decides."""
    if settings.client_certificate_header == "off":
        return (TLS_CLIENT_AUTH,) if settings.mtls_port else ()  # our own TLS takes no certificate of anybody else
    return (TLS_CLIENT_AUTH, SELF_SIGNED) if settings.client_ca_file else (SELF_SIGNED,)


def authorities_of(runtime: Runtime) -> Authorities | None:
    """Those whose certificates prove clients with tls_client_auth; None: nobody's. Raises SettingsError."""
    path, known = runtime.settings.client_ca_file, _authorities.of(runtime)
    if path and path not in known:
        try:
            known[path] = Authorities(Path(path).read_bytes())
        except OSError as error:
            raise SettingsError([f"AUTHSVC_CLIENT_CA_FILE: cannot read {path}: {error.strerror}"]) from None
        except ValueError:
            raise SettingsError([f"AUTHSVC_CLIENT_CA_FILE: {path} holds no certificates in PEM"]) from None
    return known.get(path)


def begin(runtime: Runtime) -> None:
    """Read the file of authorities before anything is served. Raises SettingsError."""
    authorities_of(runtime)


async def certificate_problem(runtime: Runtime, client: Client, sent: SentCertificate | None) -> Reason | None:
    """The reason why a certificate does not prove this client, whose method is one of `certificate.METHODS`; None: it
    does. Raises Rejected where the client's keys cannot be read."""
    if sent is None:
        return "client_certificate_missing"
    if client.authentication.token_endpoint_auth_method == SELF_SIGNED:
        return await _self_signed_problem(runtime, client, sent)
    authorities = authorities_of(runtime)
    if authorities is None:
        return "client_certificate_no_authorities"
    if not authorities.issued(sent.der, sent.chain, runtime.clock.now()):
        return "client_certificate_untrusted"
    named = [is_named(sent.der, *one) for one in subjects_of(client.authentication).items()]
    return None if named == [True] else "client_certificate_of_another"


async def _self_signed_problem(runtime: Runtime, client: Client, sent: SentCertificate) -> Reason | None:
    """Who issued it is no matter (section 2.2), but its time is: a registered certificate ends when it says so."""
    if has_ended_or_not_begun(sent.der, runtime.clock.now()):
        return "client_certificate_ended"
    for kid in (None, sent.thumbprint):  # what is not in the set is a reason to ask anew, as an unknown kid is
        try:
            jwks = await keys_of(runtime, client, kid)
        except KeysMissing as missing:
            if client.authentication.jwks_uri is None:
                return missing.reason
            raise not_authenticated(missing.reason, missing.description) from None
        if is_registered(sent.der, jwks):
            return None
    return "client_certificate_unknown"
