"""AUTHSVC_REDIS_URL, taken apart: one server, Sentinels and the name of a master, or nodes of a cluster. What can be
wrong with it was said before (`settings/store_urls.py`)."""

from __future__ import annotations

from dataclasses import field
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

from authsvc.records import frozen

_SENTINELS_OWN = "sentinel_"
_PORTS = {"sentinel": 26379, "cluster": 6379}


class Address(NamedTuple):
    """Where a server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@frozen
class RedisUrl:
    """`kind`: one, sentinel or cluster. `addresses`: of the Sentinels, or of nodes of the cluster; `master`: the name
    by which Sentinels know it."""

    kind: str
    addresses: tuple[Address, ...] = ()
    master: str = ""
    _text: str = field(default="", repr=False)

    def of_server(self, address: Address | None = None) -> str:
        """A URL for redis-py of one server that holds data, with the user, password, database and parameters given."""
        if address is None:
            return self._text
        parts = urlsplit(self._text)
        given = [(name, value) for name, value in parse_qsl(parts.query) if not name.startswith(_SENTINELS_OWN)]
        database = parts.path.split("/")[2:3] if self.kind == "sentinel" else []
        return _joined(parts, parts.netloc.rpartition("@")[0], address, "/".join(["", *database]), given)

    def of_sentinel(self, address: Address) -> str:
        """A URL for redis-py of one Sentinel: TLS as for the servers, and a user and password of its own."""
        parts = urlsplit(self._text)
        given, own = [], {}
        for name, value in parse_qsl(parts.query):
            if name.startswith(_SENTINELS_OWN):
                own[name.removeprefix(_SENTINELS_OWN)] = value
            else:
                given.append((name, value))
        user, password = quote(own.get("username", ""), safe=""), quote(own.get("password", ""), safe="")
        return _joined(parts, f"{user}:{password}" if password else user, address, "", given)


def read_url(text: str) -> RedisUrl:
    """Take a URL apart that `settings` found sound."""
    parts = urlsplit(text)
    kind = parts.scheme.partition("+")[2]
    if not kind:
        return RedisUrl("one", _text=text)
    hosts = parts.netloc.rpartition("@")[2].split(",")
    addresses = tuple(_address(host, _PORTS[kind]) for host in hosts)
    return RedisUrl(kind, addresses, unquote(parts.path.split("/")[1]) if kind == "sentinel" else "", text)


def _address(text: str, default_port: int) -> Address:
    host, _, port = text.rpartition(":") if not text.endswith("]") and ":" in text else (text, "", "")
    return Address(host.strip("[]"), int(port or default_port))


def _joined(parts: SplitResult, credentials: str, address: Address, path: str, given: list[tuple[str, str]]) -> str:
    scheme = parts.scheme.partition("+")[0]
    at = f"{credentials}@" if credentials else ""
    query = f"?{urlencode(given, quote_via=quote)}" if given else ""
    return f"{scheme}://{at}{address}{path}{query}"
