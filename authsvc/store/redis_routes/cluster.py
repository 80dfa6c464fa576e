"""The owners of slots in a cluster. Nodes are asked in the background, and the newest view of the cluster counts; a
node that has moved a slot says so with its answer, which is followed at once.

redis-py's own cluster client asks nodes one after the other while a command waits, sleeps a quarter of a second on
CLUSTERDOWN, and sends ASKING on another connection than the command that it is for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from authsvc.records import frozen
from authsvc.store.errors import StoreUnavailable
from authsvc.store.redis_py import exceptions, key_slot
from authsvc.store.redis_routes.lookout import Lookout, NoServer, Questions, nobody
from authsvc.store.redis_routes.server import RedisServer
from authsvc.store.redis_routes.url import Address, RedisUrl

PASSED = (exceptions.NoScriptError, exceptions.AskError)
REDIRECTS = 3
_DOUBTFUL = ("gone", "timeout", "breaker_open")


@frozen
class View:
    """The cluster as one node sees it. `ranges`: (first slot, last slot, owner); `nodes`: all that are named."""

    epoch: int
    ok: bool
    ranges: tuple[tuple[int, int, Address], ...]
    nodes: frozenset[Address]

    def owner(self, slot: int) -> Address | None:
        return next((address for first, last, address in self.ranges if first <= slot <= last), None)


class Cluster:
    """Commands go to the owner of their key's slot, those without a key to the owner of `home`. `opened(URL)` makes a
    server of ours that passes `PASSED`."""

    def __init__(self, url: RedisUrl, opened: Callable[[str], RedisServer], home: str) -> None:
        self.url = url
        self._opened = opened
        self._home = home
        self._servers: dict[Address, RedisServer] = {}
        self._owners: dict[int, Address] = {}
        self._view: View | None = None
        self._trouble = NoServer("the cluster was not asked yet")
        self._lookout = Lookout(self._look)
        self._questions = Questions[View]()
        for address in url.addresses:
            self.server(address)

    async def command(self, *words: Any) -> Any:
        """As of the owner; a redirection is followed. Raises StoreUnavailable, `no_server` while no owner is known."""
        slot = key_slot(self._key_of(words).encode())
        address, asking = self._owner(slot), False
        if address is None:
            await self._lookout.first_look()
            address = self._owner(slot)
        for _ in range(REDIRECTS):
            if address is None:
                self._lookout.doubt()
                raise nobody(self._trouble)
            server = self.server(address)
            try:
                return await (server.asking(*words) if asking else server.command(*words))
            except exceptions.AskError as error:
                asking = not isinstance(error, exceptions.MovedError)
                address = Address(error.host or address.host, error.port)
                if not asking:
                    self._owners[slot] = address
                    self._lookout.doubt()
            except StoreUnavailable as error:
                if error.kind in _DOUBTFUL:
                    self._lookout.doubt()
                raise
        raise nobody(NoServer(f"the nodes send the slot {slot} to each other"))

    def serving(self, key: str) -> RedisServer | None:
        """The owner of this key's slot, as far as it is known."""
        address = self._owner(key_slot(key.encode()))
        return None if address is None else self.server(address)

    @property
    def nodes(self) -> frozenset[Address]:
        """All that the cluster names; those of the URL before it was asked."""
        return self._view.nodes if self._view else frozenset(self.url.addresses)

    def server(self, address: Address) -> RedisServer:
        found = self._servers.get(address)
        if found is None:
            found = self._servers[address] = self._opened(self.url.of_server(address))
        return found

    async def close(self) -> None:
        await self._lookout.close()
        await self._questions.close()
        for server in self._servers.values():
            await server.close()

    def _owner(self, slot: int) -> Address | None:
        """Slots of ours are few: one for each kind of key."""
        found = self._owners.get(slot)
        if found is None and self._view is not None and (found := self._view.owner(slot)) is not None:
            self._owners[slot] = found
        return found

    def _key_of(self, words: tuple[Any, ...]) -> str:
        at = 3 if words[0] in ("EVALSHA", "EVAL") else 1
        named = str(words[at]) if len(words) > at else ""
        return named if "{" in named else self._home

    async def _look(self) -> None:
        asked = {*self.url.addresses, *self._owners.values()}
        views = await self._questions.ask(asked, self._seen_by)
        try:
            view = newest_view(views)
        except NoServer as trouble:
            self._trouble = trouble  # the owners that we know go on
            return
        if view != self._view:
            self._view = view
            self._owners.clear()
            for address in self._servers.keys() - view.nodes - set(self.url.addresses):
                self._lookout.retire(self._servers.pop(address))
        self._trouble = NoServer("no node of the cluster owns the slot of the key")

    async def _seen_by(self, address: Address) -> View:
        info, slots = await self.server(address).both(("CLUSTER INFO",), ("CLUSTER SLOTS",))
        return read_view(info, slots, address)


def read_view(info: dict[str, str], slots: Iterable[Any], asked: Address) -> View:
    """From the answers to CLUSTER INFO and CLUSTER SLOTS. A node that does not know its own host is where it was
    asked."""
    ranges, nodes = [], set()
    for first, last, *members in slots:
        addresses = [Address(str(member[0] or asked.host), int(member[1])) for member in members if member[0] != "?"]
        nodes.update(addresses)
        if addresses:
            ranges.append((int(first), int(last), addresses[0]))
    epoch, ok = int(info.get("cluster_current_epoch", 0)), info.get("cluster_state") == "ok"
    return View(epoch, ok, tuple(sorted(ranges)), frozenset(nodes))


def newest_view(views: Iterable[View | Exception]) -> View:
    """The view of the highest epoch; one that finds the cluster whole counts before one that does not. Raises
    NoServer."""
    views = list(views)
    found = [view for view in views if isinstance(view, View)]
    if found:
        return max(found, key=lambda view: (view.ok, view.epoch, len(view.ranges) > 0))
    failed = (view for view in views if isinstance(view, Exception))
    why = next((said for error in failed if (said := str(error.__cause__ or error))), "timeout")
    raise NoServer(f"no node of the cluster answers: {why}")
