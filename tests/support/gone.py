"""What httpx2 raises where a server is gone, also one that goes in the moment after a connection was made: uvloop has
closed the socket then, and anyio asks it for its name."""

from __future__ import annotations

import httpx2

SERVER_GONE = (httpx2.TransportError, AttributeError)
