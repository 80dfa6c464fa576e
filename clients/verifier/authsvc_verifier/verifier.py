"""`Verifier`, for asyncio: a token is judged by what is in memory; two tasks keep the memory true."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine
from contextlib import suppress
from random import random
from types import TracebackType
from typing import Any, Self, TypedDict, Unpack

import httpx2

from authsvc_verifier.claims import Claims
from authsvc_verifier.discovery import may_ask, origin_of
from authsvc_verifier.dpop import Shown
from authsvc_verifier.errors import InvalidToken, NotConfigured, VerifierError
from authsvc_verifier.feed import Feed, FeedBroken, JwksChanged, read_event
from authsvc_verifier.judge import RFC9068_REQUIRED, Rules
from authsvc_verifier.keys import ALGORITHMS, SAFE, KeyRefused, fresh_seconds, read_jwks
from authsvc_verifier.list_cache import ListCache
from authsvc_verifier.list_keeper import ListKeeper
from authsvc_verifier.require import NOTHING, STALE, Requirement, Stale, judge_requirement
from authsvc_verifier.state import AskIssuer, AskKeys, AskList, Clock, State, Verdict
from authsvc_verifier.wire import Credentials, IssuerAway, Wire

log = logging.getLogger("authsvc_verifier")

FIRST_SECONDS = 5.0
"""How long the first request waits for keys and feed."""
PAUSE_SECONDS = (0.5, 10.0)
"""Between two tries of the feed: the first, the longest."""
SWEEP_SECONDS = 30.0
LARGE_EVENT = 65_536


class Options(TypedDict, total=False):
    """See README.md, "Options"."""

    client_id: str
    client_secret: str
    feed: bool
    stale: Stale
    stale_after: float | None
    leeway: float
    algorithms: Collection[str]
    types: Collection[str]
    required: Collection[str]
    roles_claim: str
    clients: Collection[str] | None
    status_lists: bool
    status_list_origins: Collection[str]
    jwks_uri: str
    allow_http: bool
    http: Callable[[], httpx2.AsyncClient]
    clock: Clock


def make_state(issuer: str, audience: str | Collection[str], options: Options) -> State:
    """The memory of a new verifier, from its options. Raises ValueError for what cannot work."""
    feed, stale = options.get("feed", False), options.get("stale", "introspect")
    rules = Rules(
        issuer,
        frozenset({audience} if isinstance(audience, str) else audience),
        frozenset(options.get("algorithms", SAFE)),
        frozenset(name.lower().removeprefix("application/") for name in options.get("types", ("at+jwt",))),
        frozenset(options.get("required", RFC9068_REQUIRED)),
        options.get("leeway", 30.0),
        tuple(options.get("roles_claim", "roles").split(".")),
        _ids(options.get("clients")),
    )
    if not may_ask(issuer, allow_http=options.get("allow_http", False)):
        raise ValueError("the issuer is an https address (plain http only on this machine, or with allow_http=True)")
    if not rules.audience or "" in rules.audience:
        raise ValueError("say which audience this service is: a token for anybody else must not open it")
    if not rules.algorithms or not rules.algorithms <= ALGORITHMS:
        raise ValueError(f"algorithms are some of {sorted(ALGORITHMS)}")
    if stale not in STALE:
        raise ValueError(f"stale is one of {STALE}")
    if feed and stale == "introspect" and not options.get("client_id"):
        raise ValueError("stale='introspect' needs client_id and client_secret; or choose 'accept' or 'refuse'")
    return State(
        rules,
        stale,
        Feed() if feed else None,
        ListCache() if options.get("status_lists", True) else None,
        list_reader(issuer, options),
        options.get("stale_after"),
        options.get("clock", Clock()),
    )


def _ids(clients: Collection[str] | None) -> frozenset[str]:
    """The clients that are let in; None: all. Raises ValueError for a text, which is a collection of letters, and for
    an empty list, which would let nobody in."""
    if clients is None:
        return frozenset()
    if isinstance(clients, str) or not clients or "" in clients:
        raise ValueError("clients is a list of client ids, or None for all")
    return frozenset(clients)


def list_reader(issuer: str, options: Options) -> Callable[[str], bool]:
    """Make the test whether a status list may be asked for. Which status lists may be asked for. Raises ValueError."""
    allow_http, origins = options.get("allow_http", False), set()
    for url in (issuer, *options.get("status_list_origins", ())):
        if not may_ask(url, allow_http=allow_http):
            raise ValueError("status_list_origins are https addresses")
        origins.add(origin_of(url))
    return lambda uri: may_ask(uri, allow_http=allow_http) and origin_of(uri) in origins


def make_wire(issuer: str, options: Options) -> Wire:
    """The requests to the issuer, from the options of a verifier."""
    client_id = options.get("client_id", "")
    credentials = Credentials(client_id, options.get("client_secret", "")) if client_id else None
    return Wire(
        issuer,
        options.get("http", httpx2.AsyncClient),
        options.get("clock", Clock()),
        credentials,
        options.get("jwks_uri", ""),
        options.get("allow_http", False),
    )


class Verifier:
    """Judges access tokens of `issuer` for the service that is called `audience`. Belongs to one event loop.

    Starts with the first token, or with `async with`; `close` ends it.
    """

    def __init__(self, issuer: str, audience: str | Collection[str], **options: Unpack[Options]) -> None:
        self.state = make_state(issuer, audience, options)
        self._wire = make_wire(issuer, options)
        self._tasks: list[asyncio.Task[None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready = asyncio.Event()
        self._fetch: asyncio.Task[None] | None = None
        self._rekey = asyncio.Event()
        self._told = False
        lists = self.state.lists
        self._lists = None if lists is None else ListKeeper(self.state, lists, self._wire, self._new_keys)

    async def verify(
        self,
        token: str,
        need: Requirement = NOTHING,
        *,
        stale: Stale | None = None,
        dpop: Shown | None = None,
        certificate: bytes | None = None,
    ) -> Claims:
        """The claims of a good token that fulfils `need`. `stale`: instead of the verifier's policy; `dpop`: the proof
        that came with it, `certificate`: that of the TLS client (DER), without which a bound token is refused.
        Raises Refused, Unavailable."""
        if not self._ready.is_set() or self._loop is not asyncio.get_running_loop():
            await self.start()
        verdict = self.state.decide(token, stale or need.stale, dpop, certificate)
        if not isinstance(verdict, Claims):
            verdict = await self.resolve(verdict, token, stale or need.stale, dpop, certificate)
        return self.fulfilled(verdict, need)

    def fulfilled(self, verdict: Verdict, need: Requirement) -> Claims:
        """Raises what the verdict is, or Refused for what `need` wants beyond it."""
        if isinstance(verdict, VerifierError):
            if isinstance(verdict, NotConfigured) and not self._told:
                self._told = True
                log.error("a DPoP proof cannot be judged: give the guard external_url (see README.md, DPoP)")
            log.debug("refused: %s", verdict.reason)
            raise verdict
        assert isinstance(verdict, Claims)
        if need is not NOTHING:
            missing = judge_requirement(verdict, need, self.state.clock.wall(), self.state.rules.leeway)
            if missing is not None:
                log.debug("refused: %s", missing.reason)
                raise missing
        return verdict

    async def resolve(
        self, verdict: Verdict, token: str, stale: Stale | None, dpop: Shown | None, certificate: bytes | None
    ) -> Claims | VerifierError:
        """A verdict, after whoever must be asked was asked."""
        for _ in range(2):  # a request that was on its way already may have been too early for this key
            joined = self._fetching()
            if not isinstance(verdict, AskKeys) or not (
                joined or self.state.cache.may_ask(self.state.clock.monotonic())
            ):
                break
            await self._fetch_keys()
            verdict = self.state.decide(token, stale, dpop, certificate)
            if not joined:
                break
        if isinstance(verdict, AskList) and self._lists is not None:
            await self._lists.read(verdict.uri)
            verdict = self.state.listed(verdict.claims, stale, asked=True)
        if isinstance(verdict, AskIssuer):
            try:
                return verdict.claims if await self._wire.active(token) else InvalidToken("introspected_inactive")
            except IssuerAway as away:
                log.warning("introspection failed: %s", away.reason)
        return self.state.without_asking(verdict, self.state.cache.failures > 0)

    @property
    def staleness(self) -> float:
        """Seconds since the feed last proved complete; infinite before that, 0.0 without a feed."""
        feed = self.state.feed
        return feed.staleness(self.state.clock.monotonic()) if feed is not None else 0.0

    async def start(self) -> None:
        """Begin to follow the issuer; waits a few seconds at most until keys and feed are there. Never fails for an
        issuer that is away: what then happens to tokens is policy."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            if self._loop is not None and not self._loop.is_closed():
                raise RuntimeError("a Verifier belongs to one event loop: use SyncVerifier, or one Verifier for each")
            self._loop, self._tasks, self._fetch = loop, [], None
            self._ready, self._rekey = asyncio.Event(), asyncio.Event()
            self._wire.forget_connections()
            if self._lists is not None:
                self._lists.begin()
        if not self._tasks:
            work: list[Callable[[], Coroutine[Any, Any, None]]] = [self._keep_keys]
            if self.state.feed is not None:
                work += [self._follow, self._sweep]
            if self._lists is not None:
                work.append(self._lists.keep)
            self._tasks = [loop.create_task(each()) for each in work]
            for task in self._tasks:
                task.add_done_callback(_ended)
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_SECONDS):
                await self._ready.wait()
        self._ready.set()  # who comes later does not wait again

    async def close(self) -> None:
        """End the tasks and the connections. The verifier may be started again."""
        tasks, self._tasks = [*self._tasks, *([self._fetch] if self._fetch else [])], []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._lists is not None:
            await self._lists.end()
        self._ready.clear()
        await self._wire.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # Keys

    async def _fetch_keys(self) -> None:
        """One request for all who wait; it goes on though they may not."""
        if self._fetch is None or self._fetch.done():
            self._fetch = asyncio.get_running_loop().create_task(self._read_keys())
        await asyncio.shield(self._fetch)

    async def _new_keys(self) -> bool:
        """After a kid that we do not know: whether the issuer was asked, which it is not for each (see `may_ask`)."""
        if not (self._fetching() or self.state.cache.may_ask(self.state.clock.monotonic())):
            return False
        await self._fetch_keys()
        return True

    def _fetching(self) -> bool:
        return self._fetch is not None and not self._fetch.done()

    async def _read_keys(self) -> None:
        cache = self.state.cache
        try:
            document, etag, caching = await self._wire.jwks(cache.etag)
            keys = None if document is None else read_jwks(document, self.state.rules.algorithms)
        except (IssuerAway, KeyRefused) as error:
            cache.failed(self.state.clock.monotonic())
            log.warning("keys not read: %s", error)
            return
        cache.answered(keys, etag, fresh_seconds(caching), self.state.clock.monotonic())
        self._check_ready()

    async def _keep_keys(self) -> None:
        """Before they are old, and at once when the feed says that they changed."""
        while True:
            pause = self.state.cache.due(self.state.clock.monotonic())
            if pause > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(pause * (0.9 + 0.1 * random()), 60.0)):  # noqa: S311 - spread, no secret
                        await self._rekey.wait()
                if not self._rekey.is_set():
                    continue
            self._rekey.clear()
            await self._fetch_keys()

    def _check_ready(self) -> None:
        feed = self.state.feed
        if self.state.cache.keys is not None and (feed is None or feed.confirmed is not None):
            self._ready.set()

    # Feed

    async def _follow(self) -> None:
        assert self.state.feed is not None
        first, longest = PAUSE_SECONDS
        pause = first
        while True:
            heard_at, least = self.state.feed.heard_at, 0.0
            try:
                await self._listen(self.state.feed)
                reason = "ended"
            except IssuerAway as away:
                reason, least = away.reason, min(away.retry_after or 0.0, 30.0)
            except (FeedBroken, TimeoutError) as broken:
                reason = str(broken) or "silent"
            pause = first if self.state.feed.heard_at > heard_at else min(pause * 2, longest)
            log.info("feed left: %s", reason)
            await asyncio.sleep(least + pause * random())  # noqa: S311 - spread, no secret

    async def _listen(self, feed: Feed) -> None:
        """One connection, until it ends. Raises IssuerAway, FeedBroken, TimeoutError."""
        clock, issuer = self.state.clock, self.state.rules.issuer
        async with (
            asyncio.timeout(feed.late_after() + 10.0) as watchdog,
            self._wire.events(feed.confirmed, feed.late_after()) as events,
        ):
            feed.opened()
            async for event in events:
                if len(event.data) > LARGE_EVENT:
                    watchdog.reschedule(None)
                    read = await asyncio.to_thread(read_event, event.event, event.data, issuer, feed.gathered)
                elif event.data:
                    read = read_event(event.event, event.data, issuer, feed.gathered)
                else:
                    continue  # `retry` alone
                heard_at = feed.heard_at
                feed.take(read, clock.monotonic())
                if isinstance(read, JwksChanged) and (not read.etag or read.etag != self.state.cache.etag):
                    self._rekey.set()
                if feed.heard_at != heard_at:
                    watchdog.reschedule(asyncio.get_running_loop().time() + feed.late_after())
                    self._check_ready()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            assert self.state.feed is not None
            self.state.feed.revocations.sweep(self.state.clock.wall() - self.state.rules.leeway)


def _ended(task: asyncio.Task[None]) -> None:
    """A task that fails is a bug of ours: what it kept true grows old, and policy decides; but it must be heard of."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("a background task of the verifier failed", exc_info=error)
