"""Whose ID tokens this index takes: of the issuers that every index knows those switched on, and those listed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from customhouse.infra.issuer import Source
from customhouse.infra.settings import OidcIssuer, Settings
from customhouse.terms.errors import Refused
from customhouse.trust.jwt import LONGEST_AGE, Expected, bad_token

Kind = Literal["github", "gitlab", "google", "activestate", "custom"]


@dataclass(frozen=True, slots=True)
class PublisherIssuer:
    """One issuer, and what its tokens promise."""

    name: str
    """How commands and forms spell it."""
    kind: Kind
    title: str
    url: str
    promises_jti: bool = True
    longest_age: timedelta = LONGEST_AGE
    key_hosts: frozenset[str] = frozenset()
    claims: tuple[str, ...] = ()
    """Of a custom one: see `OidcIssuer`."""
    optional_claims: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    refused: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    kept: tuple[str, ...] = ()
    build_service: bool = False
    """Of one that is listed: see `OidcIssuer`."""

    @property
    def source(self) -> Source:
        """Whom to ask for its keys."""
        return Source(self.url, self.title, self.key_hosts)

    def expected(self, audience: str) -> Expected:
        """What its tokens must be."""
        return Expected(self.url, audience, self.promises_jti, self.longest_age)


GITHUB = PublisherIssuer("github", "github", "GitHub", "https://token.actions.githubusercontent.com")
GITLAB = PublisherIssuer("gitlab", "gitlab", "GitLab", "https://gitlab.com")
# Google's discovery document names keys on another host of its own, and its tokens have no jti.
GOOGLE = PublisherIssuer(
    "google", "google", "Google", "https://accounts.google.com", promises_jti=False,
    key_hosts=frozenset({"www.googleapis.com"}),
)  # fmt: skip
ACTIVESTATE = PublisherIssuer(
    "activestate", "activestate", "ActiveState", "https://platform.activestate.com/api/v1/oauth/oidc",
    promises_jti=False,
)  # fmt: skip
BUILT_IN: Mapping[str, PublisherIssuer] = {one.name: one for one in (GITHUB, GITLAB, GOOGLE, ACTIVESTATE)}


def issuers_of(settings: Settings) -> tuple[PublisherIssuer, ...]:
    """Every issuer of this index. Of two with one address or one name the operator's own counts."""
    listed = [_listed(one) for one in settings.oidc_issuers]
    taken = {one.url for one in listed} | {one.name for one in listed}
    known = [BUILT_IN[name] for name in settings.publisher_issuers]
    return (*(one for one in known if not {one.url, one.name} & taken), *listed)


def issuer_of_token(issuers: Sequence[PublisherIssuer], url: str) -> PublisherIssuer:
    """The issuer with exactly this address (a slash at the end makes it another); raises `Refused` (422)."""
    for one in issuers:
        if one.url == url:
            return one
    raise bad_token("this index does not know who has issued it")


def issuer_named(issuers: Sequence[PublisherIssuer], name: str) -> PublisherIssuer:
    """The issuer that somebody means; raises `Refused` (404)."""
    for one in issuers:
        if one.name == name:
            return one
    known = ", ".join(one.name for one in issuers) or "none"
    raise Refused("unknown-issuer", f"No issuer named {name[:40]!r} is known here.", f"One of: {known}.", status=404)


def _listed(one: OidcIssuer) -> PublisherIssuer:
    return PublisherIssuer(
        one.name, one.kind, one.title, one.issuer, one.jti or one.kind != "custom",
        timedelta(seconds=one.longest_age_seconds), frozenset(one.key_hosts), one.claims, one.optional_claims, one.ids,
        {name: tuple(values) for name, values in one.refused.items()}, one.kept, one.build_service,
    )  # fmt: skip
