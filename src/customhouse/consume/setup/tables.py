"""uv's and Poetry's settings in TOML, changed in place: comments, order and other keys stay as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import tomlkit
from tomlkit import TOMLDocument
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, Table

from customhouse.formats.plain import plain
from customhouse.terms.errors import Rejected

CODE = "bad-configuration"
NAME = "customhouse"
"""Of our index among others."""
UV_ELSEWHERE = ("index-url", "extra-index-url", "find-links", "no-index", "index-strategy", "torch-backend")
"""Keys of uv that say where packages come from, beside ``[[index]]``."""


def read_tables(text: str, where: str) -> TOMLDocument:
    """The document; raises `Rejected` for what is no TOML."""
    try:
        return tomlkit.parse(text)
    except (TOMLKitError, ValueError, RecursionError) as error:
        raise Rejected(CODE, where, f"it is no TOML: {plain(error, 200)}", "a file that its tool reads, too") from error


def uv_with_index(text: str, url: str, where: str, *, inside: Sequence[str] = (), keyring: bool = False) -> str:
    """Uv's settings with this index as the only one that is not asked for by name. ``inside``: ``tool.uv``."""
    document = read_tables(text, where)
    if _uv_says(document, url, inside, keyring=keyring):
        return text
    table = _down(document, inside, where)
    for key in UV_ELSEWHERE:
        table.pop(key, None)
    if isinstance(pip := table.get("pip"), dict):
        for key in UV_ELSEWHERE:
            pip.pop(key, None)
    if keyring:
        _set(table, "keyring-provider", "subprocess")
    # An index that only those get who name it in `tool.uv.sources` stays; others would be asked for everything.
    kept = [one for one in _listed(table, "index") if one.get("explicit") is True and one.get("name") != NAME]
    own = tomlkit.table()
    own.update({"name": NAME, "url": url, "default": True})
    _replace_list(table, "index", [*kept, own])
    return tomlkit.dumps(document)


def poetry_with_source(text: str, url: str, where: str) -> str:
    """A project's pyproject.toml with this source for everything: with a primary source Poetry leaves PyPI."""
    document = read_tables(text, where)
    sources = _listed(_peek(document, ("tool", "poetry")), "source")
    wanted = {"name": NAME, "url": url, "priority": "primary"}
    if [_bare(one) for one in sources if one.get("priority") != "explicit"] == [wanted]:
        return text
    table = _down(document, ("tool", "poetry"), where)
    kept = [one for one in sources if one.get("priority") == "explicit" and one.get("name") != NAME]
    own = tomlkit.table()
    own.update(wanted)
    _replace_list(table, "source", [*kept, own])
    return tomlkit.dumps(document)


def poetry_with_user(text: str, user: str, where: str) -> str:
    """Poetry's ``auth.toml`` with the user of our source; the token is in the keyring."""
    document = read_tables(text, where)
    known = _peek(document, ("http-basic", NAME))
    if _bare(known) == {"username": user}:
        return text
    basic = _down(document, ("http-basic",), where)
    own = tomlkit.table()
    own.update({"username": user})
    basic[NAME] = own
    return tomlkit.dumps(document)


def uses_poetry(text: str, where: str) -> bool:
    """Whether a pyproject.toml is a project of Poetry."""
    document = read_tables(text, where)
    backend = str(_peek(document, ("build-system",)).get("build-backend") or "")
    return bool(_peek(document, ("tool", "poetry"))) or backend.startswith("poetry")


class UvPlaces(NamedTuple):
    """The indexes that one file of uv's settings names."""

    main: str
    """The default one; empty if the file names none, so that another file's counts, or PyPI."""
    others: tuple[str, ...]
    """Those that are asked before it."""


def uv_places(text: str, where: str, inside: Sequence[str] = ()) -> UvPlaces:
    """The indexes that uv's settings name, without those that are asked only by name."""
    table = _peek(read_tables(text, where), inside)
    indexes = [one for one in _listed(table, "index") if one.get("explicit") is not True and one.get("url")]
    main = [str(one["url"]) for one in indexes if one.get("default") is True]
    others = [str(one["url"]) for one in indexes if one.get("default") is not True]
    for some in (table, _table(table, "pip")):
        main += _texts(some.get("index-url"))
        others += [str(one) for key in ("extra-index-url", "find-links") for one in _texts(some.get(key))]
    return UvPlaces(main[0] if main else "", tuple(dict.fromkeys(others + main[1:])))


def poetry_places(text: str, where: str) -> list[str]:
    """The sources of a project of Poetry that are asked for everything."""
    sources = _listed(_peek(read_tables(text, where), ("tool", "poetry")), "source")
    return [str(one.get("url")) for one in sources if one.get("priority") != "explicit"]


def pinned_elsewhere(text: str, where: str) -> list[str]:
    """Packages that ``tool.uv.sources`` takes from somewhere else than the index."""
    sources = _peek(read_tables(text, where), ("tool", "uv", "sources"))
    return sorted(str(name) for name, one in sources.items() if not _of_the_workspace(one))


def _of_the_workspace(source: Any) -> bool:
    listed = source if isinstance(source, list) else [source]
    return all(isinstance(one, dict) and bool(one.get("workspace")) for one in listed)


def _uv_says(document: TOMLDocument, url: str, inside: Sequence[str], *, keyring: bool) -> bool:
    table = _peek(document, inside)
    pip = _table(table, "pip")
    mine = [_bare(one) for one in _listed(table, "index") if one.get("explicit") is not True]
    return (
        mine == [{"name": NAME, "url": url, "default": True}]
        and not any(key in some for some in (table, pip) for key in UV_ELSEWHERE)
        and (not keyring or table.get("keyring-provider") == "subprocess")
    )


def _down(document: TOMLDocument, path: Sequence[str], where: str) -> Any:
    """The table at a path, made if it is not there."""
    table: Any = document
    for number, key in enumerate(path):
        if key not in table:
            # "[tool]" alone is no line that anybody wants to see.
            table[key] = tomlkit.table(is_super_table=number < len(path) - 1)
        table = table[key]
        if not isinstance(table, dict):
            raise Rejected(CODE, f"{where}: {'.'.join(path)}", "it is no table", "a table")
    return table


def _peek(document: TOMLDocument, path: Sequence[str]) -> dict[str, Any]:
    table: Any = document
    for key in path:
        table = table.get(key) if isinstance(table, dict) else None
    return table if isinstance(table, dict) else {}


def _table(table: dict[str, Any], key: str) -> dict[str, Any]:
    found = table.get(key)
    return found if isinstance(found, dict) else {}


def _listed(table: Any, key: str) -> list[Any]:
    found = table.get(key)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _replace_list(table: Any, key: str, entries: Sequence[Any]) -> None:
    there = table.get(key)
    if isinstance(there, AoT):
        keep = {id(one) for one in entries}
        for number in reversed(range(len(there))):
            if id(there[number]) not in keep:
                del there[number]
        known = {id(one) for one in there}
        for one in entries:
            if id(one) not in known:
                there.append(one)
        return
    table.pop(key, None)
    fresh = tomlkit.aot()
    for one in entries:
        own = one if isinstance(one, Table) else tomlkit.table()
        if own is not one:
            own.update(dict(one))
        fresh.append(own)
    table[key] = fresh


def _set(table: Any, key: str, value: str) -> None:
    if table.get(key) != value:
        table[key] = value


def _bare(one: Any) -> dict[str, Any]:
    return {str(key): getattr(value, "unwrap", lambda value=value: value)() for key, value in one.items()}


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
