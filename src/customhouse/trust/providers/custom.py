"""Any other issuer that an operator allows: Gitea, Forgejo, Jenkins, Keycloak, Buildkite, CircleCI.

Nobody here knows its claims, so the operator says in the settings which of them every publisher must name
(`infra.settings.OidcIssuer`); they are compared exactly. The first of them says where a build comes from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from customhouse.trust.issuers import PublisherIssuer
from customhouse.trust.jwt import Claims
from customhouse.trust.providers.provider import (
    Field,
    Ids,
    Mismatch,
    Settings,
    differs,
    kept_of,
    kept_subject,
    read_fields,
    split_values,
    text_of,
)
from customhouse.trust.signer_identity import SignerIdentity
from customhouse.trust.signer_identity import custom as signed_by_custom


class Custom:
    """Whatever the settings describe."""

    certified = frozenset({"sub"})

    def fields(self, issuer: PublisherIssuer) -> Sequence[Field]:
        """The claims that the operator names."""
        asked = [Field(name, name) for name in issuer.claims]
        return (*asked, *(Field(name, name, required=False) for name in issuer.optional_claims))

    def rules(self, issuer: PublisherIssuer) -> Sequence[Field]:
        """Values that the operator refuses and a publisher allows all the same, by the claim's own name."""
        return [
            Field(name, f"Values of {name} that are allowed all the same", required=False) for name in issuer.refused
        ]

    def settings(self, issuer: PublisherIssuer, typed: Mapping[str, str]) -> Settings:
        """As typed."""
        return read_fields(self.fields(issuer), typed)

    def place(self, settings: Settings) -> str:
        """The value of the first claim."""
        return next(iter(settings.values()))

    def place_of(self, issuer: PublisherIssuer, claims: Claims) -> str:
        """The same from the token."""
        return text_of(claims, issuer.claims[0]) if issuer.claims else ""

    def mismatch(self, issuer: PublisherIssuer, settings: Settings, rules: Settings, claims: Claims) -> Mismatch | None:
        """Each claim that the settings ask for, those that the publisher names besides, and what is refused."""
        for claim in issuer.claims:
            if not settings.get(claim):
                return Mismatch("other-claims", claim, f"meets a publisher that does not name its {claim}")
        for claim, expected in settings.items():
            if expected and text_of(claims, claim) != expected:
                return differs(claim, expected, text_of(claims, claim))
        for claim, refused in issuer.refused.items():
            found = text_of(claims, claim)
            if not found:
                return Mismatch("refused-event", claim, f"does not say its {claim}, by which tokens are refused here")
            if found in refused and found not in split_values(rules.get(claim, "")):
                return Mismatch("refused-event", claim, f"has the {claim} {found[:120]!r}, which is refused here")
        if missing := [name for name in issuer.ids if not text_of(claims, name)]:
            return Mismatch("other-claims", missing[0], f"has no {missing[0]}")
        return None

    def ids(self, issuer: PublisherIssuer, claims: Claims) -> Ids:
        """Those that the settings name."""
        return {name: text_of(claims, name) for name in issuer.ids}

    def kept(self, issuer: PublisherIssuer, claims: Claims) -> dict[str, str]:
        """The claims that are compared, those that the settings name, and the subject."""
        names = (*issuer.claims, *issuer.optional_claims, *issuer.kept)
        return kept_of(claims, {name: name for name in names if name != "subject"}) | kept_subject(claims)

    def title(self, issuer: PublisherIssuer, settings: Settings) -> str:
        """``Forge acme/demo release.yml``."""
        return " ".join([issuer.title, *(text for text in settings.values() if text)])

    def address(self, _issuer: PublisherIssuer, _settings: Settings) -> str:
        """Nobody knows."""
        return ""

    def signer(
        self, issuer: PublisherIssuer, settings: Settings, _learned: Ids, claims: Mapping[str, str]
    ) -> SignerIdentity | None:
        """The subject of its tokens, or the one that its settings ask for; nobody without one."""
        subject = claims.get("subject") or settings.get("sub")
        return signed_by_custom(issuer.url, subject) if subject else None
