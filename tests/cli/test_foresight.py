"""What `authsvc doctor` foresees, and which settings it warns of: its judges, which are pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from authsvc.cli.doctor import Finding
from authsvc.cli.doctor.database import foresee, judge_life
from authsvc.cli.doctor.files import certificates, judge_certificate, named_files
from authsvc.cli.doctor.keys import judge_replicas
from authsvc.cli.doctor.safety import safety
from authsvc.rules.restore.position import Position
from authsvc.settings import Settings, load
from authsvc.store.restore.life import Life
from authsvc.store.upkeep.foresight import Foresight, Slot
from authsvc_devkit.tls import make_certificate

NOW = datetime(2026, 11, 29, tzinfo=UTC)
GB = 2**30
WELL = Foresight(
    transactions=200_000_000,
    sequence=0.001,
    archive_fails=False,
    bytes=12 * GB,
    largest=("grants", 8 * GB),
    dead=("grants", 90_000, 1_000_000),
    overdue=4_000.0,
    slots=(Slot("standby", True, 1000), Slot("another", True, None)),
)


def states(found: Foresight) -> dict[str, str]:
    return {finding.check: finding.state for finding in foresee(found, 3600)}


@pytest.mark.parametrize(
    ("changes", "check", "state"),
    [
        pytest.param({"dead": ("grants", 3_000_000, 1_000_000)}, "growth", "warn", id="autovacuum is behind"),
        pytest.param({"dead": ("mails", 90_000, 10)}, "growth", "ok", id="a small table"),
        pytest.param({"overdue": 90_000.0}, "clean-up", "warn", id="nobody sweeps"),
        pytest.param({"overdue": 3 * 3600.0}, "clean-up", "ok", id="the next sweep takes it"),
        pytest.param({"transactions": 1_100_000_000}, "numbers", "warn", id="half way to wraparound"),
        pytest.param({"transactions": 1_700_000_000}, "numbers", "FAIL", id="near wraparound"),
        pytest.param({"sequence": 0.6}, "numbers", "warn", id="a sequence is used up"),
        pytest.param({"sequence": 0.95}, "numbers", "FAIL", id="a sequence ends"),
        pytest.param({"archive_fails": True}, "log", "warn", id="the archive fails"),
        pytest.param({"slots": (Slot("standby", True, 3 * GB),)}, "log", "warn", id="a slow standby"),
        pytest.param({"slots": (Slot("standby", False, None),)}, "log", "warn", id="a slot that nobody reads"),
        pytest.param({"slots": (Slot("standby", False, 30 * GB),)}, "log", "FAIL", id="the disk fills"),
    ],
)
def test_what_will_run_out_is_foreseen(changes: dict[str, Any], check: str, state: str) -> None:
    assert set(states(WELL).values()) == {"ok"}
    assert states(replace(WELL, **changes)) == states(WELL) | {check: state}


def test_a_database_that_went_backwards_fails() -> None:
    here = Position("i", "7.1", 0, 900, 1_000.0, 0.0, 7)
    assert judge_life(Life(here, True, None)).state == "ok"
    found = judge_life(Life(here, True, replace(here, beat=4_600.0)))
    assert (found.state, "1 h are lost" in found.found) == ("FAIL", True)


def test_certificates_are_renewed_before_they_end(tmp_path: Path) -> None:
    states = {days: judge_certificate("x", NOW + timedelta(days=days), NOW) for days in (60, 20, 0, -1)}
    assert [found and found.state for found in states.values()] == [None, "warn", "FAIL", "FAIL"]
    tls = make_certificate(tmp_path, ["localhost"])
    settings = production(DATABASE_URL=f"postgresql://a:b@db/x?sslmode=verify-full&sslrootcert={tls.ca_file}")
    files = [*named_files(settings, tls.cert_file)]
    assert [authorities for _, _, authorities in files] == [False, True]
    at = datetime.now(UTC)
    assert {finding.state for finding in certificates(files, at)} <= {"ok", "warn"}
    assert [finding.state for finding in certificates(files, at + timedelta(days=36500))] == ["FAIL", "FAIL"]
    (tmp_path / "empty").touch()
    for file in ("empty", "none"):
        assert [finding.state for finding in certificates([("x", tmp_path / file, False)], at)] == ["FAIL"]
    assert [*certificates([], at)] == []


def production(**settings: str) -> Settings:
    env = {
        "ISSUER": "https://auth.example",
        "DATABASE_URL": "postgresql://a:b@db.example/x?sslmode=verify-full",
        "REDIS_URL": "rediss://:secret@redis.example",
        "MASTER_KEY": "x",
        "TRUSTED_PROXIES": "10.0.0.0/8",
    }
    return load({f"AUTHSVC_{name}": value for name, value in (env | settings).items() if value})


@pytest.mark.parametrize(
    ("settings", "check"),
    [
        ({"TRUSTED_PROXIES": ""}, "proxies"),
        ({"TRUSTED_PROXIES": "0.0.0.0/0"}, "proxies"),
        ({"METRICS": "main"}, "metrics"),
        ({"CLOCK_OFFSET_SECONDS": "5"}, "clock offset"),
        ({"ARGON2_MEMORY_KIB": "64"}, "password hashes"),
        ({"LOG_LEVEL": "debug"}, "log level"),
        ({"CLIENT_REGISTRATION": "open"}, "registration"),
        ({"CLIENT_ID_METADATA_DOCUMENTS": "on"}, "client documents"),
        (
            {
                "CLIENT_ID_METADATA_DOCUMENTS": "on",
                "CLIENT_ID_METADATA_HOSTS": "agent.example",
                "STRANGER_REFRESH_TOKENS": "on",
            },
            "strangers",
        ),
        ({"DATABASE_URL": "postgresql://a:b@db.example/x"}, "database TLS"),
        ({"DATABASE_URL": "postgresql://a:b@127.0.0.1,db.example/x?sslmode=require"}, "database TLS"),
        ({"REDIS_URL": "redis://:secret@redis.example"}, "Redis TLS"),
        ({"REDIS_URL": "rediss://redis.example"}, "Redis password"),
    ],
)
def test_a_setting_that_weakens_the_service_is_named(settings: dict[str, str], check: str) -> None:
    assert [*safety(production())] == [Finding("safety", "ok", "no setting weakens it")]
    assert [finding.check for finding in safety(production(**settings))] == [check]


def test_stores_on_this_machine_need_no_tls_and_own_tls_no_proxy() -> None:
    here = {"DATABASE_URL": "postgresql://a:b@127.0.0.1/x", "REDIS_URL": "redis://localhost:6379/0"}
    assert [finding.state for finding in safety(production(**here))] == ["ok"]
    assert [finding.state for finding in safety(production(TRUSTED_PROXIES=""), tls=True)] == ["ok"]
    socket = {"DATABASE_URL": "postgresql://a:b@/x?host=/run/postgresql", "REDIS_URL": "unix:///run/redis.sock"}
    assert [finding.state for finding in safety(production(**socket))] == ["ok"]


def test_more_replicas_than_the_limits_are_made_for_are_named() -> None:
    assert judge_replicas(3, 3) is None
    assert judge_replicas(1, 3) is None
    found = judge_replicas(4, 3)
    assert found and found.state == "warn"
