"""The words of views: how long an answer may be kept, what is warned of, and why a file is not handed out."""

from __future__ import annotations

import json
import logging
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from customhouse.formats.negotiate import wants_html
from customhouse.formats.policy.unknown import only_not_known
from customhouse.formats.problems import SECURITY_HEADERS, Headers
from customhouse.infra.pages import Gate
from customhouse.serve.files import PRIVATE_CACHE

log = logging.getLogger("customhouse.views")

# Whoever has the file may keep it, and asks each time whether he may still use it; no shared cache keeps it, for what
# one view lets in another may not.
OFFERED_CACHE = b"private, no-cache"
POLICY_HEADER = b"x-customhouse-policy"


def said_of_offered(gate: Gate, warning: str, *, private: bool = False) -> Headers:
    """The headers of a file of a view: caching, warnings, and which rule has spoken."""
    said: Headers = [(b"cache-control", PRIVATE_CACHE if private else OFFERED_CACHE), *warnings(warning)]
    if gate.verdict == "warn":
        blind = only_not_known(gate.reason)
        said += warnings(gate.reason, log_as="" if blind else f"{gate.filename} in the view {gate.view}")
        if blind:
            _tell_once(gate.view, gate.reason)
        said.append((POLICY_HEADER, _ascii(f"warn; rule={gate.rule}" if gate.rule else "warn")))
        if gate.until:
            said.append((b"sunset", formatdate(gate.until, usegmt=True).encode()))
    return said


@lru_cache(maxsize=1000)
def _tell_once(view: str, reason: str) -> None:
    """What nobody can know while nothing is loaded is true of every file: it is no news at the next one."""
    log.warning(
        "the view %s lets files in with a warning: %s. Which: customhouse view log %s. This is said once in a process",
        view, reason, view,
    )  # fmt: skip


def warnings(text: str, *, log_as: str = "") -> Headers:
    """A Warning header (299, as RFC 7234 had it) if there is something to warn of, and a line in the log."""
    if not text:
        return []
    if log_as:
        log.warning("%s: %s", log_as, text)
    return [(b"warning", b'299 - "' + _ascii(text) + b'"')]


def refusal_of(gate: Gate) -> tuple[int, str, str, dict[str, Any]]:
    """Status, code, sentence and what programs read of a file that is not handed out."""
    where = f"/view/{gate.view}/project/{gate.project}/"
    if gate.verdict == "gone":
        sentence = f"{gate.filename} is gone: {gate.reason or 'it has been removed'}. Choose another version."
        return HTTPStatus.GONE, "file-gone", sentence, {"view": gate.view, "explain": where}
    sentence = f"{gate.filename} is not let in by the view {gate.view!r}: {gate.reason}. Why: {where}"
    document = {
        "view": gate.view, "project": gate.project, "version": gate.version, "filename": gate.filename,
        "action": gate.action or "deny", "rule": gate.rule, "reason": gate.reason, "nearest": gate.nearest,
        "explain": where,
    }  # fmt: skip
    return HTTPStatus.FORBIDDEN, "not-let-in", sentence, document


def told(status: int, code: str, sentence: str, document: dict[str, Any], accept: str | None) -> tuple[Headers, bytes]:
    """A problem document (RFC 9457), whose detail uv shows to people; one line of text for browsers."""
    if wants_html(accept):
        content_type, body = b"text/plain; charset=utf-8", f"{sentence}\n".encode()
    else:
        content_type = b"application/problem+json"
        title = HTTPStatus(status).phrase
        whole = {"type": "about:blank", "title": title, "status": status, "detail": sentence, "code": code, **document}
        body = json.dumps(whole).encode() + b"\n"
    headers: Headers = [
        (b"content-type", content_type),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"vary", b"Accept"),
        *SECURITY_HEADERS,
    ]
    if document.get("rule"):
        headers.append((POLICY_HEADER, _ascii(f"{document['action']}; rule={document['rule']}")))
    return headers, body


def _ascii(text: str) -> bytes:
    """Text for a header: one line of printable ASCII without quotes."""
    plain = text.replace("\\", " ").replace('"', "'").encode("ascii", "replace").decode()
    return "".join(one if one.isprintable() else " " for one in plain)[:1000].encode()
