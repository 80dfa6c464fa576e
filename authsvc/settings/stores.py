"""Settings of PostgreSQL, Redis, and what is done to them in the background."""

from __future__ import annotations

from dataclasses import dataclass

from authsvc.settings.kinds import DAY, number, setting, whole


@dataclass(frozen=True, kw_only=True)
class Stores:
    database_url: str = setting(str, secret=True, help="postgresql:// URL; several hosts and target_session_attrs work")
    redis_url: str = setting(str, secret=True, help="redis://, rediss:// or unix:// URL")
    db_pool_size: int = setting(whole(1, 500), 10, help="PostgreSQL connections a worker")
    db_statement_cache_size: int = setting(whole(0, 10_000), 100, help="0 behind PgBouncer in transaction mode")
    redis_prefix: str = setting(str, "authsvc", help="first word of every Redis key")
    sync_interval_seconds: float = setting(
        number(0.05, 1), 0.5, help="how often a worker reads what changed; at most 1"
    )
    sweep_interval_seconds: int = setting(
        whole(1, 7 * DAY), 3600, help="pause between two clean-ups; one leader does it"
    )
