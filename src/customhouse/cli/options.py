"""Flags become environment variables, so that this process and its children read settings in the same one place."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import ValidationError

from customhouse.infra.settings import Settings
from customhouse.terms.errors import Rejected


def read_settings(**flags: str | int | Path | None) -> Settings:
    """The settings, with the flags that were given above everything else; raises `Rejected` naming a bad one."""
    for name, value in flags.items():
        if value is not None:
            os.environ[f"CUSTOMHOUSE_{name.upper()}"] = str(value)
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Rejected("bad-setting", where, f"{first['msg']} (found {str(first['input'])[:80]!r})") from error
