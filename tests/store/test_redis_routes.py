"""Which server a command goes to: URLs taken apart, what Sentinels and nodes of a cluster say, judged."""

from __future__ import annotations

from typing import Any

import pytest
from redis.exceptions import ConnectionError, ResponseError

from authsvc.store.redis import RedisStore
from authsvc.store.redis_routes.cluster import View, newest_view, read_view
from authsvc.store.redis_routes.lookout import NoServer
from authsvc.store.redis_routes.sentinel import newest_master
from authsvc.store.redis_routes.url import Address, read_url

ONE, TWO = Address("10.0.0.1", 6379), Address("10.0.0.2", 6379)


def test_a_sentinel_url_gives_one_url_for_each_server_and_each_sentinel() -> None:
    url = read_url(
        "rediss+sentinel://app:p%40ss@one,[fe80::1]:26380/my%20master/2"
        "?sentinel_username=watch&sentinel_password=w%2Ford&ssl_ca_certs=/ca.pem"
    )
    assert (url.kind, url.master) == ("sentinel", "my master")
    assert url.addresses == (("one", 26379), ("fe80::1", 26380))
    assert url.of_server(ONE) == "rediss://app:p%40ss@10.0.0.1:6379/2?ssl_ca_certs=%2Fca.pem"
    assert url.of_sentinel(url.addresses[1]) == "rediss://watch:w%2Ford@[fe80::1]:26380?ssl_ca_certs=%2Fca.pem"


def test_sentinels_get_no_password_of_the_servers() -> None:
    url = read_url("redis+sentinel://:servers@one/mymaster")
    assert url.of_sentinel(url.addresses[0]) == "redis://one:26379"
    assert "servers" not in repr(url)


def test_a_cluster_url_gives_one_url_for_each_node() -> None:
    url = read_url("redis+cluster://:secret@one,two:7000")
    assert (url.kind, url.addresses) == ("cluster", (("one", 6379), ("two", 7000)))
    assert url.of_server(ONE) == "redis://:secret@10.0.0.1:6379"


@pytest.mark.parametrize("kind", ["redis://h:1/0?x=1", "redis+sentinel://h/m?x=1", "redis+cluster://h?x=1"])
def test_a_parameter_that_redis_py_does_not_know_is_said_at_the_start(kind: str) -> None:
    with pytest.raises(ValueError, match="none of a connection"):
        RedisStore(kind, prefix="x")


def master(address: Address, epoch: int) -> dict[str, Any]:
    return {"ip": address.host, "port": address.port, "config-epoch": epoch}


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([master(ONE, 3), master(ONE, 3)], ONE),
        ([master(ONE, 3), master(ONE, 3), master(TWO, 4)], TWO),
        ([master(TWO, 0), master(ONE, 0), master(ONE, 0)], ONE),
        ([TimeoutError(), master(TWO, 4)], TWO),
        ([ResponseError("No such master with that name"), master(ONE, 3)], ONE),
    ],
)
def test_the_newest_configuration_names_the_master(answers: list[Any], expected: Address) -> None:
    assert newest_master(answers, "mymaster") == expected


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([TimeoutError(), ResponseError("No such master with that name")], "no Sentinel knows mymaster"),
        ([TimeoutError(), ConnectionError("Connection refused")], "no Sentinel answers: Connection refused"),
        ([TimeoutError()], "no Sentinel answers: timeout"),
    ],
)
def test_why_nobody_is_known_is_said(answers: list[Any], said: str) -> None:
    with pytest.raises(NoServer, match=said):
        newest_master(answers, "mymaster")


def test_a_view_of_a_cluster_knows_owners_and_nodes() -> None:
    slots = [[0, 99, ["", 7000, "a"], ["10.0.0.2", 6379, "b"]], [100, 16383, ["?", 0, "c"]]]
    view = read_view({"cluster_state": "ok", "cluster_current_epoch": "7"}, slots, Address("seed", 1))
    assert view == View(7, True, ((0, 99, Address("seed", 7000)),), frozenset({Address("seed", 7000), TWO}))
    assert view.owner(99) == Address("seed", 7000)
    assert view.owner(100) is None


def test_the_newest_view_of_a_whole_cluster_counts() -> None:
    def seen(epoch: int, ok: bool) -> View:
        return View(epoch, ok, ((0, 16383, ONE),), frozenset({ONE}))

    assert newest_view([seen(7, False), seen(6, True), seen(5, True)]) == seen(6, True)
    assert newest_view([ConnectionError("x"), seen(5, False)]) == seen(5, False)
    with pytest.raises(NoServer, match="no node of the cluster answers: x"):
        newest_view([ConnectionError("x")])
