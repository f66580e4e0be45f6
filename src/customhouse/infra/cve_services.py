"""CVE Services: reserving CVE ids, publishing and rejecting their records (cveawg.mitre.org, API 2.x).

Nothing there knows our keys against doing something twice, so every call says how it is done again without harm.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from customhouse.infra.fetch import Answer, Order, Outbound
from customhouse.infra.settings import Settings
from customhouse.infra.targets import Target
from customhouse.terms.errors import Refused, Rejected, Unavailable

LIMIT_BYTES = 16 * 1024 * 1024
MOST_PAGES = 20


@dataclass(frozen=True, slots=True)
class ReservedId:
    """A CVE id of ours, and who has reserved it."""

    cve_id: str
    user: str


@dataclass(frozen=True)
class CveServices:
    """One CNA's account there."""

    outbound: Outbound
    url: str
    """With a slash at its end."""
    org: str
    user: str
    key: str = field(repr=False)

    @classmethod
    def of(cls, settings: Settings, outbound: Outbound) -> CveServices | None:
        """As the settings say; None if there is none, and ids are typed in by hand."""
        if not settings.cve_services:
            return None
        url = settings.cve_services.rstrip("/") + "/"
        return cls(outbound, url, settings.cve_org, settings.cve_user, settings.cve_key.get_secret_value())

    def reserve(self, year: int) -> str:
        """Reserve one id. An answer that is lost has still reserved one: `reserved_since` finds it."""
        asked = {"amount": 1, "cve_year": year, "short_name": self.org}
        said = self._json("POST", f"cve-id?{urlencode(asked)}")
        try:
            return str(said["cve_ids"][0]["cve_id"])
        except (KeyError, IndexError, TypeError) as error:
            raise self._strange("it has named no CVE id") from error

    def reserved_since(self, moment: datetime) -> list[ReservedId]:
        """The ids that are reserved and were so since then, the lowest first."""
        found, page = [], 1
        for _ in range(MOST_PAGES):
            asked = {"state": "RESERVED", "time_reserved.gt": moment.isoformat(), "page": page}
            said = self._json("GET", f"cve-id?{urlencode(asked)}")
            try:
                found += [
                    ReservedId(str(one["cve_id"]), str(one.get("requested_by", {}).get("user", "")))
                    for one in said["cve_ids"]
                ]
            except (KeyError, TypeError, AttributeError) as error:
                raise self._strange("its list of ids cannot be read") from error
            following = said.get("nextPage")
            if not isinstance(following, int):
                break
            page = following
        return sorted(found, key=lambda one: (len(one.cve_id), one.cve_id))

    def org_id(self) -> str:
        """The UUID of the CNA, which every container names."""
        return str(self._json("GET", f"org/{quote(self.org, safe='')}").get("UUID", ""))

    def publish(self, cve_id: str, container: Mapping[str, Any]) -> None:
        """Publish the record, or write it anew if there is one: the same again writes the same."""
        where, body = f"cve/{quote(cve_id, safe='')}/cna", {"cnaContainer": dict(container)}
        answer = self._send("POST", where, body)
        if _code(answer) == "CVE_RECORD_EXISTS":
            answer = self._send("PUT", where, body)
        self._checked(answer)

    def release(self, cve_id: str) -> None:
        """Give a reserved id back, for ever. One that is rejected already is so."""
        answer = self._send("PUT", f"cve-id/{quote(cve_id, safe='')}?{urlencode({'state': 'REJECTED'})}")
        self._checked(answer)

    def reject(self, cve_id: str, container: Mapping[str, Any]) -> None:
        """Reject a published record; again writes the same reason."""
        where, body = f"cve/{quote(cve_id, safe='')}/reject", {"cnaContainer": dict(container)}
        answer = self._send("PUT", where, body)
        if _code(answer) == "CVE_RECORD_DNE":
            answer = self._send("POST", where, body)
        self._checked(answer)

    def _json(self, method: str, path: str) -> Any:
        return self._checked(self._send(method, path))

    def _send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        headers = {
            "CVE-API-ORG": self.org, "CVE-API-USER": self.user, "CVE-API-KEY": self.key, "Accept": "application/json",
            "Content-Type": "application/json",
        }  # fmt: skip
        sent = json.dumps(body).encode() if body is not None else b"" if method != "GET" else None
        order = Order(Target.parse(self.url + path, where="cve_services"), method, headers, sent)
        return self.outbound.fetch(order, limit_bytes=LIMIT_BYTES)

    def _checked(self, answer: Answer) -> Any:
        """The body of an answer that is fine; otherwise who can mend it."""
        if answer.fine:
            try:
                return json.loads(answer.body or b"{}")
            except ValueError as error:
                raise self._strange("its answer is no JSON") from error
        said = f"{answer.status} {_code(answer)} {_message(answer)}".strip()
        if answer.status == HTTPStatus.BAD_REQUEST:
            raise Rejected("cve-services", "record", f"CVE Services do not take it: {said}", "what its schema says")
        if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
            raise Refused("cve-services", f"CVE Services refuse it: {said}.", "Look at cve_org, cve_user and cve_key.")
        raise Unavailable("CVE Services", said, retry_after_seconds=60)

    def _strange(self, why: str) -> Unavailable:
        return Unavailable("CVE Services", why, retry_after_seconds=60)


def _body(answer: Answer) -> Mapping[str, Any]:
    try:
        found = json.loads(answer.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _code(answer: Answer) -> str:
    return "" if answer.fine else str(_body(answer).get("error", ""))[:80]


def _message(answer: Answer) -> str:
    return " ".join(str(_body(answer).get("message", "")).split())[:300]
