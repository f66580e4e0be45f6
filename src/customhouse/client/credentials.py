"""What we show at the index's door, where it comes from, and where else we have looked."""

from __future__ import annotations

import configparser
import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from customhouse.client.address import Index
from customhouse.client.ambient import Ambient, NoIdentity
from customhouse.client.trusted_publishing import Exchange, find_exchange, mint, refuse_foreign_audience
from customhouse.client.wire import Wire
from customhouse.terms.errors import Refused, Rejected

TOKEN_USER = "__token__"  # noqa: S105 - the user name that every index takes for tokens
_VARIABLES = (
    ("TWINE_PASSWORD", "TWINE_USERNAME"), ("UV_PUBLISH_TOKEN", ""), ("UV_PUBLISH_PASSWORD", "UV_PUBLISH_USERNAME"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fixed:
    """A token or a password that somebody has stored."""

    token: str
    where: str
    user: str = TOKEN_USER

    def renew(self) -> bool:
        """There is no other."""
        return False


@dataclass
class Minted:
    """A token that the index has given for an identity; when it expires, there is another."""

    wire: Wire
    exchange: Exchange
    ambient: Ambient
    token: str
    where: str
    user: str = TOKEN_USER

    def renew(self) -> bool:
        """Trade a new identity for a new token; False if the old identity is all there is."""
        if not self.ambient.renewable:
            return False
        try:
            self.token = mint(self.wire, self.exchange, self.ambient.fetch(self.exchange.audience))
        except (NoIdentity, Refused):
            return False
        return True


@dataclass(frozen=True, slots=True)
class Sources:
    """Where to look, in this order."""

    token: str
    """What was given on the command line or on standard input; empty if nothing was."""
    environment: Mapping[str, str]
    ambient: Ambient | None
    handed: bool
    """Whether the identity was handed to us by name, so that nothing else is to be used instead of it."""
    pypirc: Path


def find_credential(sources: Sources, wire: Wire) -> Fixed | Minted:
    """The first of: a token that was given, an identity to be traded for one, what other tools have stored.

    Raises `Refused` with a sentence about what was looked for.
    """
    if sources.token:
        return _fixed(sources.token, "the token that was given", TOKEN_USER)
    if text := sources.environment.get("CUSTOMHOUSE_TOKEN", "").strip():
        return _fixed(text, "the token in CUSTOMHOUSE_TOKEN", TOKEN_USER)
    why = ""
    if sources.ambient is not None:
        try:
            minted = _minted(sources.ambient, wire)
        except NoIdentity as error:
            why = str(error)
        else:
            if minted is not None:
                return minted
            why = f"{wire.index.host} does not take identities of {sources.ambient.where} instead of tokens."
        if sources.handed:
            raise Refused("no-token", why)
    stored = _stored(sources, wire.index)
    if stored is not None:
        return stored
    looked = "a token (--token -, CUSTOMHOUSE_TOKEN, TWINE_PASSWORD, ~/.pypirc)"
    raise Refused(
        "no-credentials",
        " ".join(filter(None, [why, f"There is nothing to show at {wire.index.host}: looked for {looked}"])),
        "and for the identity of a CI service. Make a token on your account's page there, or add this workflow as a"
        " trusted publisher.",
    )


def _minted(ambient: Ambient, wire: Wire) -> Minted | None:
    exchange = find_exchange(wire)
    if exchange is None:
        return None
    if ambient.tailored:
        refuse_foreign_audience(exchange.audience, wire.index)
    token = mint(wire, exchange, ambient.fetch(exchange.audience))
    return Minted(wire, exchange, ambient, token, f"trusted publishing: {ambient.where}")


def _stored(sources: Sources, index: Index) -> Fixed | None:
    for variable, user in _VARIABLES:
        if text := sources.environment.get(variable, "").strip():
            name = sources.environment.get(user, "") or TOKEN_USER
            return _fixed(text, f"the {'token' if name == TOKEN_USER else 'password'} in {variable}", name)
    return _from_pypirc(sources.pypirc, index) or _from_keyring(index)


def _from_pypirc(path: Path, index: Index) -> Fixed | None:
    for section in read_pypirc(path).values():
        address = section.get("repository", "")
        try:
            same = bool(address) and Index.parse(address, allow_http=True) == index
        except (Rejected, Refused):
            same = False
        if same and section.get("password"):
            return _fixed(section["password"], f"the password in {path}", section.get("username") or TOKEN_USER)
    return None


def read_pypirc(path: Path) -> dict[str, dict[str, str]]:
    """The sections of a ``.pypirc``; none if there is no such file. Raises `Rejected` if it cannot be read."""
    found = configparser.RawConfigParser()
    try:
        found.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError, OSError) as error:
        raise Rejected("bad-pypirc", str(path), "cannot be read as a .pypirc", "sections with name = value") from error
    return {name: dict(found[name]) for name in found.sections()}


def _from_keyring(index: Index) -> Fixed | None:
    """What the program ``keyring`` has stored for twine, if it is installed here."""
    try:
        keyring = importlib.import_module("keyring")
        password = keyring.get_password(index.legacy, TOKEN_USER)
    except Exception:  # noqa: BLE001 - it has many ways not to be there
        return None
    return _fixed(password, "the token in the keyring", TOKEN_USER) if password else None


def _fixed(token: str, where: str, user: str) -> Fixed:
    if not token.isascii() or not token.isprintable() or " " in token:
        raise Rejected("bad-token", where, "is no token: it has a blank or a character that no token has")
    return Fixed(token, where, user)
