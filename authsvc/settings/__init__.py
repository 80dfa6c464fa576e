"""Settings: `AUTHSVC_*` variables -> one frozen `Settings`. Read once, at start; nothing else reads the environment.

`kinds` says how their text becomes a value. Every problem is reported at once, names that nobody knows are refused (a
typo must not silently mean the default), and secrets may come from a file: `AUTHSVC_X_FILE` instead of `AUTHSVC_X`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from authsvc.records import frozen
from authsvc.rules.factors.rp_id import may_be_rp_id
from authsvc.settings.kinds import (
    DAY,
    LOOPBACK,
    boolean,
    client_registration,
    colour,
    display_name,
    document_hosts,
    host_name,
    issuer,
    logo,
    metrics_place,
    networks,
    number,
    one_of,
    origins,
    scope_words,
    setting,
    whole,
    whole_or_auto,
    words,
)
from authsvc.settings.kinds import issuer as base_url
from authsvc.settings.links import without_links
from authsvc.settings.mail import DEV_PAGE, mail_from, smtp_url
from authsvc.settings.store_urls import database_url, redis_url
from authsvc.traces.sampling import SAMPLERS

PREFIX = "AUTHSVC_"
STANDARD = "otel_"
"""Settings that OpenTelemetry names: without our prefix, and nobody's business while traces are off."""


class SettingsError(Exception):
    """The environment cannot be served. `problems` is one line for each variable at fault."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@frozen(kw_only=True)
class Settings:
    """All that can be set. Durations are whole seconds, sizes are bytes unless the name says otherwise."""

    # The process and its sockets

    issuer: str = setting(issuer, help="public URL of this service; every token and link carries it")
    host: str = setting(str, "127.0.0.1", help="addresses to listen on; `::` is all, those of IPv4 too")
    port: int = setting(whole(0, 65_535), 8000, help="port to listen on")
    workers: int = setting(whole(1, 64), 1, help="processes; one a core")
    metrics: str = setting(metrics_place, "127.0.0.1:9464", help="HOST:PORT of /metrics, `main` (public port) or `off`")
    log_level: str = setting(one_of("debug", "info", "warning", "error"), "info", help="least level that is logged")
    log_format: str = setting(one_of("json", "console"), "json", help="json lines, or console for people")
    trusted_proxies: tuple[IPv4Network | IPv6Network | str, ...] = setting(
        networks, (), help="networks (or `unix`) whose X-Forwarded-For is believed"
    )
    client_certificate_header: str = setting(
        one_of("off", "client-cert", "ssl-client-cert"),
        "off",
        help="header in which those proxies pass on the certificate of a TLS client: RFC 9440, or nginx's escaped PEM",
    )
    client_ca_file: str = setting(
        str, "", help="PEM file of the authorities whose certificates prove clients with tls_client_auth"
    )
    mtls_port: int = setting(whole(0, 65_535), 0, help="port with TLS of our own that asks clients for certificates")
    mtls_url: str = setting(base_url, "", help="base URL where TLS asks for certificates of clients, for the metadata")
    allowed_hosts: tuple[str, ...] = setting(words, (), help="Host headers answered; empty: any (none is ever used)")
    drain_seconds: int = setting(whole(0, 300), 5, help="after SIGTERM: unready but still serving, for balancers")
    clock_offset_seconds: float = setting(number(), 0.0, help="shifts this process's clock; for fault tests only")
    dev_mode: bool = setting(boolean, False, help="set by `authsvc dev`")

    # Traces

    traces: str = setting(
        one_of("off", "otlp"),
        "off",
        help="otlp: sent to OTEL_EXPORTER_OTLP_ENDPOINT (http/protobuf); needs authsvc[otel]",
    )
    trace_parents: tuple[IPv4Network | IPv6Network | str, ...] = setting(
        networks, (), help="networks of callers whose traceparent is continued; for all others a trace begins here"
    )
    otel_traces_sampler: str = setting(
        str, "parentbased_always_on", help=f"which requests are traced: {', '.join(SAMPLERS)}"
    )
    otel_traces_sampler_arg: str = setting(str, "1", help="share of them that traceidratio keeps, 0 to 1")

    # PostgreSQL, Redis, and what is done to them in the background

    database_url: str = setting(
        database_url, secret=True, help="postgresql:// URL; of several hosts, the one that is no standby is used"
    )
    redis_url: str = setting(
        redis_url,
        secret=True,
        help="redis://, rediss:// or unix:// URL; redis+sentinel://host1,host2,host3/mymaster and"
        " redis+cluster://host1,host2 find the server that serves, with rediss+ by TLS",
    )
    db_pool_size: int = setting(whole(1, 500), 10, help="PostgreSQL connections a worker")
    db_statement_cache_size: int | None = setting(
        whole_or_auto(0, 10_000),
        None,
        help="prepared statements a connection; `auto`: 100, and 0 where a pooler (PgBouncer) is found",
    )
    redis_prefix: str = setting(str, "authsvc", help="first word of every Redis key")
    sync_interval_seconds: float = setting(
        number(0.05, 1), 0.5, help="how often a worker reads what changed; at most 1"
    )
    sweep_interval_seconds: int = setting(
        whole(1, 7 * DAY), 3600, help="pause between two clean-ups; one leader does it"
    )

    # The master key, signing keys, and those who verify by them

    master_key: str = setting(str, secret=True, help="text of the master key file (give AUTHSVC_MASTER_KEY_FILE)")
    key_policy_file: str = setting(
        str, "", help="life of signing keys, as in keys/policy.toml; empty: the built-in policy, the same"
    )
    jwks_max_age: int = setting(whole(1, DAY), 300, help="Cache-Control max-age of the JWKS")
    state_dir: str = setting(str, "", help="directory for the JWKS snapshot that serves a cold start")
    clock_skew_seconds: int = setting(whole(0, 600), 60, help="clock difference allowed to verifiers")

    # Tokens, and the sessions for which they are issued

    access_token_seconds: int = setting(whole(10, DAY), 1800, help="life of an access token")
    session_seconds: int = setting(whole(60, 3650 * DAY), 7 * DAY, help="life of a session, fixed at login")
    remember_me_seconds: int = setting(whole(60, 3650 * DAY), 30 * DAY, help="life with remember me")
    session_idle_seconds: int = setting(
        whole(0, 3650 * DAY), 0, help="a session that nobody used for so long ends within a minute; 0: none does"
    )
    sessions_per_person: int = setting(
        whole(1, 10_000), 1000, help="live sessions of a person; a login beyond ends those used longest ago"
    )
    refresh_grace_seconds: int = setting(whole(0, 300), 30, help="repeat window of a used refresh token; 0: strict")
    refresh_lost_answer_seconds: int = setting(
        whole(0, 3650 * DAY),
        3 * DAY,
        help="how long a used refresh token serves whoever did not hear of the next one; then it is taken for stolen",
    )
    dpop_nonce_required: bool = setting(
        boolean, True, help="a DPoP proof must repeat a nonce of ours, so that none can be made in advance"
    )
    dpop_nonce_dates: bool = setting(
        boolean, False, help="a DPoP proof with a fresh nonce of ours is taken whatever its iat says: for wrong clocks"
    )

    # What clients must and may do, and requests to them

    profile: str = setting(
        one_of("none", "fapi2"), "none", help="fapi2: every client keeps to FAPI 2.0; else each by its own `--profile`"
    )
    require_pushed_authorization_requests: bool = setting(
        boolean, False, help="every client must push its authorization requests to /par; else each by its policy"
    )
    client_registration: str = setting(
        client_registration, "off", help="off, token (by a `clients registration-token`), or open: anybody may register"
    )
    client_id_metadata_documents: bool = setting(
        boolean, False, help="clients may be what the document at their client_id, an https address, says"
    )
    client_id_metadata_hosts: tuple[str, ...] = setting(
        document_hosts, (), help="hosts whose documents are read (`.example.com`: all below it); empty: any"
    )
    client_id_metadata_blocked_hosts: tuple[str, ...] = setting(
        document_hosts, (), help="hosts whose documents are never read; what their clients have is refreshed no more"
    )
    stranger_audiences: tuple[str, ...] = setting(
        words, (), help="whom tokens of clients may be for that nobody let in (documents, open); empty: /userinfo"
    )
    stranger_scopes: tuple[str, ...] = setting(scope_words, (), help="scopes that they may have besides OpenID's")
    stranger_refresh_tokens: bool = setting(boolean, False, help="refresh tokens for them without offline_access")
    outgoing_private: bool = setting(
        boolean, False, help="let logout receivers, keys, sectors, documents be in private networks, not link-local"
    )
    registration: str = setting(
        one_of("off", "invited", "open"), "off", help="who may join by mail: nobody, those an operator invited, anybody"
    )
    account_deletion: bool = setting(boolean, False, help="people may delete their own account on its page")
    default_client: str = setting(str, "customer", help="client of a JSON login that names none")
    mfa_roles: tuple[str, ...] = setting(words, (), help="roles whose people need a second factor wherever they log in")

    # Limits on failed attempts, and password hashing

    login_account_failures: int = setting(whole(1, 1000), 10, help="failed logins of an account in the window")
    login_network_failures: int = setting(whole(1, 100_000), 100, help="failed logins of a network in the window")
    client_failures: int = setting(whole(1, 100_000), 30, help="failed client authentications in the window")
    second_step_failures: int = setting(
        whole(1, 1000), 5, help="wrong one-time and recovery codes of a person in the window"
    )
    user_code_failures: int = setting(whole(1, 1000), 10, help="wrong device codes of a person in the window")
    device_network_requests: int = setting(
        whole(1, 1_000_000), 300, help="devices of a network that ask for codes in the window"
    )
    push_network_requests: int = setting(
        whole(1, 1_000_000), 1000, help="requests that public clients of a network push to /par in the window"
    )
    client_registration_network: int = setting(
        whole(1, 100_000), 20, help="clients that a network can register without a token in the window"
    )
    client_id_metadata_network_fetches: int = setting(
        whole(1, 1_000_000), 60, help="documents of clients that a network can have read in the window"
    )
    client_id_metadata_host_fetches: int = setting(
        whole(1, 1_000_000), 600, help="requests for documents to one host in the window, whoever asks for them"
    )
    passkey_network_requests: int = setting(
        whole(1, 1_000_000), 1000, help="challenges for passkeys that a network asks for in the window"
    )
    mail_address_requests: int = setting(
        whole(1, 1000), 3, help="mails that can be asked for to an address, or by a person, in the window"
    )
    mail_network_requests: int = setting(
        whole(1, 1_000_000), 100, help="mails that a network can ask for in the window"
    )
    failure_window_seconds: int = setting(whole(1, DAY), 900, help="the window of the limits above")
    replicas: int = setting(whole(1, 1000), 1, help="replicas that share the limits while Redis is away")

    password_characters: int = setting(
        whole(8, 64), 8, help="characters that a new password needs; NIST wants 15 where nothing else is asked for"
    )
    breached_passwords_dir: str = setting(
        str, "", help="directory of leaked passwords: files called by 5 hex digits of SHA-1, lines REST:COUNT"
    )
    argon2_memory_kib: int = setting(whole(8, 4_194_304), 19_456, help="argon2id memory (KiB)")
    argon2_time_cost: int = setting(whole(1, 100), 2, help="argon2id passes")
    argon2_parallelism: int = setting(whole(1, 64), 1, help="argon2id lanes")
    hash_threads: int = setting(whole(0, 64), 0, help="threads of a worker that hash; 0: by its cores and memory")
    hash_queue: int = setting(whole(1, 10_000), 50, help="logins that may wait for a thread, half of it for strangers")

    # Passkeys

    passkey_rp_id: str = setting(
        host_name,
        "",
        help="domain that passkeys are made for: the issuer's host (empty) or one above it; never change it",
    )
    passkey_origins: tuple[str, ...] = setting(
        origins,
        (),
        help="pages within that domain, besides the issuer's, where a passkey may be used as on ours (those of a"
        " first-party client need not be named for /api/auth/passkey)",
    )

    # Status lists

    status_list_seconds: int = setting(
        whole(2, 300), 30, help="a revocation shows in every copy of a status list within this; half is their ttl"
    )
    status_list_audiences: tuple[str, ...] = setting(
        words, (), help="audiences whose tokens name a status list, whichever client asked for them"
    )

    # Mails to people

    smtp_url: str = setting(
        smtp_url, "", secret=True, help="mail server, smtps:// or smtp:// (STARTTLS is demanded); empty: no mails"
    )
    mail_from: str = setting(mail_from, "", help="sender of mails: mail@example.com, or Example <mail@example.com>")
    mail_language: str = setting(one_of("en", "de"), "en", help="language of a mail when the person's is not known")

    # How the hosted pages look

    brand_name: str = setting(display_name, "authsvc", help="name on the hosted pages")
    brand_logo: str = setting(logo, "", help="logo on the hosted pages: https:// URL or data:image/...;base64,...")
    brand_color: str = setting(colour, "#3b5bdb", help="colour of buttons and links; readable shades are derived")

    def table(self) -> list[tuple[str, str, str]]:
        """(variable, value, meaning) for people; secrets and passwords in URLs are masked."""
        found = [(item, getattr(self, item.name)) for item in fields(self)]
        return [(variable(item.name), _shown(item, value), item.metadata["help"]) for item, value in found]


def variable(name: str) -> str:
    """The environment's name of a setting."""
    return name.upper() if name.startswith(STANDARD) else PREFIX + name.upper()


def _shown(item: Field[Any], value: Any) -> str:
    if item.name.endswith("_url") and "://" in str(value):
        parts = urlsplit(value)
        credentials, at, host = parts.netloc.rpartition("@")
        user = credentials.partition(":")[0]
        query = "…" if any(word in parts.query for word in ("password", "secret", "_key")) else parts.query
        masked = f"{user}:***" if ":" in credentials else user
        return str(urlunsplit(parts._replace(netloc=masked + at + host, query=query)))
    if item.metadata["secret"]:
        return "***" if value else ""
    if value is None:
        return "auto"
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def load(environ: Mapping[str, str]) -> Settings:
    """Read `AUTHSVC_*`; raise SettingsError with every problem at once. What Kubernetes and Docker set for a Service of
    our name counts as absent."""
    environ = without_links(environ)
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
                values[item.name] = item.metadata["kind"](text)
            except ValueError as error:
                problems.append(f"{given[0]}: {error}")
        elif item.default is MISSING:
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
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot read {path}: {getattr(error, 'strerror', None) or 'not UTF-8'}") from None
    if text.startswith("\N{ZERO WIDTH NO-BREAK SPACE}"):
        raise ValueError(f"{path} begins with a byte order mark: save it as UTF-8 without one")
    return text


def _contradictions(s: Settings) -> list[str]:
    problems = []
    if s.remember_me_seconds < s.session_seconds:
        problems.append(f"{variable('remember_me_seconds')}: shorter than a session without remember me")
    if 0 < s.session_idle_seconds <= s.access_token_seconds:
        problems.append(
            f"{variable('session_idle_seconds')}: must be longer than an access token lives, "
            "or who works with one seems idle (0: no idle end)"
        )
    if s.status_list_seconds // 2 <= 2 * s.sync_interval_seconds:
        problems.append(
            f"{variable('status_list_seconds')}: half of it must be more than twice {variable('sync_interval_seconds')}"
        )
    if s.client_certificate_header != "off" and not s.trusted_proxies:
        problems.append(f"{variable('client_certificate_header')}: name the proxy in {variable('trusted_proxies')}")
    if s.mtls_port and not s.client_ca_file:
        problems.append(
            f"{variable('mtls_port')}: name those who issue the certificates in {variable('client_ca_file')}"
        )
    if s.dev_mode and urlsplit(s.issuer).hostname not in LOOPBACK:
        problems.append(f"{variable('dev_mode')}: is for loopback only, never for {s.issuer}")
    if s.smtp_url == DEV_PAGE and not s.dev_mode:
        problems.append(f"{variable('smtp_url')}: {DEV_PAGE} is for `authsvc dev` only; name a mail server")
    elif s.smtp_url and s.smtp_url != DEV_PAGE and not s.mail_from:
        problems.append(f"{variable('mail_from')}: missing; mails need a sender, as in mail@example.com")
    return problems + _passkey_contradictions(s) + _trace_contradictions(s)


def _trace_contradictions(s: Settings) -> list[str]:
    if s.traces == "off":  # an operator of Kubernetes may set OTEL_* in every pod
        return []
    problems = []
    if s.otel_traces_sampler not in SAMPLERS:
        problems.append(f"{variable('otel_traces_sampler')}: must be one of {', '.join(SAMPLERS)}")
    try:
        number(0, 1)(s.otel_traces_sampler_arg)
    except ValueError as error:
        problems.append(f"{variable('otel_traces_sampler_arg')}: {error}")
    return problems


def _passkey_contradictions(s: Settings) -> list[str]:
    host = urlsplit(s.issuer).hostname or ""
    rp_id, problems = s.passkey_rp_id or host, []
    if not may_be_rp_id(rp_id, host):
        problems.append(f"{variable('passkey_rp_id')}: must be {host}, or a domain that it is in")
    outside = [one for one in s.passkey_origins if not may_be_rp_id(rp_id, urlsplit(one).hostname or "")]
    return problems + [f"{variable('passkey_origins')}: {one} is not within {rp_id}" for one in outside]
