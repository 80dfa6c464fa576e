"""Settings: `AUTHSVC_*` variables -> one frozen `Settings`. Read once, at start; nothing else reads the environment.

Every problem is reported at once, names that nobody knows are refused (a typo must not silently mean the default),
and secrets may come from a file: `AUTHSVC_X_FILE` instead of `AUTHSVC_X`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from marshmallow import ValidationError
from marshmallow import fields as kinds

PREFIX = "AUTHSVC_"
DAY = 86_400


class SettingsError(Exception):
    """The environment cannot be served. `problems` is one line for each variable at fault."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def _setting(
    kind: kinds.Field[Any], default: Any = None, *, help: str, secret: bool = False, required: bool = False
) -> Any:
    metadata = {"kind": kind, "help": help, "secret": secret, "required": required}
    return field(metadata=metadata) if required else field(default=default, metadata=metadata)


def _between(low: int, high: int) -> kinds.Integer:
    def check(value: int) -> None:
        if not low <= value <= high:
            raise ValidationError(f"must be between {low} and {high}")

    return kinds.Integer(validate=check)


def _one_of(*words: str) -> kinds.String:
    def check(value: str) -> None:
        if value not in words:
            raise ValidationError(f"must be one of {', '.join(words)}")

    return kinds.String(validate=check)


class _Words(kinds.Field[tuple[str, ...]]):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> tuple[str, ...]:
        return tuple(word for word in str(value).replace(",", " ").split())


class _Networks(kinds.Field[Any]):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        try:
            return tuple(word if word == "unix" else ip_network(word) for word in str(value).replace(",", " ").split())
        except ValueError as error:
            raise ValidationError(f"{error}; write networks such as 10.0.0.0/8, or the word unix") from None


class _Issuer(kinds.String):
    """RFC 8414 section 2: an https URL without query or fragment. Plain http is for loopback only."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        url = str(value)
        parts = urlsplit(url)
        loopback = parts.hostname in ("localhost", "127.0.0.1", "::1")
        if parts.scheme != "https" and not (parts.scheme == "http" and loopback):
            raise ValidationError("must be an https:// URL (http:// only for localhost)")
        if not parts.hostname or parts.query or parts.fragment or url.endswith("/"):
            raise ValidationError("must have a host, and neither query, fragment nor trailing slash")
        if parts.path:
            raise ValidationError("must have no path: authsvc owns its whole host name")
        return url


class _Name(kinds.String):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        name = str(value).strip()
        if not 1 <= len(name) <= 40 or not name.isprintable():
            raise ValidationError("must be 1 to 40 printable characters")
        return name


class _Colour(kinds.String):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not re.fullmatch(r"#[0-9A-Fa-f]{6}", str(value)):
            raise ValidationError("must be a colour such as #3b5bdb")
        return str(value).lower()


class _Logo(kinds.String):
    """Its origin goes into the Content-Security-Policy, so the host is held to plain letters."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        remote = r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?/[!-~]*"
        inline = r"data:image/(png|jpeg|webp|gif|svg\+xml);base64,[A-Za-z0-9+/]+={0,2}"
        if not re.fullmatch(remote, str(value)) and not (
            re.fullmatch(inline, str(value)) and len(str(value)) <= 32_768
        ):
            raise ValidationError("must be an https:// URL, or data:image/...;base64,... of at most 32 KiB")
        return str(value)


@dataclass(frozen=True, slots=True)
class Settings:
    """All that can be set. Durations are whole seconds, sizes are bytes unless the name says otherwise."""

    issuer: str = _setting(_Issuer(), required=True, help="public URL of this service; every token and link carries it")
    database_url: str = _setting(
        kinds.String(),
        required=True,
        secret=True,
        help="postgresql:// URL; several hosts and target_session_attrs work",
    )
    redis_url: str = _setting(kinds.String(), required=True, secret=True, help="redis://, rediss:// or unix:// URL")
    master_key: str = _setting(
        kinds.String(), required=True, secret=True, help="text of the master key file (give AUTHSVC_MASTER_KEY_FILE)"
    )

    host: str = _setting(kinds.String(), "127.0.0.1", help="address to listen on")
    port: int = _setting(_between(0, 65_535), 8000, help="port to listen on")
    workers: int = _setting(_between(1, 64), 1, help="processes; one a core")
    metrics: str = _setting(
        kinds.String(), "127.0.0.1:9464", help="HOST:PORT of /metrics, `main` (public port) or `off`"
    )
    log_level: str = _setting(_one_of("debug", "info", "warning", "error"), "info", help="least level that is logged")
    log_format: str = _setting(_one_of("json", "console"), "json", help="json lines, or console for people")
    trusted_proxies: tuple[IPv4Network | IPv6Network | str, ...] = _setting(
        _Networks(), (), help="networks (or `unix`) whose X-Forwarded-For is believed"
    )
    allowed_hosts: tuple[str, ...] = _setting(
        _Words(), (), help="Host headers answered; empty: any (none is ever used)"
    )
    drain_seconds: int = _setting(_between(0, 300), 5, help="after SIGTERM: unready but still serving, for balancers")
    state_dir: str = _setting(kinds.String(), "", help="directory for the JWKS snapshot that serves a cold start")

    access_token_seconds: int = _setting(_between(10, DAY), 1800, help="life of an access token")
    session_seconds: int = _setting(_between(60, 3650 * DAY), 7 * DAY, help="life of a session, fixed at login")
    remember_me_seconds: int = _setting(_between(60, 3650 * DAY), 30 * DAY, help="life with remember me")
    refresh_grace_seconds: int = _setting(_between(0, 300), 30, help="repeat window of a used refresh token; 0: strict")
    jwks_max_age: int = _setting(_between(1, DAY), 300, help="Cache-Control max-age of the JWKS")
    status_list_seconds: int = _setting(
        _between(2, 300), 30, help="a revocation shows in every copy of a status list within this; half is their ttl"
    )
    status_list_audiences: tuple[str, ...] = _setting(
        _Words(),
        (),
        help="audiences whose tokens name a status list, whichever client asked for them",
    )
    key_policy_file: str = _setting(
        kinds.String(), "", help="life of signing keys, as in keys/policy.toml; empty: the built-in policy, the same"
    )
    dpop_nonce_required: bool = _setting(
        kinds.Boolean(), True, help="a DPoP proof must repeat a nonce of ours, so that none can be made in advance"
    )
    require_pushed_authorization_requests: bool = _setting(
        kinds.Boolean(),
        False,
        help="every client must push its authorization requests to /par; else each by its policy",
    )
    client_registration: bool = _setting(
        kinds.Boolean(), False, help="clients may register at /register with a token of `clients registration-token`"
    )
    clock_skew_seconds: int = _setting(_between(0, 600), 60, help="clock difference allowed to verifiers")

    login_account_failures: int = _setting(_between(1, 1000), 10, help="failed logins of an account in the window")
    login_network_failures: int = _setting(_between(1, 100_000), 100, help="failed logins of a network in the window")
    client_failures: int = _setting(_between(1, 100_000), 30, help="failed client authentications in the window")
    user_code_failures: int = _setting(_between(1, 1000), 10, help="wrong device codes of a person in the window")
    device_network_requests: int = _setting(
        _between(1, 1_000_000), 300, help="devices of a network that ask for codes in the window"
    )
    failure_window_seconds: int = _setting(_between(1, DAY), 900, help="the window of the limits above")
    replicas: int = _setting(_between(1, 1000), 1, help="processes that share the limits while Redis is away")

    argon2_memory_kib: int = _setting(_between(8, 4_194_304), 19_456, help="argon2id memory (KiB)")
    argon2_time_cost: int = _setting(_between(1, 100), 2, help="argon2id passes")
    argon2_parallelism: int = _setting(_between(1, 64), 1, help="argon2id lanes")
    hash_threads: int = _setting(_between(0, 64), 0, help="threads that hash passwords; 0: half the cores")
    hash_queue: int = _setting(
        _between(1, 10_000), 50, help="logins that may wait for a thread, half of it for strangers"
    )

    db_pool_size: int = _setting(_between(1, 500), 10, help="PostgreSQL connections a worker")
    db_statement_cache_size: int = _setting(_between(0, 10_000), 100, help="0 behind PgBouncer in transaction mode")
    redis_prefix: str = _setting(kinds.String(), "authsvc", help="first word of every Redis key")
    sweep_interval_seconds: int = _setting(
        _between(1, 7 * DAY), 3600, help="pause between two clean-ups; one leader does it"
    )
    sync_interval_seconds: float = _setting(kinds.Float(), 0.5, help="how often a worker reads what changed; at most 1")
    outgoing_private: bool = _setting(
        kinds.Boolean(), False, help="let logout receivers and jwks_uri be in private networks; link-local never"
    )
    brand_name: str = _setting(_Name(), "authsvc", help="name on the hosted pages")
    brand_logo: str = _setting(_Logo(), "", help="logo on the hosted pages: https:// URL or data:image/...;base64,...")
    brand_color: str = _setting(_Colour(), "#3b5bdb", help="colour of buttons and links; readable shades are derived")
    default_client: str = _setting(kinds.String(), "customer", help="client of a JSON login that names none")
    clock_offset_seconds: float = _setting(kinds.Float(), 0.0, help="shifts this process's clock; for fault tests only")
    dev_mode: bool = _setting(kinds.Boolean(), False, help="set by `authsvc dev`")

    def table(self) -> list[tuple[str, str, str]]:
        """(variable, value, meaning) for people; secrets and passwords in URLs are masked."""
        return [(variable(f.name), _shown(f.name, getattr(self, f.name), f.metadata["secret"]), f.metadata["help"])
                for f in fields(self)]  # fmt: skip


def variable(name: str) -> str:
    """The environment's name of a setting."""
    return PREFIX + name.upper()


def _shown(name: str, value: Any, secret: bool) -> str:
    if name.endswith("_url") and "://" in str(value):
        parts = urlsplit(value)
        credentials, at, host = parts.netloc.rpartition("@")
        user = credentials.partition(":")[0]
        query = "…" if "password" in parts.query else parts.query
        masked = f"{user}:***" if ":" in credentials else user
        return str(urlunsplit(parts._replace(netloc=masked + at + host, query=query)))
    if secret:
        return "***"
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def load(environ: Mapping[str, str]) -> Settings:
    """Read `AUTHSVC_*`; raise SettingsError with every problem at once."""
    problems: list[str] = []
    values: dict[str, Any] = {}
    known: set[str] = set()
    for item in fields(Settings):
        name = variable(item.name)
        allowed = {name, name + "_FILE"} if item.metadata["secret"] else {name}
        known |= allowed
        given = [key for key in sorted(allowed) if environ.get(key, "") != ""]
        if len(given) > 1:
            problems.append(f"{name}: give either {name} or {name}_FILE, not both")
        elif given:
            try:
                text = environ[name] if given[0] == name else _read(environ[given[0]])
                values[item.name] = item.metadata["kind"].deserialize(text)
            except ValidationError as error:
                problems.append(f"{given[0]}: {'; '.join(map(str, error.messages))}")
        elif item.metadata["required"]:
            file = f" or {name}_FILE" if item.metadata["secret"] else ""
            problems.append(f"{name}{file}: missing ({item.metadata['help']})")
    unknown = sorted(key for key in environ if key.startswith(PREFIX) and key not in known)
    problems += [f"{key}: unknown setting; `authsvc settings --help` lists the names" for key in unknown]
    if not problems:
        problems = _contradictions(settings := Settings(**values))
        if not problems:
            return settings
    raise SettingsError(problems)


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValidationError(f"cannot read {path}: {getattr(error, 'strerror', None) or 'not UTF-8'}") from None


def _contradictions(s: Settings) -> list[str]:
    problems = []
    if s.remember_me_seconds < s.session_seconds:
        problems.append(f"{variable('remember_me_seconds')}: shorter than a session without remember me")
    if not 0.05 <= s.sync_interval_seconds <= 1:
        problems.append(f"{variable('sync_interval_seconds')}: must be between 0.05 and 1")
    if s.status_list_seconds // 2 <= 2 * s.sync_interval_seconds:
        problems.append(
            f"{variable('status_list_seconds')}: half of it must be more than twice {variable('sync_interval_seconds')}"
        )
    if s.metrics not in ("main", "off") and not s.metrics.rpartition(":")[2].isdigit():
        problems.append(f"{variable('metrics')}: must be HOST:PORT, main or off")
    if s.dev_mode and urlsplit(s.issuer).hostname not in ("localhost", "127.0.0.1", "::1"):
        problems.append(f"{variable('dev_mode')}: is for loopback only, never for {s.issuer}")
    return problems
