"""The master that Sentinels name. All are asked at once, in the background, and the newest configuration counts; a
master that says it is none is dropped with that answer.

redis-py's own Sentinel client asks them one after the other while a command waits for its connection: one that hangs
would cost every request its deadline, and none would ever come to the second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from authsvc.store.errors import StoreUnavailable
from authsvc.store.redis_py import Redis, ResponseError
from authsvc.store.redis_routes.lookout import PATIENT_SECONDS, Lookout, NoServer, Questions, nobody
from authsvc.store.redis_routes.server import RedisServer, open_client
from authsvc.store.redis_routes.url import Address, RedisUrl

_DOUBTFUL = ("gone", "timeout", "breaker_open", "read_only")


class Sentinels:
    """Commands go to the master of the last answer. `opened(URL)` makes a server of ours."""

    def __init__(self, url: RedisUrl, opened: Callable[[str], RedisServer]) -> None:
        self.url = url
        self._sentinels = {address: open_sentinel(url, address) for address in url.addresses}
        self._questions = Questions[Mapping[str, Any]]()
        self._opened = opened
        self._opened(url.of_server(url.addresses[0]))  # a URL that redis-py does not understand is none, at the start
        self._address: Address | None = None
        self._server: RedisServer | None = None
        self._trouble = NoServer("the Sentinels were not asked yet")
        self._lookout = Lookout(self._look)

    async def command(self, *words: Any) -> Any:
        """As of the master. Raises StoreUnavailable, `no_server` while none is known."""
        if self._server is None:
            await self._lookout.first_look()
        server = self._server
        if server is None:
            self._lookout.doubt()
            raise nobody(self._trouble)
        try:
            return await server.command(*words)
        except StoreUnavailable as error:
            if error.kind in _DOUBTFUL:
                self._lookout.doubt()
            if error.kind == "read_only" and server is self._server:
                self._trouble = NoServer(f"{self._address} was demoted, and no Sentinel names another master yet")
                self._serve_by(None, None)
            raise

    def serving(self, key: str) -> RedisServer | None:
        """The master, as far as it is known."""
        return self._server

    async def close(self) -> None:
        await self._lookout.close()
        await self._questions.close()
        for client in self._sentinels.values():
            await client.aclose()
        if self._server is not None:
            await self._server.close()

    async def _look(self) -> None:
        asked = await self._questions.ask(
            self._sentinels, lambda address: described(self._sentinels[address], self.url.master)
        )
        try:
            address = newest_master(asked, self.url.master)
        except NoServer as trouble:
            self._trouble = trouble  # a master that we know goes on: it may well outlive its Sentinels
            return
        if self._server is None or address != self._address:
            await self._try(address)

    async def _try(self, address: Address) -> None:
        server = self._opened(self.url.of_server(address))
        try:
            role = (await server.command("ROLE"))[0]
        except StoreUnavailable as error:
            role = "master" if error.kind == "refused" else ""
            self._trouble = NoServer(f"the master {address} does not answer: {error.__cause__ or error.kind}")
        if role == "master":
            self._serve_by(server, address)
            return
        if role:
            self._trouble = NoServer(f"the Sentinels name {address}, which is no master")
        await server.close()

    def _serve_by(self, server: RedisServer | None, address: Address | None) -> None:
        before, self._server, self._address = self._server, server, address
        if before is not None:
            self._lookout.retire(before)


def open_sentinel(url: RedisUrl, address: Address) -> Redis:
    """A client for one Sentinel. Connects to nothing yet."""
    return open_client(url.of_sentinel(address), 1, PATIENT_SECONDS)


async def described(sentinel: Redis, master: str) -> Mapping[str, Any]:
    """What a Sentinel says of a master, as `SENTINEL MASTER` names it. Raises RedisError."""
    answer: Mapping[str, Any] = await sentinel.execute_command("SENTINEL MASTER", master)  # type: ignore[no-untyped-call]
    return answer


def newest_master(answers: Iterable[Mapping[str, Any] | Exception], master: str) -> Address:
    """The address in the newest configuration that any Sentinel has; of equally new ones that of most. Raises
    NoServer."""
    answers = list(answers)
    found = [answer for answer in answers if not isinstance(answer, Exception)]
    if not found:
        if any(isinstance(answer, ResponseError) and "no such master" in str(answer).lower() for answer in answers):
            raise NoServer(f"no Sentinel knows {master}")
        why = next((str(answer) for answer in answers if str(answer)), "timeout")
        raise NoServer(f"no Sentinel answers: {why}")
    newest = max(int(answer["config-epoch"]) for answer in found)
    named = [Address(str(one["ip"]), int(one["port"])) for one in found if int(one["config-epoch"]) == newest]
    return max(named, key=named.count)
