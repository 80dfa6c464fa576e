"""Whether a client is of the sector that its `sector_identifier_uri` names (OpenID Connect Registration section 5).

The host is asked when a client is registered or names other redirect URIs, and at no other time.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from authsvc.logs import get_logger
from authsvc.outgoing import OutgoingFailed
from authsvc.rules.client_record import Client
from authsvc.rules.clients.sector import MAX_BYTES, judge_document, must_be_read
from authsvc.rules.refused import Refused
from authsvc.runtime import Memory, Runtime
from authsvc.tasks import SharedTasks

log = get_logger()
_fetches = Memory(SharedTasks[str, Any])
"""Requests for documents that are under way."""


async def judge_sector(runtime: Runtime, client: Client, known: Client | None = None) -> Refused | None:
    """`client`: judged otherwise. `known`: as it is registered now. Asks nobody where the document has been judged."""
    uri = client.login.sector_identifier_uri
    if uri is None or not must_be_read(client, known):
        return None
    try:
        document = await _fetches.of(runtime).run(uri, partial(runtime.outgoing.get_json, uri, limit=MAX_BYTES))
    except OutgoingFailed as failed:
        log.warning("sector_document_not_read", client_id=client.id, reason=failed.kind, status=failed.status)
        return Refused(
            "invalid_client_metadata",
            "The document at the sector_identifier_uri could not be read.",
            f"sector_document_{failed.kind}",
        )
    return judge_document(client, document)
