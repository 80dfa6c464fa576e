"""Clients that offer HTTP/2 on plain http beside their request: `curl --http2`, and Java's HttpClient, which does so
with every first request unless it is told not to. They get their answer as HTTP/1.1."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.replicas import Replicas
from tests.support.service import LOGIN

HERE = Path(__file__).parent


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_curl_that_offers_http_2_gets_its_token(replicas: Replicas) -> None:
    curl = shutil.which("curl")
    if curl is None or "HTTP2" not in run(curl, "--version"):
        pytest.skip("curl with HTTP/2 is not installed: no offer of h2c was tried with it")
    plain = replicas.start(own_issuer=True)[0].url
    asking = (curl, "--silent", "--show-error", "--fail-with-body", "--http2", "-w", "\n%{http_version}")
    form = run(*asking, "-u", "backend:backend-secret", "-d", "grant_type=client_credentials", f"{plain}/token")
    answer, version = form.split("\n")
    assert json.loads(answer)["token_type"] == "Bearer"
    assert version == "1.1"
    chunked = ("-H", "Content-Type: application/json", "-H", "Transfer-Encoding: chunked", "-d", json.dumps(LOGIN))
    login = run(*asking, *chunked, f"{plain}/api/auth/login")
    assert json.loads(login.split("\n")[0])["user"]["email"] == LOGIN["email"]


def test_javas_own_http_client_gets_its_token_and_logs_in(replicas: Replicas) -> None:
    java, javac = shutil.which("java"), shutil.which("javac")
    if java is None or javac is None:
        pytest.skip("no JDK is installed (openjdk-17-jdk-headless): Java's HttpClient was not tried")
    plain = replicas.start(own_issuer=True)[0].url
    said = run(java, str(HERE / "Offer.java"), plain, json.dumps(LOGIN)).splitlines()
    assert said == ["HTTP_1_1 200 true", "HTTP_1_1 200 true"]
