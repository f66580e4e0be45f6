"""Releases that wait, for tests of who may approve them: rows of sessions and files, without the bytes behind them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal

import sqlalchemy as sa

from customhouse.catalog.queries import find_project
from customhouse.catalog.staged import Session, files_of_session, find_session, manifest_digest_of
from customhouse.catalog.staged_tables import approval, upload_file, upload_session
from customhouse.index.approving.approve import Approve, Withdraw, approve, withdraw
from customhouse.index.approving.clearance import Clearance, clearance_of, missing
from customhouse.index.approving.model import Missing
from neighbours import actor, user
from world import World

Sender = str | int
"""The name of an account, or the number of a publisher."""


def begin(
    world: World, version: str = "2.0", by: Sequence[Sender] = ("alice",), *, project: str = "demo",
    reasons: Sequence[tuple[str, str]] = (), signals: Sequence[dict[str, str]] = (),
) -> str:  # fmt: skip
    """A release with one file of each sender; returns its session's id."""
    session_id = hashlib.md5(f"{project} {version}".encode(), usedforsecurity=False).hexdigest()
    now = world.clock.now()
    with world.app.database.write() as sql:
        found = find_project(sql, project)
        sql.execute(
            upload_session.insert().values(
                id=session_id, stage=f"stage-{session_id}", normalized=project, display=project, version=version,
                project_id=found.id if found is not None else None, protocol="2.0", state="open",
                reasons=[{"code": code, "sentence": sentence} for code, sentence in reasons], notices=[],
                created_at=now, changed_at=now, expires_at=now,
            )
        )  # fmt: skip
    for number, sender in enumerate(by):
        send(world, session_id, sender, tag=f"py3{number}", signals=signals)
    return session_id


def send(
    world: World, session_id: str, by: Sender, *, tag: str = "py3", signals: Sequence[dict[str, str]] = ()
) -> str:  # fmt: skip
    """Another file for it; returns its id."""
    account_id = user(world, by).id if isinstance(by, str) else None
    now, file_id = world.clock.now(), hashlib.md5(f"{session_id}{tag}{by}".encode(), usedforsecurity=False).hexdigest()
    filename = f"demo-2.0-{tag}-none-any.whl"
    with world.app.database.write() as sql:
        sql.execute(
            upload_file.insert().values(
                id=file_id, session_id=session_id, key=filename, filename=filename, size_bytes=1, hashes={},
                mechanism="http-post-bytes", state="completed", notices=[], account_id=account_id,
                publisher_id=by if isinstance(by, int) else None, token_id="", created_at=now, expires_at=now,
                digest=hashlib.sha256(filename.encode()).hexdigest(), kind="bdist_wheel", signals=list(signals),
            )
        )  # fmt: skip
        sql.execute(upload_session.update().where(upload_session.c.id == session_id).values(changed_at=now))
    return file_id


def take_out(world: World, file_id: str) -> None:
    """A file goes again."""
    with world.app.database.write() as sql:
        session_id = sql.execute(sa.select(upload_file.c.session_id).where(upload_file.c.id == file_id)).scalar_one()
        sql.execute(upload_file.update().where(upload_file.c.id == file_id).values(state="canceled"))
        sql.execute(
            upload_session.update().where(upload_session.c.id == session_id).values(changed_at=world.clock.now())
        )


def session_of(world: World, session_id: str) -> Session:
    with world.app.database.read() as sql:
        found = find_session(sql, session_id)
    assert found is not None
    return found


def manifest(world: World, session_id: str) -> str:
    with world.app.database.read() as sql:
        return manifest_digest_of(files_of_session(sql, session_id))


def say_yes(world: World, who: str, session_id: str, method: Literal["webauthn", "totp"] = "webauthn") -> Clearance:
    """Approve it as it is, as if a factor had been claimed for that."""
    wish = Approve("demo", session_id, manifest(world, session_id), method, {}, actor(world, who))
    return world.app.do(approve, wish)


def take_back(world: World, who: str, session_id: str) -> Clearance:
    return world.app.do(withdraw, Withdraw("demo", session_id, actor(world, who)))


def clearance(world: World, session_id: str) -> Clearance:
    with world.app.database.read() as sql:
        found = find_session(sql, session_id)
        assert found is not None
        return clearance_of(sql, found, world.clock.now())


def what_is_missing(world: World, session_id: str, by: str = "") -> Missing | None:
    who = actor(world, by) if by else None
    with world.app.database.read() as sql:
        found = find_session(sql, session_id)
        assert found is not None
        return missing(sql, found, who, world.clock.now())


def forget_rows(world: World) -> None:
    """They have no bytes behind them, which a world that is looked at in the end must have."""
    with world.app.database.write() as sql:
        for table in (approval, upload_file, upload_session):
            sql.execute(table.delete())
