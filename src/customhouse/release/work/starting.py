"""A worker, put together from what a machine has: a door, its membership, its folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from customhouse.release.actions import Problem
from customhouse.release.engine.perform import Words
from customhouse.release.engine.secrets import Secrets
from customhouse.release.moves import SIGSTORE
from customhouse.release.sealed import ENGINE
from customhouse.release.work.addresses import refuse_strange_addresses
from customhouse.release.work.http_journal import HttpJournal
from customhouse.release.work.http_store import HttpStore
from customhouse.release.work.joining import Member
from customhouse.release.work.room_door import RoomDoor
from customhouse.release.work.worker import Worker

TOKEN = "sigstore-token"  # noqa: S105 - a secret's name


def start(
    door: RoomDoor, member: Member, folder: Path, places: Mapping[str, Mapping[str, str]], *,
    tell: Callable[[str], None], words: Words | None = None, shows_tokens: bool = True,
) -> Worker:  # fmt: skip
    """The worker of a machine that has joined. Its own settings of places are seen by its steps, and never sent.

    Raises `Refused` if the run names an address that would be shown a token, and that nobody has said on this machine.
    """
    door.token = member.token
    journal = HttpJournal(door, member.actor, member.key, folder / "seen.json")
    worker = Worker(
        journal=journal, store=HttpStore(door, folder / "objects"), key=member.key, work=folder / "work",
        machine=member.name, tell=tell, secrets=Secrets(folder / "secrets"), words=words or Words(),
        actor=member.actor, room=journal, engine_key=member.engine_key,
        places={name: dict(settings) for name, settings in places.items()},
    )  # fmt: skip
    if shows_tokens:
        state = worker.catch_up()
        refuse_strange_addresses(state.pipeline, state.places, worker.places, room=door.place.server)
    _seal(worker)
    return worker


def _seal(worker: Worker) -> None:
    """Let the machine sign what it says, where the run has a Sigstore and the machine an identity there."""
    state = worker.catch_up()
    place = {**state.places.get(SIGSTORE, {}), **worker.places.get(SIGSTORE, {})}
    if SIGSTORE not in state.places or place.get("attest") == "false":
        return
    from customhouse.release.engine.anchor import anchored_by  # noqa: PLC0415 - slow to import, and not everywhere
    from customhouse.release.evidence.attest import attested_by, sealers, speakers_of  # noqa: PLC0415 - as above
    from customhouse.release.signing.trust_config import read_trust  # noqa: PLC0415 - as above

    try:
        worker.secrets(TOKEN)
        sealer, shown = sealers(read_trust(place).config, lambda: worker.secrets(TOKEN), state)
    except Problem as problem:
        worker.tell(f"This machine signs nothing but its lines of the journal: {problem}")
        return
    speakers = speakers_of(state.pipeline, worker.actor)
    worker.attest = attested_by(sealer, worker.store, speakers=speakers, shown=shown)
    if ENGINE in speakers and place.get("anchor") != "false":
        worker.anchor = anchored_by(sealer)
