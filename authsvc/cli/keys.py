"""`authsvc keys`: the life of signing keys, and the master key file."""

from __future__ import annotations

import os
import secrets
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from authsvc.cli.console import CONTEXT, Refused, confirm, inert, json_option, relative, show_json, show_table

if TYPE_CHECKING:
    from authsvc.flows.manage_keys import Generated
    from authsvc.keyring.records import SigningKey
    from authsvc.runtime import Runtime


@click.group(context_settings=CONTEXT)
def command() -> None:
    """Signing keys: list, generate, rotate, withdraw, import, export.

    A key is announced (in the JWKS, not signing) until every cache has seen it, signs, is retired (still in the JWKS)
    until its last token is dead, and is dropped. keys/README.md is the operator's drill.

    \b
    Examples:
      authsvc keys list
      authsvc keys rotate            announce the next key; it takes over by itself
      authsvc keys withdraw KID      this key leaked
    """


@command.command("list")
@json_option
def list_keys(as_json: bool) -> None:
    """Show every key, its phase, and when it moves on.

    \b
    Examples:
      authsvc keys list
      authsvc keys list --json | jq -r '.[] | select(.phase == "signing") | .kid'
    """
    from authsvc.cli.running import operate
    from authsvc.keyring.phases import phase_of
    from authsvc.store import keys

    async def work(runtime: Runtime) -> tuple[list[SigningKey], datetime]:
        return await keys.everything(runtime.db), runtime.clock.now()

    rows, now = operate(work)
    if as_json:
        show_json([{**_row(key), "phase": phase_of(key, rows, now)} for key in rows])
        return
    show_table(
        ("KID", "ALG", "PHASE", "ANNOUNCED", "SIGNS FROM", "SIGNS UNTIL", "DROPPED"),
        [
            (
                key.kid,
                key.alg,
                phase_of(key, rows, now),
                *(relative(at, now) for at in (key.announced_at, key.signs_from, key.signs_until, key.drop_after)),
            )
            for key in rows
        ],
        empty="There is no signing key: `authsvc keys generate` makes the first one, which signs at once.",
    )


def _row(key: SigningKey) -> dict[str, Any]:
    return {
        "kid": key.kid,
        "alg": key.alg,
        "announced_at": key.announced_at,
        "signs_from": key.signs_from,
        "signs_until": key.signs_until,
        "drop_after": key.drop_after,
        "withdrawn_at": key.withdrawn_at,
    }


@command.command()
@click.option("--first", is_flag=True, help="Only where there is no key at all; otherwise do nothing.")
@json_option
def generate(first: bool, as_json: bool) -> None:
    """Make a key and announce it.

    It succeeds the newest key after the policy's `announce`. The first key of all signs at once. Running replicas do
    this by themselves when it is time: `authsvc keys plan`.

    \b
    Examples:
      authsvc keys generate
      authsvc migrate && authsvc keys generate --first     set up; safe to run again
    """
    from authsvc.cli.running import actor, operate
    from authsvc.flows import manage_keys

    async def work(runtime: Runtime) -> tuple[Generated | None, datetime]:
        make = manage_keys.generate_first if first else manage_keys.generate
        return await make(runtime, actor()), runtime.clock.now()

    made, now = operate(work)
    if made is not None:
        _tell_generated(made, now, as_json)
    elif as_json:
        show_json(None)
    else:
        click.echo("There is a key already: nothing was done.")


def _tell_generated(made: Generated, now: datetime, as_json: bool) -> None:
    if as_json:
        show_json({"kid": made.kid, "signs_from": made.signs_from, "replaces": made.replaces})
        return
    at_once = made.signs_from <= now
    when = "signs now" if at_once else f"announced, signs {relative(made.signs_from, now)} ({_time(made.signs_from)})"
    after = f", after {made.replaces}" if made.replaces else ""
    click.echo(f"Key {made.kid}: {when}{after}.")


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S %Z}"


@command.command()
@click.option("--now", "at_once", is_flag=True, help="The announced key signs at once, if every cache has seen it.")
@json_option
def rotate(at_once: bool, as_json: bool) -> None:
    """Let the next key sign, noticed by nobody.

    Without --now: says when the announced key takes over by itself; where none is announced, announces one. With
    --now it takes over at once: refused, with the time to wait, while a cache or a backup may lack it.

    \b
    Examples:
      authsvc keys rotate
      authsvc keys rotate --now
    """
    from authsvc.cli.running import actor, operate
    from authsvc.flows import manage_keys
    from authsvc.keyring.plans import AlreadyPlanned
    from authsvc.keyring.plans import Refused as NotNow

    async def work(runtime: Runtime) -> tuple[Any, datetime]:
        return await manage_keys.rotate(runtime, actor(), at_once=at_once), runtime.clock.now()

    plan, now = operate(work)
    if isinstance(plan, NotNow):
        raise Refused(plan.reason)
    if isinstance(plan, manage_keys.Generated):
        _tell_generated(plan, now, as_json)
    elif isinstance(plan, AlreadyPlanned):
        if as_json:
            show_json({"kid": plan.kid, "signs_from": plan.at, "replaces": None})
        else:
            click.echo(f"Key {plan.kid} is announced already and signs {relative(plan.at, now)} ({_time(plan.at)}).")
    elif as_json:
        show_json({"kid": plan.kid, "signs_from": now, "replaces": plan.replaces})
    else:
        click.echo(f"Key {plan.kid} signs now" + (f", after {plan.replaces}." if plan.replaces else "."))


@command.command()
@click.argument("kid")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def withdraw(kid: str, yes: bool, as_json: bool) -> None:
    """Drop a leaked key at once, for ever.

    It leaves the JWKS and nothing that it signed is accepted, on every replica within a second. If it was the one that
    signs, the announced key takes over. Sessions survive: frontends get a good token with their next refresh.

    \b
    Examples:
      authsvc keys withdraw 3q2-7w...
    """
    from authsvc.cli.running import actor, operate
    from authsvc.flows import manage_keys
    from authsvc.keyring.plans import Refused as NotThis

    confirm(f"Every access token that {inert(kid)} signed becomes invalid. Withdraw it?", yes=yes)
    plan = operate(lambda runtime: manage_keys.withdraw(runtime, actor(), kid))
    if isinstance(plan, NotThis):
        raise Refused(plan.reason)
    if as_json:
        show_json({"kid": plan.kid, "successor": plan.successor})
    else:
        click.echo(f"Key {plan.kid} is withdrawn." + (f" Key {plan.successor} signs now." if plan.successor else ""))


@command.command("import")
@click.argument("file", type=click.File("rb"))
@json_option
def import_key(file: BinaryIO, as_json: bool) -> None:
    """Bring a private key along: PEM, RSA of 2048 bits or more, not encrypted. `-` reads standard input.

    It is announced like a new one.

    \b
    Examples:
      authsvc keys import old-service.pem
      vault read -field=key secret/jwt | authsvc keys import -
    """
    from authsvc.cli.running import actor, operate
    from authsvc.flows import manage_keys
    from authsvc.keyring import jwk
    from authsvc.keyring.plans import Refused as NotThis

    private = jwk.load_private_pem(file.read(1 << 16), "RS256")

    async def work(runtime: Runtime) -> tuple[Generated | NotThis, datetime]:
        return await manage_keys.take_over(runtime, actor(), private), runtime.clock.now()

    made, now = operate(work)
    if isinstance(made, NotThis):
        raise Refused(made.reason)
    _tell_generated(made, now, as_json)


@command.command()
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
    from authsvc.cli.running import operate
    from authsvc.keyring import jwk, phases
    from authsvc.store import keys

    if as_pem and as_jwk:
        raise click.UsageError("give --pem or --jwk, not both")

    async def work(runtime: Runtime) -> list[SigningKey]:
        rows = await keys.everything(runtime.db)
        if kid is not None:
            return [row for row in rows if row.kid == kid]
        return phases.published(rows, runtime.clock.now())

    found = operate(work)
    if not found:
        raise Refused(f"there is no {'key ' + kid if kid else 'published key'}: `authsvc keys list` shows them")
    if as_pem:
        click.echo("".join(jwk.public_pem(jwk.key_of_jwk(row.public_jwk)) for row in found), nl=False)
    else:
        show_json(found[0].public_jwk if kid else {"keys": [row.public_jwk for row in found]})


@command.command()
@click.option(
    "--out",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    default=Path("keys/master.key"),
    show_default=True,
    help="The file to make, mode 0600; `-`: standard output.",
)
def generate_master(out: Path) -> None:
    """Make a master key file; never overwrites one.

    It seals the signing keys and is the root of every refresh token: without it nobody stays logged in. Keep a copy
    apart from the backups of the database, and name it in AUTHSVC_MASTER_KEY_FILE.

    \b
    Examples:
      authsvc keys generate-master --out /etc/authsvc/master.key
      authsvc keys generate-master --out - | vault kv put secret/authsvc master.key=-
    """
    from authsvc.keyring.master import MasterKeys

    text = MasterKeys.generate(secrets.token_bytes)
    if str(out) == "-":
        click.echo(text, nl=False)
        return
    write_new(out, text)
    click.echo(f"Made {out} (mode 0600). Set AUTHSVC_MASTER_KEY_FILE={out.resolve()}, and keep a copy elsewhere.")


def write_new(path: Path, text: str) -> None:
    """A new file, 0600, on the disk when this returns. Raises Refused, also where there is one already."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise Refused(
            f"{path} exists and is not overwritten: what it seals would be lost; choose another --out"
        ) from None
    except OSError as error:
        raise Refused(f"cannot make {path}: {error.strerror}") from None
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
