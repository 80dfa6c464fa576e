"""The JWKS on disk: so that a replica that starts while PostgreSQL is away still lets every other service verify."""

from __future__ import annotations

from pathlib import Path

from authsvc.jose.jwk import SnapshotError
from authsvc.logs import get_logger
from authsvc.runtime import Runtime

FILE = "jwks.json"

log = get_logger()


def save_snapshot(runtime: Runtime) -> None:
    """Replace the snapshot (public keys only). A directory that cannot be written is logged, never fatal."""
    document = runtime.keyring.jwks
    if document is None or not runtime.settings.state_dir:
        return
    path = Path(runtime.settings.state_dir) / FILE
    try:
        fresh = path.with_suffix(".new")
        fresh.write_bytes(document.body)
        fresh.replace(path)
    except OSError as error:
        log.warning("snapshot_not_written", error_type=type(error).__name__)


def load_snapshot(runtime: Runtime) -> None:
    """Serve and verify with the keys of the snapshot; without a good one the JWKS is 503 until PostgreSQL is there."""
    if not runtime.settings.state_dir:
        return
    try:
        body = (Path(runtime.settings.state_dir) / FILE).read_bytes()
        runtime.keyring.load_public_snapshot(body)
        log.warning("serving_jwks_from_snapshot")
    except (OSError, SnapshotError) as error:
        log.warning("snapshot_not_read", error_type=type(error).__name__)
