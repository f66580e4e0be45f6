"""The text of an API token, and how its holder narrows it without asking anybody.

A token reads ``ch1.ID.SIGNATURE`` or ``ch1.ID.CAVEAT~CAVEAT.SIGNATURE``: a macaroon (Birgisson et al., 2014) in ASCII.
``ID`` is 26 characters of a-z and 2-7. The signature is a chain of HMAC-SHA256, in base64url without padding: the first
link is ``HMAC(root, "ch1.ID")``, and each caveat, in the order of the text, makes the next link
``HMAC(link before, caveat as it stands)``. Only the last link stands in the token. So whoever has a token can add a
caveat, and nobody can take one away, change it or move it. The root derives from the index's key (`accounts.tokens`).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass

from customhouse.formats.caveats import caveats_of, scope_of
from customhouse.terms.encode import base64url, from_base64url
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.scope import Scope

PREFIX = "ch1"
LONGEST = 4096
MOST_CAVEATS = 16
PATTERN = r"ch1\.[a-z2-7]{26}\.(?:[A-Za-z0-9_~-]+\.)?[A-Za-z0-9_-]{43}"
"""For secret scanners: every token, with caveats or without."""
_TOKEN = re.compile(r"ch1\.([a-z2-7]{26})\.(?:([A-Za-z0-9_-]+(?:~[A-Za-z0-9_-]+)*)\.)?([A-Za-z0-9_-]{43})", re.ASCII)
# More than PATTERN: a token that was cut off or stands in an address is no less a secret.
_TRACE = re.compile(r"ch1(\.|%2[eE])([a-z2-7]{26})\1(?:[A-Za-z0-9_~.-]|%2[eE]|%7[eE])+", re.ASCII)


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A token taken apart. It is well formed; whether it is good, only the index that made it can tell."""

    id: str
    caveats: tuple[str, ...]
    signature: str

    @classmethod
    def parse(cls, text: str) -> ApiToken:
        """Take a text apart; raises `Rejected`, which never repeats the text."""
        match = _TOKEN.fullmatch(text) if len(text) <= LONGEST else None
        caveats = tuple(match[2].split("~")) if match is not None and match[2] else ()
        if match is None or len(caveats) > MOST_CAVEATS:
            raise Rejected(
                "not-a-token", "token", "this is no API token",
                f"a text that begins with {PREFIX}., of at most {LONGEST} characters and {MOST_CAVEATS} caveats",
            )  # fmt: skip
        return cls(match[1], caveats, match[3])

    @property
    def text(self) -> str:
        """The whole text: a secret."""
        return ".".join([PREFIX, self.id, *(["~".join(self.caveats)] if self.caveats else []), self.signature])

    @property
    def scope(self) -> Scope:
        """What its own caveats allow; the index may know of more. Raises `Refused` for one not understood."""
        return scope_of(self.caveats)

    def __repr__(self) -> str:
        return f"ApiToken({self.id}, {len(self.caveats)} caveats, …)"


def attenuate(text: str, scope: Scope) -> str:
    """A token that is good for what ``text`` is good for, as far as it lies in ``scope`` too.

    It needs no key and no server. Raises `Rejected` if the text is no token or becomes too long.
    """
    token = ApiToken.parse(text)
    added = caveats_of(scope)
    signature = base64url(chain(decode(token.signature), added))
    return ApiToken.parse(ApiToken(token.id, token.caveats + added, signature).text).text


def chain(signature: bytes, caveats: Iterable[str]) -> bytes:
    """The signature after these caveats."""
    for caveat in caveats:
        signature = hmac.digest(signature, caveat.encode(), hashlib.sha256)
    return signature


def decode(signature: str) -> bytes:
    """The bytes of a signature; raises `Rejected` for one that nobody has written so."""
    try:
        return from_base64url(signature)
    except ValueError as error:
        sentence = "its signature is damaged"
        raise Rejected("not-a-token", "token", sentence, "the whole token, as it was shown") from error


def redact(text: str) -> str:
    """The text without the secret part of any token in it."""
    return _TRACE.sub(lambda match: f"{PREFIX}.{match[2][:8]}…", text) if "ch1" in text else text


def refuse_in_address(*parts: bytes) -> None:
    """Raise `Refused` (400) if a path or a query holds a token, or the better part of one (A19)."""
    for part in parts:
        if b"ch1" in part and _TRACE.search(part.decode("latin-1")) is not None:
            raise Refused(
                "token-in-address",
                "An API token stands in this address, where logs, caches and histories keep it.",
                "Revoke that token, and send another one in the Authorization header.",
                status=400,
            )
