"""A URL of PostgreSQL as hosters print it, made fit for asyncpg.

asyncpg sends every parameter that it does not know to the server as a setting, and the server refuses what is libpq's
own. Those are left out here; `left_out` names them for whoever should know.
"""

from __future__ import annotations

import ssl
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

# Parameters of libpq (PostgreSQL 18, section 32.1.2) that asyncpg has no word for, with the values that ask for what
# happens here anyhow.
_LIBPQ: dict[str, tuple[str, ...]] = {
    "channel_binding": ("disable", "prefer"),
    "client_encoding": ("utf8", "utf-8", "unicode", "auto"),
    "connect_timeout": (),
    "fallback_application_name": (),
    "gssdelegation": ("0",),
    "gssencmode": ("disable", "prefer"),
    "hostaddr": (),
    "keepalives": (),
    "keepalives_count": (),
    "keepalives_idle": (),
    "keepalives_interval": (),
    "load_balance_hosts": ("disable",),
    "max_protocol_version": (),
    "min_protocol_version": ("3.0",),
    "oauth_client_id": (),
    "oauth_client_secret": (),
    "oauth_issuer": (),
    "oauth_scope": (),
    "replication": ("false", "off", "no", "0"),
    "require_auth": (),
    "requirepeer": (),
    "requiressl": ("0",),
    "scram_client_key": (),
    "scram_server_key": (),
    "servicefile": (),
    "sslcertmode": ("allow",),
    "sslcompression": ("0",),
    "sslcrldir": (),
    "sslkeylogfile": (),
    "sslsni": ("1",),
    "tcp_user_timeout": (),
}


class Host(NamedTuple):
    """Where a server may be. `name`: a host name, an address without brackets, or the directory of a socket; `port`:
    None where the URL names none."""

    name: str
    port: int | None


def hosts(url: str) -> tuple[Host, ...]:
    """The hosts that a URL names, as asyncpg reads them: those before the path, else those of the query; ports stand
    beside them or in the query, there one for all or one for each."""
    parts = urlsplit(url)
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    before = unquote(parts.netloc.rpartition("@")[2])
    text = before or given.get("host", "")
    ports = "" if before else given.get("port", "")
    listed = ports.split(",")
    found = []
    for number, one in enumerate(filter(None, text.split(","))):
        name, port = _host(one)
        if ports:
            port = listed[min(number, len(listed) - 1)]
        found.append(Host(name, int(port) if port else None))
    return tuple(found)


def _host(text: str) -> tuple[str, str]:
    """`host`, `host:port`, `[address]:port` or a path, as (name, port)."""
    if text.startswith("/"):
        return text, ""
    if text.startswith("["):
        name, _, rest = text[1:].partition("]")
        return name, rest.removeprefix(":")
    name, _, port = text.partition(":")
    return name, port


def left_out(url: str) -> tuple[str, ...]:
    """Names of parameters in this URL that ask for something which does not happen, in their order, each once."""
    given = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    return tuple(dict.fromkeys(name for name, value in given if name in _LIBPQ and value.lower() not in _LIBPQ[name]))


def connect_options(url: str, server_settings: dict[str, str]) -> dict[str, Any]:
    """What `asyncpg.create_pool` is given of a URL: `dsn`, `server_settings`, and `ssl` where the system's certificate
    authorities are asked for (`sslrootcert=system`: with the host name checked, as libpq does)."""
    parts = urlsplit(url)
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    settings = dict(server_settings)
    if name := given.pop("application_name", ""):
        settings["application_name"] = name
    options: dict[str, Any] = {"server_settings": settings}
    if given.get("sslrootcert") == "system":
        options["ssl"] = ssl.create_default_context()
        if certificate := given.get("sslcert"):
            password = given.get("sslpassword", "")
            options["ssl"].load_cert_chain(certificate, given.get("sslkey"), password=lambda: password)
        given.pop("sslrootcert")
    kept = {name: value for name, value in given.items() if name not in _LIBPQ}
    return {"dsn": parts._replace(query=urlencode(kept, quote_via=quote)).geturl(), **options}
