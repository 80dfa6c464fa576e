"""Private keys that sign. The ring says which of them signs; a signer signs, and may have to wait for that.

The one signer there is keeps its key in the memory of this process. A key in a KMS or an HSM is another class here,
whose `sign` asks over a network. Nothing signs in any other way.
"""

from __future__ import annotations

from dataclasses import field

from authsvc.jose import algorithms
from authsvc.keys.master import MasterKeys
from authsvc.keys.records import SigningKey
from authsvc.keys.seal import open_key
from authsvc.records import frozen


@frozen
class LocalSigner:
    """`public`: the public half, made from the private one."""

    public: algorithms.PublicKey
    _sign: algorithms.Sign = field(repr=False)

    async def sign(self, signing_input: bytes) -> bytes:
        """The signature over a JWS signing input (RFC 7515 section 5.1), by the one algorithm of the key. At once, on
        the event loop: an RSA signature takes 0.3 ms or so, and a thread would cost more."""
        return self._sign(signing_input)


def open_signer(master: MasterKeys, row: SigningKey) -> LocalSigner:
    """Raises `SealError`, `KeyRefused`."""
    private = open_key(master, row)
    return LocalSigner(private.public_key(), algorithms.signing(private, row.alg))
