"""Redis on a loopback port, for redis-cli: the same server, the same password, and nobody from outside."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis

from authsvc_devkit import redis_server
from authsvc_devkit.servers import ServerFailed, Servers
from tests.devkit.conftest import both_answer, is_gone, redis_at


@pytest.fixture
def servers(data_dir: Path) -> Iterator[Servers]:
    with Servers(data_dir, durable=False, redis_port=True) as running:
        yield running


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which somebody else listens."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_the_url_names_a_port_of_loopback_and_the_user_that_redis_cli_wants_to_read(servers: Servers) -> None:
    parts = urlsplit(servers.redis_url)
    assert (parts.scheme, parts.hostname, parts.path) == ("redis", "127.0.0.1", "/0")
    assert (parts.username, parts.password) == ("default", (servers.data_dir / "password").read_text())
    assert both_answer(servers)


def test_the_unix_socket_serves_as_ever(servers: Servers) -> None:
    password = urlsplit(servers.redis_url).password
    with redis_at(servers.redis_url) as by_port, redis_at(f"unix://:{password}@{servers.redis.socket_path}") as by_path:
        by_port.set("one", "server")
        assert by_path.get("one") == "server"


def test_it_listens_on_loopback_only_and_stays_protected(servers: Servers) -> None:
    with redis_at(servers.redis_url) as client:
        wanted = {"bind": "127.0.0.1", "protected-mode": "yes"}
        assert client.config_get(*wanted) == wanted


@pytest.mark.parametrize("credentials", ["", ":wrong@", "default:wrong@"])
def test_nobody_gets_in_without_the_password(servers: Servers, credentials: str) -> None:
    port = urlsplit(servers.redis_url).port
    with pytest.raises(redis.AuthenticationError), redis_at(f"redis://{credentials}127.0.0.1:{port}/0") as client:
        client.ping()


def test_a_killed_one_comes_back_on_the_same_port(servers: Servers) -> None:
    servers.redis.kill()
    servers.redis.start()
    assert both_answer(servers)


def test_a_second_pair_of_servers_gets_another_port(servers: Servers, made_once: Path) -> None:
    mine = servers.redis_url
    with Servers(made_once.with_name("beside"), durable=False, redis_port=True) as beside:
        assert urlsplit(beside.redis_url).port != urlsplit(mine).port
        assert both_answer(beside) and both_answer(servers)


def test_a_port_that_somebody_takes_meanwhile_is_replaced_by_another(
    data_dir: Path, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = redis_server.free_port()
    offers = iter([taken, taken, free])
    monkeypatch.setattr(redis_server, "free_port", lambda: next(offers))
    with Servers(data_dir, durable=False, redis_port=True) as servers:
        assert urlsplit(servers.redis_url).port == free
        assert both_answer(servers)


def test_when_every_port_is_taken_it_says_so_and_leaves_nothing_running(
    data_dir: Path, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_server, "free_port", lambda: taken)
    servers = Servers(data_dir, durable=False, redis_port=True)
    with pytest.raises(ServerFailed, match=rf"(?s)Redis found its port taken.*127\.0\.0\.1:{taken}.*redis\.log"):
        servers.start()
    assert is_gone(servers.redis.pid)
    assert not servers.socket_dir.exists()
