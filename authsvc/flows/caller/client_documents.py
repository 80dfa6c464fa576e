"""Clients that are what the document at their client_id says (`rules/clients/client_document`): it is read, remembered
for as long as it is fresh, and of a client that people have given something also written down.

Anybody may name any address. So a network can have only so many documents read, a host is asked only so often whoever
asks, and few requests are under way at a time. Where the host is away, a person is asked nothing: no authorization
begins. What people gave before goes on with what the client was at the last good reading, for a week.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from functools import partial

from authsvc import metrics
from authsvc.clock import monotonic
from authsvc.flows.caller.client_keys import with_judged_keys
from authsvc.flows.caller.limits import network_buckets, take_place
from authsvc.flows.keys.sign import offered_algorithms
from authsvc.logs import get_logger
from authsvc.outgoing import OutgoingFailed
from authsvc.rules.client_record import FAPI2, Client, names_document
from authsvc.rules.clients.client_document import (
    LAST_KNOWN_SECONDS,
    MAX_BYTES,
    PAUSE_SECONDS,
    base_client,
    fresh_seconds,
    host_allowed,
    host_of,
    name_is_plain,
    read_document,
    url_problem,
    with_host,
)
from authsvc.rules.clients.judge_client import Service, judge_client
from authsvc.rules.clients.strangers import Strangers
from authsvc.rules.errors import TooMany, Unavailable
from authsvc.rules.refused import Refused
from authsvc.runtime import Memory, Runtime
from authsvc.store import audit
from authsvc.store.caller import clients, stranger_clients
from authsvc.store.caller.attempts import Bucket
from authsvc.store.postgres import CHANGE_SECONDS
from authsvc.tasks import SharedTasks

log = get_logger()
MOST_REMEMBERED = 1000
MOST_AT_ONCE = 32
"""Requests for documents that are under way in a worker: a host that answers slowly holds one of them for 3 s."""


@dataclass(slots=True)
class Reading:
    """What is known of a document; times are monotonic seconds. `client`: as it was at the last good reading;
    `refused`: why the last try made none, None where it did."""

    client: Client | None = None
    fresh_until: float = float("-inf")
    tried_at: float = float("-inf")
    refused: Refused | None = None

    def fresh(self, now: float) -> Client | None:
        return self.client if now < self.fresh_until else None

    def may_be_tried(self, now: float) -> bool:
        return self.refused is None or now - self.tried_at >= PAUSE_SECONDS


@dataclass(slots=True)
class Readings:
    """Of this worker; the one that was asked for longest ago is forgotten first."""

    found: OrderedDict[str, Reading] = field(default_factory=OrderedDict)

    def of(self, url: str) -> Reading:
        reading = self.found.setdefault(url, Reading())
        self.found.move_to_end(url)
        if len(self.found) > MOST_REMEMBERED:
            self.found.popitem(last=False)
        return reading


_UNKNOWN = Refused("invalid_client", "The client is not known.", "client_unknown")
readings = Memory(Readings)
_requests = Memory(SharedTasks[str, None])
"""Requests for documents that are under way."""


async def read_for(runtime: Runtime, client_id: str, *, network: str) -> None:
    """An authorization begins: have the document read on this network's account, if it has to be. What it says, or why
    it says nothing, the next `client_of_document` tells. Raises TooMany, Unavailable, StoreUnavailable."""
    if names_document(client_id):
        await client_of_document(runtime, client_id, network=network, last_known=False)


async def client_of_document(
    runtime: Runtime, client_id: str, *, network: str | None = None, last_known: bool
) -> Client | Refused:
    """The client of a client_id that names a document. `network`: on whose account it is read; None: it was read on
    somebody's. `last_known`: what it was at the last good reading will do, while it cannot be read. Raises TooMany,
    Unavailable, StoreUnavailable."""
    if refused := _never(runtime, client_id):
        return refused
    reading = readings.of(runtime).of(client_id)
    if client := reading.fresh(monotonic()):
        return client
    before = await _last_known(runtime, client_id) if last_known else None
    if reading.may_be_tried(monotonic()):
        try:
            await _request(runtime, client_id, reading, network)
        except (TooMany, Unavailable):
            if before is None:
                raise
    return reading.fresh(monotonic()) or before or reading.refused or _UNKNOWN


def strangers_of(runtime: Runtime) -> Strangers:
    """What clients that nobody let in may have here."""
    settings = runtime.settings
    return Strangers(settings.stranger_audiences, settings.stranger_scopes, settings.stranger_refresh_tokens)


def has_read(runtime: Runtime, client_id: str) -> bool:
    """Whether the document made a client when it was last read well."""
    known = readings.of(runtime).found.get(client_id)
    return known is not None and known.client is not None


async def keep(runtime: Runtime, client: Client) -> None:
    """A person gives such a client something: from now on it has a row. Raises StoreUnavailable."""
    async with runtime.db.transaction(seconds=CHANGE_SECONDS) as connection:
        if await clients.add(connection, client):
            await audit.record(
                connection, "client_document_kept", f"client:{client.id}", client_id=client.id, kind=client.kind
            )
        await stranger_clients.note_read(connection, client.id)


def _never(runtime: Runtime, client_id: str) -> Refused | None:
    settings = runtime.settings
    if not settings.client_id_metadata_documents or settings.profile == FAPI2:  # the profile knows whom it serves
        return _UNKNOWN
    if problem := url_problem(client_id, loopback=settings.dev_mode):
        return Refused("invalid_client", "The client_id is no address of a document.", problem)
    if not host_allowed(client_id, settings.client_id_metadata_hosts, settings.client_id_metadata_blocked_hosts):
        return Refused("invalid_client", "Documents of this host are not read here.", "client_document_host")
    return None


async def _request(runtime: Runtime, client_id: str, reading: Reading, network: str | None) -> None:
    """Have the document read, or wait for who does. Whoever waits causes no request, and is not turned away for what
    the other network asked for before."""
    requests = _requests.of(runtime)
    waits = client_id in requests.running
    if not waits and len(requests.running) >= MOST_AT_ONCE:
        raise Unavailable("client_documents_busy", retry_after=1)
    try:
        await requests.run(client_id, partial(_read, runtime, client_id, reading, network))
    except TooMany:
        if not waits:
            raise
        await requests.run(client_id, partial(_read, runtime, client_id, reading, network))


async def _limit(runtime: Runtime, client_id: str, reading: Reading, network: str | None) -> None:
    """A client that is known is read whatever others had asked of its host: it is asked once in a minute at most, and
    whoever names a thousand addresses of a host must not shut out the one that people use. Raises TooMany."""
    settings = runtime.settings
    if network is not None:
        buckets = network_buckets("client-document", network, settings.client_id_metadata_network_fetches)
        await take_place(runtime, buckets, "client_document", "client_documents")
    if reading.client or await stranger_clients.read_within(runtime.db, client_id, LAST_KNOWN_SECONDS):
        return
    bucket = Bucket(f"document-host:{host_of(client_id)}", settings.client_id_metadata_host_fetches)
    await take_place(runtime, [bucket], "client_document_host", "client_document_host")


async def _last_known(runtime: Runtime, client_id: str) -> Client | None:
    if not await stranger_clients.read_within(runtime.db, client_id, LAST_KNOWN_SECONDS):
        return None
    return await runtime.clients.get(client_id)


async def _read(runtime: Runtime, url: str, reading: Reading, network: str | None) -> None:
    await _limit(runtime, url, reading, network)
    try:
        document, cache_control = await runtime.outgoing.get_document(url, limit=MAX_BYTES)
    except OutgoingFailed as failed:
        told = "The document of this client could not be read."
        reading.refused = Refused("invalid_client", told, f"client_document_{failed.kind}")
        reading.tried_at = monotonic()
        metrics.client_document_reads.labels("failed").inc()
        log.warning("client_document_not_read", client_id=url, reason=failed.kind, status=failed.status)
        return
    at = monotonic()
    client = await _judged(runtime, url, document)
    if isinstance(client, Refused):
        reading.refused, reading.tried_at = client, at
        metrics.client_document_reads.labels("refused").inc()
        log.warning("client_document_not_read", client_id=url, reason=client.reason)
        return
    await _write_down(runtime, client)
    reading.client, reading.refused, reading.tried_at = client, None, at
    reading.fresh_until = at + fresh_seconds(cache_control)
    metrics.client_document_reads.labels("read").inc()


async def _judged(runtime: Runtime, url: str, document: object) -> Client | Refused:
    settings = runtime.settings
    base = base_client(url, strangers_of(runtime))
    client = read_document(document, base)
    if isinstance(client, Refused):
        return client
    service = Service(
        offered_algorithms(runtime),
        loopback=settings.dev_mode,
        may_ask=runtime.outgoing.may_ask,
        taken_names=(settings.brand_name, *await clients.operators_names(runtime.db)),
    )
    judged = judge_client(client, "registrant", service, base)
    if isinstance(judged, Refused):
        return judged
    return name_is_plain(judged) or _with_keys(judged)


def _with_keys(client: Client) -> Client | Refused:
    found = with_judged_keys(client)
    return found if isinstance(found, Refused) else with_host(found)


async def _write_down(runtime: Runtime, client: Client) -> None:
    """A client that has a row is there what its document says now: for its refreshes, at every replica."""
    stored = await clients.by_id(runtime.db, client.id)
    if stored is None:
        return
    if stored == client:
        await stranger_clients.note_read(runtime.db, client.id)
        return
    async with runtime.db.transaction(seconds=CHANGE_SECONDS) as connection:
        if await clients.replace(connection, client):
            await stranger_clients.note_read(connection, client.id)
            await audit.record(
                connection, "client_document_changed", f"client:{client.id}", client_id=client.id, kind=client.kind
            )
