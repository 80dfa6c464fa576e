"""What asyncpg and PostgreSQL say when something is wrong, by what it means for whoever asked."""

from __future__ import annotations

import asyncpg

from authsvc.store.connecting import NoPrimary, Standby

RETRYABLE = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
BUSY = (asyncpg.LockNotAvailableError, asyncpg.TooManyConnectionsError, asyncpg.QueryCanceledError)
READ_ONLY = asyncpg.ReadOnlySQLTransactionError
STATEMENT_LOST = (asyncpg.InvalidSQLStatementNameError, asyncpg.DuplicatePreparedStatementError)
GONE = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,
    asyncpg.InternalServerError,
    READ_ONLY,
    Standby,
    NoPrimary,
    *STATEMENT_LOST,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
)


REFUSED = (asyncpg.InsufficientPrivilegeError,)
"""It is there, and does not let this role do what we must do: an operator's trouble, nobody else's fault."""
REFUSED_URL = (
    *REFUSED,
    asyncpg.ClientConfigurationError,
    asyncpg.UndefinedObjectError,
    asyncpg.InvalidParameterValueError,
    asyncpg.CantChangeRuntimeParamError,
)
"""When a connection is made: asyncpg or the server does not understand the URL, and waiting mends nothing."""


def kind_of(error: BaseException) -> str:
    """The word for logs, metrics and `StoreUnavailable.kind`."""
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, asyncpg.LockNotAvailableError):
        return "lock_timeout"
    if isinstance(error, asyncpg.DiskFullError):
        return "disk_full"
    if isinstance(error, RETRYABLE):
        return "deadlock"
    if isinstance(error, BUSY):
        return "busy"
    if isinstance(error, REFUSED_URL):
        return "refused"
    if isinstance(error, READ_ONLY):
        return "read_only"
    if isinstance(error, STATEMENT_LOST):
        return "statement_lost"
    if isinstance(error, Standby):
        return "standby"
    if isinstance(error, NoPrimary):
        kinds = {kind_of(one) for one in error.errors}
        return next((kind for kind in ("refused", "busy", "standby", "timeout") if kind in kinds), "gone")
    return "gone"
