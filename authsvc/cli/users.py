"""`authsvc users`: people."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from authsvc.cli.console import CONTEXT, Refused, complain, json_option, plural, show_json, show_table

if TYPE_CHECKING:
    from authsvc.flows.operator.manage_users import Imported, Person
    from authsvc.runtime import Runtime

PROBLEMS_SHOWN = 50

password_stdin = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input instead of asking for it."
)


@click.group(context_settings=CONTEXT)
def command() -> None:
    """People: add, import, disable, enable, set-password, list.

    Passwords are asked for, or read with --password-stdin; they are never given on the command line.

    \b
    Examples:
      authsvc users add ann@example.com --name "Ann Ash" --role customer
      authsvc users import people.csv --dry-run
      authsvc users disable ann@example.com
    """


@command.command()
@click.argument("email")
@click.option("--name", default="", help="The person's name.")
@click.option("--role", "roles", multiple=True, metavar="ROLE", help="A role; may be given several times.")
@password_stdin
@click.option("--no-password", is_flag=True, help="Without a password: nobody can log in until set-password.")
@json_option
def add(email: str, name: str, roles: tuple[str, ...], password_stdin: bool, no_password: bool, as_json: bool) -> None:
    """Add a person. The password has 8 to 1024 bytes.

    \b
    Examples:
      authsvc users add ann@example.com --name "Ann Ash" --role customer --role staff
      pass show ann | authsvc users add ann@example.com --password-stdin
    """
    from authsvc.cli.command_runtime import actor, operate
    from authsvc.cli.secret_input import ask_password
    from authsvc.cli.user_file import email_problem, role_problem
    from authsvc.flows.operator import manage_users
    from authsvc.store.account.users import normal_email

    if no_password and password_stdin:
        raise click.UsageError("give --no-password or --password-stdin, not both")
    address = normal_email(email)
    for problem in (email_problem(address), *map(role_problem, roles)):
        if problem:
            raise click.UsageError(problem)
    password = None if no_password else ask_password(from_stdin=password_stdin)

    async def work(runtime: Runtime) -> Any:
        password_hash = None if password is None else await runtime.passwords.hash(password)
        person = manage_users.Person(address, name.strip(), tuple(dict.fromkeys(roles)), password_hash)
        return await manage_users.add(runtime, actor(), person)

    added = operate(work)
    if added is None:
        raise Refused(f"somebody has the address {address} already")
    if as_json:
        show_json({"id": added, "email": address, "roles": roles})
    else:
        click.echo(f"Added {address}, id {added}.")


@command.command("import")
@click.argument("file", type=click.File("rb"))
@click.option("--dry-run", is_flag=True, help="Check all of it, change nothing.")
@click.option("--skip-existing", is_flag=True, help="Leave people whose address is taken as they are.")
@json_option
def import_people(file: BinaryIO, dry_run: bool, skip_existing: bool, as_json: bool) -> None:
    """Add many people from a CSV or JSON lines file, all or none. `-` reads standard input.

    Columns: email, name, roles (words between spaces), password_hash (bcrypt $2a$, $2b$, $2y$, or argon2id; may be
    empty). CSV has a head line. Bcrypt hashes are upgraded to argon2id at the first login. Every bad line is reported.

    \b
    Examples:
      authsvc users import people.csv --dry-run
      authsvc users import people.jsonl --skip-existing
      {"email": "ann@example.com", "name": "Ann", "roles": ["customer"], "password_hash": "$2b$12$..."}
    """
    from authsvc.cli.command_runtime import actor, operate
    from authsvc.cli.user_file import BadFile, read_people
    from authsvc.flows.operator import manage_users

    try:
        lines = read_people(file.read())
    except BadFile as bad:
        raise _refused(bad.problems) from None
    people = [person for _, person in lines]

    async def work(runtime: Runtime) -> Imported:
        with click.progressbar(
            length=len(people), label="Writing", file=sys.stderr, hidden=not sys.stderr.isatty()
        ) as bar:
            return await manage_users.take_over(
                runtime, actor(), people, skip_taken=skip_existing, rehearse=dry_run, progress=bar.update
            )

    done = operate(work)
    if done.taken and not skip_existing:
        raise _refused(
            [f"line {number}: {person.email} is here already" for number, person in lines if person.email in done.taken]
            + ["--skip-existing leaves them as they are and adds the others"]
        )
    _tell_imported(done, people, dry_run, as_json)


def _refused(problems: list[str]) -> Refused:
    """All but the last line are said at once; the last one ends the command."""
    shown = problems[:PROBLEMS_SHOWN]
    complain(*shown)
    more = f" ({len(problems) - len(shown)} more were left out here)" if len(problems) > len(shown) else ""
    return Refused(f"nothing was imported{more}")


def _tell_imported(done: Imported, people: list[Person], dry_run: bool, as_json: bool) -> None:
    without = sum(person.password_hash is None for person in people if person.email not in done.taken)
    if as_json:
        show_json({"added": done.added, "skipped": len(done.taken), "without_password": without, "dry_run": dry_run})
        return
    click.echo(
        ("Would add " if dry_run else "Added ")
        + f"{done.added:,} {'person' if done.added == 1 else 'people'}"
        + (f", {without:,} of them without a password" if without else "")
        + (f"; skipped {len(done.taken):,} that are here already" if done.taken else "")
        + "."
    )


@command.command("set-password")
@click.argument("email")
@password_stdin
@json_option
def set_password(email: str, password_stdin: bool, as_json: bool) -> None:
    """Give a person a new password, and end all sessions.

    \b
    Examples:
      authsvc users set-password ann@example.com
      pwgen 20 1 | tee /dev/tty | authsvc users set-password ann@example.com --password-stdin
    """
    from authsvc.cli.command_runtime import actor, operate, warm_redis
    from authsvc.cli.secret_input import ask_password
    from authsvc.flows.operator import manage_users
    from authsvc.store.account.users import normal_email

    password = ask_password(from_stdin=password_stdin)

    async def work(runtime: Runtime) -> int | None:
        await warm_redis(runtime)
        password_hash = await runtime.passwords.hash(password)
        return await manage_users.set_password(runtime, actor(), normal_email(email), password_hash)

    _tell_ended(operate(work), email, "has a new password", as_json)


@command.command()
@click.argument("email")
@json_option
def disable(email: str, as_json: bool) -> None:
    """Let a person in no more, and end all sessions; every replica knows when this returns.

    \b
    Examples:
      authsvc users disable ann@example.com
    """
    from authsvc.cli.command_runtime import actor, operate, warm_redis
    from authsvc.flows.operator import manage_users
    from authsvc.store.account.users import normal_email

    async def work(runtime: Runtime) -> int | None:
        await warm_redis(runtime)
        return await manage_users.disable(runtime, actor(), normal_email(email))

    _tell_ended(operate(work), email, "is disabled", as_json)


def _tell_ended(ended: int | None, email: str, what: str, as_json: bool) -> None:
    if ended is None:
        raise _nobody(email)
    if as_json:
        show_json({"email": email, "sessions_ended": ended})
    else:
        click.echo(f"{email} {what}; {plural(ended, 'session')} ended.")


def _nobody(email: str) -> Refused:
    return Refused(f"nobody has the address {email}: `authsvc users list` shows who there is")


@command.command()
@click.argument("email")
@json_option
def enable(email: str, as_json: bool) -> None:
    """Let a disabled person log in again. Sessions that were ended stay ended.

    \b
    Examples:
      authsvc users enable ann@example.com
    """
    from authsvc.cli.command_runtime import actor, operate
    from authsvc.flows.operator import manage_users
    from authsvc.store.account.users import normal_email

    if not operate(lambda runtime: manage_users.enable(runtime, actor(), normal_email(email))):
        raise _nobody(email)
    if as_json:
        show_json({"email": email, "enabled": True})
    else:
        click.echo(f"{email} can log in again.")


@command.command("list")
@click.option("--search", default="", metavar="TEXT", help="A part of the address or of the name.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="At most so many.")
@json_option
def list_users(search: str, limit: int, as_json: bool) -> None:
    """Show people, by address.

    \b
    Examples:
      authsvc users list --search ash
      authsvc users list --json --limit 100000 | jq length
    """
    from authsvc.cli.command_runtime import operate
    from authsvc.store.account import users

    rows = operate(lambda runtime: users.search(runtime.db, text=search, limit=limit))
    if as_json:
        show_json([dict(row) for row in rows])
        return
    show_table(
        ("EMAIL", "NAME", "ROLES", "PASSWORD", "SESSIONS", "ADDED", "STATE"),
        [
            (
                row["email"],
                row["name"],
                " ".join(row["roles"]),
                _scheme(row["scheme"]),
                row["sessions"],
                f"{row['created_at']:%Y-%m-%d}",
                "disabled" if row["disabled_at"] else "active",
            )
            for row in rows
        ],
        empty="Nobody matches." if search else "There is nobody yet: `authsvc users add EMAIL`.",
    )
    if len(rows) == limit:
        click.echo(f"(the first {limit}; --search and --limit show others)", err=True)


def _scheme(scheme: str | None) -> str:
    if not scheme:
        return "none"
    return "bcrypt" if scheme.startswith("2") else scheme
