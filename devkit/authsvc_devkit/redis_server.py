"""How Redis (Valkey) is set up here: never evicting, with a password, on a unix socket, and on loopback when asked."""

from __future__ import annotations

import json
import signal
import socket
from functools import partial
from pathlib import Path

from authsvc_devkit.processes import Program, first_answer
from authsvc_devkit.programs import find_redis
from authsvc_devkit.site import Site

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """Free on loopback now; somebody else may still be faster: then the start raises PortTaken."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def url(site: Site, port: int | None) -> str:
    """The user is named where redis-cli may read it: for `//:password@` it would ask for a user named ''."""
    if port is None:
        return f"unix://:{site.password}@{_socket_path(site)}?db=0"
    return f"redis://default:{site.password}@{LOOPBACK}:{port}/0"


def program(site: Site, port: int | None) -> Program:
    """How a Redis of this site is started and asked."""
    directory, socket_path = site.data_dir / "redis", _socket_path(site)
    return Program(
        name="Redis",
        argv=(str(find_redis(site.data_dir / "bin", site.account)), "-"),
        config="".join(f"{key} {value}\n" for key, value in _settings(site, port, directory).items()),
        socket_path=socket_path,
        pid_file=directory / "pid",
        command_mark=f"unixsocket:{socket_path}",
        log=site.data_dir / "redis.log",
        stop_signal=signal.SIGTERM,
        answers=partial(answers, socket_path, site.password),
        account=site.account,
    )


def answers(path: Path, password: str) -> bool:
    """Whether the server answers. False while it still loads its data."""
    wanted = b"+OK\r\n+PONG\r\n"
    return first_answer(path, f"AUTH {password}\r\nPING\r\n".encode(), len(wanted)) == wanted


def _socket_path(site: Site) -> Path:
    return site.socket_dir / "redis.sock"


def _settings(site: Site, port: int | None, directory: Path) -> dict[str, str]:
    return {
        "bind": LOOPBACK,
        "port": str(port or 0),
        "unixsocket": str(_socket_path(site)),
        "unixsocketperm": "700",
        "proc-title-template": '"{title} unixsocket:{unixsocket} {server-mode}"',  # its own names the port, if any
        "requirepass": site.password,
        "dir": json.dumps(str(directory), ensure_ascii=False),
        "pidfile": json.dumps(str(directory / "pid"), ensure_ascii=False),
        "appendonly": "yes" if site.durable else "no",
        "save": '""',
        "maxmemory-policy": "noeviction",  # an evicted revocation would bring a token back to life
    }
