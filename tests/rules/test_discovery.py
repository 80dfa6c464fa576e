"""The metadata documents are what the capabilities contribute, in one order, each member once."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256

import pytest

from authsvc.app import OAUTH_METADATA, OPENID_METADATA
from authsvc.rules import discovery
from authsvc.rules.discovery import Described, document

IT = Described(
    "https://auth.example.com", pushed_only=False, registration=True, documents=True, algorithms=("RS256", "ES256")
)
OAUTH = """
    issuer jwks_uri token_endpoint token_endpoint_auth_methods_supported
    token_endpoint_auth_signing_alg_values_supported revocation_endpoint revocation_endpoint_auth_methods_supported
    revocation_endpoint_auth_signing_alg_values_supported introspection_endpoint
    introspection_endpoint_auth_methods_supported introspection_endpoint_auth_signing_alg_values_supported
    introspection_signing_alg_values_supported dpop_signing_alg_values_supported revocations_endpoint
    revocations_stream_endpoint device_authorization_endpoint grant_types_supported authorization_endpoint
    pushed_authorization_request_endpoint require_pushed_authorization_requests
    request_object_signing_alg_values_supported registration_endpoint
    client_id_metadata_document_supported response_types_supported
    response_modes_supported code_challenge_methods_supported authorization_response_iss_parameter_supported
    scopes_supported ui_locales_supported service_documentation
""".split()  # noqa: SIM905
OPENID = """
    userinfo_endpoint subject_types_supported acr_values_supported prompt_values_supported claim_types_supported
    claims_supported claims_parameter_supported request_parameter_supported request_uri_parameter_supported
    id_token_signing_alg_values_supported end_session_endpoint backchannel_logout_supported
    backchannel_logout_session_supported
""".split()  # noqa: SIM905


def test_the_documents_have_these_members_in_this_order() -> None:
    assert list(document(IT, OAUTH_METADATA)) == OAUTH
    assert list(document(IT, OPENID_METADATA)) == OAUTH + OPENID


def test_the_bytes_are_those_of_the_releases_before() -> None:
    """Their ETag is made of them: caches need not read them again because code has moved. Since 2026-11-30 a service
    with several algorithms names each for answers of introspection, too."""
    assert _digest(OAUTH_METADATA) == "d837517da91451c239324d23632ec194"
    assert _digest(OPENID_METADATA) == "5343e635957046a28634c26381afad2e"


def _digest(contributions: tuple[discovery.Lines, ...]) -> str:
    return sha256(json.dumps(document(replace(IT, documents=False), contributions)).encode()).hexdigest()[:32]


def test_what_is_off_is_not_there() -> None:
    closed = set(document(replace(IT, registration=False, documents=False), OAUTH_METADATA))
    assert set(OAUTH) - closed == {"registration_endpoint", "client_id_metadata_document_supported"}


def test_no_capability_overwrites_what_another_one_says() -> None:
    with pytest.raises(ValueError, match="jwks_uri"):
        document(IT, (discovery.keys, discovery.keys))
