"""`authsvc keys generate-master, promote-master, reseal, drop-master`: the master key file, and what hangs on it."""

from __future__ import annotations

import os
import secrets
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from authsvc.cli.command_runtime import operate
from authsvc.cli.console import Refused, answer, confirm, json_option, plural, when, yes_option

if TYPE_CHECKING:
    from authsvc.flows.keys.reseal_keys import Resealed, Seals
    from authsvc.keys.plans import PlanRefused
    from authsvc.runtime import Runtime

DEFAULT_FILE = Path("keys/master.key")
_FILE = click.Path(dir_okay=False, allow_dash=True, path_type=Path)
_file_argument = click.argument("file", type=_FILE)


@click.command()
@click.option("--out", type=_FILE, help=f"The file to make, mode 0600; `-`: standard output. [{DEFAULT_FILE}]")
@click.option("--add-to", type=_FILE, help="A file that there is: add the next key to it; `-`: from input to output.")
def generate_master(out: Path | None, add_to: Path | None) -> None:
    """Make a master key: a new file, or the next key of one.

    It seals the signing keys and is the root of every refresh token: without it nobody stays logged in. Keep a copy
    apart from the backups of the database, and name it in AUTHSVC_MASTER_KEY_FILE. A file is never overwritten.

    --add-to is the first step of a change: the new key comes last, so that it opens and makes nothing yet. When every
    replica has the file, go on with `authsvc keys promote-master`.

    \b
    Examples:
      authsvc keys generate-master --out /etc/authsvc/master.key
      authsvc keys generate-master --out - | vault kv put secret/authsvc master.key=-
      authsvc keys generate-master --add-to /etc/authsvc/master.key
    """
    from authsvc.keys.master import MasterKeys, with_new_key

    if out and add_to:
        raise click.UsageError("give --out (a new file) or --add-to (the next key of one), not both")
    if add_to:
        made = change(add_to, lambda text: with_new_key(text, secrets.token_bytes))
        _tell(
            add_to,
            f"Added key {made} to {add_to}, last: it opens, and makes nothing yet. When every replica has "
            f"the file, and a copy of it is elsewhere: `authsvc keys promote-master {add_to}`.",
        )
        return
    out = out or DEFAULT_FILE
    text = MasterKeys.generate(secrets.token_bytes)
    if str(out) == "-":
        click.echo(text, nl=False)
        return
    write_new(out, text)
    click.echo(f"Made {out} (mode 0600). Set AUTHSVC_MASTER_KEY_FILE={out.resolve()}, and keep a copy elsewhere.")


@click.command()
@_file_argument
@click.option("--id", "key_id", type=click.IntRange(1, 255), help="Which key; the newest by default.")
def promote_master(file: Path, key_id: int | None) -> None:
    """Make another master key the current one.

    Refresh tokens are made with it from the restart on, and signing keys sealed under it. Every replica must have the
    key already (`generate-master --add-to`, rolled out): one that has not would refuse the refresh tokens that others
    make with it, and people would be logged out.

    \b
    Examples:
      authsvc keys promote-master /etc/authsvc/master.key
      vault read -field=key secret/authsvc | authsvc keys promote-master - | vault write secret/authsvc key=-
    """
    from authsvc.keys.master import MasterKeys, with_first

    def promote(text: str) -> tuple[str, int]:
        first = key_id or max(MasterKeys.parse(text).ids)
        return with_first(text, first), first

    chosen = change(file, promote)
    _tell(
        file,
        f"Key {chosen} is the current one of {file}. Restart the replicas with it, one after the other; "
        "when all have it: `authsvc keys reseal`.",
    )


@click.command()
@click.option(
    "--check",
    is_flag=True,
    help="Change nothing: show what is sealed under which key. Exit code 1 when "
    "something needs another than the current one.",
)
@json_option
def reseal(check: bool) -> None:
    """Seal signing keys, and people's authenticator apps, under the current master key.

    All signing keys, or none where one does not open. Run it with the file that every replica has. Replicas are not
    disturbed; the keys themselves stay as they are. It tells how long the lines of older master keys must stay: until
    the last refresh token of before is over.

    \b
    Examples:
      authsvc keys reseal
      authsvc keys reseal --check
    """
    from authsvc.flows.keys import reseal_keys

    async def work(runtime: Runtime, actor: str) -> Resealed | PlanRefused:
        if check:
            return reseal_keys.Resealed((), (), await reseal_keys.look(runtime))
        return await reseal_keys.reseal(runtime, actor)

    done = operate(
        work,
        warn_of="settings",
        said=lambda reason: f"{reason}; put the master key that sealed it back into the file, below the current one",
    )
    answer(_document(done), _report(done, check=check))
    if check and done.seals.needed - {done.seals.current_id}:
        raise click.exceptions.Exit(1)


def _report(done: Resealed, *, check: bool) -> list[str]:
    seals = done.seals
    lines = []
    if done.kids:
        lines.append(f"Sealed {plural(len(done.kids), 'signing key')} under master key {seals.current_id}.")
    if done.apps:
        lines.append(f"Sealed {plural(done.apps, 'authenticator app')} of people under it.")
    if not (done.kids or done.apps or check):
        lines.append(f"Every signing key is under master key {seals.current_id} already: nothing was done.")
    if done.left:
        lines.append(f"Left alone: {', '.join(done.left)}, dropped or withdrawn, which no key of the file opens.")
    for key_id in _ids(seals):
        held = "current" if key_id == seals.current_id else "older or next"
        held = held if key_id in (seals.current_id, *seals.others) else "NOT IN THE FILE"
        lines.append(f"Master key {key_id} ({held}): {_sealed_under(seals, key_id)}.")
    if seals.needed - {seals.current_id}:
        lines.append("Next: `authsvc keys reseal`, when every replica has this file.")
    elif seals.others:
        until = when(seals.keep_until, seals.now)
        lines.append(
            f"Older keys stay in the file until {until}, for the refresh tokens made with them. Then: "
            f"`authsvc keys drop-master FILE {seals.others[-1]}`."
        )
    return lines


def _document(done: Resealed) -> dict[str, Any]:
    seals = done.seals
    return {
        "resealed": done.kids,
        "authenticator_apps": done.apps,
        "left": done.left,
        "current": seals.current_id,
        "master_keys": [
            {
                "id": key_id,
                "in_file": key_id in (seals.current_id, *seals.others),
                "signing_keys": seals.kids.get(key_id, ()),
                "authenticator_apps": seals.apps.get(key_id, 0),
                "keep_until": seals.keep_until if key_id in seals.others else None,
            }
            for key_id in _ids(seals)
        ],
    }


def _ids(seals: Seals) -> list[int]:
    """Every master key that is in the file, or under which something is sealed."""
    return sorted({seals.current_id, *seals.others, *seals.needed})


def _sealed_under(seals: Seals, key_id: int) -> str:
    apps = f", {plural(seals.apps[key_id], 'authenticator app')}" if key_id in seals.apps else ""
    return plural(len(seals.kids.get(key_id, ())), "signing key") + apps


@click.command()
@_file_argument
@click.argument("key_id", metavar="ID", type=click.IntRange(1, 255))
@click.option("--now", "at_once", is_flag=True, help="It leaked: do not wait for the refresh tokens made with it.")
@yes_option
def drop_master(file: Path, key_id: int, at_once: bool, yes: bool) -> None:
    """Take an older key out of a master key file.

    The last step of a change. Refused while a signing key is sealed under it, or a refresh token made with it may still
    be good. With --now the tokens are not waited for: whoever has one must log in again.

    \b
    Examples:
      authsvc keys drop-master /etc/authsvc/master.key 1
    """
    from authsvc.flows.keys import reseal_keys
    from authsvc.keys.master import without

    seals = operate(lambda runtime, _actor: reseal_keys.look(runtime))
    over, until = seals.keep_until <= seals.now, when(seals.keep_until, seals.now)
    if key_id == seals.current_id:
        raise Refused(f"key {key_id} is the current one: put another first (`authsvc keys promote-master`)")
    if key_id in seals.needed:
        raise Refused(f"{_sealed_under(seals, key_id)} would open no more: run `authsvc keys reseal` first")
    if not over and not at_once:
        raise Refused(f"refresh tokens made with key {key_id} may be good until {until}; --now gives them up")
    if not over:
        confirm(f"Whoever has a refresh token made with key {key_id} must log in again. Drop it?", yes=yes)
    change(file, lambda text: (without(text, key_id), key_id))
    _tell(file, f"Key {key_id} is gone from {file}. Restart the replicas with it, one after the other.")


def _tell(file: Path, text: str) -> None:
    """Standard output may be the file."""
    click.echo(text, err=str(file) == "-")


def change(file: Path, edit: Callable[[str], tuple[str, int]]) -> int:
    """Replace a master key file by what `edit` makes of it, whole or not at all. Owner and mode stay, but for rights of
    others and of the group to write. `-`: from standard input to standard output. Gives the id of the key that `edit`
    was about. Raises Refused."""
    from authsvc.keys.master import MasterKeyError

    try:
        if str(file) == "-":
            text, key_id = edit(sys.stdin.read())
            click.echo(text, nl=False)
            return key_id
        path = file.resolve()
        text, key_id = edit(path.read_text(encoding="utf-8"))
        found = path.stat()
        fresh = path.with_name(f".{path.name}.new")
        write_new(fresh, text, stat.S_IMODE(found.st_mode) & 0o640 | 0o600)
        try:
            if (found.st_uid, found.st_gid) != (fresh.stat().st_uid, fresh.stat().st_gid):
                os.chown(fresh, found.st_uid, found.st_gid)
            fresh.replace(path)
            _sync(path.parent)
        except OSError:
            with suppress(OSError):
                fresh.unlink()
            raise
        return key_id
    except (MasterKeyError, UnicodeDecodeError) as error:
        raise Refused(str(error) if isinstance(error, MasterKeyError) else f"{file} is not UTF-8") from None
    except OSError as error:
        raise Refused(f"cannot change {file}: {error.strerror}; it is as it was") from None


def _sync(directory: Path) -> None:
    """The new name is on the disk when this returns."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_new(path: Path, text: str, mode: int = 0o600) -> None:
    """A new file, on the disk when this returns. Raises Refused, also where there is one already."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise Refused(f"{path} exists and is not overwritten: what it seals would be lost") from None
    except OSError as error:
        raise Refused(f"cannot make {path}: {error.strerror}") from None
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, mode)
        file.write(text)
        file.flush()
        os.fsync(descriptor)
