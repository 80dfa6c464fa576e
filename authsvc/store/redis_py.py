"""redis-py, as the store uses it, and imported without OpenTelemetry.

Where that is installed (`authsvc[otel]`), redis-py imports its metrics, for programs that let it count. Ours does not:
without these 62 modules a worker has 2 MB less, and starts sooner. Nothing else of the package imports redis.

Commands are written by hiredis, which reads the answers: redis-py's connections write theirs in Python where they are
asynchronous, 750 of the 7,740 instructions of an introspection (`scripts/bench --count`).
"""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

from hiredis import pack_command

_HIDDEN = "opentelemetry" not in sys.modules
if _HIDDEN:
    sys.modules["opentelemetry"] = None  # type: ignore[assignment]  # as if it were not installed
try:
    from redis import exceptions
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
    from redis.crc import key_slot
    from redis.driver_info import DriverInfo
    from redis.exceptions import NoScriptError, RedisError, ResponseError
finally:
    if _HIDDEN:
        del sys.modules["opentelemetry"]

DRIVER = DriverInfo()
"""What connections say of themselves. Each would read the metadata of redis-py's package anew for it, 0.5 ms."""


@cache
def written_by_hiredis(connection: type[Any]) -> type[Any]:
    """A class of redis-py's connections, whose commands hiredis writes."""

    class Connection(connection):  # type: ignore[misc]
        def pack_command(self, *args: Any) -> list[bytes]:
            if isinstance(args[0], str) and " " in args[0]:
                args = (*args[0].split(), *args[1:])
            return [pack_command(args)]

    return Connection


__all__ = [
    "DRIVER",
    "NoBackoff",
    "NoScriptError",
    "Redis",
    "RedisError",
    "ResponseError",
    "Retry",
    "exceptions",
    "key_slot",
    "written_by_hiredis",
]
