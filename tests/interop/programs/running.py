"""Programs of other people while they run, and what makes them trust the provider of the tests."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from authsvc_devkit.processes import die_with_parent
from tests.interop.conftest import Provider
from tests.interop.programs.workshop import run
from tests.support.replicas import free_port


@dataclass
class Program:
    """A server of somebody else's on loopback; `command` has {port} where its port belongs."""

    command: Sequence[str]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.cwd / "program.log"

    def start(self) -> Self:
        """Until it listens; what it says of its own end is raised."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [word.replace("{port}", str(self.port)) for word in self.command],
                cwd=self.cwd,
                env={**os.environ, **self.env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent(signal.SIGTERM),
            )
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.1)
            else:
                return self
        self.stop()
        raise RuntimeError(f"{self.command[0]} did not start: {self.log.read_text()[-3000:]}")

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *failure: object) -> None:
        self.stop()


@dataclass
class Talker:
    """A program of somebody else's that is talked to line by line."""

    command: Sequence[str]
    env: Mapping[str, str]

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self.command,
            env={**os.environ, **self.env},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=die_with_parent(signal.SIGTERM),
        )
        return self

    def line(self) -> str:
        """The next one that it writes."""
        assert self.process.stdout
        found = self.process.stdout.readline().strip()
        assert found, self.ended()
        return found

    def say(self, line: str) -> None:
        assert self.process.stdin
        print(line, file=self.process.stdin, flush=True)

    def ended(self) -> str:
        """What it complained of, once it has ended by itself."""
        return self.process.communicate(timeout=60)[1]

    def __exit__(self, *failure: object) -> None:
        self.process.kill()
        self.process.communicate()


def trusting(provider: Provider) -> dict[str, str]:
    """What makes a program of any language take the authority of the test's certificate for one of the machine's."""
    ca = str(provider.tls.ca_file)
    return {"SSL_CERT_FILE": ca, "REQUESTS_CA_BUNDLE": ca, "NODE_EXTRA_CA_CERTS": ca}


def java_trusting(provider: Provider, place: Path) -> list[str]:
    """The command `java`, which takes that authority for the only one; what it knows of it is put into `place`."""
    store, ca = place / "trusted.p12", provider.tls.ca_file
    trusted = ["-storetype", "PKCS12", "-keystore", str(store), "-storepass", "changeit"]
    run(["keytool", "-importcert", "-noprompt", "-alias", "tests", "-file", str(ca), *trusted], place)
    options = [f"-Djavax.net.ssl.trustStore={store}", "-Djavax.net.ssl.trustStorePassword=changeit"]
    return ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", *options]
