"""Sockets to listen on, opened before anything else so that a taken port is said at once and in one line."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any

from authsvc.records import frozen
from authsvc.serving import CannotServe
from authsvc.settings.kinds import words

BACKLOG = 2048


@frozen
class CertificateListener:
    """Further sockets, whose TLS asks clients for certificates (RFC 8705). `ca_file`: PEM of the authorities that issue
    them."""

    sockets: tuple[socket.socket, ...]
    ca_file: Path


@frozen
class TlsPair:
    """PEM files: a certificate with its chain, and the private key that belongs to it. `asking`: where certificates of
    clients are asked for, too."""

    cert_file: Path
    key_file: Path
    asking: CertificateListener | None = None


def listen(hosts: str, port: int, hint: str = "--port") -> list[socket.socket]:
    """Listening sockets on every address of `hosts` (names or addresses, separated by commas or spaces), all on one
    port (0: any free one). `::` is every address of this machine, those of IPv4 too. Raises CannotServe.

    `hint` is where another port could be given.
    """
    sockets: list[socket.socket] = []
    found: dict[tuple[int, str], str] = {}
    for host in words(hosts):
        for name in ("::", "0.0.0.0") if host == "::" else (host,):  # noqa: S104 - as it was written
            found |= {address: host for address in _addresses(name, port) if address not in found}
    for (family, address), host in found.items():
        try:
            bound = _bound(family, address, port)
        except OSError as error:
            for opened in sockets:
                opened.close()
            raise CannotServe(_why(error, host, port, hint)) from None
        if bound:
            sockets.append(bound)
            port = port or port_of(sockets)
    if not sockets:
        raise CannotServe(f"cannot listen on {hosts}: none of its addresses is one of this machine")
    return sockets


def last_connections(sockets: list[socket.socket]) -> list[socket.socket]:
    """Close sockets that listen; the connections that waited to be accepted there, none of which blocks. At most
    `BACKLOG` a socket. Whoever comes between the last of them and the close, a microsecond, is reset by the kernel."""
    found: list[socket.socket] = []
    for listening in sockets:
        with listening, suppress(OSError):  # BlockingIOError: that was all
            for _ in range(BACKLOG):
                connection, _ = listening.accept()
                found.append(connection)
    for connection in found:
        connection.setblocking(False)
    return found


def _addresses(host: str, port: int) -> list[tuple[int, str]]:
    """(family, address), each once."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise CannotServe(f"cannot listen on {host}: {error.strerror}") from None
    return list(dict.fromkeys((int(info[0]), str(info[4][0])) for info in found))


def port_of(sockets: list[socket.socket]) -> int:
    return int(sockets[0].getsockname()[1])


def _bound(family: int, address: str, port: int) -> socket.socket | None:
    """None: `localhost` has an IPv6 address, and this kernel has none."""
    try:
        made = socket.socket(family, socket.SOCK_STREAM)
    except OSError:
        return None
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:  # IPv4 has its own socket: where it is in use, that is then said
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((address, port))
        made.listen(BACKLOG)
        made.setblocking(False)
    except OSError as error:
        made.close()
        if family == socket.AF_INET6 and error.errno == errno.EADDRNOTAVAIL:
            return None
        raise
    return made


def _why(error: OSError, host: str, port: int, hint: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is in use: stop what listens there, or choose another with {hint}"
    if error.errno == errno.EACCES:
        return f"port {port} may not be used by this user: choose one from 1024 up with {hint}"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"cannot listen on {host}: it is not an address of this machine"
    return f"cannot listen on {host} port {port}: {error.strerror}"


def check_tls(pair: TlsPair) -> None:
    """Raises CannotServe where the files cannot serve."""

    def locked() -> str:
        raise CannotServe(f"the key {pair.key_file} is encrypted: decrypt it first, for example with `openssl pkey`")

    for file in (pair.cert_file, pair.key_file):
        try:
            file.read_bytes()
        except OSError as error:
            raise CannotServe(f"cannot read {file}: {error.strerror}") from None
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(pair.cert_file, pair.key_file, locked)
    except ssl.SSLError as error:
        mismatch = "MISMATCH" in (error.reason or "")
        raise CannotServe(
            f"the key {pair.key_file} does not belong to the certificate {pair.cert_file}"
            if mismatch
            else f"{pair.cert_file} and {pair.key_file} are not a certificate and its private key in PEM"
        ) from None


def asking_context(pair: TlsPair) -> ssl.SSLContext:
    """TLS that asks for a certificate and goes on without one. One that no authority of the file issued ends the
    handshake: Python's ssl takes no other, so a self-signed one needs a proxy. Raises CannotServe."""
    assert pair.asking is not None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert_file, pair.key_file)
    context.verify_mode = ssl.CERT_OPTIONAL
    try:
        context.load_verify_locations(pair.asking.ca_file)
    except OSError:  # an SSLError is one
        raise CannotServe(f"{pair.asking.ca_file} holds no certificates of authorities in PEM") from None
    return context


def shown_certificate(transport: asyncio.BaseTransport) -> dict[str, Any] | None:
    """ASGI's extension `tls` where the client showed a certificate in the handshake, with those that it sent along from
    Python 3.13 on; None: it showed none."""
    connection = transport.get_extra_info("ssl_object")
    der = connection.getpeercert(binary_form=True) if connection is not None else None
    if der is None:
        return None
    chain = connection.get_unverified_chain() if hasattr(connection, "get_unverified_chain") else [der]
    return {"tls": {"client_cert_chain": [ssl.DER_cert_to_PEM_cert(one) for one in chain], "client_cert_error": None}}


def host_and_port(text: str) -> tuple[str, int]:
    """`127.0.0.1:9464`, `[::1]:9464` or `:9464` (every address) -> host and port."""
    host, _, port = text.rpartition(":")
    return host.strip("[]") or "0.0.0.0", int(port)  # noqa: S104 - as it was written
