"""Requests that many tests make, and what they ask of the answers."""

from __future__ import annotations

from typing import Any

import httpx2

LOGIN = {"email": "test@example.com", "password": "password"}


async def login(http: httpx2.AsyncClient, **members: Any) -> dict[str, Any]:
    answer = await http.post("/api/auth/login", json={**LOGIN, **members})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def refresh(http: httpx2.AsyncClient, token: str, client_id: str = "customer", **form: str) -> httpx2.Response:
    form = {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": token, **form}
    return await http.post("/token", data=form)


def bearer(tokens: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}"}


async def introspect(http: httpx2.AsyncClient, token: str) -> dict[str, Any]:
    answer = await http.post("/introspect", data={"token": token}, auth=("backend", "backend-secret"))
    assert answer.status_code == 200, answer.text
    return answer.json()


async def alive(http: httpx2.AsyncClient, tokens: dict[str, Any]) -> bool:
    """At introspection, at userinfo, and at the refresh (which is not spent by a question)."""
    answer = await http.post("/introspect", data={"token": tokens["access_token"]}, auth=("backend", "backend-secret"))
    active = bool(answer.json()["active"])
    me = await http.get("/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    if me.status_code == 404:  # not there yet
        me = await http.get("/api/profile/me", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    assert (me.status_code == 200) == active
    return active


def refused(answer: httpx2.Response, error: str = "invalid_request", status: int = 400) -> bool:
    assert (answer.status_code, answer.json()["error"]) == (status, error), answer.text
    return True
