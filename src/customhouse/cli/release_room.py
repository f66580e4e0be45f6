"""``customhouse release open``, ``join`` and ``hand-in``: a run on a server, where its actors meet."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from customhouse.cli.exit_codes import FINDINGS
from customhouse.cli.release_lint import PIPELINE, read_file
from customhouse.formats.plain import plain
from customhouse.release.engine.places import read_params, read_places, unsaid
from customhouse.terms.errors import Refused, Rejected

if TYPE_CHECKING:
    from customhouse.release.state import State
    from customhouse.release.work.joining import Member
    from customhouse.release.work.room_door import RoomDoor

TOKEN_VARIABLE = "CUSTOMHOUSE_TOKEN"  # noqa: S105 - a variable's name
MAX_TOKEN = 65_536
COLUMNS = 80

PipelineFile = Annotated[Path, Parameter(help="The pipeline (default release.toml).")]
Url = Annotated[str, Parameter(help="The run's address: https://HOST/release/run/ID/")]
IndexFlag = Annotated[str, Parameter(name="--index", show_default=False, help="The server's address.")]
Params = Annotated[
    list[str] | None, Parameter(name="--param", negative="", show_default=False, help="NAME=VALUE, for each parameter.")
]
PlaceFlag = Annotated[
    list[str] | None,
    Parameter(name="--place", negative="", show_default=False, help="ID.KEY=VALUE, where something is."),
]
PlacesFile = Annotated[
    Path | None, Parameter(name="--places", show_default=False, help="The same as a TOML file, a table for each place.")
]
Rehearsal = Annotated[
    bool, Parameter(name="--rehearsal", negative="", show_default=False, help="A dry run: nobody is asked, no factor.")
]
Token = Annotated[
    str,
    Parameter(
        show_default=False, allow_leading_hyphen=True,
        help="Your API token; - reads it from standard input (default CUSTOMHOUSE_TOKEN).",
    ),
]  # fmt: skip
ActorFlag = Annotated[str, Parameter(name="--actor", help="Who this machine is in the pipeline.")]
IdentityToken = Annotated[
    str,
    Parameter(
        name="--identity-token", show_default=False,
        help="A file with an ID token of your build service, or 'ambient' to ask the service for one.",
    ),
]  # fmt: skip
Folder = Annotated[
    Path | None, Parameter(show_default=False, help="Where this machine's key and work lie (default ~/.local/state).")
]
AllowHttp = Annotated[
    bool, Parameter(name="--allow-http", negative="", show_default=False, help="Show tokens even without TLS.")
]
Quiet = Annotated[bool, Parameter(name=["--quiet", "-q"], negative="", show_default=False, help="Say only the end.")]
StepFlag = Annotated[
    str, Parameter(name="--step", show_default=False, help="For which step, if there are several of yours.")
]
Files = Annotated[list[Path], Parameter(help="The files, and the evidence beside them.")]


def open_run(
    pipeline: PipelineFile = PIPELINE, /, *, index: IndexFlag = "", param: Params = None, place: PlaceFlag = None,
    places: PlacesFile = None, rehearsal: Rehearsal = False, token: Token = "", allow_http: AllowHttp = False,
) -> int:  # fmt: skip
    """Open a run on a server, where actors meet, and print its address.

    You must be an owner or maintainer of the project there. Everybody whom the pipeline calls an expert is asked to say
    that he is around; then machines that have joined begin.
    """
    from customhouse.release.work.opening import open_at  # noqa: PLC0415 - loads an HTTP client

    address = index or os.environ.get("CUSTOMHOUSE_INDEX", "")
    if not address:
        raise Rejected("no-index", "--index", "no server is named", "--index https://HOST, or CUSTOMHOUSE_INDEX")
    read, where = read_file(pipeline), read_places(places, place or ())
    opened = open_at(
        address, read, read_params(param or ()), where, rehearsal=rehearsal, token=_token(token), allow_http=allow_http
    )
    if missing := unsaid(read, where, rehearsal=rehearsal):
        _say(f"No place says {', '.join(missing)}: machines that need it have to, by --place. To say it for all, give "
             "the run up and open another with --places.")  # fmt: skip
    _say("The run is open. Whoever it needs says there that he is around:")
    sys.stdout.write(f"{opened}\n")
    _say("Machines join it by:")
    sys.stdout.write(f"customhouse release join {opened} --actor ACTOR\n")
    return 0


def join(
    url: Url, /, *, actor: ActorFlag, identity_token: IdentityToken = "", token: Token = "", folder: Folder = None,
    place: PlaceFlag = None, allow_http: AllowHttp = False, quiet: Quiet = False,
) -> int:  # fmt: skip
    """Join a run as one of its actors, and work until it is over.

    This machine makes a key of its own, shows who it is, and from then on takes the steps that are the actor's. Killed
    and started again, it goes on where it was. Secrets that steps need stay here: set CUSTOMHOUSE_RELEASE_NAME, or
    CUSTOMHOUSE_RELEASE_NAME_FILE.
    """
    door = _door(url, allow_http, quiet=quiet)
    state = _work(door, actor, identity_token, token, folder, read_places(None, place or ()), quiet=quiet)
    _say(f"The run is {state.status}.")
    return 0 if state.status == "released" else FINDINGS


def hand_in(
    url: Url, files: Files, /, *, actor: ActorFlag, step: StepFlag = "", identity_token: IdentityToken = "",
    token: Token = "", folder: Folder = None, allow_http: AllowHttp = False,
) -> int:  # fmt: skip
    """Hand in files that you have built elsewhere, with evidence that you have signed.

    The evidence names each file by its SHA-256 and the release's commit. What is not declared, or not signed for, is
    refused here, before the run hears of it: mend it, and hand in again. Handing in the same files once more does no
    harm; other files than those that were taken are refused.
    """
    from customhouse.release.work.handing_in import handed_in, laid_together  # noqa: PLC0415 - loads an HTTP client

    door = _door(url, allow_http, quiet=False)
    try:
        member, home = _joined(door, actor, identity_token, token, folder)
        with laid_together(files, home) as together:
            handed_in(door, member, home, together, step, tell=_say)
    finally:
        door.close()
    return 0


def _work(
    door: RoomDoor, actor: str, identity_token: str, token: str, folder: Path | None,
    places: dict[str, dict[str, str]], *, quiet: bool,
) -> State:  # fmt: skip
    from customhouse.release.work.starting import start  # noqa: PLC0415 - loads an HTTP client

    member, home = _joined(door, actor, identity_token, token, folder)
    return start(door, member, home, places, tell=_say if not quiet else lambda _text: None).go()


def _joined(
    door: RoomDoor, actor: str, identity_token: str, token: str, folder: Path | None
) -> tuple[Member, Path]:  # fmt: skip
    from customhouse.release.work.joining import folder_of, join  # noqa: PLC0415 - loads an HTTP client

    home = folder or folder_of(door.place.run, actor, os.environ)
    member = join(
        door, actor, home, identity_token=_identity(door, identity_token), api_token=_token(token, required=False)
    )
    _say(f"Joined as {actor}, with the key {member.key.public[:16]}….")
    return member, home


def _door(url: str, allow_http: bool, *, quiet: bool) -> RoomDoor:
    from customhouse.release.work.room_door import Place, RoomDoor  # noqa: PLC0415 - loads an HTTP client

    return RoomDoor(Place.parse(url, allow_http=allow_http), tell=(lambda _text: None) if quiet else _say)


def _identity(door: RoomDoor, wanted: str) -> Callable[[], str] | None:
    """Where an ID token comes from; None if none was asked for and no build service is around."""
    from customhouse.client.ambient import NoIdentity, find_ambient  # noqa: PLC0415 - loads an HTTP client

    path = Path(wanted) if wanted not in ("", "ambient") else None
    ambient = find_ambient(os.environ, path)
    if ambient is None:
        if wanted == "ambient":
            raise Rejected("no-identity", "--identity-token", "no build service is around", "a file with an ID token")
        return None

    def fetch() -> str:
        try:
            return ambient.fetch(door.audience())
        except NoIdentity as error:
            raise Refused("no-identity", f"{ambient.where} gives no identity: {error}") from error

    return fetch


def _token(given: str, *, required: bool = True) -> str:
    if given == "-":
        return sys.stdin.read(MAX_TOKEN).strip()
    found = given or os.environ.get(TOKEN_VARIABLE, "").strip()
    if not found and required:
        raise Rejected("no-token", "--token", "nothing says who you are", f"an API token, or {TOKEN_VARIABLE}")
    return found


def _say(text: str) -> None:
    clean = plain(text, 2000)
    while clean:
        head = clean if len(clean) <= COLUMNS else clean[: COLUMNS + 1].rpartition(" ")[0] or clean[:COLUMNS]
        sys.stderr.write(f"{head}\n")
        clean = clean[len(head) :].strip()
    sys.stderr.flush()
