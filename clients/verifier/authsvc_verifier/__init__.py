"""Verify access tokens (RFC 9068) in a resource server; see README.md.

pure    claims keys judge require dpop certificate resource revocations feed status_list list_cache discovery state
        presented errors
effects wire (requests), list_keeper, verifier (asyncio), sync (threads)
adapters asgi starlette wsgi flask django: each imports its framework, nothing imports them
"""

from authsvc_verifier.certificate import Connection, FromClientCert, from_tls
from authsvc_verifier.claims import Claims
from authsvc_verifier.dpop import Shown
from authsvc_verifier.errors import (
    BoundToCertificate,
    BoundToken,
    InsufficientRole,
    InsufficientScope,
    InvalidProof,
    InvalidRequest,
    InvalidToken,
    NotConfigured,
    Refused,
    StepUpNeeded,
    TokenMissing,
    Unavailable,
    VerifierError,
)
from authsvc_verifier.require import Requirement, Stale, require
from authsvc_verifier.resource import ProtectedResource, protected_resource
from authsvc_verifier.sync import SyncVerifier
from authsvc_verifier.verifier import Verifier

__all__ = [
    "BoundToCertificate",
    "BoundToken",
    "Claims",
    "Connection",
    "FromClientCert",
    "InsufficientRole",
    "InsufficientScope",
    "InvalidProof",
    "InvalidRequest",
    "InvalidToken",
    "NotConfigured",
    "ProtectedResource",
    "Refused",
    "Requirement",
    "Shown",
    "Stale",
    "StepUpNeeded",
    "SyncVerifier",
    "TokenMissing",
    "Unavailable",
    "Verifier",
    "VerifierError",
    "from_tls",
    "protected_resource",
    "require",
]
