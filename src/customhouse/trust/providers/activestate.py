"""Builds of the ActiveState Platform. What is compared follows PyPI's own index, where they are documented."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from customhouse.trust.issuers import PublisherIssuer
from customhouse.trust.jwt import Claims
from customhouse.trust.providers.provider import (
    Field,
    Ids,
    Mismatch,
    Settings,
    check_shape,
    differs,
    kept_of,
    kept_subject,
    read_fields,
    text_of,
)
from customhouse.trust.signer_identity import SignerIdentity
from customhouse.trust.signer_identity import activestate as signed_by_activestate

FIELDS = (
    Field("organization", "Organization", "acme"),
    Field("project", "Project", "demo"),
    Field("actor", "User name of who publishes", "alice"),
    Field("ingredient", "Ingredient", "demo", required=False),
)
BUILDER = "pypi-publisher"
"""The only builder of the platform that publishes."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]*", re.ASCII)


class ActiveState:
    """Builds that ActiveState publishes."""

    certified = frozenset({"organization", "project"})

    def fields(self, _issuer: PublisherIssuer) -> Sequence[Field]:
        """Organization, project, user, ingredient."""
        return FIELDS

    def rules(self, _issuer: PublisherIssuer) -> Sequence[Field]:
        """None."""
        return ()

    def settings(self, _issuer: PublisherIssuer, typed: Mapping[str, str]) -> Settings:
        """As typed; names are told apart by their case."""
        found = read_fields(FIELDS, typed)
        for name, text in found.items():
            if text:
                check_shape(name, text, _NAME, "a name as the platform shows it")
        return found

    def place(self, settings: Settings) -> str:
        """Organization and project."""
        return f"{settings['organization']}/{settings['project']}"

    def place_of(self, _issuer: PublisherIssuer, claims: Claims) -> str:
        """The same from the claims of these names."""
        return f"{text_of(claims, 'organization')}/{text_of(claims, 'project')}"

    def mismatch(
        self, _issuer: PublisherIssuer, settings: Settings, _rules: Settings, claims: Claims
    ) -> Mismatch | None:
        """Subject, organization, project, user, builder, ingredient."""
        subject = f"org:{settings['organization']}:project:{settings['project']}"
        found = text_of(claims, "sub")
        if found != subject and not found.startswith(f"{subject}:"):
            return differs("sub", subject, found)
        expected = {name: settings[name] for name in ("organization", "project", "actor")} | {"builder": BUILDER}
        if settings["ingredient"]:
            expected["ingredient"] = settings["ingredient"]
        for claim, value in expected.items():
            if text_of(claims, claim) != value:
                return differs(claim, value, text_of(claims, claim))
        if not text_of(claims, "actor_id"):
            return Mismatch("other-claims", "actor_id", "has no id of its user")
        return None

    def ids(self, _issuer: PublisherIssuer, claims: Claims) -> Ids:
        """Those of user, organization and project."""
        return {name: text_of(claims, name) for name in ("actor_id", "organization_id", "project_id")}

    def kept(self, _issuer: PublisherIssuer, claims: Claims) -> dict[str, str]:
        """Project, user, ingredient, artifact."""
        names = {"repository": "project_path", "actor": "actor", "ingredient": "ingredient", "run": "artifact_id"}
        return kept_of(claims, names) | kept_subject(claims)

    def title(self, issuer: PublisherIssuer, settings: Settings) -> str:
        """``ActiveState acme/demo``."""
        return f"{issuer.title} {self.place(settings)}"

    def address(self, _issuer: PublisherIssuer, settings: Settings) -> str:
        """The project's page."""
        return f"https://platform.activestate.com/{self.place(settings)}"

    def signer(
        self, _issuer: PublisherIssuer, settings: Settings, _learned: Ids, claims: Mapping[str, str]
    ) -> SignerIdentity:
        """The subject of its tokens."""
        subject = f"org:{settings['organization']}:project:{settings['project']}"
        return signed_by_activestate(claims.get("subject") or subject)
