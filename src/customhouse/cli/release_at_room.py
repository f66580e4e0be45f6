"""What people decide of a run at a server, from the command line: by their API token, where no factor is asked for."""

from __future__ import annotations

import os
import sys
import webbrowser

from customhouse.cli.release_room import TOKEN_VARIABLE
from customhouse.terms.errors import Refused, Rejected

_DONE = {
    "confirm": "You are around.",
    "approve": "You have said yes.",
    "decline": "You have said no: the run stands still.",
    "resume": "The run may go on.",
    "restart": "It begins again from there.",
    "abort": "It is being given up.",
}


def is_at_room(run: str) -> bool:
    """Whether a run is named by its address at a server."""
    return run.startswith(("https://", "http://"))


def decide_there(what: str, url: str, *, step: str = "", why: str = "") -> None:
    """Decide; where a factor is asked for, open the page where it can be shown."""
    from customhouse.release.work.opening import decide_at, step_that_asks  # noqa: PLC0415 - loads an HTTP client
    from customhouse.release.work.room_door import Place, RoomDoor  # noqa: PLC0415 - loads an HTTP client

    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if not token:
        raise Rejected("no-token", TOKEN_VARIABLE, "nothing says who you are", "an API token of your account")
    door = RoomDoor(Place.parse(url), token=token, patience_seconds=30)
    try:
        wanted = step or (step_that_asks(door) if what in ("approve", "decline") else "")
        decide_at(door, what, step=wanted, why=why)
    except Refused as refusal:
        if refusal.code == "needs-factor" and sys.stdout.isatty():
            webbrowser.open(url)
        raise
    finally:
        door.close()
    sys.stdout.write(f"{_DONE[what]}\n")
