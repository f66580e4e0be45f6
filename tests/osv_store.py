"""A store of advisories with OSV.dev's layout, on a loopback port: it counts what is asked and fails when told to."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


class OsvStore:
    """``PyPI/all.zip``, ``PyPI/modified_id.csv`` and ``PyPI/ID.json`` of what stands in `records`."""

    def __init__(self) -> None:
        self.records: dict[str, Mapping[str, Any]] = {}
        self.asked: Counter[str] = Counter()
        self.failing: set[str] = set()
        """Paths that are answered 500."""
        self.raw: dict[str, bytes] = {}
        """Paths that are answered with these bytes."""
        self.url = ""

    def put(self, *documents: Mapping[str, Any]) -> None:
        for one in documents:
            self.records[str(one["id"])] = one

    def body(self, path: str) -> bytes | None:
        name = path.removeprefix("/PyPI/")
        if path in self.raw:
            return self.raw[path]
        if name == "modified_id.csv":
            rows = sorted(((str(one["modified"]), key) for key, one in self.records.items()), reverse=True)
            return "".join(f"{modified},{key}\n" for modified, key in rows).encode()
        if name == "all.zip":
            file = io.BytesIO()
            with zipfile.ZipFile(file, "w") as archive:
                for key, one in self.records.items():
                    archive.writestr(f"{key}.json", json.dumps(one))
            return file.getvalue()
        found = self.records.get(name.removesuffix(".json"))
        return json.dumps(found).encode() if found is not None else None


@contextmanager
def osv_store() -> Iterator[OsvStore]:
    """A store that answers until the block ends."""
    store = OsvStore()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            store.asked[self.path] += 1
            body = store.body(self.path)
            status = 500 if self.path in store.failing else 404 if body is None else 200
            etag = f'"{hashlib.sha256(body or b"").hexdigest()}"'
            if status == 200 and self.headers.get("If-None-Match") == etag:
                status, body = 304, b""
            self.send_response(status)
            self.send_header("ETag", etag)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    store.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield store
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
