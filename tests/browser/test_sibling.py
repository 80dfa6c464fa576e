"""A sibling host of the service's domain, in Chromium over TLS: it cannot plant a session behind `__Host-`."""

from __future__ import annotations

from pathlib import Path

import pytest

from authsvc_devkit.tls import make_certificate
from tests.browser.conftest import played
from tests.support.replicas import Replicas

pytestmark = pytest.mark.browser


def test_a_sibling_host_neither_logs_a_visitor_in_nor_out(
    browser: str, stage: Path, replicas: Replicas, tmp_path: Path
) -> None:
    """The plain name is kept out by the browser; with a byte before it, it is sent to us, and is another cookie."""
    files = make_certificate(tmp_path, ("auth.bar.localhost", "evil.bar.localhost"))
    [replica] = replicas.start(tls=files, known_as="auth.bar.localhost", AUTHSVC_DEV_MODE="false")
    job = {"browser": browser, "port": replica.port, "key": str(files.key_file), "cert": str(files.cert_file)}
    said = played(stage, "sibling.mjs", job)
    untouched = {"stranger": "/login", "owner": "/account"}
    assert said["none"] == {"sent": False, **untouched}
    assert said["160"] == {"sent": True, **untouched}
    assert said["133"] == {"sent": True, **untouched}
