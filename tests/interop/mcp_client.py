"""The MCP SDK's client, as its user writes it: it knows the address of a server and the document of its own.

    python mcp_client.py SERVER CALLBACK [DOCUMENT]

It writes an address for the person's browser to a line of its output, and reads from a line of its input where the
browser ended. The last line is JSON: what the tools said, and the tokens. Without a document it registers itself.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken


class Storage:
    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


async def open_browser(url: str) -> None:
    print(url, flush=True)


async def come_back() -> AuthorizationCodeResult:
    line = await asyncio.to_thread(sys.stdin.readline)
    query = {name: values[0] for name, values in parse_qs(urlsplit(line.strip()).query).items()}
    return AuthorizationCodeResult(code=query["code"], state=query.get("state"), iss=query.get("iss"))


async def call(http: httpx2.AsyncClient, server: str) -> dict[str, Any]:
    async with Client(streamable_http_client(server, http_client=http)) as client:
        written = await client.call_tool("write_note", {"text": "milk"})
        read = await client.call_tool("read_notes", {})
        return {"written": written.content[0].text, "read": [part.text for part in read.content]}


async def main(server: str, callback: str, document: str | None) -> None:
    storage = Storage()
    metadata = OAuthClientMetadata(
        client_name="Agent",
        redirect_uris=[callback],
        grant_types=["authorization_code", "refresh_token"],
        token_endpoint_auth_method="none",
    )
    auth = OAuthClientProvider(server, metadata, storage, open_browser, come_back, client_metadata_url=document)
    async with httpx2.AsyncClient(auth=auth, timeout=20, trust_env=False) as http:
        said = await call(http, server)
        auth.context.token_expiry_time = 1.0  # as time would: the SDK refreshes before the next call
        before = storage.tokens.access_token
        again = await call(http, server)
    told = {**said, "again": again["read"], "refreshed": storage.tokens.access_token != before}
    print(json.dumps({**told, "client_id": storage.client.client_id, "scope": storage.tokens.scope}), flush=True)


asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None))
