"""The documents of Upload 2.0: sessions, files and problems as JSON (PEP 694, RFC 9457)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from customhouse.catalog.staged import Part, Session, StagedFile
from customhouse.formats.problems import SECURITY_HEADERS, extra_headers, sentence_of, status_of
from customhouse.index.staging.open_session import SessionExists
from customhouse.index.staging.policy import BYTES, LARGEST_PART_BYTES, MECHANISMS, PARTS, USUAL_PART_BYTES
from customhouse.index.staging.publish import NeedsApproval, Unfinished
from customhouse.terms.errors import CustomhouseError, Rejected

MEDIA_TYPE = "application/vnd.pypi.upload.v2+json"
PROBLEM = "application/problem+json"
API_VERSION = "2.0"
META = {"api-version": API_VERSION}
ROOT = "/upload/"
POLL_SECONDS = 2
"""When a client should ask again about a file that is being examined, or that it has only announced."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where everything is, absolute. ``site`` has no slash at its end."""

    site: str

    def session(self, session_id: str) -> str:
        """A session: its status; DELETE cancels it."""
        return f"{self.site}{ROOT}sessions/{session_id}/"

    def file(self, stage: str, file_id: str) -> str:
        """A file of a session. Whoever knows the session's token and the file's id can compute it."""
        return f"{self.site}{ROOT}files/{stage}/{file_id}/"

    def stage(self, stage: str) -> str:
        """The simple repository of a release that is being made."""
        return f"{self.site}/stage/{stage}/simple/"

    def page(self, session: Session) -> str:
        """Where people see a release that waits, and approve it."""
        return f"{self.site}/manage/project/{session.normalized}/staged/{session.id}/"


def session_document(
    at: Addresses, session: Session, files: list[StagedFile], now: datetime, stage: str = ""
) -> dict[str, Any]:
    """The body that every answer about a session has. One whose time is over is shown as canceled.

    ``stage`` is the secret of a stage of one's own, which a release under embargo has for each who may know of it.
    """
    own = at.session(session.id)
    over = session.ongoing and session.state != "processing" and session.expires_at <= now
    links = {"session": own, "publish": f"{own}publish/", "upload": f"{own}files/", "extend": f"{own}extend/"}
    shown: dict[str, Any] = {
        "meta": META,
        "links": links,
        "mechanisms": list(MECHANISMS),
        "expires-at": whole_seconds(session.expires_at),
        "status": "canceled" if over else session.state,
        "files": {},
    }
    if not over:
        shown["files"] = {one.filename: _entry(at, session, one) for one in files}
    if session.ongoing and not over:
        links["stage"] = at.stage(stage or session.stage)
        links["page"] = at.page(session)
        shown["session-token"] = session.stage
    notices = [*session.notices, *(reason["sentence"] for reason in session.reasons if session.ongoing)]
    if notices:
        shown["notices"] = notices
    return shown


def file_document(at: Addresses, session: Session, file: StagedFile) -> dict[str, Any]:
    """The body that every answer about a file has."""
    own = at.file(session.stage, file.id)
    mechanism: dict[str, Any] = {"identifier": file.mechanism}
    if file.mechanism == BYTES:
        mechanism["file_url"] = f"{own}bytes/"
    if file.mechanism == PARTS:
        mechanism |= {
            "parts_url": f"{own}parts/", "part_bytes": USUAL_PART_BYTES, "largest_part_bytes": LARGEST_PART_BYTES,
        }  # fmt: skip
    mechanism["attestations_url"] = f"{own}attestations/"
    shown = {
        "meta": META,
        "links": {"file-upload-session": own, "complete": f"{own}complete/", "extend": f"{own}extend/"},
        "status": file.state,
        "expires-at": whole_seconds(file.expires_at),
        "mechanism": mechanism,
        "filename": file.filename,
        "size": file.size_bytes,
        "hashes": file.hashes,
        "attested": file.attestations is not None,
    }
    return shown | ({"notices": file.notices} if file.notices else {})


def parts_document(file: StagedFile, parts: list[Part]) -> dict[str, Any]:
    """What has come of a file that is sent in parts."""
    return {
        "meta": META,
        "size": file.size_bytes,
        "parts": [{"offset": one.offset, "size": one.size_bytes, "sha256": one.digest} for one in parts],
    }


def whole_seconds(moment: datetime) -> str:
    """A moment as the PEP wants it: UTC, ending in Z, without fractions."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def answer(status: int, document: Mapping[str, Any] | None, **headers: str) -> Response:
    """An answer of Upload 2.0; nobody keeps it."""
    body = b"" if document is None else json.dumps(document, separators=(",", ":")).encode()
    said = {name.replace("_", "-"): value for name, value in headers.items()} | {"cache-control": "no-store"}
    said |= {name.decode(): value.decode() for name, value in SECURITY_HEADERS}
    return Response(body, status, said, media_type=MEDIA_TYPE if document is not None else None)


def problem(at: Addresses, error: CustomhouseError) -> Response:
    """An error as a problem document. The PEP writes `details` where RFC 9457 writes `detail`; both are there."""
    status, sentence = status_of(error), sentence_of(error)
    title = sentence if len(sentence) <= _LONGEST_TITLE else HTTPStatus(status).phrase
    document: dict[str, Any] = {
        "type": f"urn:customhouse:problem:{error.code}",
        "status": status,
        "title": title,
        "detail": sentence,
        "details": sentence,
        "code": error.code,
        "meta": META,
        "errors": _errors(error, sentence),
    }
    headers = {name.decode(): value.decode() for name, value in (*SECURITY_HEADERS, *extra_headers(error))}
    if isinstance(error, SessionExists):
        headers["location"] = at.session(error.session_id)
    if isinstance(error, NeedsApproval):
        document |= {
            "approvals": {"wanted": error.missing.approvals},
            "approvers": list(error.missing.who),
            "page": at.page(error.session),
        }
        if error.missing.not_before is not None:
            document["not-before"] = whole_seconds(error.missing.not_before)
    body = json.dumps(document, separators=(",", ":")).encode()
    return Response(body, status, headers | {"cache-control": "no-store"}, media_type=PROBLEM)


_LONGEST_TITLE = 120


def _errors(error: CustomhouseError, sentence: str) -> list[dict[str, str]]:
    match error:
        case Unfinished():
            return [{"source": source, "message": message} for source, message in error.faults]
        case NeedsApproval():
            return [{"source": "approval", "message": sentence}]
        case Rejected():
            return [{"source": error.where, "message": sentence}]
        case _:
            return [{"source": error.code, "message": sentence}]


def _entry(at: Addresses, session: Session, file: StagedFile) -> dict[str, Any]:
    entry: dict[str, Any] = {"status": file.state, "link": at.file(session.stage, file.id)}
    return entry | ({"notices": file.notices} if file.notices else {})
