"""Private keys that sign. The ring says which of them signs; a signer signs, and may have to wait for that.

`local` keeps its key in the memory of this process. A key in a KMS or an HSM is another module beside it, whose signer
asks over a network. Nothing signs in any other way.
"""

from __future__ import annotations

from typing import Protocol


class Signer(Protocol):
    async def sign(self, signing_input: bytes) -> bytes:
        """The signature over a JWS signing input (RFC 7515 section 5.1), by the one algorithm of the key."""
