"""A worker, put together from what a machine has: a door, its membership, its folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from customhouse.release.engine.perform import Words
from customhouse.release.engine.secrets import Secrets
from customhouse.release.work.http_journal import HttpJournal
from customhouse.release.work.http_store import HttpStore
from customhouse.release.work.joining import Member
from customhouse.release.work.room_door import RoomDoor
from customhouse.release.work.worker import Worker


def start(
    door: RoomDoor, member: Member, folder: Path, places: Mapping[str, Mapping[str, str]], *,
    tell: Callable[[str], None], words: Words | None = None,
) -> Worker:  # fmt: skip
    """The worker of a machine that has joined. Its own settings of places are seen by its steps, and never sent."""
    door.token = member.token
    journal = HttpJournal(door, member.actor, member.key)
    return Worker(
        journal=journal, store=HttpStore(door, folder / "objects"), key=member.key, work=folder / "work",
        machine=member.name, tell=tell, secrets=Secrets(folder / "secrets"), words=words or Words(),
        actor=member.actor, room=journal, engine_key=member.engine_key,
        places={name: dict(settings) for name, settings in places.items()},
    )  # fmt: skip
