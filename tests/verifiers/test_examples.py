"""The verifier's examples before a real replica: the right token, wrong ones, and one whose person logs out."""

from __future__ import annotations

from contextlib import ExitStack

from started import EXAMPLES, FRAMEWORKS, Example
from tests.verifiers.conftest import House, bent


def test_every_example_hears_of_a_logout(house: House) -> None:
    leaving, staying = house.person(), house.person()
    left, stays = (f"Bearer {person['access_token']}" for person in (leaving, staying))
    own = f"Bearer {house.own('orders.read')}"
    with ExitStack() as stack:
        started = [Example(EXAMPLES / f"{name}_app.py", **house.env) for name in FRAMEWORKS]  # all of them at once
        examples = [stack.enter_context(each) for each in started]
        for example in examples:
            assert example.ask("GET", "/me", None).headers["www-authenticate"] == "Bearer"
            assert example.ask("GET", "/me", left).json() == {"sub": _sub(house, leaving)}
            assert example.ask("GET", "/me", f"Bearer {bent(leaving['access_token'])}").status_code == 401
            assert example.ask("GET", "/me", f"Bearer {leaving['refresh_token']}").status_code == 401
            assert example.ask("GET", "/orders", own).json() == {"orders_of": "verifier"}
            assert example.ask("GET", "/orders", left).status_code == 403
            assert example.ask("DELETE", "/orders", left).status_code == 403
        house.log_out(leaving)
        for example in examples:
            refused = example.until_refused("/me", left)
            assert refused.status_code == 401
            assert 'error="invalid_token"' in refused.headers["www-authenticate"]
            assert example.ask("GET", "/me", stays).status_code == 200


def _sub(house: House, person: dict[str, str]) -> str:
    answer = house.http.get("/api/profile/me", headers={"Authorization": f"Bearer {person['access_token']}"})
    return str(answer.json()["id"])
