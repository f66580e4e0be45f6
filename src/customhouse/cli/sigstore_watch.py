"""What stands behind ``customhouse sigstore monitor`` and ``witness``."""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from customhouse.cli.exit_codes import FINDINGS, FINE
from customhouse.infra.fetch import Order, Outbound
from customhouse.infra.reach import ANYWHERE
from customhouse.infra.targets import Target
from customhouse.release.children import Children
from customhouse.terms.clock import SystemClock
from customhouse.terms.errors import CustomhouseError, Refused, Rejected, Unavailable
from customhouse.trust.private_sigstore.monitor import Alarm, Fetch, entries_since, follow, key_in
from customhouse.trust.private_sigstore.note import NoteKey, read_checkpoint
from customhouse.trust.private_sigstore.tree import CERTIFICATES, ENTRIES, LogName
from customhouse.trust.private_sigstore.witness import BODY_BYTES, SIZE_TYPE, OtherSize, read_submission
from customhouse.trust.private_sigstore.witness_files import FileWitness

LOGS: tuple[tuple[LogName, str], ...] = ((ENTRIES, "signatures"), (CERTIFICATES, "certificates"))
EVERYBODY = "*"
LIMIT_BYTES = 32 * 2**20
BODY_SECONDS, GIT_SECONDS = 20.0, 120.0
PINNED = "log.key"


def look(url: str, state: Path, key: str, identities: Sequence[str]) -> int:
    """Follow both logs once."""
    fetch, wanted = fetching(url), set(identities)
    main = pinned_key(fetch, state, key)
    memory = FileWitness(state, "monitor", (), SystemClock())
    try:
        for log, title in LOGS:
            chosen = of_log(main, log)
            seen = follow(fetch, log, chosen, memory.last(chosen.name))
            found = 0
            for entry in entries_since(fetch, log, seen) if wanted else ():
                if EVERYBODY in wanted or wanted & set(entry.names):
                    found += 1
                    who = " ".join(entry.names) or "somebody unreadable"
                    print(f"{title} {entry.place}: {who}, vouched for by {entry.issuer or 'nobody'}")
            # Only now: what nobody has looked at is looked at again next time.
            memory.remember(seen.checkpoint)
            told = f", {found} of those you asked for" if wanted else ""
            print(f"{title}: {seen.checkpoint.size}, {seen.checkpoint.size - seen.before} new{told}")
    except Alarm as alarm:
        return sound(alarm, state)
    return FINE


def keep_in_git(url: str, folder: Path, push: str, state: Path, key: str) -> int:
    """Commit both checkpoints, if they continue the last ones in the repository, and push the commit."""
    children, fetch, names = Children(), fetching(url), []

    def git(*words: str) -> str:
        done = children.run(["git", "-C", str(folder), *words], timeout=GIT_SECONDS)
        if not done.ok:
            raise Unavailable("git", f"{words[0]} failed: {done.tail[:300]}")
        return done.out

    main = pinned_key(fetch, state, key)
    try:
        for log, title in LOGS:
            chosen = of_log(main, log)
            place = folder / "checkpoints" / f"{chosen.name.replace('/', '_').replace(':', '_')}.txt"
            last = read_checkpoint(place.read_text(encoding="utf-8"), str(place)).checkpoint if place.exists() else None
            seen = follow(fetch, log, chosen, last)
            place.parent.mkdir(exist_ok=True)
            place.write_text(seen.note, encoding="utf-8")
            names.append(str(place.relative_to(folder)))
            print(f"{title}: {seen.checkpoint.size}, {seen.checkpoint.size - seen.before} new")
    except Alarm as alarm:
        return sound(alarm, folder)
    git("add", "--", *names)
    if git("status", "--porcelain", "--", *names).strip():
        git("commit", "-q", "-m", f"Checkpoints of {url}", "--", *names)
    if push:
        git("push", "-q", push, "HEAD")
    return FINE


def serve_witness(listen: str, name: str, keys: Sequence[str], state: Path) -> int:
    """Answer ``add-checkpoint`` until Ctrl-C."""
    logs = [NoteKey.read(one, "--log") for one in keys]
    witness = FileWitness(state, name, [of_log(one, log) for one in logs for log, _ in LOGS], SystemClock())
    host, _, port = listen.rpartition(":")
    if not port.isdigit():
        raise Rejected("bad-address", "--listen", f"{listen!r} is no address", "HOST:PORT")
    server = _Server((host.strip("[]") or "127.0.0.1", int(port)), witness)
    where = f"{host or '127.0.0.1'}:{server.server_port}"
    print(f'sigstore_witnesses = [{{ url = "http://{where}", key = "{witness.key.spelled}" }}]', flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()
    return FINE


def fetching(url: str) -> Fetch:
    """Fetch below an address; whatever is not fine is an error of ours."""
    base, outbound = url.rstrip("/"), Outbound(ANYWHERE)
    Target.parse(base, where="URL")

    def fetch(path: str) -> bytes:
        answer = outbound.fetch(Order(Target.parse(base + path, where="URL")), limit_bytes=LIMIT_BYTES)
        if not answer.fine:
            raise Unavailable(base, f"it answers {answer.status} at {path}")
        return answer.body

    return fetch


def pinned_key(fetch: Fetch, state: Path, key: str) -> NoteKey:
    """The log's key: the one that is said, else that of the first look, which is remembered."""
    path = state / PINNED
    if not key and path.exists():
        return NoteKey.read(path.read_text(), str(path))
    found = NoteKey.read(key, "--key") if key else key_in(fetch("/trusted_root.json").decode("utf-8", "replace"))
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        print(f"From now on this log is followed: {found.spelled}")
        if not key:
            print("Compare that with what its operator tells you by another way.")
    path.write_text(found.spelled + "\n")
    return found


def of_log(key: NoteKey, log: LogName) -> NoteKey:
    """The same key as it signs checkpoints of this log."""
    return key if log == ENTRIES else key.of_certificates


def sound(alarm: Alarm, kept: Path) -> int:
    """Say what is wrong, and that nothing was forgotten."""
    print(f"ALARM ({alarm.code}): {alarm}", file=sys.stderr)
    print(f"The last good checkpoint is still in {kept}: keep it, it is evidence.", file=sys.stderr)
    return FINDINGS


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], witness: FileWitness) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.witness = witness
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    """C2SP tlog-witness: one verb, one path."""

    server: _Server
    timeout = BODY_SECONDS
    wbufsize = -1

    def do_POST(self) -> None:
        """Judge and sign."""
        if self.path != "/add-checkpoint":
            self._answer(HTTPStatus.NOT_FOUND, "There is nothing at this address.\n")
            return
        length = self.headers.get("content-length", "")
        if not length.isdigit() or int(length[:9]) > BODY_BYTES:
            self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "A checkpoint is short.\n")
            return
        try:
            submission = read_submission(self.rfile.read(int(length)))
            line = self.server.witness.cosign(submission).line()
        except OtherSize as error:
            self._answer(HTTPStatus.CONFLICT, f"{error.size}\n", SIZE_TYPE)
        except Rejected as error:
            self._answer(HTTPStatus.BAD_REQUEST, f"{error}\n")
        except Refused as error:
            self._answer(HTTPStatus(error.status), f"{error}\n")
        except CustomhouseError as error:
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, f"{error}\n")
        else:
            self._answer(HTTPStatus.OK, line)

    def log_message(self, *words: object) -> None:
        """Say nothing of each request."""

    def _answer(self, status: HTTPStatus, text: str, kind: str = "text/plain; charset=utf-8") -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
