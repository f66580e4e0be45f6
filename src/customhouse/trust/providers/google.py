"""Service accounts of Google Cloud. Claims: cloud.google.com, "Get an ID token"; compared as by PyPI's own index."""

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
    read_fields,
    text_of,
)
from customhouse.trust.signer_identity import SignerIdentity
from customhouse.trust.signer_identity import google as signed_by_google

FIELDS = (
    Field("email", "Address of the service account", "release@acme.iam.gserviceaccount.com"),
    Field("subject", "Its unique id", "112233445566778899001", required=False),
)
_EMAIL = re.compile(r"[^@\s]{1,64}@[A-Za-z0-9.-]{1,189}", re.ASCII)
_SUBJECT = re.compile(r"[0-9]{1,40}", re.ASCII)


class Google:
    """Service accounts."""

    certified = frozenset({"email"})

    def fields(self, _issuer: PublisherIssuer) -> Sequence[Field]:
        """Address and id."""
        return FIELDS

    def rules(self, _issuer: PublisherIssuer) -> Sequence[Field]:
        """None: a token says nothing of what runs."""
        return ()

    def settings(self, _issuer: PublisherIssuer, typed: Mapping[str, str]) -> Settings:
        """As typed."""
        found = read_fields(FIELDS, typed)
        check_shape("email", found["email"], _EMAIL, FIELDS[0].example)
        if found["subject"]:
            check_shape("subject", found["subject"], _SUBJECT, "the number of the account, 21 digits")
        return found

    def place(self, settings: Settings) -> str:
        """The address."""
        return settings["email"]

    def place_of(self, _issuer: PublisherIssuer, claims: Claims) -> str:
        """The same from the claim ``email``."""
        return text_of(claims, "email")

    def mismatch(
        self, _issuer: PublisherIssuer, settings: Settings, _rules: Settings, claims: Claims
    ) -> Mismatch | None:
        """The address, verified; the id, if one was given."""
        if text_of(claims, "email") != settings["email"]:
            return differs("email", settings["email"], text_of(claims, "email"))
        if claims.get("email_verified") is not True:
            return Mismatch("other-claims", "email_verified", "has an address that nobody has verified")
        if not text_of(claims, "sub"):
            return Mismatch("other-claims", "sub", "has no subject")
        if settings["subject"] and text_of(claims, "sub") != settings["subject"]:
            return differs("sub", settings["subject"], text_of(claims, "sub"))
        return None

    def ids(self, _issuer: PublisherIssuer, claims: Claims) -> Ids:
        """The account's own: an account that is deleted and made again has another."""
        return {"sub": text_of(claims, "sub")}

    def kept(self, _issuer: PublisherIssuer, claims: Claims) -> dict[str, str]:
        """The address."""
        return kept_of(claims, {"email": "email", "subject": "sub"})

    def title(self, issuer: PublisherIssuer, settings: Settings) -> str:
        """``Google release@acme.iam.gserviceaccount.com``."""
        return f"{issuer.title} {settings['email']}"

    def address(self, _issuer: PublisherIssuer, _settings: Settings) -> str:
        """Nowhere."""
        return ""

    def signer(
        self, _issuer: PublisherIssuer, settings: Settings, _learned: Ids, _claims: Mapping[str, str]
    ) -> SignerIdentity:
        """The account."""
        return signed_by_google(settings["email"])
