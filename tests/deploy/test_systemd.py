"""deploy/systemd/authsvc.service: systemd takes it, it exposes little, and authsvc calls nothing that it forbids."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path

import httpx2
import pytest

from authsvc.settings import Settings, variable
from authsvc_devkit.processes import die_with_parent, process_table
from tests.cli.conftest import clean_environment
from tests.support.replicas import free_port
from tests.support.service import LOGIN

UNIT = Path(__file__).parents[2] / "deploy/systemd/authsvc.service"
NEEDED = 250  # %d, and security of a file that is not installed
WRITABLE_CODE = re.compile(r"\b(?:mmap|mprotect|pkey_mprotect)\(.*PROT_WRITE\|PROT_EXEC")


def analyze(*words: str) -> str:
    """What `systemd-analyze` says; a warning is on standard error."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed: the unit was not tried")
    about = subprocess.run(["systemd-analyze", "--version"], capture_output=True, text=True, timeout=30).stdout
    if int(about.split()[1]) < NEEDED:
        pytest.skip(f"systemd is older than {NEEDED}: the unit was not tried")
    done = subprocess.run(["systemd-analyze", "--no-pager", *words], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout + done.stderr


def given(name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", UNIT.read_text(), re.MULTILINE)


def test_systemd_understands_every_line(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/authsvc/bin/authsvc", sys.executable))
    assert str(unit) not in analyze("verify", str(unit))
    unit.write_text(unit.read_text().replace("ProtectHome=", "ProtectHomes="))
    assert "ProtectHomes" in analyze("verify", str(unit)), "a line that it does not know would be found"


def test_its_exposure_is_low() -> None:
    said = analyze("security", "--offline=true", str(UNIT))
    [figure] = re.findall(r"Overall exposure level for \S+: ([\d.]+)", said)
    assert float(figure) <= 1.5, said


def test_its_variables_are_settings_and_its_secrets_are_credentials() -> None:
    known = {variable(field.name) for field in fields(Settings)}
    names = {line.partition("=")[0] for line in given("Environment") if line.startswith("AUTHSVC_")}
    assert {name.removesuffix("_FILE") for name in names} <= known
    credentials = {line.partition(":")[0] for line in given("LoadCredential")}
    files = [line.partition("=")[2] for line in given("Environment") if line.partition("=")[0].endswith("_FILE")]
    assert {file.removeprefix("%d/") for file in files} == credentials


def allowed_calls() -> set[str]:
    """What SystemCallFilter leaves: names of system calls."""
    groups: dict[str, set[str]] = {}
    group = ""
    for line in analyze("syscall-filter").splitlines():
        if line.startswith("@"):
            group = line.split()[0]
            groups[group] = set()
        elif group and line.startswith("    ") and not line.strip().startswith("#"):
            groups[group].add(line.strip())

    def calls(name: str) -> set[str]:
        return set().union(*(calls(one) for one in groups[name])) if name in groups else {name}

    found: set[str] = set()
    for line in given("SystemCallFilter"):
        named = set().union(*(calls(name) for name in line.removeprefix("~").split()))
        found = found - named if line.startswith("~") else found | named
    return found | calls("@default")


def test_authsvc_calls_nothing_that_it_forbids(settings_env: dict[str, str], tmp_path: Path) -> None:
    """From its start to its end, with a login between; nor does it ask for memory that is both written and run."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed: the unit's filter was not tried")
    allowed = allowed_calls()
    port, trace = free_port(), tmp_path / "trace"
    serve = [sys.executable, "-m", "authsvc", "serve", "--port", str(port), "--workers", "2"]
    env = clean_environment(**settings_env | {"AUTHSVC_DRAIN_SECONDS": "0", "AUTHSVC_METRICS": "main"})
    process = subprocess.Popen(
        [strace, "-f", "-qq", "-o", str(trace), *serve],
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=die_with_parent(signal.SIGKILL),
    )
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as http:
            deadline = time.monotonic() + 90
            while True:
                try:
                    assert http.get("/readyz").status_code == 200
                    break
                except (httpx2.TransportError, AssertionError):
                    assert process.poll() is None and time.monotonic() < deadline
                    time.sleep(0.2)
            assert http.post("/api/auth/login", json=LOGIN).status_code == 200
            assert http.get("/metrics").status_code == 200
        [supervisor] = [pid for pid, (parent, _) in process_table().items() if parent == process.pid]
        subprocess.run(["kill", "-s", "TERM", str(supervisor)], check=True)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
    lines = trace.read_text(errors="replace").splitlines()
    called = {found[1] for line in lines if (found := re.match(r"\d+ +(\w+)\(", line))}
    assert {"accept4", "clone3", "openat"} & called and len(called) > 40
    assert called - allowed == set()
    assert [line for line in lines if WRITABLE_CODE.search(line)] == []
