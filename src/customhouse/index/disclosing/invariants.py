"""What holds of disclosure cases, on any installation at any time: see `index.check`."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.advisories.disclosure.tables import disclosure_attachment, disclosure_case
from customhouse.advisories.tables import advisory
from customhouse.catalog.staged import ONGOING
from customhouse.catalog.staged_tables import upload_session
from customhouse.infra.blobs import Blobs
from customhouse.terms.digest import Digest


def missing_attachments(sql: Connection, blobs: Blobs, sample: int | None) -> tuple[int, list[str]]:
    """Files that came with a message and are not in the store."""
    a = disclosure_attachment.c
    rows = sql.execute(sa.select(a.id, a.digest).order_by(a.id.desc()).limit(sample)).all()
    return len(rows), [
        f"attachment {row.id} of a disclosure case names {row.digest}, which is missing"
        for row in rows
        if blobs.locate(Digest(row.digest)) is None
    ]


def broken_embargoes(sql: Connection) -> tuple[int, list[str]]:
    """Releases under embargo without their case, and advisories that are public before their case is."""
    s, c = upload_session.c, disclosure_case.c
    waiting = sql.execute(
        sa.select(s.id, c.session_id)
        .outerjoin(disclosure_case, c.public_id == s.embargo)
        .where(s.embargo != "", s.state.in_(ONGOING))
    ).all()
    early = sql.execute(
        sa.select(c.advisory_id).join(advisory, advisory.c.id == c.advisory_id).where(c.published_at.is_(None))
    ).scalars()
    findings = [f"the embargoed release {row.id} has no case" for row in waiting if row.session_id != row.id]
    return len(waiting), findings + [f"the advisory {one} is public before its case" for one in early]
