"""nginx, Caddy and HAProxy, started by the examples in deploy/proxies: only ports, paths, certificates are others."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from authsvc_devkit.processes import die_with_parent
from authsvc_devkit.tls import TlsFiles
from tests.support.replicas import free_port

EXAMPLES = Path(__file__).parents[2] / "deploy/proxies"
HOST = "auth.example.com"
STRANGER = "127.0.0.9"
"""Where people come from: another address of this machine than the proxy's own."""
AROUND_NGINX = """
daemon off;
pid {root}/pid;
error_log stderr;
events {{}}
http {{
    client_body_temp_path {root}/body;
    proxy_temp_path {root}/proxy;
    fastcgi_temp_path {root}/fastcgi;
    uwsgi_temp_path {root}/uwsgi;
    scgi_temp_path {root}/scgi;
    include {root}/authsvc.conf;
}}
"""


def program(name: str) -> str:
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]))
    if found is None:
        pytest.skip(f"{name} is not installed: its example was not tried")
    return found


def changed(file: str, **places: str) -> str:
    """The example, with each of these texts replaced; one that is not there is a fault of the test."""
    text = (EXAMPLES / file).read_text()
    for theirs, ours in places.items():
        assert theirs in text, (file, theirs)
        text = text.replace(theirs, ours)
    return text


@dataclass
class Setting:
    """Where a proxy finds what it needs: its own directory and port, a certificate, the replicas."""

    root: Path
    port: int
    tls: TlsFiles
    upstreams: list[int]


def nginx(at: Setting) -> list[str]:
    first, *others = at.upstreams
    places = {
        "server 127.0.0.1:8000": f"server 127.0.0.1:{first}",
        "listen 443": f"listen 127.0.0.1:{at.port}",
        "/etc/authsvc/tls/fullchain.pem": str(at.tls.cert_file),
        "/etc/authsvc/tls/privkey.pem": str(at.tls.key_file),
        "/var/log/nginx/authsvc.log": "/dev/stderr",
    }
    for other in others:
        places["# server 127.0.0.1:8001"] = f"server 127.0.0.1:{other}"
    (at.root / "authsvc.conf").write_text(changed("nginx.conf", **places))
    (at.root / "nginx.conf").write_text(AROUND_NGINX.format(root=at.root))
    return [program("nginx"), "-p", str(at.root), "-e", "stderr", "-c", str(at.root / "nginx.conf")]


def caddy(at: Setting) -> list[str]:
    site = f"https://{HOST}:{at.port} {{\n\tbind 127.0.0.1\n\ttls {at.tls.cert_file} {at.tls.key_file}"
    addresses = " ".join(f"127.0.0.1:{port}" for port in at.upstreams)
    places = {"{$AUTHSVC_ISSUER:https://auth.example.com} {": site, "{$AUTHSVC_UPSTREAM:127.0.0.1:8000}": addresses}
    if len(at.upstreams) > 1:
        places["# health_"] = "health_"
    (at.root / "Caddyfile").write_text(
        "{\n\tadmin off\n\tauto_https disable_redirects\n}\n" + changed("Caddyfile", **places)
    )
    return [program("caddy"), "run", "--config", str(at.root / "Caddyfile"), "--adapter", "caddyfile"]


def haproxy(at: Setting) -> list[str]:
    pem = at.root / "haproxy.pem"
    pem.write_text(at.tls.cert_file.read_text() + at.tls.key_file.read_text())
    first, *others = at.upstreams
    places = {
        "127.0.0.1:8000": f"127.0.0.1:{first}",
        "bind :443": f"bind 127.0.0.1:{at.port}",
        "/etc/authsvc/tls/haproxy.pem": str(pem),
    }
    for other in others:
        places |= {"# server two": "server two", "127.0.0.1:8001": f"127.0.0.1:{other}"}
    (at.root / "haproxy.cfg").write_text(changed("haproxy.cfg", **places))
    return [program("haproxy"), "-db", "-f", str(at.root / "haproxy.cfg")]


def nginx_mtls(at: Setting) -> list[str]:
    """With the host that asks for certificates of clients at the same port, by its name."""
    command = nginx(at)
    places = {
        "listen 443": f"listen 127.0.0.1:{at.port}",
        "/etc/authsvc/tls/fullchain.pem": str(at.tls.cert_file),
        "/etc/authsvc/tls/privkey.pem": str(at.tls.key_file),
        "/var/log/nginx/authsvc.log": "/dev/stderr",
    }
    (at.root / "authsvc-mtls.conf").write_text(changed("nginx-mtls.conf", **places))
    both = "include {root}/authsvc.conf;\n    include {root}/authsvc-mtls.conf;"
    around = AROUND_NGINX.replace("include {root}/authsvc.conf;", both)
    (at.root / "nginx.conf").write_text(around.format(root=at.root))
    return command


def haproxy_mtls(at: Setting) -> list[str]:
    """With the port that asks for certificates of clients, which is the one that is looked at."""
    command = haproxy(Setting(at.root, free_port(), at.tls, at.upstreams))
    places = {
        "bind :8443": f"bind 127.0.0.1:{at.port}",
        "/etc/authsvc/tls/haproxy.pem": str(at.root / "haproxy.pem"),
        "/etc/authsvc/tls/clients-ca.pem": str(at.tls.ca_file),
    }
    (at.root / "haproxy-mtls.cfg").write_text(changed("haproxy-mtls.cfg", **places))
    return [*command, "-f", str(at.root / "haproxy-mtls.cfg")]


PROXIES: dict[str, Callable[[Setting], list[str]]] = {"nginx": nginx, "caddy": caddy, "haproxy": haproxy}

WITH_CERTIFICATES: dict[str, Callable[[Setting], list[str]]] = {"nginx-mtls": nginx_mtls, "haproxy-mtls": haproxy_mtls}
"""Those whose TLS asks for certificates of clients."""
MTLS_HOST = "mtls.example.com"


@dataclass
class Proxy:
    """One that runs. `log`: what it wrote."""

    name: str
    port: int
    ca_file: Path
    log: Path

    def curl(self, path: str, *options: str, http: str = "2", host: str = HOST) -> list[str]:
        """A person's command line, from `STRANGER`."""
        fixed = ["--silent", "--show-error", "--noproxy", "*", "--cacert", str(self.ca_file), "--max-time", "60"]
        place = ["--resolve", f"{host}:{self.port}:127.0.0.1", "--interface", STRANGER, f"--http{http}"]
        return [program("curl"), *fixed, *place, *options, f"https://{host}:{self.port}{path}"]

    def ask(self, path: str, *options: str, http: str = "2", may_close: bool = False, host: str = HOST) -> Answer:
        """One request to its end. `may_close`: the proxy may close the connection instead; that is status 0."""
        done = subprocess.run(
            self.curl(path, "--include", *options, http=http, host=host), capture_output=True, text=True, timeout=70
        )
        if may_close and not done.stdout:
            return Answer("", 0, [], done.stderr)
        assert done.stdout, (self.name, path, done.stderr, self.log.read_text()[-2000:])
        head, _, body = done.stdout.partition("\n\n")
        while head.startswith("HTTP/1.1 100"):
            head, _, body = body.partition("\n\n")
        first, *lines = head.splitlines()
        version, status, *_ = first.split()
        return Answer(
            version, int(status), [(n.lower(), v.strip()) for n, _, v in (x.partition(":") for x in lines)], body
        )


@dataclass
class Answer:
    version: str
    status: int
    headers: list[tuple[str, str]]
    text: str

    def all(self, name: str) -> list[str]:
        return [value for other, value in self.headers if other == name]


@contextmanager
def before(name: str, directory: Path, tls: TlsFiles, upstreams: list[int]) -> Iterator[Proxy]:
    """The proxy in front of replicas that listen on these ports."""
    root = directory / name
    root.mkdir()
    at = Setting(root, free_port(), tls, upstreams)
    command = {**PROXIES, **WITH_CERTIFICATES}[name](at)
    log = root / "log"
    env = {**os.environ, "HOME": str(root), "XDG_DATA_HOME": str(root), "XDG_CONFIG_HOME": str(root)}
    with log.open("wb") as written:
        process = subprocess.Popen(
            command, env=env, stdout=written, stderr=subprocess.STDOUT, preexec_fn=die_with_parent(signal.SIGTERM)
        )
    try:
        deadline = time.monotonic() + 20
        while not _listens(at.port):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
        yield Proxy(name, at.port, tls.ca_file, log)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
