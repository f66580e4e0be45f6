"""CVE Services for tests, over HTTP on loopback: what CVE Services 2.x answer, checked against the schemas of cvelib.

States as there: RESERVED, PUBLISHED, REJECTED. ``lose_next`` lets it do what it is asked and break off before it answers.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cvelib.cve_api import CveRecord, CveRecordValidationError  # type: ignore[import-untyped]

ORG_ID = "3c6bd9c9-1f4d-4c7e-8f0e-6f2b3d0d9a11"
PAGE = 20


@dataclass
class Simulator:
    """One CNA with one user and a quota."""

    port: int = 0
    org: str = "harbour"
    user: str = "desk@harbour.example"
    key: str = "AAAA-BBBB-CCCC-DDDD"
    quota: int = 100
    lose_next: int = 0
    """So many of the next requests are done and never answered."""
    away: bool = False
    ids: dict[str, dict[str, Any]] = field(default_factory=dict)
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/"

    @property
    def settings(self) -> dict[str, Any]:
        """What an index needs to use it."""
        return {
            "cve_services": self.url, "cve_org": self.org, "cve_user": self.user, "cve_key": self.key,
            "private_networks_allowed": ("127.0.0.0/8",),
        }  # fmt: skip

    def state(self, cve_id: str) -> str:
        return str(self.ids[cve_id]["state"])

    def answer(self, verb: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        """What it does, and what it says."""
        self.calls.append(f"{verb} {path}")
        if self.away:
            return 503, {"error": "SERVICE_NOT_AVAILABLE", "message": "Maintenance."}
        if path == "health-check":
            return 200, {}
        if path == "cve-id" and verb == "POST":
            return self._reserve(query)
        if path == "cve-id":
            return self._list(query)
        if found := re.fullmatch(r"cve-id/(CVE-\d{4}-\d{4,})", path):
            return self._id(verb, found[1], query)
        if found := re.fullmatch(r"cve/(CVE-\d{4}-\d{4,})", path):
            record = self.records.get(found[1])
            return (
                (200, record) if record else (404, {"error": "CVE_RECORD_DNE", "message": "The record is not there."})
            )
        if found := re.fullmatch(r"cve/(CVE-\d{4}-\d{4,})/(cna|reject)", path):
            return self._record(verb, found[1], found[2], body)
        if path == f"org/{self.org}":
            return 200, {
                "short_name": self.org,
                "name": "Harbour",
                "UUID": ORG_ID,
                "policies": {"id_quota": self.quota},
            }
        if path == f"org/{self.org}/id_quota":
            used = sum(one["state"] == "RESERVED" for one in self.ids.values())
            return 200, {"id_quota": self.quota, "total_reserved": used, "available": self.quota - used}
        return 404, {"error": "NOT_FOUND", "message": path}

    def _reserve(self, query: dict[str, str]) -> tuple[int, Any]:
        if query.get("short_name") != self.org:
            return 403, {"error": "WRONG_ORG", "message": "Not your organization."}
        amount, year = int(query["amount"]), query["cve_year"]
        if sum(one["state"] == "RESERVED" for one in self.ids.values()) + amount > self.quota:
            return 403, {"error": "EXCEEDED_ID_QUOTA", "message": "No ids are left."}
        made = []
        for _ in range(amount):
            now = datetime.now(UTC).isoformat()
            cve_id = f"CVE-{year}-{1000 + len(self.ids)}"
            self.ids[cve_id] = {
                "cve_id": cve_id, "cve_year": year, "state": "RESERVED", "owning_cna": self.org, "reserved": now,
                "requested_by": {"cna": self.org, "user": self.user}, "time": {"created": now, "modified": now},
            }  # fmt: skip
            made.append({key: value for key, value in self.ids[cve_id].items() if key != "time"})
        return 200, {"cve_ids": made, "meta": {"remaining_quota": self.quota - len(self.ids)}}

    def _list(self, query: dict[str, str]) -> tuple[int, Any]:
        since = datetime.fromisoformat(query.get("time_reserved.gt", "1999-01-01T00:00:00+00:00"))
        state = query.get("state")
        found = [
            one for one in self.ids.values()
            if state in (None, one["state"]) and datetime.fromisoformat(one["reserved"]) > since
        ]  # fmt: skip
        page = int(query.get("page", "1"))
        shown = found[(page - 1) * PAGE : page * PAGE]
        more = {"nextPage": page + 1 if page * PAGE < len(found) else None} if len(found) > PAGE else {}
        return 200, {"cve_ids": shown, **more}

    def _id(self, verb: str, cve_id: str, query: dict[str, str]) -> tuple[int, Any]:
        known = self.ids.get(cve_id)
        if known is None:
            return 404, {"error": "CVEID_NOT_FOUND", "message": "No such id."}
        if verb == "PUT" and "state" in query:
            if cve_id in self.records:
                return 403, {"error": "CVEID_STATE", "message": "It has a record."}
            known["state"] = query["state"]
        return 200, known if verb == "GET" else {"message": "changed", "updated": known}

    def _record(self, verb: str, cve_id: str, kind: str, body: Any) -> tuple[int, Any]:
        if cve_id not in self.ids:
            return 404, {"error": "CVEID_NOT_FOUND", "message": "No such id."}
        there = cve_id in self.records
        if there and verb == "POST" and kind == "cna" and self.state(cve_id) == "PUBLISHED":
            return 403, {"error": "CVE_RECORD_EXISTS", "message": "The record is there."}
        if not there and verb == "PUT":
            return 403, {"error": "CVE_RECORD_DNE", "message": "There is no record."}
        container = (body or {}).get("cnaContainer")
        schema = CveRecord.Schemas.CNA_PUBLISHED if kind == "cna" else CveRecord.Schemas.CNA_REJECTED
        try:
            CveRecord.validate(container, schema)
        except CveRecordValidationError as error:
            return 400, {"error": "INVALID_JSON_SCHEMA", "message": str(error)[:2000]}
        assert container is not None, "the schema wants one"
        if container["providerMetadata"]["orgId"] != ORG_ID:
            return 403, {"error": "WRONG_ORG", "message": "Not your UUID."}
        state, now = "PUBLISHED" if kind == "cna" else "REJECTED", datetime.now(UTC).isoformat().replace("+00:00", "Z")
        record = {
            "dataType": "CVE_RECORD", "dataVersion": "5.1",
            "cveMetadata": {
                "cveId": cve_id, "assignerOrgId": ORG_ID, "assignerShortName": self.org, "state": state,
                "dateReserved": self.ids[cve_id]["reserved"].replace("+00:00", "Z"), "datePublished": now,
                "dateUpdated": now,
            },
            "containers": {"cna": container},
        }  # fmt: skip
        self.records[cve_id] = record
        self.ids[cve_id]["state"] = state
        return 200, {"message": f"{cve_id} is written.", "updated" if there else "created": record}


@contextmanager
def cve_services() -> Iterator[Simulator]:
    """A running one."""
    simulator = Simulator()

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length) or b"null")
            parts = urlsplit(self.path)
            who = [self.headers.get(f"CVE-API-{name}") for name in ("ORG", "USER", "KEY")]
            path = parts.path.removeprefix("/api/")
            if path != "health-check" and who != [simulator.org, simulator.user, simulator.key]:
                status, said = 401, {"error": "UNAUTHORIZED", "message": "Unauthorized"}
            else:
                query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
                status, said = simulator.answer(self.command, path, query, body)
            if simulator.lose_next:
                simulator.lose_next -= 1
                self.close_connection = True
                return
            written = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(written)))
            self.end_headers()
            self.wfile.write(written)

        do_GET = do_POST = do_PUT = _do  # noqa: N815 - names of http.server

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    simulator.port = int(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield simulator
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
