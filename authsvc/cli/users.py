"""`authsvc users`: people."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from authsvc.cli.command_runtime import granted, operate
from authsvc.cli.console import Refused, answer, complain, json_option, plural, table
from authsvc.cli.secret_input import ask_password
from authsvc.cli.user_changes import COMMANDS
from authsvc.rules.people.person import judge_person

if TYPE_CHECKING:
    from authsvc.flows.operator.manage_users import Imported
    from authsvc.runtime import Runtime

PROBLEMS_SHOWN = 50

password_stdin = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input instead of asking for it."
)


@click.group()
def command() -> None:
    """People: add, invite, import, list; change-address, rename, roles, verify, factors, set-password; disable, enable,
    remove; normal-addresses, once.

    Passwords are asked for, or read with --password-stdin; they are never given on the command line.

    \b
    Examples:
      authsvc users add ann@example.com --name "Ann Ash" --role customer
      authsvc users import people.csv --dry-run
      authsvc users roles ann@example.com --add staff
      authsvc users disable ann@example.com
    """


for change in COMMANDS:
    command.add_command(change)


@command.command()
@click.argument("email")
@click.option("--name", default="", help="The person's name.")
@click.option("--role", "roles", multiple=True, metavar="ROLE", help="A role; may be given several times.")
@click.option("--verified", is_flag=True, help="The address is known to be theirs (email_verified).")
@password_stdin
@click.option(
    "--no-password",
    is_flag=True,
    help="Without a password: nobody can log in until `users set-password` or, where the address is verified, a reset.",
)
@json_option
def add(email: str, name: str, roles: tuple[str, ...], verified: bool, password_stdin: bool, no_password: bool) -> None:
    """Add a person. The password has 8 characters at least, and is none that attackers try first.

    \b
    Examples:
      authsvc users add ann@example.com --name "Ann Ash" --role customer --role staff --verified
      pass show ann | authsvc users add ann@example.com --password-stdin
    """
    from authsvc.flows.operator import manage_users

    if no_password and password_stdin:
        raise click.UsageError("give --no-password or --password-stdin, not both")
    granted(judge_person(email, name, roles))  # before a password is typed twice for nothing
    password = None if no_password else ask_password(email, from_stdin=password_stdin)

    user_id, person = operate(
        lambda runtime, actor: manage_users.add(
            runtime, actor, email=email, name=name, roles=roles, password=password, verified=verified
        )
    )
    added = {"id": user_id, "email": person.email, "roles": roles, "email_verified": person.email_verified}
    answer(added, f"Added {person.email}, id {user_id}.")


@command.command("import")
@click.argument("file", type=click.File("rb"))
@click.option("--dry-run", is_flag=True, help="Check all of it, change nothing.")
@click.option("--skip-existing", is_flag=True, help="Leave people whose address is taken as they are.")
@json_option
def import_people(file: BinaryIO, dry_run: bool, skip_existing: bool) -> None:
    """Add many people from a file, all or none. `-` reads standard input.

    CSV with a head line, a JSON list of objects, or one JSON object a line. Columns: email, name, roles (words between
    spaces), password_hash (bcrypt $2a$, $2b$, $2y$, or argon2id; may be empty), email_verified (true or false), id (the
    UUID that other tables know the person by; else a new one), totp_secret (of an authenticator app, in base32). Bcrypt
    hashes are upgraded to argon2id at the first login. Everything that is wrong is reported.

    \b
    Examples:
      authsvc users import people.csv --dry-run
      authsvc users import people.jsonl --skip-existing
      {"email": "ann@example.com", "name": "Ann", "roles": ["customer"], "password_hash": "$2b$12$..."}
    """
    from authsvc.cli.user_file import BadFile, read_rows
    from authsvc.flows.operator import manage_users

    try:
        rows = read_rows(file.read())
    except BadFile as bad:
        raise _refused([str(bad)]) from None

    async def work(runtime: Runtime, actor: str) -> Imported:
        with click.progressbar(
            length=len(rows), label="Writing", file=sys.stderr, hidden=not sys.stderr.isatty()
        ) as bar:
            done = await manage_users.take_over(
                runtime, actor, rows, skip_taken=skip_existing, rehearse=dry_run, progress=bar.update
            )
        if isinstance(done, manage_users.Imported):
            return done
        problems = [f"{rows[0].unit} {line}: {refused.description}" for line, refused in done.refused.items()]
        if any(refused.reason == "email_taken" for refused in done.refused.values()):
            problems.append("--skip-existing leaves them as they are and adds the others")
        raise _refused(problems)

    done = operate(work)
    answer(
        {**asdict(done), "dry_run": dry_run},
        ("Would add " if dry_run else "Added ")
        + f"{done.added:,} {'person' if done.added == 1 else 'people'}"
        + (f", {done.without_password:,} of them without a password" if done.without_password else "")
        + (f"; skipped {done.skipped:,} that are here already" if done.skipped else "")
        + ".",
    )


def _refused(problems: list[str]) -> Refused:
    """All but the last line are said at once; the last one ends the command."""
    shown = problems[:PROBLEMS_SHOWN]
    complain(*shown)
    more = f" ({len(problems) - len(shown)} more were left out here)" if len(problems) > len(shown) else ""
    return Refused(f"nothing was imported{more}")


@command.command("set-password")
@click.argument("email")
@password_stdin
@json_option
def set_password(email: str, password_stdin: bool) -> None:
    """Give a person a new password, and end all sessions. Judged as on the account page.

    \b
    Examples:
      authsvc users set-password ann@example.com
      pwgen 20 1 | tee /dev/tty | authsvc users set-password ann@example.com --password-stdin
    """
    from authsvc.flows.operator import manage_users

    password = ask_password(email, from_stdin=password_stdin)
    ended = operate(lambda runtime, actor: manage_users.set_password(runtime, actor, email, password), warm_redis=True)
    answer({"email": email, "sessions_ended": ended}, f"{email} has a new password; {plural(ended, 'session')} ended.")


@command.command()
@click.argument("email")
@json_option
def disable(email: str) -> None:
    """Let a person in no more, and end all sessions; every replica knows when this returns.

    \b
    Examples:
      authsvc users disable ann@example.com
    """
    from authsvc.flows.operator import manage_users

    ended = operate(lambda runtime, actor: manage_users.disable(runtime, actor, email), warm_redis=True)
    answer({"email": email, "sessions_ended": ended}, f"{email} is disabled; {plural(ended, 'session')} ended.")


@command.command()
@click.argument("email")
@json_option
def enable(email: str) -> None:
    """Let a disabled person log in again. Sessions that were ended stay ended.

    \b
    Examples:
      authsvc users enable ann@example.com
    """
    from authsvc.flows.operator import manage_users

    operate(lambda runtime, actor: manage_users.enable(runtime, actor, email))
    answer({"email": email, "enabled": True}, f"{email} can log in again.")


@command.command("normal-addresses")
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@json_option
def normal_addresses(dry_run: bool) -> None:
    """Store addresses of before 0.3.0 in their one form: the domain as Unicode, not as `xn--`.

    People log in with either spelling before and after. Where two people have one mailbox in two spellings, nothing is
    done and both are named: disable one.

    \b
    Examples:
      authsvc users normal-addresses --dry-run
    """
    from authsvc.flows.operator.normal_addresses import normalise_addresses

    done = operate(lambda runtime, actor: normalise_addresses(runtime, actor, rehearse=dry_run))
    complain(*(f"{old} stays: somebody has {new}" for old, new in done.clashing.items()))
    answer(
        {**asdict(done), "dry_run": dry_run},
        table(("FROM", "TO"), list(done.changed.items()), empty="Every address is in its one form."),
    )


@command.command("list")
@click.option("--search", default="", metavar="TEXT", help="A part of the address or of the name.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="At most so many.")
@json_option
def list_users(search: str, limit: int) -> None:
    """Show people, by address.

    \b
    Examples:
      authsvc users list --search ash
      authsvc users list --json --limit 100000 | jq length
    """
    from authsvc.store.account import users

    rows = operate(lambda runtime, _actor: users.search(runtime.db, text=search, limit=limit))
    answer(
        [dict(row) for row in rows],
        table(
            ("EMAIL", "VERIFIED", "NAME", "ROLES", "PASSWORD", "SESSIONS", "ADDED", "STATE"),
            map(_cells, rows),
            empty="Nobody matches." if search else "There is nobody yet: `authsvc users add EMAIL`.",
        ),
        notes=[f"(the first {limit}; --search and --limit show others)"] if len(rows) == limit else (),
    )


def _cells(row: Any) -> tuple[object, ...]:
    scheme = row["scheme"] or "none"
    password = "bcrypt" if scheme.startswith("2") else scheme
    added, state = f"{row['created_at']:%Y-%m-%d}", "disabled" if row["disabled_at"] else "active"
    verified = "yes" if row["email_verified"] else "no"
    return row["email"], verified, row["name"], " ".join(row["roles"]), password, row["sessions"], added, state
