"""Which clients are let off what others must do: a part of `authsvc doctor`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from authsvc.cli.doctor import Finding
from authsvc.rules.clients.limits import ACCESS_TOKEN_TYPES, ASSERTION_USUAL_SECONDS

if TYPE_CHECKING:
    from authsvc.rules.client_record import Client
    from authsvc.runtime import Runtime

SHOWN = 20
"""Clients that are named one by one."""


async def examine_clients(runtime: Runtime) -> list[Finding]:
    """Raises StoreUnavailable."""
    from authsvc.flows.caller.client_certificate import offered_tls_methods
    from authsvc.store.caller import clients

    methods = offered_tls_methods(runtime.settings)
    return judge_clients(await clients.everyone(runtime.db), runtime.settings.profile, methods)


def judge_clients(clients: Sequence[Client], profile: str = "none", tls_methods: Sequence[str] = ()) -> list[Finding]:
    """A finding for each policy that is laxer than the default, and why it may be wrong; and for what a client lacks
    that its profile, or the service's, demands. `tls_methods`: by which certificates clients can prove themselves."""
    lax = [
        finding
        for client in clients
        for finding in (*_unmet(client, profile), *_without_certificate(client, tls_methods), *_laxer(client))
    ]
    if not lax:
        return [Finding("clients", "ok", f"{len(clients)}, each as strict as the default")]
    more = [Finding("clients", "warn", f"{len(lax) - SHOWN} more policies are laxer", "see `authsvc clients list`")]
    return lax[:SHOWN] + more * (len(lax) > SHOWN)


def _unmet(client: Client, profile: str) -> Iterator[Finding]:
    from authsvc.rules.client_record import FAPI2, in_profile
    from authsvc.rules.clients.fapi2 import unmet

    under = in_profile(client, profile)
    if under.profile == FAPI2:
        for found, do in unmet(under):
            yield Finding(f"client {client.id}", "FAIL", f"gets no tokens under FAPI 2.0: {found}", do)


def _without_certificate(client: Client, offered: Sequence[str]) -> Iterator[Finding]:
    from authsvc.rules.caller.certificate import METHODS

    method = client.authentication.token_endpoint_auth_method
    do = "set AUTHSVC_CLIENT_CERTIFICATE_HEADER, or AUTHSVC_MTLS_PORT, and AUTHSVC_CLIENT_CA_FILE (deploy/README.md)"
    if method in METHODS and method not in offered:
        yield Finding(
            f"client {client.id}", "FAIL", f"proves itself by {method}, and no such certificate comes here", do
        )
    elif client.tokens.tls_client_certificate_bound_access_tokens and not offered:
        found = "its tokens are to be bound to its certificate, and none comes here: it gets no tokens"
        yield Finding(f"client {client.id}", "FAIL", found, do)


def _laxer(client: Client) -> Iterator[Finding]:
    check = f"client {client.id}"
    if client.login.pkce == "nonce":
        found = "sends a nonce instead of PKCE: nothing but the client itself sees that a code is another person's"
        yield Finding(check, "warn", found, _once_it_sends_pkce(client))
    if client.login.pkce == "optional":
        found = "needs neither PKCE nor a nonce: a code that somebody slips into a person's browser logs them in there"
        yield Finding(check, "warn", found, _once_it_sends_pkce(client))
    if client.tokens.refresh_without_offline_access and not (client.first_party or client.stranger):
        found = "gets refresh tokens without asking for offline_access"
        do = f"once it asks: authsvc clients choose-login {client.id} --no-refresh-without-offline-access"
        yield Finding(check, "warn", found, do)
    if client.authentication.assertion_audience != "issuer":
        found = "its assertions may name an endpoint: one that was meant for another server could be used here"
        do = f"once they name the issuer: authsvc clients choose-assertions {client.id} --assertion-audience issuer"
        yield Finding(check, "warn", found, do)
    if client.tokens.access_token_typ != ACCESS_TOKEN_TYPES[0]:
        found = (
            "its access tokens do not say that they are no ID tokens: its APIs tell them apart by the audience alone"
        )
        do = f"once they take at+jwt: authsvc clients choose-access-tokens {client.id} --access-token-typ at+jwt"
        yield Finding(check, "warn", found, do)
    if (life := client.authentication.assertion_seconds) is not None and life > ASSERTION_USUAL_SECONDS:
        found = f"its assertions live up to {life} s: so long can be used what somebody caught before it was"
        do = f"once they live {ASSERTION_USUAL_SECONDS} s: authsvc clients choose-assertions {client.id} "
        yield Finding(check, "warn", found, f"{do}--assertion-seconds {ASSERTION_USUAL_SECONDS}")


def _once_it_sends_pkce(client: Client) -> str:
    return f"once it sends PKCE: authsvc clients choose-login {client.id} --pkce required"
