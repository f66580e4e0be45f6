"""An identity for a token: trusted publishing as PEP 807 says, else as PyPI does it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from customhouse.client.address import Index
from customhouse.client.problem import Declined
from customhouse.client.wire import Wire
from customhouse.formats.plain import plain
from customhouse.terms.errors import Refused, Unavailable

MEDIA_TYPE = "application/vnd.pypi.pytp.v1+json"
# 403 is what PyPI and we say where an operator has switched it off.
_NOT_HERE = frozenset({403, 404, 405, 406, 410, 501})
MULTI_USE = "multi-use-token"
_PYPI = {"pypi": ("pypi.org", "upload.pypi.org"), "testpypi": ("test.pypi.org",)}
"""Audiences that are words, and the hosts that may ask for them."""
_OTHERS = frozenset({*_PYPI, "sigstore", "vault", "npm", "rubygems", "crates-io"})


@dataclass(frozen=True, slots=True)
class Exchange:
    """Where an index trades identities for tokens, and for whom an identity must be made out."""

    audience: str
    mint: str
    features: tuple[str, ...]
    """What has to be asked for; empty if the index's own choice is right."""


def find_exchange(wire: Wire) -> Exchange | None:
    """The exchange of an index, or None if it has none (PEP 807; then ``/_/oidc/`` as on PyPI)."""
    for door in (wire.index.upload, wire.index.legacy):
        key = quote(urlsplit(door).path, safe="")
        found = _get(wire, f"{wire.index.site}/.well-known/pytp?discover={key}")
        if found is not None:
            return _discovered(wire, found)
    site = wire.index.site
    found = _get(wire, f"{site}/_/oidc/audience")
    return None if found is None else Exchange(_audience(wire, found), f"{site}/_/oidc/mint-token", ())


def mint(wire: Wire, exchange: Exchange, identity: str) -> str:
    """Trade an identity (a JWT) for a token; raises `Refused` with every reason that the index gives."""
    body: dict[str, Any] = {"token": identity}
    if exchange.features:
        body["features"] = list(exchange.features)
    headers = {"Accept": MEDIA_TYPE, "Content-Type": "application/json"}
    try:
        answer = wire.ask(
            "POST", exchange.mint, headers=headers, body=json.dumps(body).encode(), what="place for tokens", known=False
        )
    except Declined as declined:
        if declined.status >= 500:  # noqa: PLR2004 - a server's fault, as HTTP numbers them
            raise Unavailable(wire.index.host, f"it mints no tokens now: {declined}") from declined
        raise Refused(
            "not-minted",
            f"{wire.index.host} gives no token for this identity: {declined}",
            "The project's trusted publishers stand on its page.",
        ) from declined
    token = answer.json(wire.index.host).get("token")
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
        raise Unavailable(wire.index.host, "its answer holds no token")
    return token


def refuse_foreign_audience(audience: str, index: Index) -> None:
    """An identity that is made out for somebody else would open his doors to this index: raise `Refused`.

    An index chooses its audience itself. One that chose ``pypi`` or ``sts.amazonaws.com`` would be handed what it
    needs to publish on PyPI, or to act in the cloud, in the name of this build.
    """
    own = {index.host, index.host.rpartition(":")[0] or index.host, index.base, f"{index.base}/", index.site}
    if audience in own or index.host in _PYPI.get(audience, ()):
        return
    if audience.lower() in _OTHERS or any(sign in audience for sign in ".:/") or audience.startswith("-"):
        raise Refused(
            "foreign-audience",
            f"{index.host} asks for an identity that is made out for {audience}, which is somebody else.",
            "If that is right, have one made and give it with --oidc-token-file.",
        )


def _get(wire: Wire, url: str) -> Mapping[str, Any] | None:
    try:
        return wire.ask("GET", url, headers={"Accept": MEDIA_TYPE}, known=False).json(wire.index.host)
    except Declined as declined:
        if declined.status in _NOT_HERE:
            return None
        raise


def _discovered(wire: Wire, found: Mapping[str, Any]) -> Exchange:
    # PEP 807: addresses on another host are not to be used, whatever the index says.
    where = wire.index.checked(found.get("audience-endpoint"), "place that tells the audience")
    mint_at = wire.index.checked(found.get("token-mint-endpoint"), "place for tokens")
    told = _get(wire, where)
    if told is None:
        raise Unavailable(wire.index.host, "it does not tell its audience")
    defaults = found.get("default-features", [MULTI_USE])
    fine = not isinstance(defaults, list) or MULTI_USE in defaults
    return Exchange(_audience(wire, told), mint_at, () if fine else (MULTI_USE,))


def _audience(wire: Wire, told: Mapping[str, Any]) -> str:
    audience = told.get("audience")
    if not isinstance(audience, str) or not audience or plain(audience, 200) != audience:
        raise Unavailable(wire.index.host, "it does not tell its audience")
    return audience
