"""Whose signing certificates and logs we believe: Sigstore's public ones, and any number of an operator's own.

A root is a ``trusted_root.json`` as Sigstore has them. The public one comes with the sigstore library and changes when
that is updated; nothing is ever fetched.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from customhouse.infra.settings import Settings, TrustRoot
from customhouse.terms.errors import Unavailable

PUBLIC_GOOD = "sigstore"
"""The name of Sigstore's public root: no other one may have it."""
MEDIA_TYPE = "application/vnd.dev.sigstore.trustedroot"
_PARTS = ("certificateAuthorities", "ctlogs", "tlogs")


@dataclass(frozen=True, slots=True)
class Root:
    """One root of trust."""

    name: str
    text: bytes
    """Its ``trusted_root.json``."""
    issuers: tuple[str, ...] = ()
    """The only issuers of identities that its certificates are believed about; empty: all."""


def roots_of(settings: Settings) -> tuple[Root, ...]:
    """The roots that the settings name; raises `Unavailable` for one that cannot be read."""
    own = [private_root(one) for one in settings.trust_roots]
    return (*([public_good_root()] if settings.public_good_root else []), *own)


def public_good_root() -> Root:
    """Sigstore's public root, from the library."""
    folder = files("sigstore") / "_store" / "https%3A%2F%2Ftuf-repo-cdn.sigstore.dev"
    return Root(PUBLIC_GOOD, (folder / "trusted_root.json").read_bytes())


def private_root(said: TrustRoot) -> Root:
    """A root of the operator's own."""
    try:
        text = said.path.read_bytes()
    except OSError as error:
        raise _unavailable(said, f"cannot be read: {error.strerror}") from error
    wrong = _wrong_with(text)
    if wrong:
        raise _unavailable(said, wrong)
    return Root(said.name, text, said.issuers)


def _wrong_with(text: bytes) -> str:
    """A root that lacks a part would turn every upload away; better to say so when the server starts."""
    # Only who has a root of his own pays for reading it twice.
    from cryptography.x509 import load_der_x509_certificate  # noqa: PLC0415 - see above
    from pydantic import ValidationError  # noqa: PLC0415 - see above
    from sigstore_models.trustroot.v1 import TrustedRoot as Message  # noqa: PLC0415 - see above

    try:
        value = json.loads(text)
    except ValueError:
        return "is no JSON"
    if not isinstance(value, dict) or not str(value.get("mediaType", "")).startswith(MEDIA_TYPE):
        return f"is no {MEDIA_TYPE}"
    missing = [part for part in _PARTS if not isinstance(value.get(part), Sequence) or not value[part]]
    if missing:
        return f"has no {missing[0]}"
    try:
        for authority in Message.from_json(text).certificate_authorities:
            for certificate in authority.cert_chain.certificates:
                load_der_x509_certificate(certificate.raw_bytes)
    except ValidationError as error:
        first = error.errors()[0]
        return f"is odd at {'.'.join(str(step) for step in first['loc'])}: {first['msg']}"
    except ValueError:
        return "holds a certificate that is none"
    return ""


def _unavailable(said: TrustRoot, why: str) -> Unavailable:
    return Unavailable(f"The trust root {said.name}", f"{said.path} {why}")
