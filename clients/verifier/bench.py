"""What the verifier costs: python bench.py

- the time of one token beside bare `jwt.decode` with its key at hand, in turns, best of many (goal: 5 % more at most);
- the memory of 100,000 live revocations (goal: 32 MB at most);
- the requests that 10,000 forged kids within a second cause (goal: one in 30 s at most).
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import jwt

from authsvc_verifier import Verifier, VerifierError
from authsvc_verifier.feed import Feed, read_event

sys.path.insert(0, str(Path(__file__).parent / "tests"))

from fake_issuer import AUDIENCE, RSA_KEY, FakeIssuer, quiet

TURNS, CALLS = 30, 200
REVOCATIONS = 100_000
FORGED = 10_000


def microseconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    for _ in range(CALLS):
        call()
    return (time.perf_counter() - started) / CALLS * 1e6


async def overhead() -> None:
    with FakeIssuer() as issuer:
        issuer.streams = [quiet]
        async with Verifier(issuer.url, AUDIENCE, feed=True, client_id="bench", client_secret="bench") as verifier:
            token, key = issuer.token(), RSA_KEY.public_key()

            def bare() -> object:
                return jwt.decode(token, key, algorithms=["RS256"], issuer=issuer.url, audience=AUDIENCE)

            def ours() -> object:
                coroutine = verifier.verify(token)
                try:
                    coroutine.send(None)  # a token that is judged by memory alone waits for nothing
                except StopIteration as done:
                    return done.value
                raise AssertionError("it waited")

            times = SimpleNamespace(bare=[], ours=[])
            for _ in range(TURNS):
                times.bare.append(microseconds(bare))
                times.ours.append(microseconds(ours))
            least_bare, least_ours = min(times.bare), min(times.ours)
            print(
                f"verify: {least_ours:.1f} us, bare jwt.decode: {least_bare:.1f} us, "
                f"overhead {100 * (least_ours / least_bare - 1):+.1f} %"
            )


def memory() -> None:
    """A snapshot of sessions, whose ids are the longest, each with an expiry of its own."""
    now = int(time.time())
    entries = [
        {"sequence": number, "kind": "session", "subject": str(uuid4()), "expires_at": now + 600 + number % 1800}
        for number in range(1, REVOCATIONS + 1)
    ]
    text = json.dumps({"issuer": "x", "sequence": REVOCATIONS, "heartbeat_seconds": 5, "revocations": entries})
    del entries
    feed = Feed()
    tracemalloc.start()
    feed.take(read_event("snapshot", text, "x"), 0.0)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    started = time.perf_counter()
    feed.take(read_event("snapshot", text, "x"), 0.0)
    took = time.perf_counter() - started
    assert len(feed.revocations) == REVOCATIONS
    print(
        f"{REVOCATIONS:,} revocations: {held / 2**20:.1f} MB held, {peak / 2**20:.1f} MB while the snapshot "
        f"({len(text) / 2**20:.1f} MB) is read, which takes {took:.2f} s beside the event loop"
    )


async def forged() -> None:
    with FakeIssuer() as issuer:
        async with Verifier(issuer.url, AUDIENCE) as verifier:
            tokens = [issuer.token(kid=f"forged-{number}") for number in range(100)]
            before, started, refused = issuer.requests["/jwks"], time.perf_counter(), 0
            for number in range(FORGED):
                try:
                    await verifier.verify(tokens[number % 100])
                except VerifierError:
                    refused += 1
            took = time.perf_counter() - started
            print(f"{refused:,} forged kids in {took:.2f} s: {issuer.requests['/jwks'] - before} request(s) for keys")


if __name__ == "__main__":
    asyncio.run(overhead())
    memory()
    asyncio.run(forged())
