"""Nobody learns from a login whether an address is known: not from what is said, nor from how long it takes."""

from __future__ import annotations

import asyncio
import random
from time import perf_counter

import asyncpg
import httpx2
import pytest

from authsvc.flows.proofs.write_letters import write_for_ever, write_one
from tests.faults.conftest import Service, serving
from tests.support.background import beside
from tests.support.login_steps import submit
from tests.support.mailed_codes import allow
from tests.support.two_samples import kolmogorov_smirnov

pytestmark = pytest.mark.faults

GENEROUS = {
    "AUTHSVC_LOGIN_ACCOUNT_FAILURES": "1000",
    "AUTHSVC_LOGIN_NETWORK_FAILURES": "100000",
    "AUTHSVC_HASH_THREADS": "1",
    "AUTHSVC_MAIL_ADDRESS_REQUESTS": "1000",
    "AUTHSVC_MAIL_NETWORK_REQUESTS": "100000",
}
ROUNDS = 400


def test_the_measure_tells_a_tenth_of_a_millisecond() -> None:
    dice = random.Random(1)
    one = [dice.gauss(1.5, 0.15) for _ in range(ROUNDS)]
    assert kolmogorov_smirnov(one, [dice.gauss(1.5, 0.15) for _ in range(ROUNDS)]) > 0.05
    assert kolmogorov_smirnov(one, [dice.gauss(1.6, 0.15) for _ in range(ROUNDS)]) < 0.001


async def attempt(service: Service, email: str) -> tuple[httpx2.Response, float]:
    body = {"email": email, "password": "wrong"}
    started = perf_counter()
    answer = await service.http.post("/api/auth/login", json=body)
    return answer, perf_counter() - started


def said(answer: httpx2.Response) -> tuple[object, ...]:
    headers = {name: value for name, value in answer.headers.items() if name not in ("x-request-id", "retry-after")}
    return answer.status_code, answer.content, headers


async def test_known_and_unknown_addresses_get_one_answer_in_one_time(env: dict[str, str]) -> None:
    async with serving(env | GENEROUS) as service:
        for _ in range(30):
            await attempt(service, "test@example.com")
            await attempt(service, "nobody@example.com")
        # One in a hundred honest services fails once, a busy machine's sooner. Others each time: failures are limited.
        for known in ("test", "admin", "bartender"):
            times: dict[str, list[float]] = {f"{known}@example.com": [], f"{known[:-1]}x@example.com": []}
            for number in range(ROUNDS):
                for email in sorted(times, reverse=bool(number % 2)):
                    answer, took = await attempt(service, email)
                    times[email].append(took)
                    assert answer.status_code == 401
            probability = kolmogorov_smirnov(*times.values())
            if probability > 0.01:
                break
        assert probability > 0.01
        here, away = [(await attempt(service, email))[0] for email in times]
        assert said(here) == said(away)


async def test_disabled_and_passwordless_people_are_like_nobody(env: dict[str, str], sql: asyncpg.Connection) -> None:
    await sql.execute("UPDATE users SET disabled_at = now() WHERE email = 'bartender@example.com'")
    await sql.execute("UPDATE users SET password_hash = NULL WHERE email = 'admin@example.com'")
    async with serving(env | GENEROUS) as service:
        emails = ("test@example.com", "nobody@example.com", "bartender@example.com", "admin@example.com")
        answers = [said((await attempt(service, email))[0]) for email in emails]
        assert all(answer == answers[0] for answer in answers)


async def test_a_full_queue_and_a_reached_limit_tell_no_more(env: dict[str, str]) -> None:
    slow = {"AUTHSVC_ARGON2_MEMORY_KIB": "65536", "AUTHSVC_HASH_QUEUE": "2", "AUTHSVC_DB_POOL_SIZE": "30"}
    async with serving(env | GENEROUS | slow) as service:
        # Several of each: who came first to the line of an account is served, and two of one account at a time.
        names = ("test", "nobody", "admin", "admix", "bartender", "bartendex")
        emails = [f"{name}@example.com" for name in names] * 4
        answers = await asyncio.gather(*(attempt(service, email) for email in emails))
        for status in (401, 503):
            known = [said(answer) for answer, _ in answers[::2] if answer.status_code == status]
            unknown = [said(answer) for answer, _ in answers[1::2] if answer.status_code == status]
            assert all(answer == (known + unknown)[0] for answer in known + unknown)
        refused = [(answer.status_code == 503, number % 2) for number, (answer, _) in enumerate(answers)]
        assert {parity for is_refused, parity in refused if is_refused} == {0, 1}, "both are turned away"
    async with serving(env | {"AUTHSVC_LOGIN_ACCOUNT_FAILURES": "3", "AUTHSVC_REDIS_PREFIX": "limit"}) as service:
        for email in ("test@example.com", "nobody@example.com"):
            answers = [await attempt(service, email) for _ in range(5)]
            assert [answer.status_code for answer, _ in answers] == [401] * 3 + [429] * 2


async def timed(service: Service, page: httpx2.Response, path: str, **filled: str) -> tuple[httpx2.Response, float]:
    started = perf_counter()
    answer = await submit(service.http, page, path, **filled)
    return answer, perf_counter() - started


async def test_a_letter_is_asked_for_in_one_time(env: dict[str, str]) -> None:
    """While the worker writes the letters: to those who have an account alone."""
    async with serving(env | GENEROUS) as service, beside(write_for_ever, service.runtime):
        page = await service.http.get("/reset")
        for known in ("test", "admin", "bartender"):
            times: dict[str, list[float]] = {f"{known}@example.com": [], f"{known[:-1]}x@example.com": []}
            for number in range(ROUNDS):
                for email in sorted(times, reverse=bool(number % 2)):
                    answer, took = await timed(service, page, "/reset", username=email)
                    times[email].append(took)
                    assert answer.status_code == 200
            probability = kolmogorov_smirnov(*times.values())
            if probability > 0.01:
                break
        assert probability > 0.01


async def test_a_frontend_asks_for_a_letter_in_one_time(env: dict[str, str]) -> None:
    """As the page does: for the code of the letter, too."""
    async with serving(env | GENEROUS) as service, beside(write_for_ever, service.runtime):
        for known in ("test", "admin", "bartender"):
            people = f"{known}@example.com", f"{known[:-1]}x@example.com"
            asking: dict[str, list[float]] = {email: [] for email in people}
            trying: dict[str, list[float]] = {email: [] for email in people}
            for number in range(ROUNDS // 2):
                for email in sorted(people, reverse=bool(number % 2)):
                    answer, took = await posted(service, "/api/auth/reset", {"email": email})
                    asking[email].append(took)
                    assert answer.status_code == 200
                    challenge = answer.json()["reset_challenge"]
                    wrong = {"reset_challenge": challenge, "code": "12345678", "new_password": "a long one"}
                    answer, took = await posted(service, "/api/auth/reset/finish", wrong)
                    trying[email].append(took)
                    assert answer.status_code == 401
            probability = min(kolmogorov_smirnov(*asking.values()), kolmogorov_smirnov(*trying.values()))
            if probability > 0.01:
                break
        assert probability > 0.01


async def posted(service: Service, path: str, members: dict[str, str]) -> tuple[httpx2.Response, float]:
    started = perf_counter()
    answer = await service.http.post(path, json=members)
    return answer, perf_counter() - started


async def test_a_login_by_mail_takes_one_time(env: dict[str, str]) -> None:
    """Through a frontend: to ask for the code, and to try it once the letters are written, where nobody was written to,
    too."""
    async with serving(env | GENEROUS) as service:
        await allow(service.runtime, service.runtime.db)

        async def call(path: str, **members: str) -> tuple[httpx2.Response, float]:
            started = perf_counter()
            answer = await service.http.post(path, json=members)
            return answer, perf_counter() - started

        for known in ("test", "admin", "bartender"):
            emails = (f"{known}@example.com", f"{known[:-1]}x@example.com")
            asking: dict[str, list[float]] = {email: [] for email in emails}
            trying: dict[str, list[float]] = {email: [] for email in emails}
            for number in range(ROUNDS):
                for email in sorted(emails, reverse=bool(number % 2)):
                    asked, took = await call("/api/auth/login/mail", email=email)
                    asking[email].append(took)
                    challenge = asked.json()["mail_challenge"]
                    while await write_one(service.runtime):
                        pass
                    tried, took = await call("/api/auth/login/mail/finish", mail_challenge=challenge, code="12345678")
                    trying[email].append(took)
                    assert (asked.status_code, tried.status_code) == (200, 401)
            probabilities = [kolmogorov_smirnov(*times.values()) for times in (asking, trying)]
            if min(probabilities) > 0.01:
                break
        assert min(probabilities) > 0.01


async def test_the_code_of_a_letter_is_tried_in_one_time(env: dict[str, str]) -> None:
    """Where nobody was written to, too; and as often."""
    async with serving(env | GENEROUS) as service:
        page = await service.http.get("/reset")
        for known in ("test", "admin", "bartender"):
            times: dict[str, list[float]] = {f"{known}@example.com": [], f"{known[:-1]}x@example.com": []}
            for _ in range(ROUNDS // 8):
                asked = {email: await submit(service.http, page, "/reset", username=email) for email in times}
                while await write_one(service.runtime):
                    pass
                for number in range(7):
                    for email in sorted(times, reverse=bool(number % 2)):
                        answer, took = await timed(service, asked[email], "/proof/code", code=f"{number:08}")
                        times[email].append(took)
                        assert answer.status_code == 400
            probability = kolmogorov_smirnov(*times.values())
            if probability > 0.01:
                break
        assert probability > 0.01
