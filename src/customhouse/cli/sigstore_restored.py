"""``customhouse sigstore restored``: how the logs stand after the database was put back, and how to go on."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from customhouse.cli.exit_codes import FINDINGS, FINE
from customhouse.cli.options import read_settings
from customhouse.cli.sigstore_trust import refuse_unless_on
from customhouse.terms.errors import Rejected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from customhouse.trust.private_sigstore.restored import Standing

Data = Annotated[Path | None, Parameter(help="The data folder (default ./customhouse-data).")]
NewLog = Annotated[
    bool, Parameter(name="--new-log", negative="", show_default=False, help="Go on as another log, with new keys.")
]
SameLog = Annotated[
    int | None,
    Parameter(
        name="--same-log",
        show_default=False,
        help="Go on as the same log: how many entries that were shown are lost.",
    ),
]


def restored(*, new_log: NewLog = False, same_log: SameLog = None, data: Data = None) -> int:
    """Does the database have all that its logs have shown? Ends with 1 if not; then nothing is signed."""
    from customhouse.app import prepare  # noqa: PLC0415 - heavy
    from customhouse.infra.db import Database, database_url  # noqa: PLC0415 - heavy
    from customhouse.ledger.tx import Deeds  # noqa: PLC0415 - heavy
    from customhouse.terms.clock import SystemClock  # noqa: PLC0415 - heavy
    from customhouse.trust.private_sigstore.restored import keep_log, standings, start_log  # noqa: PLC0415 - heavy
    from customhouse.trust.private_sigstore.service import logbook_of, make_ready  # noqa: PLC0415 - heavy

    settings = read_settings(data=data)
    refuse_unless_on(settings.sigstore)
    if new_log and same_log is not None:
        raise Rejected("two-ways", "restored", "goes on as one log only", "--new-log or --same-log NUMBER")
    prepare(settings)
    database = Database(database_url(settings))
    try:
        deeds = Deeds(database, SystemClock())
        logbook = logbook_of(settings, deeds)
        if new_log:
            origin = start_log(settings, deeds, logbook)
            make_ready(settings, deeds)
            print(f"The log is {origin} from now on, with new keys; the old ones are in the")
            print("trust root with their end. Now:")
            print("1. Restart the server, so that it believes what the new keys sign.")
            print("2. Give the new key to witnesses and monitors: customhouse sigstore trust --key")
            print("3. Say which entries are lost. Releases that wait go on when run again.")
            return FINE
        if same_log is not None:
            keep_log(deeds, logbook, same_log)
            print("The log goes on under its name. Restart the server. Whoever has seen the lost")
            print("entries will say that it was put back.")
            return FINE
        found = standings(logbook)
    finally:
        database.close()
    return _shown(found)


def _shown(found: Sequence[Standing]) -> int:
    for one in found:
        print(f"{one.now.origin}")
        print(f"  in the database  {one.now.size:,} entries, root {_root(one.now.root)}")
        if one.said is None:
            print("  shown last       nothing yet")
        else:
            print(f"  shown last       {one.said.size:,} entries, root {_root(one.said.root)}")
    if not any(one.fault for one in found):
        print("The database has all that was shown.")
        return FINE
    lost = sum(one.lost for one in found)
    print()
    print("The database was put back, or is another one. Nothing is signed until it has all")
    print("that was shown, or you have said how to go on:")
    print("· Best: bring back a newer backup, if there is one. Nothing else is to be done.")
    print("· customhouse sigstore restored --new-log")
    print("  Another log goes on from here, with new keys. What was signed stays good.")
    print(f"· customhouse sigstore restored --same-log {lost}")
    print("  Only if nobody has seen the lost entries: who has sees a log that lies.")
    return FINDINGS


def _root(root: bytes) -> str:
    return base64.b64encode(root).decode()
