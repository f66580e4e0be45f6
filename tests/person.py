"""Somebody in front of a browser, without the browser: keeps cookies and sends the forms of the pages it has seen."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache

import httpx2 as httpx

from customhouse.accounts.passwords import hash_password

PASSWORD = "correct horse battery staple"
_TOKEN = re.compile(r'name="csrf" value="([^"]+)"')


@cache
def hashed_password() -> str:
    """The hash of everybody's password; made once, because it is slow on purpose."""
    return hash_password(PASSWORD)


@dataclass
class Person:
    """A client with cookies. ``name`` is empty for a stranger."""

    client: httpx.Client
    name: str = ""
    csrf: str = field(default="", repr=False)

    def get(self, address: str) -> httpx.Response:
        """Look at a page, without following where it sends us."""
        answer = self.client.get(address, headers={"accept": "text/html"}, follow_redirects=False)
        self._learn(answer)
        return answer

    def post(self, address: str, **fields: str) -> httpx.Response:
        """Send a form of ours; the token comes from the last page that had one."""
        if not self.csrf:
            self.get("/account/sign-in/" if not self.name else "/account/")
        answer = self.client.post(
            address, data={"csrf": self.csrf} | fields, headers={"accept": "text/html"}, follow_redirects=False
        )
        self._learn(answer)
        return answer

    def sign_in(self, name: str, password: str = PASSWORD) -> httpx.Response:
        """Type name and password."""
        self.get("/account/sign-in/")
        answer = self.post("/account/sign-in/", name=name, password=password)
        if answer.status_code == httpx.codes.SEE_OTHER:
            self.name, self.csrf = name, ""
        return answer

    def prove(self, password: str = PASSWORD) -> httpx.Response:
        """Type the password again, for the dangerous pages."""
        answer = self.post("/account/again/", password=password, next="/account/")
        self.csrf = ""
        return answer

    def said(self, answer: httpx.Response) -> str:
        """The sentence on the page that an answer leads to."""
        page = self.client.get(answer.headers["location"], headers={"accept": "text/html"}, follow_redirects=False)
        self._learn(page)
        found = re.search(r'<p class="said" role="status">(.*?)</p>', page.text, re.DOTALL)
        return found[1] if found else ""

    def _learn(self, answer: httpx.Response) -> None:
        if found := _TOKEN.search(answer.text):
            self.csrf = found[1]
