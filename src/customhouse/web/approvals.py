"""What a visitor's key signs who approves a release, and what he then has sent."""

from __future__ import annotations

from customhouse.catalog import rights
from customhouse.catalog.staged import Session, files_of_session, find_session, manifest_digest_of
from customhouse.index.approving.approve import unknown_session
from customhouse.index.approving.statement import Statement
from customhouse.terms.errors import Refused
from customhouse.web.visit import Visit


def about(session: Session, manifest: str) -> str:
    """How a form names what its key is to sign."""
    return f"{session.id}:{manifest}"


def statement_for(visit: Visit, session: Session, manifest: str) -> Statement:
    """What this visitor's key signs."""
    return Statement(visit.app.settings.public_url, session.normalized, session.version, manifest, visit.me.name)


def asked_statement(visit: Visit) -> Statement:
    """The same for a page's script: only of a release that waits in a project of the visitor's, as it is now."""
    session_id, _, manifest = visit.query.get("about", "").partition(":")
    with visit.app.database.read() as sql:
        session = find_session(sql, session_id[:64])
        role = (
            rights.role_of(sql, session.project_id, visit.me.id)
            if session is not None and session.project_id is not None and visit.user is not None
            else None
        )
        if session is None or role is None or not session.ongoing:
            raise unknown_session()
        now = manifest_digest_of(files_of_session(sql, session.id))
    if manifest != now:
        raise Refused(
            "manifest-changed", "The files have changed since you looked at them.", "Load the page again.", status=409
        )  # fmt: skip
    return statement_for(visit, session, now)
