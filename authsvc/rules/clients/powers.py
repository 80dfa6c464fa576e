"""What only an operator gives to a client or takes from it."""

from __future__ import annotations

from typing import Any

from authsvc.rules.client_record import Client


def asks_about(client: Client) -> int:
    """About how many tokens: none, those that are meant for it, all."""
    return client.introspection + (client.introspection and client.introspection_all)


def given(client: Client) -> tuple[Any, ...]:
    """Rights and restrictions, as a value to compare."""
    login, tokens = client.login, client.tokens
    return (
        client.first_party,
        client.profile,
        client.stranger,
        client.exchange,
        login.origins,
        (login.required_role, login.required_acr, login.registration_role, login.remember_me_allowed),
        (login.mail_code_login, login.trusted_device_days, login.pkce),
        (login.session_seconds, login.remember_me_seconds),
        (tokens.id_token_claims, tokens.id_token_on_refresh, tokens.id_token_seconds, tokens.claim_aliases),
        tokens.refresh_without_offline_access,
        (client.authentication.assertion_audience, client.authentication.assertion_seconds),
        (tokens.audiences, tokens.access_token_seconds, tokens.access_token_typ, tokens.status_list),
        (tokens.refresh_grace_seconds, tokens.refresh_lost_answer_seconds),
    )
