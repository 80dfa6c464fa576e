"""The store's ways to fail."""

from __future__ import annotations


class StoreUnavailable(Exception):
    """A store did not answer in time, or at all. `store` is postgresql, redis or master_key (a file, in
    its way a store), `kind` a lower_snake word."""

    def __init__(self, store: str, kind: str) -> None:
        super().__init__(f"{store}: {kind}")
        self.store = store
        self.kind = kind


class ClientRemoved(Exception):
    """A row was to name a client that is no more: it was removed since this worker read it. Nothing was written."""
