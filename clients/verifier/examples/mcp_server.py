"""uvicorn mcp_server:app   (ISSUER and RESOURCE in the environment; needs `pip install mcp`, version 2)

An MCP server whose tools are for whoever has a token. A client that knows nothing but its address is told the rest:
401 names the metadata of this resource (RFC 9728), these name the issuer.
"""

import os
from urllib.parse import urlsplit

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.transport_security import TransportSecuritySettings

from authsvc_verifier import Claims, Verifier, protected_resource
from authsvc_verifier.asgi import CLAIMS, BearerMiddleware

issuer = os.environ.get("ISSUER", "http://localhost:8000")
# The address of this server, as clients know it, and what tokens call it: AUTHSVC_STRANGER_AUDIENCES names it.
resource = protected_resource(
    os.environ.get("RESOURCE", "http://localhost:9000/mcp"),
    issuer,
    "notes.read notes.write",
    resource_name="Notes",
)
server = MCPServer("Notes")
notes: dict[str, list[str]] = {}


@server.tool()
def read_notes(context: Context) -> list[str]:
    """The person's notes."""
    return notes.get(_claims(context, "notes.read").sub, [])


@server.tool()
def write_note(text: str, context: Context) -> str:
    """Keep a note for the person."""
    claims = _claims(context, "notes.write")
    notes.setdefault(claims.sub, []).append(text)
    return f"{claims.client_id} wrote it down."


def _claims(context: Context, scope: str) -> Claims:
    """Of the token that came with this call."""
    claims: Claims = context.request_context.request.scope[CLAIMS]
    if scope not in claims.scope:
        raise ToolError(f"The token lacks the scope {scope}.")
    return claims


parts = urlsplit(resource.resource)
app = BearerMiddleware(
    server.streamable_http_app(
        streamable_http_path=parts.path,
        stateless_http=True,
        transport_security=TransportSecuritySettings(allowed_hosts=[parts.netloc], allowed_origins=[]),
    ),
    Verifier(issuer, audience=resource.resource),
    resource=resource,
)
