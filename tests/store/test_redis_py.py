"""Commands as hiredis writes them: the bytes that redis-py's own connections would send."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import pytest
import redis.utils
from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection

from authsvc.store.redis_py import written_by_hiredis
from authsvc.store.redis_routes.server import open_client

COMMANDS: list[tuple[Any, ...]] = [
    ("PING",),
    ("MGET", "a:{rev}:epoch", "ü", "\U0001f37a", ""),
    ("SET", "key", 0, "PX", 9_223_372_036_854_775_807),
    ("SET", "key", -1, "NX"),
    ("SENTINEL MASTER", "one two"),
    ("CLIENT SETNAME", "authsvc"),
    ("EVAL", "return 1\r\n", 1, "key", b"\x00\xff\r\n"),
    ("SET", "key", "v" * 100_000),
]


@pytest.mark.parametrize("kind", [Connection, SSLConnection, UnixDomainSocketConnection])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command[0]))
def test_hiredis_writes_what_redis_py_would(kind: type[Any], command: tuple[Any, ...]) -> None:
    ours = written_by_hiredis(kind)
    assert issubclass(ours, kind)
    assert b"".join(ours().pack_command(*command)) == b"".join(kind().pack_command(*command))
    assert b"".join(ours().pack_commands([command, command])) == b"".join(kind().pack_commands([command, command]))


def test_no_connection_reads_the_metadata_of_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the event loop, and many at once after a failover."""
    monkeypatch.setattr(redis.utils, "get_lib_version", lambda: pytest.fail("read again"))
    client = open_client("redis://localhost", 2)
    connection = client.connection_pool.make_connection()  # type: ignore[no-untyped-call]
    assert connection.driver_info.lib_version == version("redis")


def test_each_kind_has_one_class() -> None:
    assert written_by_hiredis(Connection) is written_by_hiredis(Connection)
