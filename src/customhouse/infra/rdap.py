"""What a registry says about a domain, by RDAP (RFC 7480, 9082, 9083, 9224).

Only a clean answer is a fact. Everything else (a server that is away, that is tired of us, that answers with a web
page, another name or a date that is none) is `Unavailable`, and nothing may be concluded from it.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from threading import Lock
from typing import Any

from customhouse.infra.dns import written
from customhouse.infra.fetch import MOST_REDIRECTS, Answer, Order, Outbound
from customhouse.infra.targets import Target
from customhouse.terms.errors import Refused, Rejected, Unavailable

BOOTSTRAP = "https://data.iana.org/rdap/dns.json"
KEPT_SECONDS = 24 * 3600
SECONDS = 10.0
ANSWER_BYTES = 256 * 1024
BOOTSTRAP_BYTES = 2**20
MOST_LABELS = 5
"""No registry registers deeper, and nobody makes us ask a hundred times for one address."""
RETRY_SECONDS = 600
_ACCEPT = {"accept": "application/rdap+json, application/json;q=0.8"}
# RFC 8056 gives the EPP statuses these names; some registries write them as EPP does.
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_UNKNOWN_HERE = {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY}


@dataclass(frozen=True, slots=True)
class Registration:
    """A domain that its registry knows. Statuses are in the words of RFC 8056, such as ``redemption period``."""

    name: str
    statuses: frozenset[str] = frozenset()
    registered_at: datetime | None = None
    """When it was registered, or last registered again."""
    expires_at: datetime | None = None
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NotRegistered:
    """The registry knows neither this name nor one above it."""


@dataclass(frozen=True, slots=True)
class NoRegistry:
    """The top-level domain has no RDAP server, so nothing is known and nothing is wrong."""


Finding = Registration | NotRegistered | NoRegistry


class Rdap:
    """Asks registries. The list of their servers comes from IANA and is kept for a day."""

    def __init__(self, outbound: Outbound, *, bootstrap: str = BOOTSTRAP, url: str = "") -> None:
        """``url`` names one server for all domains and makes the list superfluous."""
        self._outbound = outbound
        self._bootstrap = bootstrap
        self._url = url
        self._lock = Lock()
        self._servers: Mapping[str, str] = {}
        self._read_at: float | None = None

    def find(self, name: str, *, known_as: str = "") -> Finding:
        """The registration that a mail domain belongs to.

        We ask for the name and then for those above it, until the registry knows one. Below a suffix such as ``co.uk``
        that its registry lists as a domain of its own, a lapsed name seems to be registered; the name system tells us
        then. ``known_as`` is what was found last time: it is asked for first.

        Raises `Unavailable` if nobody can say, `Rejected` for what is no name.
        """
        labels = written(name).split(".")
        server = self.server_of(name)
        if server is None:
            return NoRegistry()
        candidates = [".".join(labels[start:]) for start in range(len(labels) - 1)][-(MOST_LABELS - 1) :]
        if known_as in candidates:
            candidates = candidates[candidates.index(known_as) :]
        for position, candidate in enumerate(candidates):
            above = position + 1 < len(candidates)
            found = self._ask(server, candidate, wrong_depth_is_unknown=above or position > 0)
            if found is not None:
                return found
        return NotRegistered()

    def server_of(self, name: str) -> str | None:
        """The address of the registry's server, with a slash at the end; None if there is none."""
        if self._url:
            return self._url.rstrip("/") + "/"
        labels = written(name).split(".")
        servers = self._list()
        for start in range(len(labels)):
            if (found := servers.get(".".join(labels[start:]))) is not None:
                return found
        return None

    def _ask(self, server: str, name: str, *, wrong_depth_is_unknown: bool) -> Registration | None:
        answer = self._fetch(f"{server}domain/{name}", ANSWER_BYTES)
        if answer.status == HTTPStatus.NOT_FOUND and _is_rdap_or_empty(answer):
            return None
        # Some registries call a name that is too deep, or a suffix, a bad request and not an unknown domain.
        if wrong_depth_is_unknown and answer.status in _UNKNOWN_HERE - {HTTPStatus.NOT_FOUND}:
            return None
        if answer.status != HTTPStatus.OK:
            raise _away(server, f"it answered {answer.status}", answer)
        return read_domain(server, name, answer.body)

    def _list(self) -> Mapping[str, str]:
        with self._lock:
            if self._read_at is None or time.monotonic() - self._read_at > KEPT_SECONDS:
                answer = self._fetch(self._bootstrap, BOOTSTRAP_BYTES)
                if answer.status != HTTPStatus.OK:
                    raise _away(self._bootstrap, f"it answered {answer.status}", answer)
                self._servers = read_bootstrap(self._bootstrap, answer.body)
                self._read_at = time.monotonic()
            return self._servers

    def _fetch(self, url: str, limit_bytes: int) -> Answer:
        try:
            order = Order(Target.parse(url), headers=_ACCEPT)
            return self._outbound.fetch(order, follow=MOST_REDIRECTS, seconds=SECONDS, limit_bytes=limit_bytes)
        except (Refused, Rejected) as error:
            # A registry that leads us to an address that we do not connect to has not answered.
            raise _away(url, str(error)) from error


def read_domain(server: str, name: str, body: bytes) -> Registration:
    """The answer about a domain (RFC 9083, section 5.3); raises `Unavailable` for anything odd."""
    document = _object(server, body)
    said = str(document.get("ldhName", "")).lower().removesuffix(".")
    if document.get("objectClassName") != "domain" or said != name:
        raise _away(server, f"it answered about something else than {name}")
    statuses = document.get("status", [])
    events = document.get("events", [])
    if not isinstance(statuses, list) or not isinstance(events, list):
        raise _away(server, "its answer has another form than RFC 9083 gives it")
    dates: dict[str, datetime] = {}
    for event in events:
        if not isinstance(event, dict):
            raise _away(server, "its answer has an event that is none")
        action = str(event.get("eventAction", "")).lower()
        if action in ("registration", "reregistration", "reinstantiation", "expiration", "last changed"):
            at = _date(server, event.get("eventDate"))
            dates[action] = max(at, dates.get(action, at))
    began = [at for action, at in dates.items() if action in ("registration", "reregistration", "reinstantiation")]
    return Registration(
        name,
        frozenset(_CAMEL.sub(" ", str(status)).lower() for status in statuses),
        max(began, default=None),
        dates.get("expiration"),
        dates.get("last changed"),
    )


def read_bootstrap(source: str, body: bytes) -> dict[str, str]:
    """Top-level domain to server, from the list of RFC 9224; https is preferred, as it says."""
    services = _object(source, body).get("services")
    if not isinstance(services, list) or not services:
        raise _away(source, "its list has another form than RFC 9224 gives it")
    found: dict[str, str] = {}
    for service in services:
        match service:
            case [list() as names, list() as urls] if all(isinstance(one, str) for one in (*names, *urls)):
                best = next((url for url in urls if url.startswith("https://")), urls[0] if urls else "")
                found |= {written(one): best.rstrip("/") + "/" for one in names if best and _is_name(one)}
            case _:
                raise _away(source, "its list has an entry that is none")
    return found


def _object(source: str, body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _away(source, "its answer is no JSON") from error
    if not isinstance(document, dict):
        raise _away(source, "its answer is no JSON object")
    return document


def _date(server: str, text: object) -> datetime:
    """A moment (RFC 3339); one without a zone is taken as UTC."""
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise _away(server, f"{str(text)[:40]!r} is no date") from error
    try:
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except OverflowError as error:
        raise _away(server, f"{str(text)[:40]!r} is no date") from error


def _is_rdap_or_empty(answer: Answer) -> bool:
    """RFC 7480, section 5.3: "not found" has an RDAP error or nothing for a body. A web page means another server."""
    if not answer.body.strip():
        return True
    try:
        return isinstance(json.loads(answer.body), dict)
    except (ValueError, RecursionError):
        return False


def _is_name(text: str) -> bool:
    try:
        return bool(written(text))
    except Rejected:
        return False


def _away(who: str, why: str, answer: Answer | None = None) -> Unavailable:
    after = answer.headers.get("retry-after", "") if answer is not None else ""
    seconds = int(after) if re.fullmatch(r"[0-9]{1,6}", after) else RETRY_SECONDS
    return Unavailable(f"The registry's server {who[:120]}", why, retry_after_seconds=seconds)
