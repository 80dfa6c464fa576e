"""The document of a sector: when it is read, and what it must say."""

from __future__ import annotations

from typing import Any

import pytest

from authsvc.rules.client_record import Client
from authsvc.rules.clients.sector import judge_document, must_be_read
from tests.support.clients import changed_client, flat_client

A, B = "https://a.example/callback", "https://b.example/callback"
URI = "https://group.example/sector.json"
CLIENT = flat_client(
    id="a", name="A", kind="public", subject_type="pairwise", redirect_uris=(A, B), sector_identifier_uri=URI
)


@pytest.mark.parametrize("document", [[A, B], [B, A, A], [B, "https://c.example/", "", A]])
def test_a_document_that_lists_every_redirect_uri_is_good(document: Any) -> None:
    assert judge_document(CLIENT, document) is None


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        *(([uris, "sector_document_incomplete"]) for uris in ([], [A], [A, B + "/"], [A, B.upper()], [A + " " + B])),
        *(
            [value, "sector_document_malformed"]
            for value in (None, True, 1, A, {}, {A: A, B: B}, {"redirect_uris": [A, B]}, [A, B, None], [[A, B]])
        ),
    ],
)
def test_any_other_document_makes_nobody_of_its_sector(document: Any, expected: str) -> None:
    refused = judge_document(CLIENT, document)
    assert refused is not None
    assert (refused.error, refused.reason) == ("invalid_client_metadata", expected)


@pytest.mark.parametrize(
    ("changed", "known", "read"),
    [
        ({}, None, True),
        ({}, {}, False),
        ({"name": "B", "redirect_uris": (B, A)}, {}, False),
        ({"redirect_uris": (A,)}, {}, True),
        ({"redirect_uris": (A, B, "https://c.example/")}, {}, True),
        ({"sector_identifier_uri": URI + "?"}, {}, True),
        ({}, {"sector_identifier_uri": None}, True),
        ({"sector_identifier_uri": None}, None, False),
        ({"sector_identifier_uri": None}, {}, False),
    ],
)
def test_it_is_read_when_it_or_what_it_must_list_is_new(
    changed: dict[str, Any], known: dict[str, Any] | None, read: bool
) -> None:
    before: Client | None = None if known is None else changed_client(CLIENT, **known)
    assert must_be_read(changed_client(CLIENT, **changed), before) is read
