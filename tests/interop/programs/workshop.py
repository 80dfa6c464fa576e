"""Environments for programs of other people, each in a directory of its own.

`AUTHSVC_TEST_PROGRAMS` names the directory in which environments are made and kept; without it nothing here is tried.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from tests.interop.programs import versions

VARIABLE = "AUTHSVC_TEST_PROGRAMS"
HERE = Path(__file__).parent


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
