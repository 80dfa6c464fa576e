"""Verifiers of three houses under one interface, real and unmodified, their caches scaled as the keys' clock is."""

from __future__ import annotations

import asyncio
import json
import os
from asyncio.subprocess import PIPE, Process
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import jwt

from tests.support.fleet import Fleet

JWKS_SECONDS = 1
"""`AUTHSVC_JWKS_MAX_AGE`, in production 300: whatever caches keys here ages so many times as fast."""
SCALE = 300 / JWKS_SECONDS
COOLDOWN_SECONDS = 30 / SCALE
"""Both houses' default, scaled."""


class Kind(Protocol):
    """`name`: for reports. `judge`: a word for each token, '' when it is let in."""

    name: str

    async def judge(self, tokens: list[str]) -> list[str]: ...

    async def close(self) -> None: ...


class Ours:
    """Processes of ours; the worst word of them counts. Who started the fleet ends it."""

    def __init__(self, name: str, fleet: Fleet) -> None:
        self.name = name
        self.fleet = fleet

    async def judge(self, tokens: list[str]) -> list[str]:
        said = await self.fleet.judge(*tokens)
        return [max(words) for words in zip(*said, strict=True)]

    async def close(self) -> None:
        pass


class PyJwt:
    """PyJWKClient, as README.md shows it, in a thread."""

    def __init__(self, url: str, issuer: str) -> None:
        self.name = f"PyJWKClient at {url}"
        self.keys = jwt.PyJWKClient(
            f"{url}/.well-known/jwks.json", lifespan=JWKS_SECONDS, cooldown_duration=COOLDOWN_SECONDS
        )
        self.issuer = issuer
        self.thread = ThreadPoolExecutor(1)

    async def judge(self, tokens: list[str]) -> list[str]:
        return await asyncio.get_running_loop().run_in_executor(self.thread, lambda: [*map(self._word, tokens)])

    def _word(self, token: str) -> str:
        try:
            key = self.keys.get_signing_key_from_jwt(token)
            jwt.decode(token, key, algorithms=["RS256"], issuer=self.issuer, audience=self.issuer, leeway=30)
        except jwt.PyJWTError as error:
            return f"{type(error).__name__}: {error}"
        return ""

    async def close(self) -> None:
        self.thread.shutdown()


class Jose:
    """createRemoteJWKSet, as docs/verify.md shows it, in a process."""

    process: Process

    def __init__(self, url: str) -> None:
        self.name = f"jose at {url}"
        self.turn = asyncio.Lock()

    @classmethod
    async def start(cls, url: str, issuer: str, npm: Path) -> Jose:
        script = npm / "verify.mjs"
        script.write_text((Path(__file__).parent / "verify.mjs").read_text())
        caches: dict[str, Any] = {"cacheMaxAge": 1000 * JWKS_SECONDS, "cooldownDuration": 1000 * COOLDOWN_SECONDS}
        made = cls(url)
        made.process = await asyncio.create_subprocess_exec(
            "node",
            script.name,
            f"{url}/.well-known/jwks.json",
            issuer,
            json.dumps(caches),
            cwd=npm,
            env={**os.environ, "NO_PROXY": "*"},
            stdin=PIPE,
            stdout=PIPE,
            limit=2**24,
        )
        return made

    async def judge(self, tokens: list[str]) -> list[str]:
        assert self.process.stdin and self.process.stdout
        async with self.turn:
            self.process.stdin.write(json.dumps(tokens).encode() + b"\n")
            found: list[str] = json.loads(await self.process.stdout.readline())
        return found

    async def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        await self.process.wait()
