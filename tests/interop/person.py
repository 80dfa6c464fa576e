"""The human in the flow: a browser with cookies that fills in the pages it meets, as the person told it to."""

from __future__ import annotations

import re
import ssl
from html import unescape
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx2

from tests.support.login_steps import fields

DECISIONS = {"/consent": "allow", "/device": "allow", "/logout": "logout"}
"""The button that is pressed on each page that has several."""


class Person:
    """`met` holds the paths of the pages with a form that were filled in, in order."""

    def __init__(self, trust: ssl.SSLContext, email: str = "test@example.com") -> None:
        self.http = httpx2.Client(verify=trust, timeout=20, trust_env=False)
        self.email = email
        self.password = "password"
        self.met: list[str] = []

    def visit(self, url: str, method: str = "GET") -> httpx2.Response:
        """Open an address and go on until a page without a form of the provider's is there, or an address under
        .example, which is nobody's: then its redirect is the answer."""
        answer = self.http.request(method, url)
        for _ in range(20):
            target = answer.headers.get("location")
            if target is not None:
                target = urljoin(str(answer.url), target)
                if (urlsplit(target).hostname or "").endswith(".example"):
                    return answer
                answer = self.http.get(target)
            elif (action := self._action(answer)) is not None:
                answer = self._submit(answer, action)
            else:
                return answer
        raise AssertionError(f"no end of pages and redirects: {self.met}, {answer.url}")

    def sent_to(self, url: str) -> str:
        """Open an address; where the last redirect leads."""
        answer = self.visit(url)
        assert "location" in answer.headers, (answer.status_code, str(answer.url), answer.text)
        return str(answer.headers["location"])

    def sent_back(self, url: str, callback: str) -> str:
        """Open an address; where it leads on loopback. Nobody has to listen there: the address is what is wanted."""
        answer = self.http.get(url)
        for _ in range(10):
            target = answer.headers.get("location", "")
            if target.startswith(callback):
                return str(target)
            action = self._action(answer)
            assert target or action, (answer.status_code, answer.text)
            answer = self.http.get(str(answer.url.join(target))) if target else self._submit(answer, str(action))
        raise AssertionError(self.met)

    @staticmethod
    def _action(page: httpx2.Response) -> str | None:
        if not page.headers.get("content-type", "").startswith("text/html"):
            return None
        form = re.search(r'<form method="post" action="([^"]*)"', page.text)
        return unescape(form[1]) if form else None

    def _submit(self, page: httpx2.Response, action: str) -> httpx2.Response:
        assert page.status_code == 200, (page.status_code, page.text)
        self.met.append(action)
        filled = fields(page)
        if action == "/login":
            filled |= {"username": self.email, "password": self.password, "remember_me": "1"}
        elif 'name="decision"' in page.text:
            filled["decision"] = DECISIONS[action]
        return self.http.post(urljoin(str(page.url), action), data=filled)


def query(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))
