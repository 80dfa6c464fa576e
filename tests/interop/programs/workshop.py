"""Environments for programs of other people, and the programs while they run.

`AUTHSVC_TEST_PROGRAMS` names the directory in which environments are made and kept; without it nothing here is tried.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jwt.algorithms import ECAlgorithm

from authsvc_devkit.processes import die_with_parent
from tests.interop.conftest import Provider
from tests.interop.programs import versions
from tests.support.replicas import free_port

VARIABLE = "AUTHSVC_TEST_PROGRAMS"
HERE = Path(__file__).parent
PAPER = HERE.parents[2] / "docs/clients.md"
ISSUER, SECRET = "https://auth.example.com", "its-secret"
"""As docs/clients.md calls them."""


def section(title: str, paper: Path = PAPER) -> list[tuple[str, str]]:
    """The blocks of a chapter of docs/clients.md, or another paper, in order: (language, text)."""
    [chapter] = re.findall(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", paper.read_text(), re.MULTILINE | re.DOTALL)
    return re.findall(r"^```(\w+)\n(.*?)^```$", chapter, re.MULTILINE | re.DOTALL)


@dataclass
class Workshop:
    directory: Path

    @classmethod
    def named(cls) -> Workshop | None:
        """Where the environment says; None: nowhere."""
        place = os.environ.get(VARIABLE)
        return cls(Path(place).resolve()) if place else None

    def environment(self, name: str, wanted: Sequence[str]) -> tuple[Path, bool]:
        """A directory for exactly these packages, and whether it is filled already; if not, it is empty."""
        place = self.directory / f"{name}-{sha256(' '.join(wanted).encode()).hexdigest()[:12]}"
        filled = (place / ".filled").exists()
        if not filled:
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)
        return place, filled

    def python(self, name: str) -> Path:
        """The interpreter of a virtual environment with the packages of `versions.PYTHON`."""
        wanted = versions.PYTHON[name]
        place, filled = self.environment(name, wanted)
        python = place / "bin/python"
        if not filled:
            run([sys.executable, "-m", "venv", str(place)], place)
            run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted], place)
            (place / ".filled").touch()
        return python

    def npm(self, name: str) -> Path:
        """A directory with the packages of `versions.NPM`, for scripts to be put beside them."""
        if shutil.which("npm") is None:
            pytest.skip("npm is not installed: its programs were not tried")
        wanted = versions.NPM[name]
        place, filled = self.environment(name, wanted)
        if not filled:
            (place / "package.json").write_text('{"private": true, "type": "module"}')
            run(["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", *wanted], place)
            (place / ".filled").touch()
        return place

    def go(self, name: str, source: str = "") -> Path:
        """A program of `versions.GO`: of these modules where there is `source`, else what the one module is itself."""
        if shutil.which("go") is None:
            pytest.skip("Go is not installed: its programs were not tried")
        modules = versions.GO[name]
        place, filled = self.environment(name, (*modules, source))
        env = {**os.environ, "GOPATH": str(self.directory / "go"), "GOBIN": str(place), "GOFLAGS": "-modcacherw -p=1"}
        if not filled:
            if source:
                (place / "main.go").write_text(source)
                run(["go", "mod", "init", "program"], place, env)
                run(["go", "get", *modules], place, env)
                run(["go", "mod", "tidy"], place, env)
                run(["go", "build", "-o", name], place, env, seconds=3600)
            else:
                run(["go", "install", *modules], place, env, seconds=3600)
            (place / ".filled").touch()
        return place / name

    def rust(self, name: str, source: str) -> Path:
        """A program of this source and the crates of `versions.RUST`."""
        if shutil.which("cargo") is None:
            pytest.skip("Cargo is not installed: programs in Rust were not tried")
        wanted = versions.RUST[name]
        place, filled = self.environment(name, (*wanted, source))
        if not filled:
            lines = [
                "[package]",
                f'name = "{name}"',
                'version = "0.1.0"',
                'edition = "2021"',
                "[dependencies]",
                *wanted,
            ]
            (place / "Cargo.toml").write_text("\n".join(lines) + "\n")
            (place / "src").mkdir(exist_ok=True)
            (place / "src/main.rs").write_text(source)
            env = {**os.environ, "CARGO_HOME": str(self.directory / "cargo")}
            run(["cargo", "build", "--quiet", "-j", "1"], place, env, seconds=3600)
            (place / ".filled").touch()
        return place / "target/debug" / name

    def spring(self, version: int, starter: str, *sources: str) -> Path:
        """The jar of an application of Spring Boot with this starter, which one of the sources is."""
        pom = (HERE / "pom.xml").read_text()
        pom = pom.replace("@VERSION@", versions.SPRING_BOOT[version]).replace("@STARTER@", starter)
        return self.maven("spring", pom, sources) / "program-1.jar"

    def java(self, name: str, *sources: str) -> str:
        """The class path of a program of these sources and `versions.JAVA`."""
        wanted = "".join(
            f"<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version></dependency>"
            for group, artifact, version in (words.split(":") for words in versions.JAVA[name])
        )
        pom = (HERE / "plain-pom.xml").read_text().replace("@DEPENDENCIES@", wanted)
        target = self.maven(name, pom, sources)
        return f"{target / 'classes'}:{target / 'dependency'}/*"

    def maven(self, name: str, pom: str, sources: Sequence[str]) -> Path:
        """Where Maven puts what it makes of a pom.xml and of classes, each of which names its package."""
        if shutil.which("mvn") is None or shutil.which("keytool") is None:
            pytest.skip("Maven and a JDK are not installed: programs in Java were not tried")
        place, filled = self.environment(name, (pom, *sources))
        if not filled:
            (place / "pom.xml").write_text(pom)
            for source in sources:
                [package] = re.findall(r"^package (\w+);", source, re.MULTILINE)
                [found] = re.findall(r"^(?:public )?class (\w+)", source, re.MULTILINE)
                directory = place / "src/main/java" / package
                directory.mkdir(parents=True, exist_ok=True)
                (directory / f"{found}.java").write_text(source)
            run(["mvn", "-q", "-B", f"-Dmaven.repo.local={self.directory / 'maven'}", "package"], place)
            (place / ".filled").touch()
        return place / "target"


def run(command: Sequence[str], cwd: Path, env: Mapping[str, str] | None = None, seconds: int = 900) -> str:
    """What a command said. Fails the test with it where it failed."""
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=seconds)
    if done.returncode:
        pytest.fail(f"{shlex.join(command)}: {(done.stdout + done.stderr)[-3000:]}")
    return done.stdout


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


@dataclass
class Shown:
    """A chapter of docs/clients.md with the addresses, ids and secrets of this run: its first block registers the
    client, the others configure the program. `names`: what else is called otherwise here, such as files."""

    title: str
    provider: Provider
    client_id: str
    url: str
    names: Mapping[str, str] = field(default_factory=dict)

    def registered(self, *more: str) -> Self:
        """Run the first block as it stands, but for the names of this run and `more` options."""
        (language, command), *self.blocks = section(self.title)
        assert language == "sh"
        assert command.startswith("authsvc clients add ")
        words = shlex.split(command.replace("\\\n", " "))
        self.theirs = (words[3], re.findall(r"https://[a-z]+\.example\.com", command.replace(ISSUER, ""))[0])
        words = [self._ours(word) for word in words[1:]]
        words[2] = self.client_id
        self.secret = str(self.provider.operate_json(*words, *more).get("client_secret", ""))
        return self

    def block(self, language: str, place: int = 0) -> str:
        """A block of this language, with the names of this run."""
        text = [text for found, text in self.blocks if found == language][place]
        quoted = re.sub(rf"(['\"]){re.escape(self.theirs[0])}\1", rf"\g<1>{self.client_id}\1", self._ours(text))
        return quoted.replace(SECRET, self.secret)

    def _ours(self, text: str) -> str:
        text = text.replace(ISSUER, self.provider.issuer).replace(self.theirs[1], self.url)
        for theirs, ours in self.names.items():
            text = text.replace(theirs, ours)
        return text


def trusting(provider: Provider) -> dict[str, str]:
    """What makes a program of any language take the authority of the test's certificate for one of the machine's."""
    ca = str(provider.tls.ca_file)
    return {"SSL_CERT_FILE": ca, "REQUESTS_CA_BUNDLE": ca, "NODE_EXTRA_CA_CERTS": ca}


Answer = dict[str, Any]


def java_trusting(provider: Provider, place: Path) -> list[str]:
    """The command `java`, which takes that authority for the only one; what it knows of it is put into `place`."""
    store, ca = place / "trusted.p12", provider.tls.ca_file
    trusted = ["-storetype", "PKCS12", "-keystore", str(store), "-storepass", "changeit"]
    run(["keytool", "-importcert", "-noprompt", "-alias", "tests", "-file", str(ca), *trusted], place)
    options = [f"-Djavax.net.ssl.trustStore={store}", "-Djavax.net.ssl.trustStorePassword=changeit"]
    return ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", *options]


def key_files(place: Path) -> dict[str, str]:
    """A client's key (ES256) in the files that docs/clients.md names: their names there -> where they are here."""
    key = ec.generate_private_key(ec.SECP256R1())
    made: dict[str, Any] = json.loads(ECAlgorithm.to_jwk(key))
    private = {**made, "kid": "k", "alg": "ES256"}
    public = {name: value for name, value in private.items() if name != "d"}
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    found = {
        "public-keys.json": json.dumps({"keys": [public]}),
        "private-key.json": json.dumps(private),
        "private-key.pem": pem,
    }
    for name, text in found.items():
        (place / name).write_text(text)
    return {name: str(place / name) for name in found}
