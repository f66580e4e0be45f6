"""``customhouse sigstore trust``: the trust root and the client's trust config, of this installation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from customhouse.cli.options import read_settings
from customhouse.terms.errors import Refused

Data = Annotated[Path | None, Parameter(help="The data folder (default ./customhouse-data).")]
Root = Annotated[bool, Parameter(name="--root", help="The trust root alone, for whoever only verifies.", negative="")]
Key = Annotated[bool, Parameter(name="--key", help="Only the key of the log, for witnesses.", negative="")]


def trust(*, root: Root = False, key: Key = False, data: Data = None) -> None:
    """Print the client's trust config: the trust root, and where to sign.

    Give it to people by another way than the server itself: they compare.
    """
    from customhouse.trust.private_sigstore.keyring import Keys  # noqa: PLC0415 - heavy
    from customhouse.trust.private_sigstore.trust_config import (  # noqa: PLC0415 - heavy
        note_key,
        trust_config_of,
        trusted_root_of,
    )

    settings = read_settings(data=data)
    refuse_unless_on(settings.sigstore)
    keys = Keys(settings).now()
    if key:
        print(note_key(keys.record("entries-v2")).spelled)
        return
    print(
        json.dumps(
            trusted_root_of(keys) if root else trust_config_of(keys, f"{settings.public_url}/sigstore"), indent=1
        )
    )


def refuse_unless_on(on: bool) -> None:
    """Say how to switch it on."""
    if not on:
        raise Refused(
            "no-sigstore", "The private Sigstore is switched off here.",
            "Set sigstore = true in customhouse.toml, or CUSTOMHOUSE_SIGSTORE=true.",
        )  # fmt: skip
