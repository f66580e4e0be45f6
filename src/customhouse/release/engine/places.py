"""Where a run acts: ``places.toml`` and ``--place NAME.SETTING=VALUE``. Addresses and names, never secrets."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

from customhouse.terms.errors import Rejected

_HOW = "NAME.SETTING=VALUE, such as --place fork.url=/srv/fork.git"


def read_places(file: Path | None, flags: Iterable[str]) -> dict[str, dict[str, str]]:
    """The places; flags count before the file. ``./`` and ``../`` are made whole. Raises `Rejected`."""
    found = _from_file(file) if file is not None else {}
    for flag in flags:
        where, equals, value = flag.partition("=")
        name, dot, setting = where.partition(".")
        if not (equals and dot and name and setting):
            raise Rejected("bad-place", "--place", f"{flag[:80]!r} says no setting of a place", _HOW)
        found.setdefault(name, {})[setting] = _whole(value, Path.cwd())
    return found


def read_params(flags: Iterable[str]) -> dict[str, str]:
    """``--param NAME=VALUE``; raises `Rejected`."""
    found: dict[str, str] = {}
    for flag in flags:
        name, equals, value = flag.partition("=")
        if not equals or not name:
            raise Rejected("bad-parameter", "--param", f"{flag[:80]!r} gives no value", "--param version=1.2.3")
        if name in found:
            raise Rejected("bad-parameter", "--param", f"{name!r} is given twice", "one value for each")
        found[name] = value
    return found


def _from_file(file: Path) -> dict[str, dict[str, str]]:
    try:
        read = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Rejected("bad-places", str(file), f"it cannot be read: {error}", "a TOML file") from error
    found: dict[str, dict[str, str]] = {}
    for name, settings in read.items():
        if not isinstance(settings, Mapping):
            raise Rejected("bad-places", f"{file}: {name}", "it is no table", f"[{name}] with settings")
        found[name] = {
            setting: _whole(_text(value, f"{file}: {name}.{setting}"), file.parent)
            for setting, value in settings.items()
        }
    return found


def _whole(value: str, folder: Path) -> str:
    """A path that begins with a dot, from where it was said."""
    return str((folder / value).resolve()) if value.startswith(("./", "../")) else value


def _text(value: object, where: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int)):
        return str(value)
    raise Rejected("bad-places", where, "it is neither a text nor a number nor true or false", "a text")
