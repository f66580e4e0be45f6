"""Sigstore bundles judged one after the other by one verifier: who has signed what, when, and where it is logged.

Certificate and chain at the time that log or timestamp authority vouch for, signed certificate timestamp, log entry
with inclusion proof and promise, signature: the ``sigstore`` library judges. Whose signature it had to be, the caller
compares, because that depends on what was signed. Nothing is fetched.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from customhouse.formats.dsse import IN_TOTO
from customhouse.formats.plain import plain
from customhouse.terms.errors import Rejected
from customhouse.trust.certificate import Signer, signer_of
from customhouse.trust.private_sigstore.note import read_checkpoint
from customhouse.trust.signer_identity import subject_name

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from sigstore.models import Bundle
    from sigstore.verify import Verifier


@dataclass(frozen=True, slots=True)
class Proved:
    """What holds of one bundle."""

    names: frozenset[str]
    issuer: str
    signed_at: datetime
    """The earliest moment that a log or a timestamp authority vouches for."""
    log_id: str
    """Hexadecimal."""
    log_index: int
    """In the tree of `checkpoint`: shown by the proof, and not what stands beside it."""
    checkpoint: str
    """Of the log, as a signed note."""
    payload: bytes = b""
    """Of a statement."""

    @property
    def tree(self) -> str:
        """The log by its own name: one key may sign for several."""
        return self.checkpoint.partition("\n")[0]

    def is_one_of(self, identities: tuple[str, ...]) -> bool:
        """Whether the signer is one of these, as pipelines spell identities (``oidc:ISSUER#SUBJECT``)."""
        return any(self._is(one) for one in identities)

    def _is(self, identity: str) -> bool:
        if not identity.startswith("oidc:"):
            return False
        issuer, _, subject = identity.removeprefix("oidc:").rpartition("#")
        return issuer == self.issuer and not self.names.isdisjoint({subject, subject_name(issuer, subject)})

    @property
    def shown(self) -> str:
        """For people."""
        return plain(f"{', '.join(sorted(self.names)) or 'nobody'} (of {self.issuer or 'no issuer'})", 200)


class _Anybody:
    """The library's policy that leaves the identity to us."""

    def verify(self, cert: Certificate) -> None:
        """Everybody will do: `Proved.is_one_of` is asked afterwards."""


class Judge:
    """One trust root, made ready once."""

    def __init__(self, trust_root: bytes) -> None:
        """Raises `Rejected` for what is no ``trusted_root.json``."""
        from sigstore.models import TrustedRoot  # noqa: PLC0415 - slow to import
        from sigstore.verify import Verifier  # noqa: PLC0415 - as above
        from sigstore_models.trustroot.v1 import TrustedRoot as Message  # noqa: PLC0415 - as above

        try:
            self._verifier: Verifier = Verifier(trusted_root=TrustedRoot(Message.from_json(trust_root)))
        except Exception as error:  # whatever a broken root breaks in the library
            raise Rejected("bad-trust-root", "trust root", f"cannot be used: {plain(error, 200)}",
                           "a trusted_root.json") from error  # fmt: skip

    def statement(self, bundle: bytes, where: str) -> Proved:
        """Of an in-toto statement; raises `Rejected` naming ``where``."""
        read, signer = _read(bundle, where)
        try:
            kind, payload = self._verifier.verify_dsse(read, _Anybody())
        except Exception as error:  # whatever hostile input breaks in the library, nothing is verified
            raise _unverified(where, error) from error
        if kind != IN_TOTO:
            raise _unverified(where, ValueError(f"its payload is of the type {kind[:80]!r}"))
        return self._proved(read, signer, payload, where)

    def file(self, bundle: bytes, sha256: str, where: str) -> Proved:
        """Of a file of this digest; raises `Rejected`."""
        from sigstore.hashes import Hashed  # noqa: PLC0415 - slow to import
        from sigstore_models.common.v1 import HashAlgorithm  # noqa: PLC0415 - as above

        read, signer = _read(bundle, where)
        digest = bytes.fromhex(sha256)
        signed = read._inner.message_signature  # noqa: SLF001 - the library shows it nowhere else
        if signed is None or (signed.message_digest is not None and signed.message_digest.digest != digest):
            raise _unverified(where, ValueError("it is no signature of this file"))
        try:
            self._verifier.verify_artifact(Hashed(algorithm=HashAlgorithm.SHA2_256, digest=digest), read, _Anybody())
        except Exception as error:  # as above
            raise _unverified(where, error) from error
        return self._proved(read, signer, b"", where)

    def _proved(self, read: Bundle, signer: Signer, payload: bytes, where: str) -> Proved:
        # Only times that were verified come out of it, and these have been.
        times = [one.time for one in self._verifier._establish_time(read)]  # noqa: SLF001 - see above
        entry = read.log_entry._inner  # noqa: SLF001 - the library shows its entry nowhere else
        proof = entry.inclusion_proof
        checkpoint = proof.checkpoint.envelope if proof is not None and proof.checkpoint is not None else ""
        # The library compares roots only. A path leads to one place in a tree of one size: in another it shows another.
        if proof is None or read_checkpoint(checkpoint, where).checkpoint.size != int(proof.tree_size):
            raise _unverified(where, ValueError("its proof is for another size of the log than its checkpoint"))
        return Proved(
            signer.names,
            signer.issuer,
            min(times),
            entry.log_id.key_id.hex(),
            int(proof.log_index),
            checkpoint,
            payload,
        )


def _read(bundle: bytes, where: str) -> tuple[Bundle, Signer]:
    from sigstore.models import Bundle  # noqa: PLC0415 - slow to import

    try:
        read = Bundle.from_json(bundle)
        return read, signer_of(read.signing_certificate)
    except Exception as error:  # hostile text may fail anywhere in a parser
        raise Rejected("bad-signature", where, f"cannot be read: {plain(error, 160)}", "a Sigstore bundle") from error


def _unverified(where: str, error: Exception) -> Rejected:
    why = plain(error, 200) or type(error).__name__
    return Rejected("bad-signature", where, f"does not verify: {why}", "a signature that this trust root vouches for")
