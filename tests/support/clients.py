"""Clients of tests, written as the columns of the table: a test says the two or three that it is about."""

from __future__ import annotations

from typing import Any

from authsvc.rules.client_record import Client, flat_of, from_flat


def flat_client(**columns: Any) -> Client:
    """What is left away has its default."""
    return changed_client(Client(id="", name="", kind=""), **columns)


def changed_client(client: Client, **columns: Any) -> Client:
    """The same client with other values in these columns."""
    known = flat_of(client)
    assert columns.keys() <= known.keys(), columns.keys() - known.keys()
    return from_flat(known | columns)
