"""`authsvc users`: change somebody's name, address or roles, and remove them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from authsvc.cli.command_runtime import operate
from authsvc.cli.console import answer, confirm, exact, json_option, plural, table, yes_option
from authsvc.cli.sessions import person

if TYPE_CHECKING:
    from datetime import datetime

    from authsvc.flows.operator.change_users import Changed
    from authsvc.flows.operator.manage_factors import Removable

_WHAT = {
    "otp": "the authenticator app",
    "recovery-codes": "the set of recovery codes",
    "passkey": "the passkey",
    "trusted-device": "the trusted device",
}


def _tell(changed: Changed, text: str) -> None:
    ended = f"; {plural(changed.sessions_ended, 'session')} ended" if changed.sessions_ended else ""
    answer(changed, f"{text}{ended}.")


@click.command("change-address")
@click.argument("email")
@click.argument("new")
@click.option("--verified", is_flag=True, help="The new address is known to be theirs; else email_verified is false.")
@json_option
def change_address(email: str, new: str, verified: bool) -> None:
    """Give a person another address to log in with, and end all sessions. Id, password and roles stay.

    \b
    Examples:
      authsvc users change-address ann@example.com ann.ash@example.com --verified
    """
    from authsvc.flows.operator import change_users

    done = operate(
        lambda runtime, actor: change_users.change_address(runtime, actor, email, new, verified=verified),
        warm_redis=True,
    )
    _tell(done, f"{email} is {done.email} now, {'' if done.email_verified else 'not '}verified")


@click.command()
@click.argument("email")
@click.argument("name")
@json_option
def rename(email: str, name: str) -> None:
    """Give a person another name. Nobody is logged out; the next token has it.

    \b
    Examples:
      authsvc users rename ann@example.com "Ann Ash-Oak"
      authsvc users rename ann@example.com ""
    """
    from authsvc.flows.operator import change_users

    done = operate(lambda runtime, actor: change_users.rename(runtime, actor, email, name))
    _tell(done, f"{done.email} is called {done.name} now" if done.name else f"{done.email} has no name now")


@click.command()
@click.argument("email")
@click.option("--add", "added", multiple=True, metavar="ROLE", help="A role to give; several times.")
@click.option("--remove", "removed", multiple=True, metavar="ROLE", help="A role to take; several times.")
@json_option
def roles(email: str, added: tuple[str, ...], removed: tuple[str, ...]) -> None:
    """Show a person's roles, or change them. Where one is taken, all sessions end, and so do the tokens that carry it;
    a new one is in the next token.

    What they have already is added without complaint, and what they lack is removed likewise.

    \b
    Examples:
      authsvc users roles ann@example.com
      authsvc users roles ann@example.com --add staff --remove customer
    """
    from authsvc.flows.operator import change_users

    if both := set(added) & set(removed):
        raise click.UsageError(f"give {min(both)} to --add or to --remove, not to both")
    if not added and not removed:
        found = operate(lambda runtime, _actor: person(runtime, email))
        shown = {"id": found.id, "email": found.email, "roles": found.roles}
        answer(shown, table(("ROLE",), [(role,) for role in found.roles], empty=f"{found.email} has no role."))
        return
    done = operate(
        lambda runtime, actor: change_users.change_roles(runtime, actor, email, added, removed), warm_redis=True
    )
    _tell(done, f"{done.email} has {'the roles ' + ' '.join(done.roles) if done.roles else 'no role'} now")


@click.command()
@click.argument("email")
@json_option
def verify(email: str) -> None:
    """Say that a person's address is known to be theirs (email_verified).

    \b
    Examples:
      authsvc users verify ann@example.com
    """
    from authsvc.flows.operator import change_users

    done = operate(lambda runtime, actor: change_users.verify(runtime, actor, email))
    _tell(done, f"{done.email} is verified")


@click.command()
@click.argument("email")
@yes_option
@json_option
def remove(email: str, yes: bool) -> None:
    """Remove a person for ever: sessions, tokens, consents, name, address and password. Audit events keep the id.

    `authsvc users disable` locks somebody out and can be undone.

    \b
    Examples:
      authsvc users remove ann@example.com
      authsvc users remove ann@example.com --yes --json
    """
    from authsvc.flows.operator import change_users

    confirm(f"Everything that {email} has here is deleted, sessions and tokens end. Remove them?", yes=yes)
    done = operate(lambda runtime, actor: change_users.remove(runtime, actor, email), warm_redis=True)
    _tell(done, f"{done.email} is removed, id {done.id}")


@click.command()
@click.argument("email")
@click.option("--name", default="", help="The person's name; they may choose another.")
@click.option("--role", "roles", multiple=True, metavar="ROLE", help="A role; may be given several times.")
@click.option("--language", type=click.Choice(("en", "de")), help="Of the mail; else AUTHSVC_MAIL_LANGUAGE.")
@json_option
def invite(email: str, name: str, roles: tuple[str, ...], language: str | None) -> None:
    """Invite somebody: a mail lets them choose a name and a password within seven days. No operator types one.

    Invite again whoever did not come: the earlier mail is void then. A replica that runs sends the mail.

    \b
    Examples:
      authsvc users invite ann@example.com --role customer
      authsvc users invite ann@example.com --name "Ann Ash" --language de
    """
    from authsvc.flows.operator import invite as flow

    done = operate(
        lambda runtime, actor: flow.invite(
            runtime,
            actor,
            email=email,
            name=name,
            roles=roles,
            language=language or runtime.settings.mail_language,
        )
    )
    answer(done, f"{done.email} is invited{' again' if done.again else ''}, id {done.id}.")


class _Factor(click.ParamType[Any]):
    """`otp`, `recovery-codes`, or the id of a passkey."""

    name = "factor"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value in ("otp", "recovery-codes") or isinstance(value, UUID):
            return value
        try:
            return UUID(value)
        except ValueError:
            self.fail("give otp, recovery-codes, or an id as `authsvc users factors` lists it", param, ctx)


@click.command()
@click.argument("email")
@click.option(
    "--remove",
    type=_Factor(),
    metavar="FACTOR",
    help="otp (the authenticator app), recovery-codes, or the id of a passkey or trusted device. With the last factor "
    "the recovery codes go, too.",
)
@yes_option
@json_option
def factors(email: str, remove: Removable | None, yes: bool) -> None:
    """Show somebody's second factors, passkeys and trusted devices, or remove one for who has lost it. Every session
    that it opened ends, and where it was a factor a mail tells them.

    Make sure that it is them who ask: without a factor the password alone opens the account.

    \b
    Examples:
      authsvc users factors ann@example.com
      authsvc users factors ann@example.com --remove otp
      authsvc users factors ann@example.com --remove 0b9b3f5e-6f0c-4a39-9f1c-6d1f3f1c2a77
    """
    from authsvc.flows.operator import manage_factors

    if remove:
        asked = "the passkey or trusted device with this id" if isinstance(remove, UUID) else _WHAT[remove]
        confirm(f"{asked[:1].upper()}{asked[1:]} is worth nothing to {email} from now on. Remove it?", yes=yes)
        done = operate(
            lambda runtime, actor: manage_factors.remove_factor(runtime, actor, email, remove), warm_redis=True
        )
        user, ended, what = done.user, done.sessions_ended, _WHAT[done.what]
        text = f"{what[:1].upper()}{what[1:]} of {user.email} is gone; {plural(ended, 'session')} ended."
        said = {"id": user.id, "email": user.email, "removed": remove, "what": done.what, "sessions_ended": ended}
        alone = f"{user.email} has neither password nor passkey now: a reset or `users set-password` lets them in."
        answer({**said, "logs_in": done.logs_in}, text, notes=() if done.logs_in else (alone,))
        return
    found = operate(lambda runtime, _actor: manage_factors.look(runtime, email))
    rows = [("otp", "", "", exact(found.otp_since), _used(found.otp_used))] if found.otp_since else []
    for one in found.passkeys:
        kind = "passkey, synced" if one.synced else "passkey"
        rows.append((kind, str(one.id), one.name, exact(one.since), _used(one.used)))
    rows += [
        (f"device trusted until {exact(one.until)}", str(one.id), one.name, exact(one.since), _used(one.used))
        for one in found.trusted_devices
    ]
    columns = ("FACTOR", "ID", "NAME", "SINCE", "LAST USED")
    lines = [*table(columns, rows, empty=f"{found.email} has no second factor.")]
    if found.recovery_codes:
        lines.append(f"{plural(found.recovery_codes, 'recovery code')} left.")
    answer(found, lines)


def _used(at: datetime | None) -> str:
    return exact(at) if at else "never"


COMMANDS = (change_address, invite, rename, roles, verify, remove, factors)
