"""Opening a run at a server, and deciding there by a token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from customhouse.client.address import Index
from customhouse.formats.pipeline.model import Pipeline
from customhouse.formats.pipeline.resolve import resolve
from customhouse.release.work.room_door import Place, RoomDoor
from customhouse.terms.errors import Refused


def open_at(
    server: str, pipeline: Pipeline, params: Mapping[str, str], places: Mapping[str, Mapping[str, str]], *,
    rehearsal: bool, token: str, allow_http: bool = False,
) -> str:  # fmt: skip
    """Open a run; returns its address. What is wrong with the parameters is said before anything is sent."""
    resolve(pipeline, params)
    door = RoomDoor(Place(Index.parse(server, allow_http=allow_http).base.rstrip("/"), ""), token=token)
    try:
        document = {"pipeline": pipeline.text, "params": dict(params), "places": places, "rehearsal": rehearsal}
        opened = door.post_to_server("/api/release/runs", document)
    finally:
        door.close()
    return f"{door.place.server}/release/run/{opened['run']}/"


def step_that_asks(door: RoomDoor) -> str:
    """The one step before which people are asked now; raises `Refused` if there is none, or more than one."""
    asks = door.document().get("asks")
    names = sorted(asks) if isinstance(asks, dict) else []
    if len(names) != 1:
        raise Refused("which-step", f"Asked now: {', '.join(names) or 'nothing'}.", "Name the step.", status=409)
    return str(names[0])


def decide_at(door: RoomDoor, what: str, *, step: str = "", why: str = "") -> dict[str, Any]:
    """Decide by an API token: ``confirm``, ``approve``, ``decline``, ``resume``, ``restart``, ``abort``.

    A yes or no is about the question as it stands now. Where a factor is asked for, the room says no, and the answer
    names the page where it is given.
    """
    document: dict[str, Any] = {"what": what, "step": step, "why": why}
    if what in ("approve", "decline"):
        asks = door.document().get("asks")
        asked = asks.get(step) if isinstance(asks, dict) else None
        if not isinstance(asked, dict):
            raise Refused("nothing-asked", f"Nothing is asked before the step {step!r} now.", status=409)
        document["question"] = asked["question"]
    try:
        return door.post_patiently("/decisions", document)
    except Refused as refusal:
        if refusal.code != "needs-factor":
            raise
        page = f"{door.place.server}/release/run/{door.place.run}/"
        raise Refused(refusal.code, refusal.sentence, f"Open {page}", status=refusal.status) from refusal
