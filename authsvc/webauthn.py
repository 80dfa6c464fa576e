"""What browsers send of a passkey, read; and the signature of one, verified. Nothing is judged here
(`rules/factors/passkeys.py` does).

By fido2's data types alone, imported when the first passkey comes: docs/decisions/passkeys.md has what they cost. Every
size is bounded before anything is parsed, because strangers send these; whatever cannot be read is None.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from authsvc.rules.factors.passkey_record import Assertion, Registration, Statement
from authsvc_jws.base64url import base64url_decode

if TYPE_CHECKING:
    from fido2.cose import CoseKey
    from fido2.webauthn import AuthenticatorData, CollectedClientData

MAX_TEXT = 16_384
MAX_CREDENTIAL_ID = 1023
"""WebAuthn Level 3 section 7.1, step 25."""
_MAX_CLIENT_DATA, _MAX_ATTESTATION, _MAX_AUTHENTICATOR_DATA, _MAX_SIGNATURE, _MAX_USER_HANDLE = (
    4096,
    8192,
    1024,
    1024,
    64,
)
_RSA_BYTES = range(256, 513)
_RSA_EXPONENT = b"\x01\x00\x01"
_TRANSPORTS = frozenset({"ble", "cable", "hybrid", "internal", "nfc", "smart-card", "usb"})


class _Unreadable(ValueError):
    """What was sent is none of ours to understand."""


def read_registration(text: str) -> Registration | None:
    """A RegistrationResponseJSON (section 5.1.8). None: it cannot be read, or its key cannot be used."""
    try:
        return _registration(_members(text))
    except Exception:  # a parser of strangers' bytes: whatever it raises, they are none
        return None


def read_assertion(text: str) -> Assertion | None:
    """An AuthenticationResponseJSON (section 5.1.8). None: it cannot be read."""
    try:
        return _assertion(_members(text))
    except Exception:  # as above
        return None


def signature_is_right(public_key: bytes, assertion: Assertion) -> bool:
    """Whether the signature is one of this key (COSE) over what was sent."""
    from cryptography.exceptions import InvalidSignature
    from fido2 import cbor
    from fido2.cose import CoseKey

    try:
        CoseKey.parse(cbor.decode(public_key)).verify(assertion.signed, assertion.signature)  # type: ignore[arg-type]
    except (InvalidSignature, ValueError, LookupError, NotImplementedError):  # the last: a kind of key unknown to fido2
        return False
    return True


def is_public_suffix(domain: str) -> bool:
    """Whether browsers take no RP ID of this name (section 5.1.3). Reads the public suffix list, for operators alone:
    it costs 1.5 MB."""
    from fido2.rpid import verify_rp_id

    return not verify_rp_id(domain, f"https://host.{domain}")


def _registration(members: Mapping[str, Any]) -> Registration:
    from fido2 import cbor
    from fido2.webauthn import AttestationObject, CollectedClientData

    response = members["response"]
    client_data = CollectedClientData(_bytes(response, "clientDataJSON", _MAX_CLIENT_DATA))
    authenticator_data = AttestationObject(_bytes(response, "attestationObject", _MAX_ATTESTATION)).auth_data
    credential = authenticator_data.credential_data
    if credential is None or credential.credential_id != _bytes(members, "rawId", MAX_CREDENTIAL_ID):
        raise _Unreadable
    return Registration(
        statement=_statement(client_data, authenticator_data),
        credential_id=credential.credential_id,
        public_key=cbor.encode(_usable(credential.public_key)),
        algorithm=credential.public_key[3],
        aaguid=UUID(bytes=bytes(credential.aaguid)),
        transports=tuple(sorted(_TRANSPORTS.intersection(response.get("transports") or ()))),
    )


def _assertion(members: Mapping[str, Any]) -> Assertion:
    from fido2.webauthn import AuthenticatorData, CollectedClientData

    response = members["response"]
    client_data = CollectedClientData(_bytes(response, "clientDataJSON", _MAX_CLIENT_DATA))
    authenticator_data = AuthenticatorData(_bytes(response, "authenticatorData", _MAX_AUTHENTICATOR_DATA))
    named = response.get("userHandle") is not None
    return Assertion(
        statement=_statement(client_data, authenticator_data),
        credential_id=_bytes(members, "rawId", MAX_CREDENTIAL_ID),
        user_handle=_bytes(response, "userHandle", _MAX_USER_HANDLE) if named else None,
        signed=bytes(authenticator_data) + client_data.hash,
        signature=_bytes(response, "signature", _MAX_SIGNATURE),
    )


def _statement(client_data: CollectedClientData, authenticator_data: AuthenticatorData) -> Statement:
    if not isinstance(client_data.origin, str):
        raise _Unreadable
    return Statement(
        type=str(client_data.type),
        challenge=client_data.challenge,
        origin=client_data.origin,
        cross_origin=client_data.cross_origin is not False,
        rp_id_hash=authenticator_data.rp_id_hash,
        user_present=authenticator_data.is_user_present(),
        user_verified=authenticator_data.is_user_verified(),
        backup_eligible=authenticator_data.is_backup_eligible(),
        backed_up=authenticator_data.is_backed_up(),
        sign_count=authenticator_data.counter,
    )


def _members(text: str) -> Mapping[str, Any]:
    if len(text) > MAX_TEXT:
        raise _Unreadable
    members: Mapping[str, Any] = json.loads(text)
    if members["type"] != "public-key" or members["id"] != members["rawId"]:
        raise _Unreadable
    return members


def _bytes(members: Mapping[str, Any], name: str, most: int) -> bytes:
    raw = base64url_decode(members[name].encode("ascii"))
    if not 1 <= len(raw) <= most:
        raise _Unreadable
    return raw


def _usable(key: CoseKey) -> CoseKey:
    """A key of a size that costs us little to verify with. Whoever names a key chooses what its signatures cost."""
    from cryptography.exceptions import InvalidSignature
    from fido2.cose import RS256

    if key[3] == RS256.ALGORITHM and (len(key[-1]) not in _RSA_BYTES or key[-2] != _RSA_EXPONENT):
        raise _Unreadable
    try:
        key.verify(b"", b"no signature")
    except InvalidSignature:  # so it can verify: its numbers are those of a key
        return key
    raise _Unreadable
