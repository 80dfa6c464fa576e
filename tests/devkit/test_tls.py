"""Certificates for development and tests."""

from __future__ import annotations

import asyncio
import os
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from authsvc_devkit.tls import LIFETIME, TlsFiles, make_certificate


async def shake_hands(files: TlsFiles, name: str) -> None:
    """A handshake by a client that trusts only `ca_file` and insists on `name`."""
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_side.load_cert_chain(files.cert_file, files.key_file)
    client_side = ssl.create_default_context(cafile=str(files.ca_file))
    client_side.verify_flags |= ssl.VERIFY_X509_STRICT
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0, ssl=server_side)
    async with server:
        port = server.sockets[0].getsockname()[1]
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client_side, server_hostname=name)
        writer.close()


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1", "auth.test", "10.1.2.3"])
async def test_a_strict_client_that_trusts_the_authority_accepts_every_name(tmp_path: Path, name: str) -> None:
    await shake_hands(make_certificate(tmp_path / "tls", ["auth.test", "10.1.2.3"]), name)


async def test_a_client_refuses_a_name_that_was_not_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        await shake_hands(make_certificate(tmp_path, []), "other.test")


def contents(files: TlsFiles) -> tuple[bytes, ...]:
    return tuple(path.read_bytes() for path in (files.ca_file, files.cert_file, files.key_file))


def test_it_is_reused_while_it_fits(tmp_path: Path) -> None:
    first = contents(make_certificate(tmp_path, ["a.test", "b.test"]))
    assert contents(make_certificate(tmp_path, ["b.test"])) == first
    assert contents(make_certificate(tmp_path, ["c.test"])) != first


def test_it_is_made_anew_before_it_expires(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    first = contents(make_certificate(tmp_path, [], now=now))
    assert contents(make_certificate(tmp_path, [], now=now + LIFETIME - timedelta(days=8))) == first
    assert contents(make_certificate(tmp_path, [], now=now + LIFETIME - timedelta(days=6))) != first


@pytest.mark.parametrize("name", ["ca.pem", "cert.pem", "key.pem"])
@pytest.mark.parametrize("damage", ["missing", "garbage", "another"])
async def test_files_that_do_not_belong_together_are_made_anew(tmp_path: Path, name: str, damage: str) -> None:
    make_certificate(tmp_path / "here", [])
    make_certificate(tmp_path / "there", [])
    path = tmp_path / "here" / name
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(b"junk" if damage == "garbage" else (tmp_path / "there" / name).read_bytes())
    await shake_hands(make_certificate(tmp_path / "here", []), "localhost")


def test_only_the_owner_reads_the_key_and_the_authoritys_key_is_nowhere(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        files = make_certificate(tmp_path, [])
    finally:
        os.umask(before)
    assert files.key_file.stat().st_mode & 0o777 == 0o600
    assert {path.name for path in tmp_path.iterdir()} == {"ca.pem", "cert.pem", "key.pem"}
    assert [path.name for path in tmp_path.iterdir() if b"PRIVATE" in path.read_bytes()] == ["key.pem"]


def test_a_key_that_others_could_read_is_replaced(tmp_path: Path) -> None:
    files = make_certificate(tmp_path, [])
    first = contents(files)
    files.key_file.chmod(0o644)
    assert contents(make_certificate(tmp_path, [])) != first
    assert files.key_file.stat().st_mode & 0o777 == 0o600
