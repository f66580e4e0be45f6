"""A forge's REST interface: JSON over HTTPS, to the one origin that the place names, with a token in a header."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from customhouse.infra.fetch import Order, Outbound
from customhouse.infra.reach import ANYWHERE
from customhouse.infra.targets import Target
from customhouse.release.actions import Problem
from customhouse.terms.errors import CustomhouseError

LIMIT_BYTES = 8 * 2**20
PAGES, PER_PAGE = 20, 100
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
# Whoever makes the release names his own forge, which may well stand in his own network.


@dataclass(frozen=True)
class Api:
    """One forge. ``headers`` carry the token and are sent to ``address`` alone; redirects are not followed."""

    name: str
    address: str
    headers: Mapping[str, str] = field(repr=False)
    outbound: Outbound = field(default_factory=lambda: Outbound(ANYWHERE))

    def ask(self, method: str, path: str, body: Any = None, *, missing: bool = False) -> Any:
        """The answer's JSON, None for an empty one, or for 404 where it may be ``missing``; raises `Problem`."""
        try:
            target = Target.parse(self.address.rstrip("/") + path, where=f"{self.name}.api")
            if target.scheme != "https" and target.host not in _LOOPBACK:
                raise Problem("bad-api", f"{self.address} is not https", "https", place=self.name)
            sent = None if body is None else json.dumps(body).encode()
            headers = {**self.headers, **({"Content-Type": "application/json"} if sent is not None else {})}
            answer = self.outbound.fetch(Order(target, method, headers, sent), limit_bytes=LIMIT_BYTES)
        except CustomhouseError as error:
            raise Problem("forge-away", str(error), place=self.name, next_step="Try again later.") from error
        if answer.status == HTTPStatus.NOT_FOUND and missing:
            return None
        try:
            said = json.loads(answer.body) if answer.body.strip() else None
        except ValueError as error:
            raise self.odd(method, path, "it answers no JSON") from error
        if not answer.fine:
            why = said.get("message", "") if isinstance(said, dict) else ""
            raise Problem(
                "forge-refused", f"{method} {path}: {answer.status} {str(why)[:200]}".rstrip(), "2xx", place=self.name,
                next_step=_advice(answer.status),
            )  # fmt: skip
        return said

    def listed(self, path: str) -> list[dict[str, Any]]:
        """Every object of a list that comes in pages."""
        found: list[dict[str, Any]] = []
        joint = "&" if "?" in path else "?"
        for page in range(1, PAGES + 1):
            part = self.ask("GET", f"{path}{joint}per_page={PER_PAGE}&page={page}")
            if not isinstance(part, list) or not all(isinstance(one, dict) for one in part):
                raise self.odd("GET", path, "it answers no list")
            found += part
            if len(part) < PER_PAGE:
                return found
        raise self.odd("GET", path, f"more than {PAGES * PER_PAGE} entries")

    def odd(self, method: str, path: str, saw: str) -> Problem:
        """The forge does not speak as its documentation says."""
        return Problem("forge-odd", f"{method} {path}: {saw}", "what its documentation says", place=self.name)


def _advice(status: int) -> str:
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
        return "Give this machine a token that may administer the repository (docs/forges.md)."
    return "Look at the forge, then try again."
