"""An exception -> what to tell the operator, and the exit code. Imported only when something went wrong."""

from __future__ import annotations

import os

import asyncpg
from redis.exceptions import RedisError

from authsvc.app import CannotStart
from authsvc.keyring.algorithms import KeyRefused
from authsvc.keyring.master import MasterKeyError
from authsvc.keyring.seal import SealError
from authsvc.settings import SettingsError
from authsvc.store.errors import StoreUnavailable
from authsvc.store.migrate import MigrationError

_STORES = {"postgresql": ("PostgreSQL", "AUTHSVC_DATABASE_URL"), "redis": ("Redis", "AUTHSVC_REDIS_URL")}


def explain(error: Exception) -> tuple[list[str], int]:
    """(lines, exit code). One that nobody foresaw is raised again: it is a bug, and wants its traceback."""
    if isinstance(error, SettingsError):
        return [*error.problems], 2
    if isinstance(error, StoreUnavailable):
        return [unavailable(error)], 3
    if isinstance(error, MasterKeyError):
        return [f"AUTHSVC_MASTER_KEY_FILE: {error}"], 2
    if isinstance(error, SealError):
        return [f"{error}: is AUTHSVC_MASTER_KEY_FILE the file that belongs to this database?"], 1
    if isinstance(error, CannotStart | MigrationError | KeyRefused):
        return [str(error)], 1
    if isinstance(error, asyncpg.UndefinedTableError | asyncpg.UndefinedColumnError):
        return ["the database is behind this version of authsvc; run `authsvc migrate` first"], 1
    if isinstance(error, asyncpg.PostgresError):
        return [f"PostgreSQL refuses: {error}".partition("\n")[0]], 1
    raise error


def unavailable(error: StoreUnavailable) -> str:
    """One line: which store, why as far as it is known, and where to look."""
    name, variable = _STORES.get(error.store, (error.store, "its URL"))
    return f"{name} is unavailable ({cause(error)}): start it, or correct {variable}; `authsvc doctor` looks closer"


def cause(error: StoreUnavailable) -> str:
    """What the store or the network said; never a URL, and so never a password."""
    below = error.__cause__
    while below is not None and below.__cause__ is not None:
        below = below.__cause__
    if isinstance(below, asyncpg.PostgresError):
        return str(below).partition("\n")[0]
    if isinstance(below, OSError) and below.errno is not None:
        return os.strerror(below.errno) if below.errno > 0 else str(below.strerror)
    if isinstance(below, RedisError) and not isinstance(below, OSError):
        return str(below).partition("\n")[0].partition(":")[0] if "://" in str(below) else str(below).partition("\n")[0]
    return error.kind.replace("_", " ")
