"""Packages of npm, unmodified, for the tests that run node: installed once in a run, in a directory of its own.

Where node, npm or the registry is missing, the tests that need them say so and are skipped.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

PACKAGES = ("jose@6", "oauth4webapi@3", "openid-client@6")
NODE = 20
"""Older ones lack what the packages ask for (Web Crypto as a global)."""


def installed(directory: Path, packages: tuple[str, ...] = PACKAGES) -> Path:
    """`directory` with node_modules in it; scripts beside it import them by name. Skips where that cannot be."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("node and npm are not installed: npm's clients were not tried")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30).stdout.strip()
    if int(version.removeprefix("v").partition(".")[0] or 0) < NODE:
        pytest.skip(f"node is {version}, older than {NODE}: npm's clients were not tried")
    (directory / "package.json").write_text('{"private": true, "type": "module"}')
    command = [npm, "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--fetch-retries=1"]
    try:
        done = subprocess.run([*command, *packages], cwd=directory, capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        pytest.skip("npm's registry does not answer: npm's clients were not tried")
    if done.returncode:
        pytest.skip(f"npm cannot install, its clients were not tried: {_first_error(done.stderr)}")
    return directory


def _first_error(said: str) -> str:
    """npm warns of much before it says what is wrong."""
    lines = [line for line in said.splitlines() if line.strip()]
    return next((line for line in lines if line.startswith("npm error")), lines[0] if lines else "it said nothing")
