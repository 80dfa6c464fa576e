"""redis-py, as the store uses it, and imported without OpenTelemetry.

Where that is installed (`authsvc[otel]`), redis-py imports its metrics, for programs that let it count. Ours does not:
without these 62 modules a worker has 2 MB less, and starts sooner. Nothing else of the package imports redis.
"""

from __future__ import annotations

import sys

_HIDDEN = "opentelemetry" not in sys.modules
if _HIDDEN:
    sys.modules["opentelemetry"] = None  # type: ignore[assignment]  # as if it were not installed
try:
    from redis import exceptions
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
    from redis.crc import key_slot
    from redis.exceptions import NoScriptError, RedisError, ResponseError
finally:
    if _HIDDEN:
        del sys.modules["opentelemetry"]

__all__ = ["NoBackoff", "NoScriptError", "Redis", "RedisError", "ResponseError", "Retry", "exceptions", "key_slot"]
