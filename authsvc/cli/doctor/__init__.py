"""`authsvc doctor`: what is wrong, and what to do. One function a question; a question that needs a store that is away
is not asked."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from authsvc.cli.command_runtime import align_clock, open_from
from authsvc.cli.console import answer, inert, json_option
from authsvc.records import frozen
from authsvc.settings import SettingsError
from authsvc.store.errors import StoreUnavailable

if TYPE_CHECKING:
    from authsvc.runtime import Runtime
    from authsvc.store.health import PostgresHealth

OLDEST_POSTGRES = 14
OLDEST_REDIS = 6
WARN_SKEW, FAIL_SKEW = 2.0, 30.0
COLORS = {"ok": "green", "warn": "yellow", "FAIL": "red"}


@frozen
class Finding:
    """`state` is ok, warn or FAIL; `do` says what to do about it."""

    check: str
    state: str
    found: str
    do: str = ""


@click.command()
@click.option("--tls-cert", type=click.Path(dir_okay=False, path_type=Path), help="What `serve --tls-cert` is given.")
@json_option
def command(tls_cert: Path | None) -> None:
    """Check settings, stores, keys, clocks, certificates and the mail server, foresee what runs out, say what to do.
    Changes nothing. Exit code 1 when something fails.

    \b
    Examples:
      authsvc doctor
      authsvc doctor --tls-cert chain.pem
      authsvc doctor --json | jq '.[] | select(.state != "ok")'
    """
    import asyncio

    from authsvc import logs

    logs.configure("error", "console", sys.stderr)
    findings = asyncio.run(_examine(os.environ, tls_cert))
    answer(findings, _lines(findings))
    if any(finding.state == "FAIL" for finding in findings):
        raise click.exceptions.Exit(1)


def _lines(findings: Sequence[Finding]) -> Iterator[str]:
    width = max(len(finding.check) for finding in findings)
    for finding in findings:
        state = click.style(f"{finding.state:<4}", fg=COLORS[finding.state])
        yield f"{state}  {finding.check:<{width}}  {inert(finding.found)}"
        if finding.do:
            yield f"{'':{width + 8}}-> {finding.do}"


async def _examine(environ: Mapping[str, str], tls_cert: Path | None = None) -> list[Finding]:
    from authsvc.cli.doctor.files import certificates, named_files
    from authsvc.cli.doctor.people import people
    from authsvc.cli.doctor.safety import safety
    from authsvc.keys.master import MasterKeyError

    try:
        runtime = open_from(environ)
    except SettingsError as error:
        return [Finding("settings", "FAIL", text, "correct the variable, then look again") for text in error.problems]
    except MasterKeyError as error:
        do = "restore the file, or make one: `authsvc keys generate-master`"
        return [Finding("settings", "ok", "all understood"), Finding("master key", "FAIL", str(error), do)]
    try:
        findings = [Finding("settings", "ok", f"issuer {runtime.settings.issuer}"), _master_key_file(environ)]
        findings.extend(_state_dir(runtime))
        findings.extend(_database_url(runtime))
        findings.extend(people(runtime.settings))
        findings.extend(safety(runtime.settings, tls=tls_cert is not None))
        findings.extend([finding async for finding in _postgres(runtime)])
        findings.extend([finding async for finding in _redis(runtime)])
        findings.extend(certificates([*named_files(runtime.settings, tls_cert)], runtime.clock.now()))
        findings.append(await _mail(runtime))
        return findings
    finally:
        await runtime.close()


def _master_key_file(environ: Mapping[str, str]) -> Finding:
    check, name = "master key file", environ.get("AUTHSVC_MASTER_KEY_FILE", "")
    if not name:
        found = "the key is in the environment, where other programs may read it"
        return Finding(check, "warn", found, "put it into a file of mode 0600 and give AUTHSVC_MASTER_KEY_FILE")
    path = Path(name).resolve()
    status = path.stat()
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        state = "FAIL" if mode & 0o007 else "warn"
        whom = "everybody" if mode & 0o004 else "others" if mode & 0o007 else "its group"
        do = f"chmod 600 {path}, or the `defaultMode` of its volume (0400, with an fsGroup 0440)"
        return Finding(check, state, f"mode {mode:04o}: {whom} may use it", do)
    if status.st_uid != os.geteuid():
        return Finding(check, "warn", f"it belongs to uid {status.st_uid}, not to us", "chown it")
    return Finding(check, "ok", f"mode {mode:04o}")


def _state_dir(runtime: Runtime) -> Iterator[Finding]:
    path = Path(runtime.settings.state_dir)
    if runtime.settings.state_dir and not (path.is_dir() and os.access(path, os.R_OK | os.W_OK | os.X_OK)):
        found = f"{path} is no directory that uid {os.geteuid()} can write to: a cold start has no JWKS snapshot"
        yield Finding("state directory", "warn", found, "correct AUTHSVC_STATE_DIR, or the directory's owner")


def _database_url(runtime: Runtime) -> Iterator[Finding]:
    from authsvc.store.database_url import left_out

    if names := left_out(runtime.settings.database_url):
        found = f"left out: {' '.join(names)}, which asyncpg, the client here, does not know"
        yield Finding("database URL", "warn", found, "take them out of AUTHSVC_DATABASE_URL: they do nothing here")


async def _postgres(runtime: Runtime) -> AsyncIterator[Finding]:
    from authsvc.cli.doctor.clients import examine_clients
    from authsvc.cli.doctor.database import foresee, judge_life
    from authsvc.cli.doctor.keys import examine_keys
    from authsvc.cli.doctor.mail import examine_queue
    from authsvc.cli.doctor.passkeys import examine_passkeys
    from authsvc.cli.doctor.pooler import judge_pooler
    from authsvc.cli.doctor.rights import judge_identity, judge_rights, judge_role
    from authsvc.flows.restore.fence import read_life
    from authsvc.store import health, migrate
    from authsvc.store.upkeep import foresight

    try:
        await align_clock(runtime)
        found = await health.postgres(runtime.db)
        yield _judge_postgres(found)
        pooled = await runtime.db.pooled()
        yield _judge_connections(found, runtime, pooled=pooled)
        if pooled:
            yield judge_pooler(await health.lacking_deadlines(runtime.db), runtime.settings.db_statement_cache_size)
        yield _judge_clock(runtime)
        found_rights = await health.rights(runtime.db)
        yield judge_role(found_rights, dev_mode=runtime.settings.dev_mode)
        yield judge_rights(found_rights)
        if found_rights.missing:
            return
        try:
            behind = await migrate.check(runtime.db)
        except migrate.MigrationError as error:
            yield Finding("schema", "FAIL", str(error), "restore the migration files of this release")
            return
        if behind:
            yield Finding(
                "schema", "FAIL", f"{len(behind)} migrations behind", "authsvc migrate, as the owner of the tables"
            )
            return
        yield Finding("schema", "ok", "current")
        yield judge_identity(await health.knows_cluster(runtime.db))
        yield judge_life(await read_life(runtime))
        for finding in foresee(await foresight.look_ahead(runtime.db), runtime.settings.sweep_interval_seconds):
            yield finding
        for finding in await examine_keys(runtime, runtime.clock.now()):
            yield finding
        for finding in await examine_clients(runtime):
            yield finding
        async for finding in examine_queue(runtime):
            yield finding
        yield await examine_passkeys(runtime)
    except StoreUnavailable as error:
        do = "start it, or correct AUTHSVC_DATABASE_URL"
        if error.kind == "refused":
            do = "correct AUTHSVC_DATABASE_URL, or give its role the right"
        if error.kind == "standby":
            do = "name all hosts in AUTHSVC_DATABASE_URL, separated by commas; where it does, see that one is promoted"
        yield Finding("PostgreSQL", "FAIL", health.cause(error), do)


def _judge_postgres(found: PostgresHealth) -> Finding:
    check, version = "PostgreSQL", f"version {found.version}"
    if found.version_number < OLDEST_POSTGRES * 10_000:
        return Finding(check, "FAIL", version, f"upgrade it to {OLDEST_POSTGRES} or newer")
    if found.read_only:
        do = "look for what set default_transaction_read_only: a managed server does, whose disk is full"
        return Finding(check, "FAIL", f"{version}, read-only", do)
    return Finding(check, "ok", version)


def _judge_connections(found: PostgresHealth, runtime: Runtime, *, pooled: bool) -> Finding:
    if pooled:
        text = f"{found.connections} of {found.max_connections} in use; how many they may become is for the pooler"
        return Finding("connections", "ok", text)
    wanted = runtime.settings.db_pool_size * runtime.settings.workers * runtime.settings.replicas
    text = f"{found.connections} of {found.max_connections} in use; all replicas together may take {wanted}"
    if wanted <= found.max_connections - 5:
        return Finding("connections", "ok", text)
    do = "raise max_connections, or lower AUTHSVC_DB_POOL_SIZE (or use PgBouncer)"
    return Finding("connections", "warn", text, do)


def _judge_clock(runtime: Runtime) -> Finding:
    skew = runtime.clock.skew_seconds
    text = f"{abs(skew):.2f} s {'ahead of' if skew > 0 else 'behind'} PostgreSQL's"
    if abs(skew) < WARN_SKEW:
        return Finding("clock", "ok", text)
    state = "FAIL" if abs(skew) > FAIL_SKEW else "warn"
    return Finding("clock", state, text, "run an NTP client (chrony) on both machines")


async def _redis(runtime: Runtime) -> AsyncIterator[Finding]:
    from authsvc.cli.doctor.redis_nodes import judge_redis_nodes
    from authsvc.store import health, redis_nodes

    try:
        for finding in judge_redis_nodes(await redis_nodes.examine(runtime.redis)):
            yield finding
        found, lacks = await health.redis(runtime.redis), await health.redis_lacks(runtime.redis)
    except StoreUnavailable as error:
        do = "start it, or correct AUTHSVC_REDIS_URL; until then authsvc serves from PostgreSQL alone"
        yield Finding("Redis", "FAIL", health.cause(error), do)
        return
    old = found.name == "redis" and int(found.version.partition(".")[0] or 0) < OLDEST_REDIS
    do = f"upgrade it to {OLDEST_REDIS} or newer" if old else ""
    yield Finding("Redis", "FAIL" if old else "ok", f"{found.name} {found.version}", do)
    if lacks:
        do = f"let its user run them on {runtime.settings.redis_prefix}:* (ACL SETUSER)"
        yield Finding("Redis rights", "FAIL", f"its user may not run {' '.join(lacks)}", do)
    if found.policy == "?":
        yield Finding("Redis eviction", "ok", "it does not say; a managed server's is its hoster's word")
    elif found.policy != "noeviction":
        text = f"maxmemory-policy is {found.policy}: evicted revocations come back to life"
        do = "set maxmemory-policy noeviction; authsvc does not start before"
        yield Finding("Redis eviction", "FAIL", text, do)
    elif found.evicted:
        yield Finding("Redis eviction", "warn", f"{found.evicted} keys were evicted once", "give it more memory")
    else:
        yield Finding("Redis eviction", "ok", "noeviction")


async def _mail(runtime: Runtime) -> Finding:
    from authsvc.cli.doctor.mail import examine_server

    return await examine_server(runtime)
