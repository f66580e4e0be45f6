"""Joining a run: a key is made for this machine and this run, the room is shown who it is, and both are remembered.

The folder of a machine holds its key, its token, what it learned of the room, and its work. Nobody else may read it.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from customhouse.infra.private_file import write_private
from customhouse.release.codec import to_body
from customhouse.release.events import Joined
from customhouse.release.machine_key import MachineKey, open_key
from customhouse.release.sealing import say
from customhouse.release.work.identity import account_evidence, evidence_of, identity_of
from customhouse.release.work.room_door import RoomDoor
from customhouse.terms.errors import Refused, Rejected
from customhouse.trust.jwt import take_apart

KEY, MEMORY = "machine.key", "joined.json"


@dataclass(frozen=True, slots=True)
class Member:
    """A machine that is in, with what it needs to work."""

    actor: str
    key: MachineKey
    token: str
    engine_key: str
    name: str
    """Whose leases are ours."""


def folder_of(run: str, actor: str, environment: Mapping[str, str]) -> Path:
    """Where a machine keeps what belongs to it, unless it is told another place (XDG Base Directory)."""
    state = environment.get("XDG_STATE_HOME") or str(Path.home() / ".local/state")
    return Path(state) / "customhouse" / "release" / run / actor


def join(
    door: RoomDoor, actor: str, folder: Path, *, identity_token: Callable[[], str] | None, api_token: str
) -> Member:  # fmt: skip
    """Join, or remember having joined. ``identity_token`` gives an ID token; without one ``api_token`` says who it is.

    Raises `Refused` if the room says no, `Rejected` if nothing says who this is.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = open_key(folder / KEY)
    known = _remembered(folder / MEMORY)
    if known.get("machine_key") == key.public and known.get("actor") == actor:
        door.token = str(known["token"])
        if _still_in(door):
            return Member(actor, key, door.token, str(known["engine_key"]), _name(actor, key))
    if identity_token is not None:
        token = identity_token()
        claims = take_apart(token).claims
        event = Joined(actor, identity_of(claims), key.public, evidence_of(claims))
        door.token = ""
    elif api_token:
        token, door.token = "", api_token
        event = _of_person(door, actor, key)
    else:
        raise Rejected(
            "no-identity", "--identity-token", "nothing says who this machine is",
            "an ID token of a build service, or the API token of an account that the pipeline names",
        )  # fmt: skip
    said = say(event, run=door.place.run, by=actor, key=key)
    answer = door.post_patiently(
        "/join",
        {"joined": to_body(event), "said": {"key": said.key, "signature": said.signature}, "token": token},
    )
    door.token = str(answer["token"])
    engine_key = str(door.document()["engine_key"])
    _remember(
        folder / MEMORY, {"actor": actor, "machine_key": key.public, "token": door.token, "engine_key": engine_key}
    )  # fmt: skip
    return Member(actor, key, door.token, engine_key, _name(actor, key))


def _of_person(door: RoomDoor, actor: str, key: MachineKey) -> Joined:
    """How the room knows him whose API token this is."""
    found = door.document()
    me, name = found.get("me"), found.get("account", "")
    identity = me.get(actor) if isinstance(me, dict) else None
    if not isinstance(identity, str):
        raise Refused("not-this-actor", f"The account of this token is not the actor {actor!r} of the run.")
    return Joined(actor, identity, key.public, account_evidence(str(name)))


def _still_in(door: RoomDoor) -> bool:
    try:
        door.document()
    except Refused:
        return False
    return True


def _name(actor: str, key: MachineKey) -> str:
    return f"{actor}@{socket.gethostname()}-{key.public[:8]}"


def _remembered(path: Path) -> Mapping[str, object]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _remember(path: Path, what: Mapping[str, str]) -> None:
    write_private(path, json.dumps(what), replaces=True)
