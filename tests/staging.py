"""A client of Upload 2.0 for tests: one request for each step, the address of each from the answer before (PEP 694)."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx2 as httpx

from customhouse.index.sweep import sweep
from packages import Dist
from world import World

MEDIA_TYPE = "application/vnd.pypi.upload.v2+json"
META = {"api-version": "2.0"}
Body = Mapping[str, Any]


def path_of(address: str) -> str:
    """The path of an absolute address, so that a client in this process can ask for it."""
    return urlsplit(address).path


def sweep_all(world: World) -> int:
    """Remove what no row names, however young it is; returns how many objects went."""
    return sweep(world.app.deeds, world.app.blobs, grace=timedelta(days=-36500))


@dataclass
class Stager:
    """Somebody with a token who makes a release ready."""

    client: httpx.Client
    token: str

    def ask(self, verb: str, address: str, **members: object) -> httpx.Response:
        """One request with a document, as the protocol has it."""
        body = json.dumps({"meta": META, **members}).encode() if verb == "POST" else None
        return self.send(verb, address, body, MEDIA_TYPE)

    def send(self, verb: str, address: str, body: bytes | None, content_type: str, **headers: str) -> httpx.Response:
        """One request with any body."""
        said = {"content-type": content_type} | {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.request(
            verb, self._here(address), content=body, headers=said if body is not None else {},
            auth=("__token__", self.token),
        )  # fmt: skip

    def open(self, name: str = "demo", version: str = "1.0", **members: object) -> httpx.Response:
        """Create a session."""
        return self.ask("POST", "/upload/", name=name, version=version, **members)

    def session(self, name: str = "demo", version: str = "1.0") -> Body:
        """The body of a new session."""
        answer = self.open(name, version)
        assert answer.status_code == 201, answer.text
        body: Body = answer.json()
        return body

    def announce(
        self, session: Body, dist: Dist, *, mechanism: object = "http-post-bytes", **other: object
    ) -> httpx.Response:
        """Create a file upload session."""
        members = {
            "filename": dist.filename, "size": len(dist.body), "hashes": {"sha256": dist.sha256},
            "mechanism": mechanism,
        } | other  # fmt: skip
        return self.ask("POST", session["links"]["upload"], **members)

    def post_bytes(self, file: Body, body: bytes) -> httpx.Response:
        """Send the bytes of a file."""
        return self.send("POST", file["mechanism"]["file_url"], body, "application/octet-stream")

    def put_part(self, file: Body, offset: int, body: bytes, *, digest: bytes | None = None) -> httpx.Response:
        """Send a part of a file."""
        sum_ = base64.b64encode(digest or hashlib.sha256(body).digest()).decode()
        return self.send(
            "PUT", f"{file['mechanism']['parts_url']}?offset={offset}", body, "application/octet-stream",
            content_digest=f"sha-256=:{sum_}:",
        )  # fmt: skip

    def complete(self, file: Body) -> httpx.Response:
        """Complete a file."""
        return self.ask("POST", file["links"]["complete"])

    def add(self, session: Body, dist: Dist) -> Body:
        """A file from its announcement to its completion."""
        announced = self.announce(session, dist)
        assert announced.status_code == 202, announced.text
        file: Body = announced.json()
        taken = self.post_bytes(file, dist.body)
        assert taken.status_code == 200, taken.text
        completed = self.complete(file)
        assert completed.status_code == 201, completed.text
        return file

    def status(self, session: Body) -> Any:
        """What a session says of itself now."""
        answer = self.ask("GET", session["links"]["session"])
        assert answer.status_code == 200, answer.text
        return answer.json()

    def publish(self, session: Body) -> httpx.Response:
        """Publish a session."""
        return self.ask("POST", session["links"]["publish"])

    def _here(self, address: str) -> str:
        parts = urlsplit(address)
        return parts.path + (f"?{parts.query}" if parts.query else "")
