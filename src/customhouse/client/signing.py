"""Attesting files on the spot: signed by Sigstore for the identity of the service that runs this machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from customhouse.client.ambient import Ambient, NoIdentity
from customhouse.client.attested import fits
from customhouse.client.dists import Release
from customhouse.formats.plain import plain
from customhouse.terms.errors import Refused, Rejected, Unavailable

AUDIENCE = "sigstore"


def sign_releases(releases: Sequence[Release], ambient: Ambient | None, trust_config: Path | None) -> dict[str, str]:
    """A JSON list with one publish attestation for each file, by file name.

    ``trust_config`` describes a Sigstore of one's own (its certificate authority, logs and roots); without it, the
    public one signs and its log tells everybody. Raises `Refused` without an identity, `Unavailable` if it fails.
    """
    if ambient is None:
        raise Refused(
            "no-identity", "There is no identity to sign with: this runs on no CI service that gives one.",
            "Give one with --oidc-token-file, or sign elsewhere and use --attestations.",
        )  # fmt: skip
    from pypi_attestations import Attestation, AttestationError, Distribution  # noqa: PLC0415 - heavy, and seldom wanted
    from sigstore.errors import Error as SigstoreError  # noqa: PLC0415 - as above
    from sigstore.models import ClientTrustConfig  # noqa: PLC0415 - as above
    from sigstore.oidc import IdentityError, IdentityToken  # noqa: PLC0415 - as above
    from sigstore.sign import SigningContext  # noqa: PLC0415 - as above

    try:
        config = (
            ClientTrustConfig.from_json(trust_config.read_text(encoding="utf-8"))
            if trust_config is not None
            else ClientTrustConfig.production()
        )
    except (OSError, ValueError, SigstoreError) as error:
        if trust_config is not None:
            raise Rejected("bad-trust-config", str(trust_config), plain(error, 200), "a client trust config") from error
        raise Unavailable("Sigstore", plain(error, 200)) from error
    found: dict[str, str] = {}
    try:
        identity = IdentityToken(ambient.fetch(AUDIENCE))
        with SigningContext.from_trust_config(config).signer(identity) as signer:
            for dist in (one for release in releases for one in release.dists):
                signed = Attestation.sign(signer, Distribution(name=dist.filename, digest=dist.sha256))
                text = f"[{signed.model_dump_json()}]"
                fits(text, dist)
                found[dist.filename] = text
    except NoIdentity as error:
        raise Refused("no-identity", str(error)) from error
    except (AttestationError, IdentityError, SigstoreError, OSError) as error:
        raise Unavailable("Sigstore", f"nothing was signed: {plain(error, 300)}") from error
    return found
