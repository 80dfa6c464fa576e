"""Settings: every problem at once, no unknown names, no secret shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from authsvc.settings import Settings, SettingsError, load
from authsvc.settings.mail import MailServer, Sender, mail_server, sender

GOOD = {
    "AUTHSVC_ISSUER": "https://auth.example.com",
    "AUTHSVC_DATABASE_URL": "postgresql://authsvc:s3cret@db/authsvc",
    "AUTHSVC_REDIS_URL": "redis://:s3cret@redis/0",
    "AUTHSVC_MASTER_KEY": "1 s3cret",
}


def problems(**changes: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load({**GOOD, **{f"AUTHSVC_{name.upper()}": value for name, value in changes.items()}})
    return caught.value.problems


def test_the_defaults_are_the_promised_ones() -> None:
    settings = load({**GOOD, "PATH": "/bin"})
    assert settings.access_token_seconds == 1800
    assert settings.session_seconds == 7 * 86_400
    assert settings.remember_me_seconds == 30 * 86_400
    assert settings.refresh_grace_seconds == 30
    assert settings.refresh_lost_answer_seconds == 72 * 3600
    assert settings.jwks_max_age == 300
    assert (settings.argon2_memory_kib, settings.argon2_time_cost, settings.argon2_parallelism) == (19_456, 2, 1)
    assert settings.dev_mode is False


def test_every_problem_is_told_at_once() -> None:
    found = problems(port="99999", log_level="loud", isuer="x", issuer="http://example.com")
    assert [line.split(":")[0] for line in found] == [
        "AUTHSVC_ISSUER",
        "AUTHSVC_PORT",
        "AUTHSVC_LOG_LEVEL",
        "AUTHSVC_ISUER",
    ]


def test_what_is_missing_is_named_with_its_file_variant() -> None:
    with pytest.raises(SettingsError) as caught:
        load({})
    assert any(
        line.startswith("AUTHSVC_MASTER_KEY or AUTHSVC_MASTER_KEY_FILE: missing") for line in caught.value.problems
    )
    assert len(caught.value.problems) == 4


def test_a_secret_may_come_from_a_file_but_not_twice(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("postgresql://from/file\n")
    env = {name: value for name, value in GOOD.items() if name != "AUTHSVC_DATABASE_URL"}
    assert load({**env, "AUTHSVC_DATABASE_URL_FILE": str(file)}).database_url == "postgresql://from/file"
    assert "not both" in problems(database_url_file=str(file))[0]
    with pytest.raises(SettingsError, match="cannot read"):
        load({**env, "AUTHSVC_DATABASE_URL_FILE": str(tmp_path / "none")})


@pytest.mark.parametrize(
    "issuer",
    [
        "http://auth.example.com",
        "https://auth.example.com/",
        "https://a.example/x",
        "https://a.example?x",
        "ftp://a",
        "x",
    ],
)
def test_an_issuer_is_an_https_origin(issuer: str) -> None:
    assert problems(issuer=issuer)[0].startswith("AUTHSVC_ISSUER")


@pytest.mark.parametrize("issuer", ["http://localhost:8000", "http://127.0.0.1:1", "http://[::1]:8000"])
def test_plain_http_is_for_loopback(issuer: str) -> None:
    assert load({**GOOD, "AUTHSVC_ISSUER": issuer}).issuer == issuer


def test_a_brand_is_spelt_as_people_spell_it() -> None:
    for text, name in (("Ann\u00a0Ash ", "Ann Ash"), ("علی\u200cرضا", "علی\u200cرضا")):
        assert load({**GOOD, "AUTHSVC_BRAND_NAME": text}).brand_name == name
    for text in ("a\x1b[2J", "a\u202eb", "a\nb", "x" * 41):
        with pytest.raises(SettingsError, match="AUTHSVC_BRAND_NAME"):
            load({**GOOD, "AUTHSVC_BRAND_NAME": text})


def test_contradictions_are_refused_with_the_arithmetic() -> None:
    assert "half of it" in problems(status_list_seconds="2")[0]
    assert "shorter" in problems(remember_me_seconds="3600")[0]
    assert "loopback" in problems(dev_mode="true")[0]


def test_passkeys_are_for_the_issuers_domain_or_one_above_it() -> None:
    issuer = {**GOOD, "AUTHSVC_ISSUER": "https://auth.example.com"}
    assert load({**issuer, "AUTHSVC_PASSKEY_RP_ID": "example.com"}).passkey_rp_id == "example.com"
    shop = {**issuer, "AUTHSVC_PASSKEY_RP_ID": "example.com", "AUTHSVC_PASSKEY_ORIGINS": "https://shop.example.com"}
    assert load(shop).passkey_origins == ("https://shop.example.com",)
    for wrong in (
        {"AUTHSVC_PASSKEY_RP_ID": "com"},
        {"AUTHSVC_PASSKEY_RP_ID": "ample.com"},
        {"AUTHSVC_PASSKEY_RP_ID": "shop.example.com"},
        {"AUTHSVC_PASSKEY_RP_ID": "Example.com"},
        {"AUTHSVC_PASSKEY_RP_ID": "https://example.com"},
        {"AUTHSVC_PASSKEY_RP_ID": "192.0.2.7"},
        {"AUTHSVC_PASSKEY_ORIGINS": "https://shop.example.com"},
        {"AUTHSVC_PASSKEY_ORIGINS": "https://auth.example.com/"},
        {"AUTHSVC_PASSKEY_ORIGINS": "http://auth.example.com"},
        {"AUTHSVC_PASSKEY_ORIGINS": "https://evil.example"},
    ):
        with pytest.raises(SettingsError, match=next(iter(wrong))):
            load({**issuer, **wrong})


def test_no_secret_is_shown() -> None:
    shown = "\n".join(" ".join(row) for row in load(GOOD).table())
    assert "s3cret" not in shown
    assert "postgresql://authsvc:***@db/authsvc" in shown


def test_every_setting_says_what_it_means() -> None:
    assert all(meaning for _, _, meaning in load(GOOD).table())
    assert len(load(GOOD).table()) == len(Settings.__dataclass_fields__)


KUBERNETES = {
    "AUTHSVC_SERVICE_HOST": "10.96.12.7",
    "AUTHSVC_SERVICE_PORT": "8000",
    "AUTHSVC_SERVICE_PORT_HTTP": "8000",
    "AUTHSVC_PORT": "tcp://10.96.12.7:8000",
    "AUTHSVC_PORT_8000_TCP": "tcp://10.96.12.7:8000",
    "AUTHSVC_PORT_8000_TCP_PROTO": "tcp",
    "AUTHSVC_PORT_8000_TCP_PORT": "8000",
    "AUTHSVC_PORT_8000_TCP_ADDR": "10.96.12.7",
    "AUTHSVC_PORT_53_UDP": "udp://10.96.12.7:53",
    "AUTHSVC_PORT_9_SCTP_PROTO": "sctp",
    "AUTHSVC_REDIS_SERVICE_HOST": "fd00::7",
    "AUTHSVC_REDIS_SERVICE_PORT": "6379",
    "AUTHSVC_REDIS_PORT": "tcp://[fd00::7]:6379",
    "AUTHSVC_REDIS_PORT_6379_TCP_ADDR": "fd00::7",
}


def test_a_service_of_kubernetes_that_is_called_authsvc_keeps_nothing_from_starting() -> None:
    assert load({**GOOD, **KUBERNETES}) == load(GOOD)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AUTHSVC_PORT", "tcp:/10.96.12.7:8000"),
        ("AUTHSVC_PORT", "http://10.96.12.7:8000"),
        ("AUTHSVC_PORT", "tcp://authsvc:8000"),
        ("AUTHSVC_METRICS_PORT", "9464"),
        ("AUTHSVC_SERVICE_HOST", "0.0.0.0"),
        ("AUTHSVC_SERVICE_PORT", "8000"),
        ("AUTHSVC_PORT_8000_TCP", "8000"),
        ("AUTHSVC_PORT_8000_TCP_ADDR", "db"),
        ("AUTHSVC_PORTS", "tcp://10.96.12.7:8000"),
    ],
)
def test_what_only_looks_like_a_link_of_kubernetes_stays_refused(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        load({**GOOD, name: value})


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://x",
        "postgres://ann:s3cret@ep-cool-123.eu.neon.tech/app?sslmode=require&channel_binding=require",
        "postgresql://a:1,b:2,[::1]:5432/app?target_session_attrs=read-write",
        "postgresql://ann:s3cret@/app?host=/run/postgresql,/tmp&port=5432",
        "postgresql://%2Frun%2Fpostgresql/app",
        "postgresql://ann:a%40b%2Fc%23@db/app?sslmode=verify-full&sslrootcert=system&connect_timeout=10",
    ],
)
def test_database_urls_are_taken_as_hosters_print_them(url: str) -> None:
    assert load({**GOOD, "AUTHSVC_DATABASE_URL": url}).database_url == url


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("postgresql+asyncpg://ann:s3cret@db/app", "leave out the name of the driver"),
        ("mysql://ann:s3cret@db/app", "begins with postgresql://"),
        ("host=db password=s3cret", "begins with postgresql://"),
        ("\ufeffpostgresql://ann:s3cret@db/app", "byte order mark"),
        ("postgresql://ann:s3cret/x@db/app", "%2F"),
        ("postgresql://ann:s3cret#x@db/app", "%23"),
        ("postgresql://ann:s3cret@x@db/app", "%40"),
        ("postgresql://ann:x?s3cret@db/app", "%3F"),
        ("postgresql://db:s3cret/app", "a port"),
        ("postgresql://db/app?port=s3cret", "a port"),
        ("postgresql://db/app?sslmode=s3cret", "sslmode must be one of disable, allow"),
        ("postgresql://db/app?target_session_attrs=s3cret", "target_session_attrs must be one of any, read-write"),
        ("postgresql://a,b/app?target_session_attrs=standby", "target_session_attrs must be one of any, read-write"),
        ("postgresql://db/app?sslmode=verify-full&sslrootcert=/s3cret/ca.pem", "sslrootcert names no file"),
        ("postgresql://db/app?s3cret", "name=value"),
        ("postgresql://fe80::1/app?x=s3cret", "brackets"),
        ("postgresql://[fe80::1/app?x=s3cret", "no URL"),
    ],
)
def test_a_database_url_that_nobody_could_use_is_an_error_of_the_setting(url: str, why: str) -> None:
    [said] = problems(database_url=url)
    assert said.startswith("AUTHSVC_DATABASE_URL: ")
    assert why in said
    assert "s3cret" not in said


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://s3cret@redis", "begins with redis://"),
        ("redis+asyncio://:s3cret@redis", "driver"),
        ("redis://:s3cret/x@redis", "%2F"),
        ("redis://redis/s3cret", "number of a database"),
        ("redis://:x#s3cret@redis", "%23"),
        ("redis+sentinel://:s3cret@one,two", "the name that the Sentinels know the master by"),
        ("redis+sentinel://:s3cret@one,two/mymaster/x", "the number of a database"),
        ("redis+sentinel://:s3cret@one,,two/mymaster", "a host is empty"),
        ("redis+sentinel://:s3cret@one:x,two/mymaster", "a port"),
        ("redis+sentinel://:s3cret@fe80::1,two/mymaster", "brackets"),
        ("redis+sentinel://one/mymaster?sentinel_password", "name=value"),
        ("redis+sentinel://one/mymaster?db=1", "db is no parameter"),
        ("redis+cluster://:s3cret@one,two/0", "a cluster has one database"),
        ("rediss+cluster://:s3cret@one,two:x", "a port"),
        ("redis+cluster://one?sentinel_password=s3cret", "sentinel_password is no parameter"),
    ],
)
def test_a_redis_url_that_nobody_could_use_is_an_error_of_the_setting(url: str, why: str) -> None:
    [said] = problems(redis_url=url)
    assert said.startswith("AUTHSVC_REDIS_URL: ")
    assert why in said
    assert "s3cret" not in said


@pytest.mark.parametrize("name", ["AUTHSVC_DATABASE_URL", "AUTHSVC_REDIS_URL", "AUTHSVC_MASTER_KEY"])
def test_a_file_with_a_byte_order_mark_is_an_error_of_the_setting(tmp_path: Path, name: str) -> None:
    file = tmp_path / "secret"
    file.write_text(GOOD[name], encoding="utf-8-sig")
    env = {key: value for key, value in GOOD.items() if key != name}
    with pytest.raises(SettingsError, match="byte order mark") as caught:
        load({**env, f"{name}_FILE": str(file)})
    assert "s3cret" not in str(caught.value)


def test_secrets_in_the_query_of_a_url_are_not_shown() -> None:
    url = "postgresql://db/app?scram_client_key=s3cret"
    assert "s3cret" not in str(load({**GOOD, "AUTHSVC_DATABASE_URL": url}).table())


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (
            "rediss+sentinel://app:s3cret@one,[fe80::1]:26380/mymaster/1?sentinel_username=a&sentinel_password=s3cret",
            "rediss+sentinel://app:***@one,[fe80::1]:26380/mymaster/1?…",
        ),
        ("redis+cluster://:s3cret@one:7000,two:7000", "redis+cluster://:***@one:7000,two:7000"),
    ],
)
def test_a_redis_url_with_several_hosts_is_shown_without_its_secrets(url: str, shown: str) -> None:
    assert ("AUTHSVC_REDIS_URL", shown) in [row[:2] for row in load({**GOOD, "AUTHSVC_REDIS_URL": url}).table()]


MAIL = {**GOOD, "AUTHSVC_MAIL_FROM": "The Bar <mail@bar.example>"}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example.com", MailServer("mail.example.com", 587, "starttls")),
        ("smtps://mail.example.com", MailServer("mail.example.com", 465, "tls")),
        ("smtp://u%40x:p%2F%3A@mail.example.com:2525", MailServer("mail.example.com", 2525, "starttls", "u@x", "p/:")),
        ("smtp://localhost", MailServer("localhost", 25, "none")),
        ("smtp://[::1]:2525", MailServer("::1", 2525, "none")),
        ("smtps://127.0.0.1", MailServer("127.0.0.1", 465, "tls")),
        ("smtp://127.0.0.2", MailServer("127.0.0.2", 587, "starttls")),
    ],
)
def test_a_mail_server_is_named_by_a_url(url: str, expected: MailServer) -> None:
    assert mail_server(load({**MAIL, "AUTHSVC_SMTP_URL": url}).smtp_url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.com",
        "http://mail.example.com",
        "smtp://",
        "smtp://:587",
        "smtp://mail.example.com:0",
        "smtp://mail.example.com:70000",
        "smtp://mail.example.com:x",
        "smtp://s3cret@mail.example.com",
        "smtp://user:s3cret/4@mail.example.com",
        "smtp://user:s3cret@x@mail.example.com",
        "smtp://user:s3cret#@mail.example.com",
        "smtp://mail.example.com/path",
        "smtp://mail.example.com?starttls=no",
        "smtp://mail.example.com\r\nRCPT",
        "smtp://mail example.com",
        "smtp:mail.example.com",
    ],
)
def test_a_mail_server_that_nobody_could_use_is_an_error_of_the_setting(url: str) -> None:
    [said] = problems(smtp_url=url, mail_from="mail@bar.example")
    assert said.startswith("AUTHSVC_SMTP_URL: ")
    assert "s3cret" not in said


def test_mails_need_a_sender_and_the_page_of_dev_is_for_dev() -> None:
    assert problems(smtp_url="smtp://mail.example.com")[0].startswith("AUTHSVC_MAIL_FROM: missing")
    assert "`authsvc dev` only" in problems(smtp_url="dev:")[0]
    assert load(GOOD).smtp_url == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mail@bar.example", Sender("", "mail@bar.example")),
        ("The Bar <mail@bar.example>", Sender("The Bar", "mail@bar.example")),
        ('"The Bar, Ltd." <mail@bar.example>', Sender("The Bar, Ltd.", "mail@bar.example")),
    ],
)
def test_a_sender_is_an_address_with_a_name_or_without(text: str, expected: Sender) -> None:
    assert sender(load({**GOOD, "AUTHSVC_MAIL_FROM": text}).mail_from) == expected


@pytest.mark.parametrize("text", ["mail", "mail@", "a b@c.example", "<mail@bar.example", "A\nBcc: x <a@b.example>"])
def test_a_sender_that_is_none_is_refused(text: str) -> None:
    assert problems(mail_from=text)[0].startswith("AUTHSVC_MAIL_FROM: ")


def test_the_password_of_the_mail_server_is_never_shown_and_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "smtp"
    file.write_text("smtps://user:s3cret@mail.example.com\n")
    settings = load({**MAIL, "AUTHSVC_SMTP_URL_FILE": str(file)})
    shown = "\n".join(" ".join(row) for row in settings.table())
    assert "smtps://user:***@mail.example.com" in shown
    assert "s3cret" not in shown
    assert "s3cret" not in repr(mail_server(settings.smtp_url))
