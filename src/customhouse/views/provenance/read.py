"""A provenance object as another index serves it (PEP 740): whose attestations they are said to be, and their text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from customhouse.formats.attestations import MAX_ATTESTATIONS
from customhouse.formats.strict_json import read_json
from customhouse.terms.errors import Rejected
from customhouse.trust.signer_identity import SignerIdentity, custom, github, gitlab, google

MOST_BUNDLES = 4
LONGEST = 500
_WHERE = "provenance"


@dataclass(frozen=True, slots=True)
class Bundle:
    """The attestations that one publisher is said to have made."""

    identity: SignerIdentity
    """Who must have signed, if upstream says the truth."""
    text: str
    """The list of attestation objects, as JSON."""


def read_provenance(body: bytes) -> tuple[Bundle, ...]:
    """Read the object; raises `Rejected` for what is none, or names a publisher of a kind that nobody here knows."""
    try:
        value = read_json(body.decode())
    except ValueError as error:
        raise Rejected("bad-provenance", _WHERE, "cannot be read as JSON", "an object as PEP 740 has it") from error
    bundles = value.get("attestation_bundles") if isinstance(value, dict) else None
    if not isinstance(value, dict) or value.get("version") != 1 or not isinstance(bundles, list) or not bundles:
        raise Rejected("bad-provenance", _WHERE, "holds no bundles of version 1", "an object as PEP 740 has it")
    if len(bundles) > MOST_BUNDLES:
        raise Rejected("bad-provenance", _WHERE, f"holds {len(bundles)} bundles", f"at most {MOST_BUNDLES}")
    return tuple(_bundle(one, f"{_WHERE}.attestation_bundles[{place}]") for place, one in enumerate(bundles))


def _bundle(value: object, where: str) -> Bundle:
    if not isinstance(value, Mapping) or not isinstance(value.get("publisher"), Mapping):
        raise Rejected("bad-provenance", where, "names no publisher", "an object with publisher and attestations")
    attestations = value.get("attestations")
    if not isinstance(attestations, list) or not 0 < len(attestations) <= MAX_ATTESTATIONS:
        raise Rejected("bad-provenance", where, "holds no attestations, or too many", f"1 to {MAX_ATTESTATIONS}")
    return Bundle(_identity(value["publisher"], f"{where}.publisher"), json.dumps(attestations))


def _identity(said: Mapping[str, Any], where: str) -> SignerIdentity:
    """Who must have signed. An empty field would ask for nothing, so each that proves something must be there."""
    match said.get("kind"):
        case "GitHub" if "issuer" not in said:
            return github(_text(said, "repository", where), _text(said, "workflow", where), _optional(said))
        case "GitLab" if "issuer" not in said:
            return gitlab(_text(said, "repository", where), _text(said, "workflow_filepath", where), _optional(said))
        case "Google":
            return google(_text(said, "email", where))
        case "OIDC" | "ActiveState":
            return custom(_text(said, "issuer", where), _text(said, "subject", where))
    raise Rejected("unknown-publisher", where, f"the kind {str(said.get('kind'))[:60]!r} is not known here",
                   "GitHub, GitLab, Google, ActiveState or OIDC")  # fmt: skip


def _text(said: Mapping[str, Any], key: str, where: str) -> str:
    found = said.get(key)
    if not isinstance(found, str) or not 0 < len(found) <= LONGEST or not found.isprintable():
        raise Rejected("bad-provenance", f"{where}.{key}", "is missing, or no text", "one line of text")
    return found


def _optional(said: Mapping[str, Any]) -> str:
    found = said.get("environment")
    return found[:LONGEST] if isinstance(found, str) else ""
