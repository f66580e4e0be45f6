"""An index that is somebody else's: a real HTTP server on loopback, as modern, as old or as hostile as a test wants it.

Three manners: ``json`` (PEP 691 with PEP 658, 700, 740 and 792, HTML for those who ask for it), ``html`` (PyPI's pages
without JSON: nothing but links, and ``/pypi/NAME/json`` beside them) and ``plain`` (a folder of files that a web server
lists, without anything beside it). Whatever it is to say to one path instead stands in ``instead``. It counts requests.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any, Literal
from urllib.parse import unquote

from packages import Dist

Manner = Literal["json", "html", "plain"]
JSON_TYPE = "application/vnd.pypi.simple.v1+json"
HTML_TYPE = "application/vnd.pypi.simple.v1+html"
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
CHUNK_BYTES = 64 * 1024
SECONDS = 60.0
_SEPARATORS = re.compile(r"[-_.]+")
_WHEEL_OR_SDIST = re.compile(r"^(?P<name>.+?)-(?P<version>\d[^-]*?)(?:-.*\.whl|\.tar\.gz|\.zip|-.*\.egg)$")


@dataclass(frozen=True)
class Asked:
    """One request that came; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Said:
    """What to answer. ``body`` may be endless: an iterator of pieces is sent without a length."""

    status: int = 200
    body: bytes | Callable[[], Iterator[bytes]] = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class UpstreamFile:
    """A file as this index lists it. What it says of it may be a lie."""

    filename: str
    version: str
    body: bytes
    metadata: bytes | None = None
    """Served beside it if the index does that."""
    uploaded_at: datetime = LONG_AGO
    hashes: dict[str, str] = field(default_factory=dict)
    size_bytes: int | None = None
    url: str = ""
    """Where it is said to be; empty: where it is."""
    requires_python: str = ""
    yanked: str | None = None
    """The reason; None: it is not yanked."""
    provenance: Mapping[str, Any] | None = None
    signals: dict[str, Any] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


@dataclass
class UpstreamProject:
    """A project of this index."""

    name: str
    files: list[UpstreamFile] = field(default_factory=list)
    status: str = "active"
    reason: str = ""
    signals: dict[str, Any] = field(default_factory=dict)

    def file(self, filename: str) -> UpstreamFile:
        return next(one for one in self.files if one.filename == filename)


@dataclass
class UpstreamWorld:
    """The server as a test sees it: everything may be changed while it runs."""

    port: int = 0
    manner: Manner = "json"
    projects: dict[str, UpstreamProject] = field(default_factory=dict)
    """By normalised name."""
    instead: dict[str, Callable[[Asked], Said | None]] = field(default_factory=dict)
    """By path: what to do instead; None: as usual after all."""
    before: Callable[[Asked], object] = lambda _asked: None
    """Called before each answer: to wait, to look."""
    asked: list[Asked] = field(default_factory=list)
    conditional: bool = True
    """Whether it gives ETags and answers 304."""
    compresses: bool = True
    metadata_beside: bool = True
    ranges: bool = True
    over: Event = field(default_factory=Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def simple_url(self) -> str:
        return f"{self.url}/simple/"

    def settings(self, name: str = "pypi", **more: object) -> dict[str, Any]:
        """Settings under which this is the one upstream."""
        return {
            "upstreams": [{"name": name, "url": self.simple_url} | more],
            "private_networks_allowed": ["127.0.0.0/8"],
        }

    def project(self, name: str) -> UpstreamProject:
        """The project of this name, made if need be."""
        return self.projects.setdefault(normalized(name), UpstreamProject(name))

    def add(self, dist: Dist, **more: Any) -> UpstreamFile:
        """List a distribution, in the project and version that its name says."""
        match = _WHEEL_OR_SDIST.match(dist.filename)
        assert match is not None, dist.filename
        made = UpstreamFile(
            dist.filename, match["version"], dist.body,
            dist.metadata.encode() if self.metadata_beside and dist.filename.endswith(".whl") else None, **more,
        )  # fmt: skip
        self.project(match["name"]).files.append(made)
        return made

    def remove(self, name: str) -> None:
        """Have the project no more."""
        del self.projects[normalized(name)]

    def count(self, path: str) -> int:
        """How often a path was asked for."""
        return sum(one.path == path for one in self.asked)

    def asked_about(self, name: str) -> list[str]:
        """Every request that names a project, in whatever spelling."""
        wanted = normalized(name)
        return [str(one) for one in self.asked if wanted in normalized(unquote(one.path))]

    def file_path(self, name: str, filename: str) -> str:
        """Where a file is."""
        return f"/packages/{normalized(name)}/{filename}"

    def answer(self, asked: Asked) -> Said:
        """What it says as long as nobody wants something else."""
        parts = [unquote(part) for part in asked.path.partition("?")[0].strip("/").split("/")]
        match parts:
            case ["simple"]:
                return self._list(asked)
            case ["simple", name] if name in self.projects:
                return self._page(self.projects[name], asked)
            case ["packages", name, filename] if name in self.projects:
                return self._bytes(self.projects[name], filename, asked)
            case ["integrity", name, _version, filename, "provenance"] if name in self.projects:
                return self._provenance(self.projects[name], filename)
            case ["pypi", name, "json"] if self.manner != "plain" and normalized(name) in self.projects:
                return self._legacy_json(self.projects[normalized(name)], asked)
        return Said(404, b"not found\n")

    def _list(self, asked: Asked) -> Said:
        names = sorted(self.projects)
        if self.manner == "json" and JSON_TYPE in asked.headers.get("accept", ""):
            whole = {"meta": {"api-version": "1.4"}, "projects": [{"name": name} for name in names]}
            return self._text(json.dumps(whole), JSON_TYPE, asked)
        return self._text("".join(f'<a href="{name}/">{name}</a>' for name in names), "text/html", asked)

    def _page(self, project: UpstreamProject, asked: Asked) -> Said:
        if self.manner == "json" and JSON_TYPE in asked.headers.get("accept", ""):
            return self._text(json.dumps(self.page_json(project)), JSON_TYPE, asked)
        return self._text(self.page_html(project), HTML_TYPE if self.manner == "json" else "text/html", asked)

    def page_json(self, project: UpstreamProject) -> dict[str, Any]:
        """The page as a modern index has it; a test changes it as it likes."""
        whole: dict[str, Any] = {
            "meta": {"api-version": "1.4", "_last-serial": 7},
            "name": normalized(project.name),
            "versions": sorted({one.version for one in project.files}),
            "files": [self._file_json(project, one) for one in project.files],
        }
        if project.status != "active":
            whole["project-status"] = {"status": project.status} | (
                {"reason": project.reason} if project.reason else {}
            )
        if project.signals:
            whole["_customhouse"] = project.signals
        return whole

    def _file_json(self, project: UpstreamProject, one: UpstreamFile) -> dict[str, Any]:
        entry: dict[str, Any] = {
            "filename": one.filename,
            "url": self._where(project, one),
            "hashes": one.hashes or {"sha256": one.sha256},
            "size": len(one.body) if one.size_bytes is None else one.size_bytes,
            "upload-time": f"{one.uploaded_at:%Y-%m-%dT%H:%M:%S.%fZ}",
            "requires-python": one.requires_python or None,
            "yanked": False if one.yanked is None else one.yanked or True,
        }
        if one.metadata is not None:
            digest = {"sha256": hashlib.sha256(one.metadata).hexdigest()}
            entry |= {"core-metadata": digest, "data-dist-info-metadata": digest}
        if one.provenance is not None:
            entry["provenance"] = (
                f"{self.url}/integrity/{normalized(project.name)}/{one.version}/{one.filename}/provenance"
            )
        if one.signals:
            entry["_customhouse"] = one.signals
        return entry

    def page_html(self, project: UpstreamProject) -> str:
        """The page as PyPI's HTML, or a bare list of links."""
        lines = []
        for one in project.files:
            algorithm, digest = next(iter((one.hashes or {"sha256": one.sha256}).items()))
            attributes = f' href="{escape(self._where(project, one))}#{algorithm}={digest}"'
            if self.manner == "plain":
                lines.append(
                    f"<A HREF='../../packages/{normalized(project.name)}/{one.filename}'>{one.filename}</A><br>"
                )
                continue
            if one.requires_python:
                attributes += f' data-requires-python="{escape(one.requires_python)}"'
            if one.yanked is not None:
                attributes += f' data-yanked="{escape(one.yanked)}"'
            if one.metadata is not None:
                attributes += f' data-dist-info-metadata="sha256={hashlib.sha256(one.metadata).hexdigest()}"'
            lines.append(f"<a{attributes}>{one.filename}</a><br />")
        status = f'<meta name="pypi:project-status" content="{project.status}">' if project.status != "active" else ""
        top = f'<!DOCTYPE html>\n<html><head><meta name="pypi:repository-version" content="1.1">{status}'
        name = escape(project.name)
        return f"{top}<title>Links for {name}</title></head><body><h1>Links for {name}</h1>\n" + "\n".join(lines)

    def _where(self, project: UpstreamProject, one: UpstreamFile) -> str:
        return one.url or self.url + self.file_path(project.name, one.filename)

    def _legacy_json(self, project: UpstreamProject, asked: Asked) -> Said:
        releases: dict[str, list[dict[str, Any]]] = {}
        for one in project.files:
            releases.setdefault(one.version, []).append({
                "filename": one.filename, "url": self._where(project, one),
                "digests": {"md5": hashlib.md5(one.body).hexdigest(), "sha256": one.sha256} | one.hashes,  # noqa: S324
                "size": len(one.body) if one.size_bytes is None else one.size_bytes,
                "upload_time": f"{one.uploaded_at:%Y-%m-%dT%H:%M:%S}",
                "upload_time_iso_8601": f"{one.uploaded_at:%Y-%m-%dT%H:%M:%S.%fZ}",
                "yanked": one.yanked is not None, "yanked_reason": one.yanked, "requires_python": one.requires_python,
            })  # fmt: skip
        whole = {"info": {"name": project.name}, "last_serial": 7, "releases": releases, "urls": []}
        return self._text(json.dumps(whole), "application/json", asked)

    def _bytes(self, project: UpstreamProject, filename: str, asked: Asked) -> Said:
        for one in project.files:
            if one.filename == filename:
                return self._ranged(one.body, asked)
            if f"{one.filename}.metadata" == filename and one.metadata is not None:
                return self._ranged(one.metadata, asked)
        return Said(404, b"not found\n")

    def _ranged(self, body: bytes, asked: Asked) -> Said:
        headers = {"content-type": "application/octet-stream", "etag": f'"{hashlib.sha256(body).hexdigest()[:32]}"'}
        if not self.ranges:
            return Said(200, body, headers)
        headers["accept-ranges"] = "bytes"
        match = re.fullmatch(r"bytes=(\d*)-(\d*)", asked.headers.get("range", ""))
        if match is None or not any(match.groups()):
            return Said(200, body, headers)
        first, last = match.groups()
        start = int(first) if first else max(0, len(body) - int(last))
        end = min(int(last), len(body) - 1) if first and last else len(body) - 1
        if start > end:
            return Said(416, b"", headers | {"content-range": f"bytes */{len(body)}"})
        return Said(206, body[start : end + 1], headers | {"content-range": f"bytes {start}-{end}/{len(body)}"})

    def _provenance(self, project: UpstreamProject, filename: str) -> Said:
        for one in project.files:
            if one.filename == filename and one.provenance is not None:
                headers = {"content-type": "application/vnd.pypi.integrity.v1+json"}
                return Said(200, json.dumps(one.provenance).encode(), headers)
        return Said(404, b"not found\n")

    def _text(self, text: str, media_type: str, asked: Asked) -> Said:
        body = text.encode()
        headers = {"content-type": media_type, "vary": "Accept"}
        if self.conditional:
            etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
            headers |= {"etag": etag, "cache-control": "max-age=600, public"}
            if asked.headers.get("if-none-match") == etag:
                return Said(304, b"", headers)
        if self.compresses and "gzip" in asked.headers.get("accept-encoding", ""):
            return Said(200, gzip.compress(body, 1), headers | {"content-encoding": "gzip"})
        return Said(200, body, headers)

    # Hostile answers, to be put into `instead`.

    def endless(self, media_type: str = JSON_TYPE, piece: bytes = b" " * CHUNK_BYTES) -> Callable[[Asked], Said]:
        """A body that never ends."""

        def pieces() -> Iterator[bytes]:
            while not self.over.is_set():
                yield piece

        return lambda _asked: Said(200, pieces, {"content-type": media_type})

    def drip(
        self, media_type: str = JSON_TYPE, pause: timedelta = timedelta(milliseconds=50)
    ) -> Callable[[Asked], Said]:
        """A byte now and then."""

        def pieces() -> Iterator[bytes]:
            while not self.over.wait(pause.total_seconds()):
                yield b" "

        return lambda _asked: Said(200, pieces, {"content-type": media_type})

    def hang(self) -> Callable[[Asked], Said]:
        """No answer at all for a minute."""

        def answer(_asked: Asked) -> Said:
            self.over.wait(SECONDS)
            return Said(500)

        return answer

    def asked_until(self, path: str, times: int) -> None:
        """Wait until a path was asked for so many times."""
        deadline = time.monotonic() + SECONDS
        while self.count(path) < times:
            assert time.monotonic() < deadline, f"{path} was asked for {self.count(path)} times, not {times}"
            self.over.wait(0.01)


def says(body: bytes | str, media_type: str = JSON_TYPE, status: int = 200, **headers: str) -> Callable[[Asked], Said]:
    """Always this answer; ``headers`` are spelled with ``_`` for ``-``."""
    found = {name.replace("_", "-"): value for name, value in headers.items()}
    whole = body.encode() if isinstance(body, str) else body
    return lambda _asked: Said(status, whole, {"content-type": media_type} | found)


def redirects(to: str, status: int = 302) -> Callable[[Asked], Said]:
    """Always to somewhere else."""
    return lambda _asked: Said(status, b"", {"location": to})


def gzip_bomb(megabytes: int = 1024) -> bytes:
    """So many MiB of blanks as one gzip member, a thousandth of their size."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return b"".join(packer.compress(b" " * 2**20) for _ in range(megabytes)) + packer.flush()


def normalized(name: str) -> str:
    """The comparable spelling of PEP 503, by this server's own rule."""
    return _SEPARATORS.sub("-", name).lower()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, made: UpstreamWorld) -> None:
        super().__init__(("127.0.0.1", made.port), _Handler)
        self.made = made

    def handle_error(self, *_: object) -> None:
        """Clients that give up are the point of some tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        made = self.server.made
        asked = Asked(self.command, self.path, {name.lower(): value for name, value in self.headers.items()})
        made.asked.append(asked)
        made.before(asked)
        special = made.instead.get(self.path.partition("?")[0])
        said = (special(asked) if special is not None else None) or made.answer(asked)
        self.send_response(said.status)
        for name, value in said.headers.items():
            self.send_header(name, value)
        if isinstance(said.body, bytes):
            if said.status != 304:
                self.send_header("content-length", str(len(said.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(said.body)
            return
        self.close_connection = True
        self.send_header("connection", "close")
        self.end_headers()
        try:
            for piece in said.body():
                self.wfile.write(piece)
                self.wfile.flush()
        except OSError:
            return

    do_HEAD = do_GET  # noqa: N815 - the library's name

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def upstream_world(manner: Manner = "json", **more: Any) -> Iterator[UpstreamWorld]:
    """A running index of this manner; those who still hang in it are let go at the end."""
    made = UpstreamWorld(manner=manner, **more)
    server = _Server(made)
    made.port = server.server_address[1]
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.over.set()
        server.shutdown()
        server.server_close()
        thread.join(10)
