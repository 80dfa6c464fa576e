"""`authsvc keys`: the life of signing keys, and the master key file."""

from __future__ import annotations

import re
from collections.abc import Awaitable
from datetime import datetime
from typing import TYPE_CHECKING, BinaryIO

import click

from authsvc.cli.command_runtime import dated, operate
from authsvc.cli.console import Refused, answer, confirm, exact, json_option, relative, show_json, table, yes_option
from authsvc.cli.keys.master_key import drop_master, generate_master, promote_master, reseal
from authsvc.cli.keys.run_simulation import simulate
from authsvc.cli.keys.show_plan import plan
from authsvc.jose.names import ALGORITHM_NAMES, DEFAULT_ALG
from authsvc.keys.phases import phase_of, published
from authsvc.keys.plans import AlreadyPlanned, PlanRefused, RotatePlan
from authsvc.keys.records import SigningKey

if TYPE_CHECKING:
    from authsvc.flows.keys.manage_keys import Generated
    from authsvc.runtime import Runtime

ALGORITHM = click.Choice(ALGORITHM_NAMES)
_HYPHEN_FIRST = re.compile("-[A-Za-z0-9_-]{42}")


class _OfKid(click.Command):
    """One kid in 64 begins with a hyphen (RFC 7638 thumbprints are base64url), and is no option all the same."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        kids = [] if "--" in args else [word for word in args if _HYPHEN_FIRST.fullmatch(word)]
        if kids:
            args = [word for word in args if word not in kids] + ["--", *kids]
        return super().parse_args(ctx, args)


@click.group()
def command() -> None:
    """Signing keys: list, plan, generate, rotate, withdraw, import, export-public, simulate; the master key that seals
    them: generate-master, promote-master, reseal, drop-master.

    A key is announced (in the JWKS, not signing) until every cache has seen it, signs, is retired (still in the JWKS)
    until its last token is dead, and is dropped. keys/README.md is the operator's drill.

    \b
    Examples:
      authsvc keys list
      authsvc keys plan              what will happen when
      authsvc keys rotate            announce the next key; it takes over by itself
      authsvc keys withdraw KID      this key leaked
      authsvc keys simulate          play the policy against faults
    """


for part in (plan, simulate, generate_master, promote_master, reseal, drop_master):
    command.add_command(part)


@command.command("list")
@json_option
def list_keys() -> None:
    """Show every key, its phase, and when it moves on.

    \b
    Examples:
      authsvc keys list
      authsvc keys list --json | jq -r '.[] | select(.phase == "signing") | .kid'
    """
    from authsvc.store.keys import signing_keys

    rows, now = operate(lambda runtime, _actor: dated(runtime, signing_keys.everything(runtime.db)))
    times = ("announced_at", "signs_from", "signs_until", "drop_after")
    found = [
        {name: getattr(key, name) for name in ("kid", "alg", *times, "withdrawn_at")}
        | {"phase": phase_of(key, rows, now)}
        for key in rows
    ]
    answer(
        found,
        table(
            ("KID", "ALG", "PHASE", "ANNOUNCED", "SIGNS FROM", "SIGNS UNTIL", "DROPPED"),
            [(key["kid"], key["alg"], key["phase"], *(relative(key[name], now) for name in times)) for key in found],
            empty="There is no signing key: `authsvc keys generate` makes the first one, which signs at once.",
        ),
    )


@command.command()
@click.option("--first", is_flag=True, help="Only where there is no key at all; otherwise do nothing.")
@click.option("--alg", type=ALGORITHM, help="One that the key policy has; RS256 by default.")
@json_option
def generate(first: bool, alg: str | None) -> None:
    """Make a key and announce it.

    It succeeds the newest key of its algorithm after the policy's `announce`. The first key of all signs at once.
    Running replicas do this by themselves when it is time: `authsvc keys plan`.

    \b
    Examples:
      authsvc keys generate
      authsvc keys generate --alg ES256
      authsvc migrate && authsvc keys generate --first     set up; safe to run again
    """
    from authsvc.flows.keys import manage_keys

    if first and alg not in (None, DEFAULT_ALG):
        raise click.UsageError("the first key of all is for RS256: leave --alg away")

    def work(runtime: Runtime, actor: str) -> Awaitable[Generated | PlanRefused | None]:
        if first:
            return manage_keys.generate_first(runtime, actor)
        return manage_keys.generate(runtime, actor, alg or DEFAULT_ALG)

    made, now = operate(lambda runtime, actor: dated(runtime, work(runtime, actor)), warn_of="settings")
    if made is None:
        answer(None, "There is a key already: nothing was done.")
    else:
        _tell_generated(made, now)


def _tell_generated(made: Generated, now: datetime) -> None:
    at_once = made.signs_from <= now
    when = "signs now" if at_once else f"announced, signs {relative(made.signs_from, now)} ({exact(made.signs_from)})"
    after = f", after {made.replaces}" if made.replaces else ""
    answer(made, f"Key {made.kid}: {when}{after}.")


@command.command()
@click.option("--now", "at_once", is_flag=True, help="The announced key signs at once, if every cache has seen it.")
@click.option("--alg", type=ALGORITHM, default=DEFAULT_ALG, show_default=True, help="Of which algorithm.")
@json_option
def rotate(at_once: bool, alg: str) -> None:
    """Let the next key sign, noticed by nobody.

    Without --now: says when the announced key takes over by itself; where none is announced, announces one. With
    --now it takes over at once: refused, with the time to wait, while a cache or a backup may lack it.

    \b
    Examples:
      authsvc keys rotate
      authsvc keys rotate --now
      authsvc keys rotate --alg ES256
    """
    from authsvc.flows.keys import manage_keys

    plan, now = operate(
        lambda runtime, actor: dated(runtime, manage_keys.rotate(runtime, actor, at_once=at_once, alg=alg)),
        warn_of="settings",
    )
    if isinstance(plan, manage_keys.Generated):
        _tell_generated(plan, now)
    elif isinstance(plan, AlreadyPlanned):
        answer(
            {"kid": plan.kid, "signs_from": plan.at, "replaces": None},
            f"Key {plan.kid} is announced already and signs {relative(plan.at, now)} ({exact(plan.at)}).",
        )
    elif isinstance(plan, RotatePlan):
        answer(
            {"kid": plan.kid, "signs_from": now, "replaces": plan.replaces},
            f"Key {plan.kid} signs now" + (f", after {plan.replaces}." if plan.replaces else "."),
        )


@command.command(cls=_OfKid)
@click.argument("kid")
@yes_option
@json_option
def withdraw(kid: str, yes: bool) -> None:
    """Drop a leaked key at once, for ever.

    It leaves the JWKS and nothing that it signed is accepted, on every replica within a second. If it was the one that
    signs, the announced key takes over. Sessions survive: frontends get a good token with their next refresh.

    \b
    Examples:
      authsvc keys withdraw 3q2-7w...
    """
    from authsvc.flows.keys import manage_keys

    confirm(f"Every access token that {kid} signed becomes invalid. Withdraw it?", yes=yes)
    plan = operate(lambda runtime, actor: manage_keys.withdraw(runtime, actor, kid), warn_of="settings")
    answer(
        {"kid": plan.kid, "successor": plan.successor},
        f"Key {plan.kid} is withdrawn." + (f" Key {plan.successor} signs now." if plan.successor else ""),
    )


@command.command("import")
@click.argument("file", type=click.File("rb"))
@click.option(
    "--alg",
    type=ALGORITHM,
    help="What it signs with; by default RS256 for an RSA key, ES256 for P-256, EdDSA for Ed25519.",
)
@json_option
def import_key(file: BinaryIO, alg: str | None) -> None:
    """Bring a private key along: PEM, not encrypted; RSA of 2048 bits or more, P-256 or Ed25519. `-`: standard input.

    It is announced like a new one.

    \b
    Examples:
      authsvc keys import old-service.pem
      authsvc keys import old-service.pem --alg PS256
      vault read -field=key secret/jwt | authsvc keys import -
    """
    from authsvc.flows.keys import manage_keys
    from authsvc.jose import jwk

    private, alg = jwk.load_private_pem(file.read(1 << 16), alg)
    made, now = operate(
        lambda runtime, actor: dated(runtime, manage_keys.take_over(runtime, actor, private, alg)),
        warn_of="settings",
    )
    _tell_generated(made, now)


@command.command(cls=_OfKid)
@click.argument("kid", required=False)
@click.option("--pem", "as_pem", is_flag=True, help="SubjectPublicKeyInfo in PEM.")
@click.option("--jwk", "as_jwk", is_flag=True, help="JSON Web Key; without KID a whole JWKS (the default).")
def export_public(kid: str | None, as_pem: bool, as_jwk: bool) -> None:
    """Print the public half of a key, or of all that are in the JWKS now.

    \b
    Examples:
      authsvc keys export-public                    the JWKS
      authsvc keys export-public KID --pem > key.pem
    """
    from authsvc.jose import jwk
    from authsvc.store.keys import signing_keys

    if as_pem and as_jwk:
        raise click.UsageError("give --pem or --jwk, not both")

    async def work(runtime: Runtime, _actor: str) -> list[SigningKey]:
        rows = await signing_keys.everything(runtime.db)
        if kid is not None:
            return [row for row in rows if row.kid == kid]
        return published(rows, runtime.clock.now())

    found = operate(work)
    if not found:
        raise Refused(f"there is no {'key ' + kid if kid else 'published key'}: `authsvc keys list` shows them")
    if as_pem:
        click.echo("".join(jwk.public_pem(jwk.key_of_jwk(row.public_jwk)) for row in found), nl=False)
    else:
        show_json(found[0].public_jwk if kid else {"keys": [row.public_jwk for row in found]})
