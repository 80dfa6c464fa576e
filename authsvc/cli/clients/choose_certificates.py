"""`authsvc clients choose-certificates`."""

from __future__ import annotations

from typing import Any

import click

from authsvc.cli.command_runtime import operate
from authsvc.cli.console import answer, json_option

TLS_METHODS = ("tls_client_auth", "self_signed_tls_client_auth")


def _subject(flag: str, column: str, metavar: str, help: str) -> click.Option:
    return click.Option([flag, f"tls_client_auth_{column}"], metavar=metavar, help=help)


SUBJECT_OPTIONS: tuple[click.Option, ...] = (
    _subject("--tls-subject-dn", "subject_dn", "DN", "Its certificate's subject (RFC 4514), for tls_client_auth; or:"),
    _subject("--tls-san-dns", "san_dns", "HOST", "A host that its certificate names."),
    _subject("--tls-san-uri", "san_uri", "URI", "A URI that its certificate names."),
    _subject("--tls-san-ip", "san_ip", "ADDRESS", "An address that its certificate names."),
    _subject("--tls-san-email", "san_email", "MAILBOX", "A mailbox that its certificate names."),
)
"""Exactly one of them is given; their names are those of the client's columns."""


@click.command("choose-certificates", params=[click.Argument(["client_id"], metavar="ID"), *SUBJECT_OPTIONS])
@click.option("--auth-method", "method", type=click.Choice(TLS_METHODS), help="By which certificate it proves itself.")
@click.option("--bound/--not-bound", "bound", default=None, help="Its tokens are of no use without its certificate.")
@json_option
def choose_certificates(client_id: str, method: str | None, bound: bool | None, **subjects: Any) -> None:
    """Let a client prove itself by the certificate of its TLS connection (RFC 8705), or have its tokens bound to that.

    tls_client_auth: an authority in AUTHSVC_CLIENT_CA_FILE issued it, and it names the client as is said here.
    self_signed_tls_client_auth: it is one of those in the x5c of the client's registered keys. Secrets are forgotten.
    Tokens can be bound to the certificate of any client, also of a public one, whose refresh tokens are bound, too.

    \b
    Examples:
      authsvc clients choose-certificates bank --auth-method tls_client_auth --tls-subject-dn "CN=bank,O=Bank,C=DE"
      authsvc clients choose-certificates bank --tls-san-dns bank.example.com
      authsvc clients choose-certificates app --bound
      authsvc clients choose-certificates meter --auth-method self_signed_tls_client_auth
    """
    from authsvc.flows.operator import manage_clients

    given = {name: value for name, value in subjects.items() if value is not None}
    if method is None and not given and bound is None:
        raise click.UsageError("say what to choose: --auth-method, --tls-subject-dn or another name, --bound")
    if len(given) > 1:
        raise click.UsageError("a certificate names the client in one way: give one of the --tls options")
    done = operate(
        lambda runtime, actor: manage_clients.choose_certificates(
            runtime, actor, client_id, method=method, subjects=given, bound=bound
        )
    )
    chosen, is_bound = done.authentication, done.tokens.tls_client_certificate_bound_access_tokens
    known = {name: value for name in subjects if (value := getattr(chosen, name)) is not None}
    told = {"token_endpoint_auth_method": chosen.token_endpoint_auth_method, **known}
    by = chosen.token_endpoint_auth_method or "whatever it has"
    named = "".join(f", {name.removeprefix('tls_client_auth_')} {value}" for name, value in known.items())
    answer(
        {"id": client_id, **told, "tls_client_certificate_bound_access_tokens": is_bound},
        f"Client {client_id} proves itself by {by}{named}. Its tokens are {'' if is_bound else 'not '}bound to its "
        "certificate.",
    )
