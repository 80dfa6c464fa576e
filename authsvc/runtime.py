"""Runtime: all that a flow may touch. Made once a worker by `open_runtime`; nothing else is global."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from inspect import isawaitable
from pathlib import Path
from typing import Any, Generic, TypeVar

from authsvc import metrics
from authsvc.clock import Clock, monotonic
from authsvc.keys.master import MasterKeys
from authsvc.keys.policy import DEFAULT, KeyLife, PolicyError, Surroundings, problems, read_policy
from authsvc.keys.records import SigningKey
from authsvc.keys.ring import Keyring
from authsvc.keys.seal import open_value, seal_value
from authsvc.machine import usable_cores, usable_memory
from authsvc.outgoing import Outgoing
from authsvc.passwords import Passwords, usual_threads
from authsvc.settings import Settings, SettingsError
from authsvc.store.caller.attempts import Attempts
from authsvc.store.caller.clients import ClientMemory
from authsvc.store.errors import StoreUnavailable
from authsvc.store.postgres import Database, Deadlines
from authsvc.store.redis import RedisStore
from authsvc.store.revocation.revocation_set import RevocationSet

T = TypeVar("T")

LEASE_SECONDS = 30.0
"""How long Redis alone may answer for revocations after PostgreSQL was last heard."""
ID_TOKEN_SECONDS = 300
"""As in `rules/token/id_token.py`."""


class CannotStart(Exception):
    """The service must not start; the message says what to do."""


@dataclass(slots=True)
class Following:
    """What this worker learned from its last reading of `service_state` (flows/upkeep/follow_changes.py)."""

    heard_at: float = float("-inf")
    epoch_number: int = 0
    keys_version: int = -1
    keys_epoch: str = ""
    migrated: bool = False
    draining: bool = False
    redis_answers: bool = False
    redis_trusted: bool = False
    """It answers, is fit to hold the revocation set, and takes what must be in it."""
    distrusted_epoch: int | None = None
    redis_unfit: str | None = None
    redis_holes: str | None = None
    subject_salt: bytes = field(repr=False, default=b"")
    keys: tuple[SigningKey, ...] = ()
    master_ids: frozenset[int] = frozenset()
    """Master keys under which `keys` are sealed: those that a replica must hold."""

    def age(self) -> float:
        """Seconds since PostgreSQL was last heard."""
        return monotonic() - self.heard_at


class Memory(Generic[T]):
    """What one flow alone remembers, made at its first use: `_turns = Memory(Turns)` beside the flow, and in it
    `_turns.of(runtime)`. `Runtime.close` calls its `close`, where it has one (sync or async)."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make

    def of(self, runtime: Runtime) -> T:
        try:
            found: T = runtime.memories[self]
        except KeyError:
            found = runtime.memories[self] = self._make()
        return found


@dataclass(slots=True)
class Runtime:
    """Engines that several flows use; and, in `memories`, what single flows keep."""

    settings: Settings
    master: MasterKeys
    clock: Clock
    entropy: Callable[[int], bytes]
    """Bytes from the operating system. Drawn in blocks they cost the same: 0.6 µs for the 16 of a token."""
    db: Database
    redis: RedisStore
    keyring: Keyring
    clients: ClientMemory
    passwords: Passwords
    attempts: Attempts
    revocation_set: RevocationSet
    outgoing: Outgoing
    following: Following = field(default_factory=Following)
    memories: dict[Memory[Any], Any] = field(default_factory=dict, repr=False)
    """What single flows remember, by their `Memory`."""

    def refresh_mac_key(self, key_id: int) -> bytes | None:
        """The MAC key of refresh tokens made under a master key; None: nobody has that key. Raises StoreUnavailable."""
        return self._shared_key(key_id, "refresh token mac")

    def code_mac_key(self, key_id: int) -> bytes | None:
        """The MAC key of authorization codes made under a master key; as `refresh_mac_key`."""
        return self._shared_key(key_id, "authorization code mac")

    def dpop_nonce_key(self, key_id: int) -> bytes | None:
        """The MAC key of DPoP nonces made under a master key; None where that key is not held."""
        return self.master.derive(key_id, "dpop nonce mac") if key_id in self.master.ids else None

    def device_mac_key(self, key_id: int) -> bytes | None:
        """The MAC key of device codes made under a master key; as `refresh_mac_key`."""
        return self._shared_key(key_id, "device code mac")

    def _shared_key(self, key_id: int, purpose: str) -> bytes | None:
        if key_id in self.master.ids:
            return self.master.derive(key_id, purpose)
        if key_id in self.following.master_ids:
            # Signing keys are sealed under it, so others have it, and what they made is no forgery: we were forgotten
            # when it was rolled out.
            raise StoreUnavailable("master_key", "not_held")
        return None

    def current_key(self, purpose: str) -> bytes:
        """32 bytes for one purpose, from the current master key."""
        return self.master.derive(self.master.current_id, purpose)

    def seal_dated(self, purpose: str, *values: Any) -> str:
        """Values that JSON can carry, and the time, sealed for whoever brings them back."""
        payload = json.dumps([*values, self.clock.seconds()]).encode()
        return seal_value(self.master, purpose, payload, self.entropy)

    def open_dated(self, purpose: str, sealed: str, *, seconds: float) -> list[Any] | None:
        """The values that `seal_dated` sealed. None: forged, altered, of another purpose, or older than that."""
        payload = open_value(self.master, purpose, sealed)
        if payload is None:
            return None
        *values, made_at = json.loads(payload)
        return values if made_at >= self.clock.seconds() - seconds else None

    def may_trust_redis(self) -> bool:
        return self.following.age() <= LEASE_SECONDS

    async def close(self) -> None:
        for memory in self.memories.values():
            if (close := getattr(memory, "close", None)) and isawaitable(closing := close()):
                await closing
        self.passwords.close()
        self.outgoing.close()
        await self.db.close()
        await self.redis.close()


def open_runtime(settings: Settings, *, deadlines: Deadlines | None = None) -> Runtime:
    """Build a Runtime, with the deadlines of requests or others; connects to nothing yet.

    Raises MasterKeyError, SettingsError.
    """
    master = MasterKeys.parse(settings.master_key)
    db = Database(
        settings.database_url,
        size=settings.db_pool_size,
        statement_cache_size=settings.db_statement_cache_size,
        on_error=lambda kind: metrics.store_errors.labels("postgresql", kind).inc(),
        deadlines=deadlines,
    )
    try:
        redis = RedisStore(
            settings.redis_url,
            prefix=settings.redis_prefix,
            on_error=lambda kind: metrics.store_errors.labels("redis", kind).inc(),
        )
    except ValueError as error:  # redis-py reads its URL when the client is made
        raise SettingsError([f"AUTHSVC_REDIS_URL: {str(error).partition(':')[0]}"]) from None
    try:
        key_life = read_key_life(settings)
    except PolicyError as error:
        raise SettingsError([f"AUTHSVC_KEY_POLICY_FILE: {problem}" for problem in error.problems]) from None
    return Runtime(
        settings=settings,
        master=master,
        clock=Clock(settings.clock_offset_seconds),
        entropy=os.urandom,
        db=db,
        redis=redis,
        keyring=Keyring(master, key_life),
        clients=ClientMemory(db, settings.profile),
        passwords=Passwords(
            memory_kib=settings.argon2_memory_kib,
            time_cost=settings.argon2_time_cost,
            parallelism=settings.argon2_parallelism,
            threads=settings.hash_threads or _usual_threads(settings),
            queue=settings.hash_queue,
            breached_dir=settings.breached_passwords_dir,
        ),
        attempts=Attempts(
            redis,
            window_seconds=settings.failure_window_seconds,
            processes=settings.replicas * settings.workers,
            on_verdict=lambda verdict: metrics.limiter.labels(verdict).inc(),
        ),
        revocation_set=RevocationSet(redis),
        outgoing=Outgoing(private=settings.outgoing_private, loopback=settings.dev_mode),
    )


def _usual_threads(settings: Settings) -> int:
    hash_kib, workers = settings.argon2_memory_kib, settings.workers
    return usual_threads(usable_cores(), usable_memory(), hash_kib=hash_kib, workers=workers)


def key_surroundings(settings: Settings, longest_client: int = 0) -> Surroundings:
    """What the settings, and the longest life that a client gives its tokens (seconds), demand of keys."""
    # A status list is believed for no longer than an ID token lives (`status_list_seconds`).
    return Surroundings(
        jwks_max_age=timedelta(seconds=settings.jwks_max_age),
        longest_token=timedelta(seconds=max(settings.access_token_seconds, ID_TOKEN_SECONDS, longest_client)),
        skew=timedelta(seconds=settings.clock_skew_seconds),
    )


def read_key_life(settings: Settings) -> KeyLife:
    """The policy of signing keys that is in force. Raises PolicyError where it would break a promise."""
    life = DEFAULT
    if settings.key_policy_file:
        try:
            life = read_policy(Path(settings.key_policy_file).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not UTF-8"
            raise PolicyError([f"cannot read {settings.key_policy_file}: {reason}"]) from None
    if wrong := problems(life, key_surroundings(settings)):
        raise PolicyError(wrong)
    return life
