"""A registry on loopback that speaks RDAP over HTTP and says what a test tells it to.

``with rdap_simulator() as registry: registry.register("example.org", at=…)`` and run things with the settings
`RdapSimulator.settings`. It serves the list of servers as IANA does, so that nothing of the way there is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from receiver import HANG, HANG_UP, Behaviour, Receiver, Reply, Request, receiver

RDAP = {"content-type": "application/rdap+json"}
NORMAL = "normal"
SERVER_ERROR = "500"
TIRED = "429"
NOT_JSON = "not json"
WEB_PAGE = "a web page for 404"
OTHER_NAME = "another name"
BAD_DATE = "bad date"
LIES_404 = "says that nothing is registered"
SILENT = HANG
HANGS_UP = HANG_UP
YEAR = timedelta(days=365)


@dataclass
class Domain:
    """A registered domain."""

    registered_at: datetime
    expires_at: datetime
    statuses: list[str] = field(default_factory=lambda: ["active"])
    reregistered_at: datetime | None = None


@dataclass
class RdapSimulator:
    """The registry as a test sees it: change ``domains`` and ``behaviour`` at any time."""

    web: Receiver
    domains: dict[str, Domain] = field(default_factory=dict)
    behaviour: str = NORMAL
    top_level: list[str] = field(default_factory=lambda: ["example", "org", "com"])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.web.port}"

    @property
    def settings(self) -> dict[str, object]:
        """Settings of an index that asks here."""
        return {"rdap_bootstrap": f"{self.url}/rdap/dns.json", "private_networks_allowed": ("127.0.0.0/8",)}

    @property
    def environment(self) -> dict[str, str]:
        """The same for a server process."""
        return {
            "CUSTOMHOUSE_RDAP_BOOTSTRAP": f"{self.url}/rdap/dns.json",
            "CUSTOMHOUSE_PRIVATE_NETWORKS_ALLOWED": '["127.0.0.0/8"]',
        }

    @property
    def asked(self) -> list[str]:
        """The domains that were asked for, in order."""
        return [one.path.rpartition("/")[2] for one in self.web.requests if "/domain/" in one.path]

    def register(self, name: str, *, at: datetime, years: int = 1) -> Domain:
        """Register a domain, or register it again."""
        self.domains[name] = Domain(at, at + years * YEAR)
        return self.domains[name]

    def answer(self, request: Request) -> Behaviour:
        """What to say to a request."""
        if request.path == "/rdap/dns.json":
            services = [[self.top_level, [f"{self.url}/registry/"]]]
            return Reply(200, json.dumps({"version": "1.0", "services": services}).encode())
        broken: dict[str, Behaviour] = {
            SERVER_ERROR: Reply(500, b"{}", RDAP),
            TIRED: Reply(429, b"", {"retry-after": "120"}),
            NOT_JSON: Reply(200, b"<html>parked</html>"),
            WEB_PAGE: Reply(404, b"<html>nothing here</html>"),
            SILENT: HANG,
            HANGS_UP: HANG_UP,
        }
        if self.behaviour in broken:
            return broken[self.behaviour]
        return self._about(request.path.removeprefix("/registry/domain/"))

    def _about(self, name: str) -> Reply:
        found = self.domains.get(name)
        if found is None or self.behaviour == LIES_404:
            body = {"errorCode": 404, "title": "Not Found", "rdapConformance": ["rdap_level_0"]}
            return Reply(404, json.dumps(body).encode(), RDAP)
        events = [("registration", found.registered_at), ("expiration", found.expires_at)]
        if found.reregistered_at is not None:
            events.append(("reregistration", found.reregistered_at))
        body = {
            "objectClassName": "domain",
            "ldhName": ("other." if self.behaviour == OTHER_NAME else "") + name.upper(),
            "status": found.statuses,
            "events": [{"eventAction": action, "eventDate": self._date(at)} for action, at in events],
            "rdapConformance": ["rdap_level_0"],
        }
        return Reply(200, json.dumps(body).encode(), RDAP)

    def _date(self, at: datetime) -> str:
        return "yesterday" if self.behaviour == BAD_DATE else at.strftime("%Y-%m-%dT%H:%M:%SZ")


@contextmanager
def rdap_simulator() -> Iterator[RdapSimulator]:
    """A running registry."""
    with receiver() as web:
        made = RdapSimulator(web)
        web.answer = made.answer
        yield made
