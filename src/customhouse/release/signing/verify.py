"""Verifying a bundle offline: against a trusted root given as bytes, for a declared identity and issuer.

The ``sigstore`` library judges: certificate and chain at the time that log or timestamp authority vouch for, signed
certificate timestamp, identity, log entry with its proof and promise, the signature itself, and that the entry is of
it. Nothing is fetched. That an identity is another's is told apart from everything else, because it is the one thing
that a good signature can have wrong (the wrong OpenID Connect provider signed CPython 3.10.14).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from customhouse.formats.dsse import IN_TOTO
from customhouse.formats.plain import plain
from customhouse.release.actions import Problem
from customhouse.trust.certificate import signer_of
from customhouse.trust.signer_identity import subject_name

if TYPE_CHECKING:
    from sigstore.models import Bundle
    from sigstore.verify import Verifier
    from sigstore.verify.policy import VerificationPolicy


@dataclass(frozen=True, slots=True)
class Verified:
    """What holds of a bundle."""

    identity: str
    issuer: str
    signed_at: datetime
    """The earliest moment that a log or a timestamp authority vouches for; in UTC."""
    log_id: str
    """Of the log's key, hexadecimal."""
    log_index: int
    payload: bytes = b""
    """Of a statement: the in-toto Statement (JSON)."""


def verify_bundle(
    bundle: str, *, trust_root: bytes, identity: str, issuer: str, file: Path | None = None, where: str = "bundle"
) -> Verified:
    """Verify the signature of ``file``; or, where that is None, of the in-toto statement in the bundle.

    ``identity`` is the mail address or URI in the certificate, or a subject that authorities write as
    ``ISSUER#SUBJECT``, as they must where it is neither. ``where`` names the bundle in errors.

    Raises `Problem`: ``bad-bundle`` (cannot be read), ``wrong-issuer``, ``wrong-identity``, ``not-of-this-file``,
    ``bad-trust-root``, ``signature-broken`` (anything else).
    """
    from sigstore.models import Bundle  # noqa: PLC0415 - slow to import
    from sigstore.verify.policy import Identity  # noqa: PLC0415 - as above

    try:
        read = Bundle.from_json(bundle)
    except Exception as error:  # hostile text may fail anywhere in a parser
        raise Problem("bad-bundle", f"cannot be read: {plain(error, 200)}", "a Sigstore bundle", place=where) from error
    verifier = _verifier(trust_root)
    name = _as_declared(read, identity, issuer, where)
    policy = Identity(identity=name, issuer=issuer)
    try:
        payload = (
            _statement(verifier, read, policy, where) if file is None else _file(verifier, read, policy, file, where)
        )
        times = [one.time for one in verifier._establish_time(read)]  # noqa: SLF001 - only times that were verified
    except Problem:
        raise
    except Exception as error:  # whatever hostile input breaks in the library, nothing is verified
        raise Problem(
            "signature-broken", f"does not verify: {plain(error, 300) or type(error).__name__}",
            "a signature that this trust root vouches for", place=where,
        ) from error  # fmt: skip
    entry = read.log_entry._inner  # noqa: SLF001 - as above
    return Verified(identity, issuer, min(times), entry.log_id.key_id.hex(), int(entry.log_index), payload)


def _as_declared(bundle: Bundle, identity: str, issuer: str, where: str) -> str:
    """The declared name as the certificate spells it; the library's policy judges the same once more."""
    if not identity or not issuer:
        raise Problem("no-identity", "nobody is declared as the signer", "an identity and its issuer", place=where)
    try:
        signer = signer_of(bundle.signing_certificate)
    except Exception as error:  # as above
        raise Problem("bad-bundle", f"its certificate cannot be read: {plain(error, 200)}", place=where) from error
    if signer.issuer != issuer:
        raise Problem(
            "wrong-issuer", f"signed with an identity of {plain(signer.issuer, 200)!r}", issuer, place=where,
            next_step="Sign in with the declared provider and sign again.",
        )  # fmt: skip
    for spelled in (identity, subject_name(issuer, identity)):
        if spelled in signer.names:
            return spelled
    shown = ", ".join(sorted(plain(name, 200) for name in signer.names)) or "nobody"
    raise Problem(
        "wrong-identity", f"signed by {shown}", identity, place=where,
        next_step="Sign in as the declared one and sign again.",
    )  # fmt: skip


def _statement(verifier: Verifier, bundle: Bundle, policy: VerificationPolicy, where: str) -> bytes:
    """The in-toto Statement that was signed."""
    kind, payload = verifier.verify_dsse(bundle, policy)
    if kind != IN_TOTO:
        raise Problem("bad-bundle", f"its payload is of the type {plain(kind, 80)!r}", IN_TOTO, place=where)
    return payload


def _file(verifier: Verifier, bundle: Bundle, policy: VerificationPolicy, file: Path, where: str) -> bytes:
    """Nothing, if the file is the one that was signed."""
    from sigstore.hashes import Hashed  # noqa: PLC0415 - slow to import
    from sigstore_models.common.v1 import HashAlgorithm  # noqa: PLC0415 - as above

    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").digest()
    signed = bundle._inner.message_signature  # noqa: SLF001 - the library shows it nowhere else
    if signed is None:
        raise Problem("bad-bundle", "it holds a statement", f"a signature of {file.name}", place=where)
    if signed.message_digest is not None and signed.message_digest.digest != digest:
        said = signed.message_digest.digest.hex()
        raise Problem("not-of-this-file", f"it signs the digest {said}", digest.hex(), place=where)
    verifier.verify_artifact(Hashed(algorithm=HashAlgorithm.SHA2_256, digest=digest), bundle, policy)
    return b""


@lru_cache(maxsize=8)
def _verifier(trust_root: bytes) -> Verifier:
    from sigstore.models import TrustedRoot  # noqa: PLC0415 - slow to import
    from sigstore.verify import Verifier  # noqa: PLC0415 - as above
    from sigstore_models.trustroot.v1 import TrustedRoot as Message  # noqa: PLC0415 - as above

    try:
        return Verifier(trusted_root=TrustedRoot(Message.from_json(trust_root)))
    except Exception as error:  # whatever a broken root breaks in the library
        raise Problem("bad-trust-root", f"cannot be used: {plain(error, 200)}", "a trusted_root.json") from error
