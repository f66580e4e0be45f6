"""What a kind of trusted publisher is: what people type, what a token must say, and what is remembered of it.

One module for each kind. Each is pure: settings and claims in, words out. A mismatch is the end of a sentence that
begins with "the token": its ``code`` tells programs and owners how serious it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from customhouse.terms.errors import Rejected
from customhouse.trust.issuers import PublisherIssuer
from customhouse.trust.jwt import Claims
from customhouse.trust.signer_identity import SignerIdentity

Settings = Mapping[str, str]
"""What the claims must say, by the names of the kind; normalised, empty where nothing is asked."""
Ids = Mapping[str, str]
"""Claims that never change for one place."""

LONGEST_SETTING = 200
LONGEST_KEPT = 300
TRUE = "true"
_TAME = re.compile(r"[!-~](?:[ -~]*[!-~])?", re.ASCII)

Code = Literal["other-claims", "other-ids", "refused-event", "broken-rule"]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """In what a token is not this publisher's. ``says`` ends a sentence that begins with "the token"."""

    code: Code
    claim: str
    says: str


@dataclass(frozen=True, slots=True)
class Field:
    """Something that a person types or chooses."""

    name: str
    title: str
    example: str = ""
    required: bool = True
    choice: bool = False
    """Whether it is a box to tick: ``true`` or empty."""


ATTESTS_ONLY = Field(
    "attests_only", "It publishes nothing: it attests how files were built that another publisher sends",
    required=False, choice=True,
)  # fmt: skip
"""The one rule that every kind has: a builder, which is no publisher (`docs/decisions/0041`)."""


def attests_only(rules: Settings) -> bool:
    """Whether a publisher with these rules is a builder."""
    return rules.get(ATTESTS_ONLY.name) == TRUE


class Provider(Protocol):
    """One kind of publisher."""

    certified: frozenset[str]
    """The settings that a signing certificate proves without a token: a builder is told by these alone."""

    def fields(self, issuer: PublisherIssuer) -> Sequence[Field]:
        """What a publisher is told by."""
        ...

    def rules(self, issuer: PublisherIssuer) -> Sequence[Field]:
        """What may be asked of its tokens besides."""
        ...

    def settings(self, issuer: PublisherIssuer, typed: Mapping[str, str]) -> Settings:
        """What somebody has typed, checked and in one spelling; raises `Rejected`."""
        ...

    def place(self, settings: Settings) -> str:
        """Where its builds come from, to find it by."""
        ...

    def place_of(self, issuer: PublisherIssuer, claims: Claims) -> str:
        """The same as a token says it; empty if it says nothing."""
        ...

    def mismatch(self, issuer: PublisherIssuer, settings: Settings, rules: Settings, claims: Claims) -> Mismatch | None:
        """What in a token is not as it must be; None if all is."""
        ...

    def ids(self, issuer: PublisherIssuer, claims: Claims) -> Ids:
        """What is learned at the first use, and compared from then on."""
        ...

    def kept(self, issuer: PublisherIssuer, claims: Claims) -> dict[str, str]:
        """What is remembered beside what was published: where, which commit, which run, by what event."""
        ...

    def title(self, issuer: PublisherIssuer, settings: Settings) -> str:
        """What people call it: ``GitHub acme/demo release.yml``."""
        ...

    def address(self, issuer: PublisherIssuer, settings: Settings) -> str:
        """Where people can look at it; empty if nowhere."""
        ...

    def signer(
        self, issuer: PublisherIssuer, settings: Settings, learned: Ids, claims: Mapping[str, str]
    ) -> SignerIdentity | None:
        """Who must have signed the attestations of what it publishes (PEP 740); None if nobody's signature counts.

        ``claims`` are those that were kept.
        """
        ...


def rules_of(provider: Provider, issuer: PublisherIssuer) -> tuple[Field, ...]:
    """What may be asked of a publisher besides: of its kind, and of every kind."""
    return (*provider.rules(issuer), ATTESTS_ONLY)


def read_fields(fields: Iterable[Field], typed: Mapping[str, str]) -> dict[str, str]:
    """What was typed for these fields, without blanks around it; raises `Rejected` naming what is missing or odd."""
    known = {field.name: field for field in fields}
    if unknown := sorted(typed.keys() - known.keys()):
        raise Rejected("unknown-setting", unknown[0][:80], "is no setting of this kind", ", ".join(known))
    found: dict[str, str] = {}
    for name, field in known.items():
        text = typed.get(name, "").strip()
        if not text and field.required:
            raise Rejected("missing-setting", name, "is empty", field.example and f"something like {field.example}")
        if field.choice and text not in ("", TRUE):
            raise Rejected("bad-setting", name, f"{text[:40]!r} is neither yes nor no", f"{TRUE!r} or nothing")
        if len(text) > LONGEST_SETTING or (text and not _TAME.fullmatch(text)):
            raise Rejected("bad-setting", name, "it is too long or holds odd characters",
                           f"at most {LONGEST_SETTING} printable ASCII characters")  # fmt: skip
        found[name] = text
    return found


def check_shape(name: str, text: str, shape: re.Pattern[str], accepted: str) -> str:
    """The text, if it has the shape; raises `Rejected` otherwise."""
    if not shape.fullmatch(text):
        raise Rejected("bad-setting", name, f"{text[:80]!r} cannot be right", accepted)
    return text


def text_of(claims: Claims, name: str) -> str:
    """A claim as text; empty if it is missing, or neither text nor number nor yes or no."""
    value = claims.get(name)
    if isinstance(value, bool):
        return TRUE if value else "false"
    if isinstance(value, int):
        return str(value)
    return value if isinstance(value, str) else ""


def kept_of(claims: Claims, names: Mapping[str, str]) -> dict[str, str]:
    """Claims under our own names, those that are plain text; ``names`` maps ours to theirs."""
    found = {ours: text_of(claims, theirs)[:LONGEST_KEPT] for ours, theirs in names.items()}
    return {name: text for name, text in found.items() if text and text.isprintable()}


def kept_subject(claims: Claims) -> dict[str, str]:
    """The claim ``sub`` as ``subject``, whole or not at all: what is cut would be the name of somebody else."""
    found = text_of(claims, "sub")
    return {"subject": found} if 0 < len(found) <= LONGEST_KEPT and found.isprintable() else {}


def differs(claim: str, expected: str, found: str) -> Mismatch:
    """A claim that is not what it must be."""
    return Mismatch("other-claims", claim, f"has the {claim} {found[:120]!r} and not {expected!r}")


def ref_fits(rule: str, ref: str) -> bool:
    """Whether a ref is the one that a rule names; a star at the end stands for whatever follows."""
    return ref.startswith(rule[:-1]) and len(ref) >= len(rule) if rule.endswith("*") else ref == rule


def split_values(text: str) -> frozenset[str]:
    """The values of a rule that may name several, with commas or blanks between them."""
    return frozenset(text.replace(",", " ").split())
