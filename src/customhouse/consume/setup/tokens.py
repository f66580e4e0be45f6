"""Tokens in the system's keyring, where pip, uv and Poetry look for them: nothing secret in a file or an argument.

pip and uv ask the program ``keyring`` for the address first and then for the host; Poetry asks for a name of its own.
"""

from __future__ import annotations

import importlib
import shutil
from typing import Any
from urllib.parse import urlsplit

from customhouse.consume.setup.places import TOKEN_USER
from customhouse.consume.setup.tables import NAME
from customhouse.consume.view_address import Place
from customhouse.formats.plain import plain
from customhouse.terms.errors import Rejected

CODE = "no-keyring"
INSTALL = "pip install 'customhouse[keyring]'"


def services_of(place: Place) -> tuple[tuple[str, str], ...]:
    """Under which services and users a token is kept: the host's, and Poetry's."""
    return (urlsplit(place.simple).netloc, TOKEN_USER), (f"poetry-repository-{NAME}", TOKEN_USER)


def keep(services: tuple[tuple[str, str], ...], token: str, own: tuple[tuple[str, str], ...]) -> None:
    """Keep a token. Raises `Rejected` without a keyring, and rather than write over what is not ``own``."""
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise Rejected("bad-token", "--token", "what came is no token", "a token of the index, on standard input")
    ring = _ring()
    if shutil.which("keyring") is None:
        raise Rejected(CODE, "keyring", "the program is not on the search path, and pip and uv ask it", INSTALL)
    for service, user in services:
        known = _ask(ring.get_password, service, user)
        if known not in (None, token) and (service, user) not in own:
            raise Rejected(CODE, "keyring", f"it has another password for {user} at {plain(service, 100)}",
                           f"`keyring del {service} {user}` first, if it is not needed")  # fmt: skip
    for service, user in services:
        _ask(ring.set_password, service, user, token)


def known_token(services: tuple[tuple[str, str], ...]) -> str:
    """The token that is kept; empty without one. Raises `Rejected` if the keyring does not work."""
    if not services:
        return ""
    return str(_ask(_ring().get_password, *services[0]) or "")


def forget(services: tuple[tuple[str, str], ...]) -> None:
    """Take kept tokens away; those that are gone already are no fault."""
    ring = _ring()
    for service, user in services:
        if _ask(ring.get_password, service, user) is not None:
            _ask(ring.delete_password, service, user)


def _ring() -> Any:
    try:
        return importlib.import_module("keyring")
    except ImportError as error:
        raise Rejected(CODE, "keyring", "it is not installed, and a token belongs into no file", INSTALL) from error


def _ask(question: Any, *words: str) -> Any:
    try:
        return question(*words)
    except Exception as error:
        # Each of its backends has failures of its own.
        raise Rejected(CODE, "keyring", f"it does not work here: {type(error).__name__}: {plain(error, 200)}",
                       "`keyring --list-backends` shows which there are") from error  # fmt: skip
