"""Verifiers in processes of their own, forked from one that has imported what they need: `tests.support.fleet`.

    python -m tests.support.fleet_member '{"number": 50, "socket": …, "issuer": …, "audience": …, "options": {…}, …}'

Each connects to the socket and does what it is told, a line of JSON each way:

    {"id": 1, "judge": [token, …], "stale": policy}    {"id": 1, "words": ["", "revoked_session", …]}    "": let in
    {"id": 2, "watch": {name: token, …}}               {"id": 2}, and {"rejected": name, "at": seconds, "reason": word}
    {"id": 3, "held": true}                            {"id": 3, "held": {kind: [subject, …]}, "staleness": seconds}

`at` is this machine's monotonic clock, which all processes share. `caching`: caches age so many times as fast.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import time
from asyncio import StreamReader, StreamWriter
from typing import Any

from authsvc_verifier import Refused, Verifier, VerifierError, keys

LOOK_SECONDS = 0.01
"""Between two looks at a token that is watched: what is reported is late by this at most, and never early."""
MOST_BYTES = 2**26


class Member:
    def __init__(self, verifier: Verifier, writer: StreamWriter) -> None:
        self.verifier = verifier
        self.writer = writer
        self.watched: dict[str, str] = {}

    def say(self, **words: Any) -> None:
        self.writer.write(json.dumps(words).encode() + b"\n")

    async def word(self, token: str, **options: Any) -> str:
        try:
            await self.verifier.verify(token, **options)
        except VerifierError as error:
            return error.reason
        return ""

    async def answer(self, asked: dict[str, Any]) -> None:
        number = asked["id"]
        if "judge" in asked:
            self.say(id=number, words=[await self.word(token, stale=asked.get("stale")) for token in asked["judge"]])
        elif "watch" in asked:
            self.watched |= asked["watch"]
            self.say(id=number)
        else:
            assert self.verifier.state.feed is not None
            known = self.verifier.state.feed.revocations
            held = {kind: sorted(table) for kind, table in (known.whole | known.up_to).items()}  # type: ignore[operator]
            self.say(id=number, held=held, staleness=min(self.verifier.staleness, 1e9))

    async def look(self) -> None:
        while True:
            for name, token in [*self.watched.items()]:
                try:
                    await self.verifier.verify(token, stale="accept")  # what it knows, not what it is told when it asks
                except Refused as refused:
                    self.say(rejected=name, at=time.monotonic(), reason=refused.reason)
                    self.watched.pop(name, None)
                except VerifierError:
                    pass  # not known now: no is another word
            await asyncio.sleep(LOOK_SECONDS)


async def live(config: dict[str, Any]) -> None:
    """Until the socket is closed."""
    reader: StreamReader
    reader, writer = await asyncio.open_unix_connection(config["socket"], limit=MOST_BYTES)
    async with Verifier(config["issuer"], config["audience"], **config["options"]) as verifier:
        member = Member(verifier, writer)
        looking = asyncio.create_task(member.look())
        member.say(ready=os.getpid())
        answering = set()
        while line := await reader.readline():
            task = asyncio.create_task(member.answer(json.loads(line)))
            answering.add(task)
            task.add_done_callback(answering.discard)
        looking.cancel()
    writer.close()


def main() -> None:
    config = json.loads(sys.argv[1])
    logging.disable(logging.WARNING)  # of trouble that the tests make
    keys.FRESH_SECONDS = tuple(seconds / config["caching"] for seconds in keys.FRESH_SECONDS)  # type: ignore[misc, assignment]
    keys.UNKNOWN_KID_SECONDS /= config["caching"]  # type: ignore[misc]
    children = []
    for _ in range(config["number"]):
        child = os.fork()
        if child == 0:
            asyncio.run(live(config))
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
