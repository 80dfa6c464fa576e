"""Settings that are allowed, and better otherwise: a part of `authsvc doctor`. Not asked of `authsvc dev`."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import parse_qsl, urlsplit

from authsvc.cli.doctor import Finding
from authsvc.settings import Settings

LEAST_ARGON2 = 7 * 1024 * 5
"""KiB times passes: the least of the equal choices of OWASP's cheat sheet (7 MiB and 5 passes)."""
LOCAL_HOSTS = ("", "localhost")


def safety(settings: Settings, *, tls: bool = False) -> Iterator[Finding]:
    """`tls`: authsvc ends TLS itself. One finding for each setting, one that all is well if there is none."""
    if settings.dev_mode:
        return
    found = [*_proxies(settings, tls), *_open_doors(settings), *_stores(settings)]
    yield from found
    if not found:
        yield Finding("safety", "ok", "no setting weakens it")


def _proxies(settings: Settings, tls: bool) -> Iterator[Finding]:
    https = urlsplit(settings.issuer).scheme == "https"
    if https and not tls and not settings.trusted_proxies:
        found = "the issuer is https, and no proxy is named: every person has the proxy's address, and its limits"
        yield Finding("proxies", "warn", found, "AUTHSVC_TRUSTED_PROXIES; or `doctor --tls-cert` where serve has it")
    wide = [str(one) for one in settings.trusted_proxies if not isinstance(one, str) and one.prefixlen == 0]
    if wide:
        found = f"{' '.join(wide)}: whoever reaches authsvc may choose an address"
        yield Finding("proxies", "warn", found, "name the proxies alone in AUTHSVC_TRUSTED_PROXIES")


def _open_doors(settings: Settings) -> Iterator[Finding]:
    if settings.metrics == "main":
        found = "/metrics is on the public port: everybody may read it"
        yield Finding("metrics", "warn", found, "AUTHSVC_METRICS=HOST:PORT, or keep /metrics back in the proxy")
    if settings.client_id_metadata_documents and not settings.client_id_metadata_hosts:
        found = "anybody with a page on a host can make a client of it, which people are asked about"
        yield Finding(
            "client documents", "warn", found, "name the hosts that you know: AUTHSVC_CLIENT_ID_METADATA_HOSTS"
        )
    if settings.client_registration == "open":
        found = "anybody may register a client, which people are asked about"
        yield Finding("registration", "warn", found, "AUTHSVC_CLIENT_REGISTRATION=token once you know who registers")
    strangers = settings.client_id_metadata_documents or settings.client_registration == "open"
    if strangers and settings.stranger_refresh_tokens:
        found = "clients that nobody let in get refresh tokens without asking for offline_access"
        yield Finding("strangers", "warn", found, "leave AUTHSVC_STRANGER_REFRESH_TOKENS away once they ask")
    if settings.clock_offset_seconds:
        found = f"{settings.clock_offset_seconds:g} s are added to the clock"
        yield Finding("clock offset", "FAIL", found, "take AUTHSVC_CLOCK_OFFSET_SECONDS away: it is for tests")
    if settings.argon2_memory_kib * settings.argon2_time_cost < LEAST_ARGON2:
        found = f"argon2id with {settings.argon2_memory_kib} KiB and {settings.argon2_time_cost} passes is weak"
        yield Finding("password hashes", "warn", found, "leave AUTHSVC_ARGON2_MEMORY_KIB and _TIME_COST away")
    if settings.log_level == "debug":
        yield Finding("log level", "warn", "debug: for a while only", "AUTHSVC_LOG_LEVEL=info")


def _stores(settings: Settings) -> Iterator[Finding]:
    """Passwords and data that go over a network in the open."""
    database, redis = urlsplit(settings.database_url), urlsplit(settings.redis_url)
    mode = dict(parse_qsl(database.query)).get("sslmode", "prefer")
    far = [host for host in database.netloc.rpartition("@")[2].split(",") if not _is_here(host)]
    if far and mode not in ("verify-ca", "verify-full"):
        found = f"sslmode={mode}: whoever is between us and PostgreSQL may read and change all"
        yield Finding("database TLS", "warn", found, "?sslmode=verify-full&sslrootcert=… in AUTHSVC_DATABASE_URL")
    if redis.scheme == "redis" and not _is_here(redis.netloc.rpartition("@")[2]):
        found = "Redis is asked without TLS, over a network"
        yield Finding("Redis TLS", "warn", found, "rediss:// in AUTHSVC_REDIS_URL, unless that network is yours alone")
    if redis.scheme != "unix" and not redis.password and not _is_here(redis.netloc):
        yield Finding("Redis password", "warn", "Redis asks for none", "requirepass or a user, and name it in the URL")


def _is_here(place: str) -> bool:
    """Whether a host with its port is this machine."""
    host = urlsplit(f"//{place}").hostname or ""
    try:
        return host in LOCAL_HOSTS or ip_address(host).is_loopback
    except ValueError:
        return False
