"""Whose subjects a pairwise client shares (OpenID Connect Core section 8.1): those of the host of its redirect URIs, or
of the host whose document at `sector_identifier_uri` lists them all (Registration section 5)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from authsvc.rules.client_record import Client
from authsvc.rules.device.codes import GRANT_TYPE as DEVICE_CODE
from authsvc.rules.refused import Refused

MAX_BYTES = 64 * 1024


def sector_of(client: Client) -> str | None:
    """The host of its document or, without one, the one host of all redirect URIs; None: there are several. Loopback
    and private schemes are nobody's in particular, so such a client is a sector of its own ('')."""
    if client.login.sector_identifier_uri is not None:
        return urlsplit(client.login.sector_identifier_uri).hostname or ""
    # A host proves something only where tokens come by way of it: a device gets them without any redirect URI.
    if DEVICE_CODE in client.grant_types:
        return ""
    hosts = {urlsplit(uri).hostname or "" if _is_https(uri) else "" for uri in client.login.redirect_uris}
    return None if len(hosts) > 1 else next(iter(hosts), "")


def judge_sector_identifier_uri(client: Client, *, by_registrant: bool) -> Refused | None:
    """Whether a client may have its `sector_identifier_uri`; what is found there is judged later.

    Anybody can register what another's document lists. So a registrant's tokens must come by way of those addresses.
    """
    login = client.login
    if login.sector_identifier_uri is None:
        return None
    if not login.redirect_uris:
        description = "The sector_identifier_uri needs redirect_uris, which it lists."
        return Refused("invalid_client_metadata", description, "sector_without_redirects")
    if by_registrant:
        if DEVICE_CODE not in client.grant_types and all(map(_is_https, login.redirect_uris)):
            return None
        description = "The sector_identifier_uri is for clients that get tokens by https redirect_uris alone."
        return Refused("invalid_client_metadata", description, "sector_not_by_redirects")
    if login.subject_type != "pairwise":
        return Refused("invalid_client_metadata", "The sector_identifier_uri is for pairwise clients.", "sector")
    if login.sector:
        description = "The sector is that of the sector_identifier_uri: leave the sector away."
        return Refused("invalid_client_metadata", description, "sector_twice")
    return None


def must_be_read(client: Client, known: Client | None) -> bool:
    """Whether a client names a document that has not been judged for it. `known`: as it is registered now, None: it is
    not. A change of its name does not fail because the document is away today."""
    if client.login.sector_identifier_uri is None:
        return False
    return known is None or _named(client) != _named(known)


def judge_document(client: Client, document: Any) -> Refused | None:
    """`document`: the JSON value that was read, of at most MAX_BYTES. It is a list, and holds every redirect URI of the
    client, character by character."""
    if not isinstance(document, list) or not all(isinstance(uri, str) for uri in document):
        return Refused(
            "invalid_client_metadata",
            "The document at the sector_identifier_uri is no list of strings.",
            "sector_document_malformed",
        )
    if not set(client.login.redirect_uris) <= set(document):
        return Refused(
            "invalid_client_metadata",
            "The document at the sector_identifier_uri does not list all of the redirect_uris.",
            "sector_document_incomplete",
        )
    return None


def _is_https(uri: str) -> bool:
    return urlsplit(uri).scheme == "https"


def _named(client: Client) -> tuple[str | None, frozenset[str]]:
    return client.login.sector_identifier_uri, frozenset(client.login.redirect_uris)
