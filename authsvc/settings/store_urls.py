"""The URLs of the stores: what can be wrong with one is said before a store is asked. Nothing of a URL is repeated, for
a password may stand anywhere in one that is malformed."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

_ESCAPES = "in a user name or password write / ? # @ : as %2F %3F %23 %40 %3A"
_VALUES = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslnegotiation": ("postgres", "direct"),
    "target_session_attrs": ("any", "read-write", "primary"),
}
_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl", "passfile")
_REDIS = (
    "redis",
    "rediss",
    "unix",
    *(f"{tls}+{kind}" for tls in ("redis", "rediss") for kind in ("sentinel", "cluster")),
)
_REDIS_PATHS = {
    "": (r"/?|/[0-9]{1,5}/?", "the number of a database, as in redis://host:6379/0"),
    "sentinel": (
        r"/[^/]+(/|/[0-9]{1,5}/?)?",
        "the name that the Sentinels know the master by, and perhaps the number of a database, as in "
        "redis+sentinel://host1:26379,host2:26379,host3:26379/mymaster/0",
    ),
    "cluster": (r"/?", "left out: a cluster has one database"),
}
_HOST = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::(?P<port>[^:\[\]]*))?").fullmatch


def database_url(text: str) -> str:
    """`postgresql://` or `postgres://`, one host or several, parameters of libpq; their values as far as asyncpg, the
    client here, would only stumble over them when it connects, and nothing that asks for a standby."""
    parts = _split(text, "postgresql://", ("postgresql", "postgres"))
    hosts = parts.netloc.rpartition("@")[2]
    given = _query(parts.query)
    for host in [*unquote(hosts).split(","), *given.get("host", "").split(",")]:
        _check_host(host)
    for port in filter(None, given.get("port", "").split(",")):
        _check_port(port)
    for name, allowed in _VALUES.items():
        if given.get(name, allowed[0]) not in allowed:
            raise ValueError(f"{name} must be one of {', '.join(allowed)}")
    for name in _FILES:
        if (file := given.get(name, "")) and (name, file) != ("sslrootcert", "system") and not Path(file).is_file():
            raise ValueError(f"{name} names no file that is here")
    return text


def redis_url(text: str) -> str:
    """`redis://`, `rediss://` or `unix://`; the path of the first two is the number of a database. With `+sentinel`
    several hosts, and the name of a master before that number; with `+cluster` several hosts, and no path."""
    parts = _split(text, "redis://, rediss:// or unix://, or redis+sentinel:// or redis+cluster://", _REDIS)
    if parts.scheme == "unix":
        return text
    kind = parts.scheme.partition("+")[2]
    hosts = parts.netloc.rpartition("@")[2]
    for host in hosts.split(",") if kind else [hosts]:
        _check_host(host)
        if kind and (not host or host.startswith(":")):
            raise ValueError(f"a host is empty; write host1:port,host2:port; {_ESCAPES}")
    path, example = _REDIS_PATHS[kind]
    if not re.fullmatch(path, parts.path):
        raise ValueError(f"its path must be {example}")
    given = _query(parts.query) if kind else {}
    for name in ("db", *(() if kind == "sentinel" else ("sentinel_username", "sentinel_password"))):
        if name in given:
            raise ValueError(f"{name} is no parameter of such a URL")
    return text


def _split(text: str, wanted: str, schemes: tuple[str, ...]) -> SplitResult:
    scheme = text.partition("://")[0]
    if scheme.lower() not in schemes:
        if text.startswith("\N{ZERO WIDTH NO-BREAK SPACE}"):
            raise ValueError("begins with a byte order mark: save it as UTF-8 without one")
        driver = ": leave out the name of the driver behind +" if scheme.partition("+")[0] in schemes else ""
        raise ValueError(f"must be a URL that begins with {wanted}{driver}")
    if any(char < " " or char == "\x7f" for char in text):
        raise ValueError("holds a control character")
    try:
        parts = urlsplit(text)
    except ValueError:
        raise ValueError(f"is no URL; {_ESCAPES}") from None
    if parts.fragment or (parts.scheme.startswith("postgres") and parts.netloc.count("@") > 1):
        raise ValueError(f"is no such URL; {_ESCAPES}")
    return parts


def _query(text: str) -> dict[str, str]:
    """The last one of each name counts, as with asyncpg."""
    try:
        return dict(parse_qsl(text, strict_parsing=True, keep_blank_values=True)) if text else {}
    except ValueError:
        raise ValueError(f"what follows ? must be name=value, joined by &; {_ESCAPES}") from None


def _check_host(text: str) -> None:
    """Of `host`, `host:port`, `[address]:port`; a path is the directory of a socket."""
    if text.startswith("/"):
        return
    found = _HOST(text)
    if found is None:
        raise ValueError(f"a host is malformed; an IPv6 address stands in brackets; {_ESCAPES}")
    if found["port"]:
        _check_port(found["port"])


def _check_port(text: str) -> None:
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 0 < int(text) < 65_536:
        raise ValueError(f"a port is not a number from 1 to 65535; {_ESCAPES}")
