"""An exception -> what to tell the operator, and the exit code. Imported only when something went wrong."""

from __future__ import annotations

from authsvc.jose.algorithms import KeyRefused
from authsvc.keys.master import MasterKeyError
from authsvc.keys.seal import SealError
from authsvc.runtime import CannotStart
from authsvc.serving import CannotServe
from authsvc.settings import SettingsError
from authsvc.store import health
from authsvc.store.errors import StoreUnavailable
from authsvc.store.migrate import MigrationError

_STORES = {"postgresql": ("PostgreSQL", "AUTHSVC_DATABASE_URL"), "redis": ("Redis", "AUTHSVC_REDIS_URL")}


def failure_text(error: Exception) -> tuple[list[str], int]:
    """(lines, exit code). One that nobody foresaw is raised again: it is a bug, and wants its traceback."""
    if isinstance(error, SettingsError):
        return [*error.problems], 2
    if isinstance(error, StoreUnavailable):
        return [unavailable(error)], 1 if error.kind == "refused" else 3
    if isinstance(error, MasterKeyError):
        return [f"AUTHSVC_MASTER_KEY_FILE: {error}"], 2
    if isinstance(error, SealError):
        return [f"{error}: is AUTHSVC_MASTER_KEY_FILE the file that belongs to this database?"], 1
    if isinstance(error, CannotServe | CannotStart | MigrationError | KeyRefused):
        return [str(error)], 1
    if said := health.refusal(error):
        return [f"PostgreSQL refuses: {said}"], 1
    raise error


def unavailable(error: StoreUnavailable) -> str:
    """One line: which store, why as far as it is known, and where to look."""
    name, variable = _STORES.get(error.store, (error.store, "its URL"))
    if error.kind == "refused":
        return f"{name} refuses: {health.cause(error)}; correct {variable}, or ask `authsvc doctor` for missing rights"
    return (
        f"{name} is unavailable ({health.cause(error)}): start it, or correct {variable}; `authsvc doctor` looks closer"
    )
