"""Recovery by mail is no way around a second factor."""

from __future__ import annotations

from authsvc_devkit.servers import Servers
from tests.support.factors import app_of, person, recovery_codes_of
from tests.support.letters import ask, letter
from tests.support.login_steps import enter, fields, is_page, submit
from tests.support.service import service

EMAIL = "careful@example.com"
NEW = "a new one, quite long"


async def test_a_reset_leaves_every_factor_and_the_login_after_it_asks_for_one(
    servers: Servers, base_env: dict[str, str]
) -> None:
    async with service(servers, base_env, smtp_url="dev:") as house:
        user_id = await person(house, EMAIL)
        app = await app_of(house, user_id)
        codes = await recovery_codes_of(house, user_id)
        before = (
            await house.sql.fetch("SELECT * FROM one_time_codes"),
            await house.sql.fetch("SELECT * FROM recovery_codes ORDER BY digest"),
        )
        http = house.caller()
        sent = await ask(http, "/reset", EMAIL)
        page = await submit(http, sent, "/proof/code", code=(await letter(house.runtime, EMAIL)).code)
        done = await submit(http, page, "/proof", new_password=NEW, repeat_password=NEW)
        assert "Your password is changed" in done.text
        assert "authsvc_session" not in http.cookies, "nobody is logged in by it"
        after = (
            await house.sql.fetch("SELECT * FROM one_time_codes"),
            await house.sql.fetch("SELECT * FROM recovery_codes ORDER BY digest"),
        )
        assert before == after
        second = await enter(http, await http.get("/login"), EMAIL, NEW)
        assert is_page(second, "/login/second")
        assert (await http.get("/account")).status_code == 303
        answer = await http.post("/api/auth/login", json={"email": EMAIL, "password": NEW})
        assert answer.json()["error"] == "mfa_required"
        done = await http.post("/login/second", data={**fields(second), "way": "otp", "code": app.code()})
        assert done.headers["location"] == "/account"
        assert codes
