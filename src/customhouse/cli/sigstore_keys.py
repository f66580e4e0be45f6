"""``customhouse sigstore keys``: which keys there are; the missing ones are made, and one can be replaced."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from customhouse.cli.options import read_settings
from customhouse.cli.sigstore_trust import refuse_unless_on
from customhouse.terms.errors import Rejected

Data = Annotated[Path | None, Parameter(help="The data folder (default ./customhouse-data).")]
Rotate = Annotated[
    str,
    Parameter(name="--rotate", help="Make a new key for this role; the old one stays in the trust root, ended."),
]


def keys(*, rotate: Rotate = "", data: Data = None) -> None:
    """Show the keys of the private Sigstore; make those that are missing; rotate one."""
    from customhouse.app import prepare  # noqa: PLC0415 - heavy
    from customhouse.infra.db import Database, database_url  # noqa: PLC0415 - heavy
    from customhouse.infra.sigstore_keys import sigstore_keys_path  # noqa: PLC0415 - heavy
    from customhouse.ledger.tx import Deeds  # noqa: PLC0415 - heavy
    from customhouse.terms.clock import SystemClock  # noqa: PLC0415 - heavy
    from customhouse.trust.private_sigstore.keyring import ROLES, TITLES, Keys  # noqa: PLC0415 - heavy
    from customhouse.trust.private_sigstore.service import rotate as rotate_role  # noqa: PLC0415 - heavy

    settings = read_settings(data=data)
    refuse_unless_on(settings.sigstore)
    role = next((one for one in ROLES if one == rotate), None)
    if rotate and role is None:
        raise Rejected("unknown-role", "--rotate", f"there is no key {rotate!r}", f"one of {', '.join(ROLES)}")
    prepare(settings)
    if role is not None:
        database = Database(database_url(settings))
        try:
            rotate_role(settings, Deeds(database, SystemClock()), role)
        finally:
            database.close()
        print(f"{role} signs with a new key from now on. Running servers use it at once.")
        if role in ("authority", "entries-v1", "entries-v2", "certificates", "time"):
            print("Restart the server, so that it believes what is signed with it, too.")
    print(f"In {sigstore_keys_path(settings)}:")
    now = Keys(settings).now()
    for one in ROLES:
        for record in reversed(now.all(one)):
            digest = hashlib.sha256(record.public_der).hexdigest()
            until = "now" if record.until is None else f"{record.until:%Y-%m-%d %H:%M}"
            where = ", in hardware" if record.hardware_label else ""
            print(f"{one}: {TITLES[one]}\n  {digest}\n  {record.since:%Y-%m-%d %H:%M} to {until} UTC{where}")
