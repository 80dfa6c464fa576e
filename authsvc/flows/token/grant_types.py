"""The grant types of POST /token."""

from __future__ import annotations

from typing import Any

from authsvc.flows.token.authorization_code import AUTHORIZATION_CODE
from authsvc.flows.token.client_credentials import CLIENT_CREDENTIALS
from authsvc.flows.token.device_code import DEVICE_CODE
from authsvc.flows.token.grant_type import GrantType
from authsvc.flows.token.refresh_token import REFRESH_TOKEN
from authsvc.flows.token.token_exchange import TOKEN_EXCHANGE
from authsvc.rules.token.granted import Granted

GRANT_TYPES: dict[str, GrantType[Any, Granted]] = {
    grant.name: grant for grant in (AUTHORIZATION_CODE, CLIENT_CREDENTIALS, DEVICE_CODE, REFRESH_TOKEN, TOKEN_EXCHANGE)
}
