"""Sealing: what a Sigstore signs for us. Statements (DSSE, in-toto) and files, each a bundle that verifies offline.

`SigstoreSealer` drives the unmodified ``sigstore`` library (4.4 or later: with less, DSSE entries of Rekor v2 do not
verify). One short-lived certificate serves for many signatures; shortly before it ends there is a new one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Literal, Protocol

from customhouse.formats.plain import plain
from customhouse.release.actions import Problem
from customhouse.terms.clock import Clock, SystemClock
from customhouse.trust.certificate import Signer as Signatory
from customhouse.trust.certificate import signer_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sigstore.sign import Signer, SigningContext

SPARE = timedelta(seconds=60)
"""A certificate that ends sooner than this is not used any more: clocks differ, and a request takes its time."""
RekorVersion = Literal[1, 2]


class Sealer(Protocol):
    """Somebody who signs. Each signature is a Sigstore bundle (v0.3 JSON) with certificate, log entry and time."""

    @property
    def identity(self) -> str:
        """Who signs, as his certificate says it: a mail address or a URI."""
        ...

    @property
    def issuer(self) -> str:
        """Who vouches for that identity (OpenID Connect)."""
        ...

    def statement(self, payload: bytes) -> str:
        """Sign an in-toto Statement v1 (JSON): the bundle of a DSSE envelope. Raises `Problem`."""
        ...

    def file(self, path: Path) -> str:
        """Sign a file: the bundle of a message signature. Raises `Problem`."""
        ...


@dataclass(frozen=True, slots=True)
class _Held:
    """A certificate with its key, as the library holds them."""

    signer: Signer
    who: Signatory
    ends_at: datetime


_CERTIFICATES: dict[tuple[str, str], _Held] = {}
"""By digests of trust config and token. A token is worth one key: an authority takes a second one for a theft, so all
sealers of a process that show the same token share what they got for it."""
_LOCK = RLock()


class SigstoreSealer:
    """Signs with the Sigstore that a client trust config names. Threads may share it."""

    def __init__(
        self, trust_config: str, token: str | Callable[[], str], *, rekor: RekorVersion | None = None,
        clock: Clock | None = None,
    ) -> None:  # fmt: skip
        """``trust_config`` is the JSON text; nothing is asked before something is to be signed.

        ``token`` is an ID token (JWT, audience ``sigstore``), or where to get one: it is called for each certificate,
        and the second time there must be another token. ``rekor`` asks for one of the log's APIs; where it is None,
        the library takes the newest. Raises `Problem` if the config cannot be used.
        """
        self._token = token
        self._clock = clock or SystemClock()
        self._held: _Held | None = None
        self._config = hashlib.sha256(trust_config.encode()).hexdigest()
        self._context = _context(trust_config, rekor)

    @property
    def identity(self) -> str:
        """As the certificate says it; gets one where there is none."""
        return " ".join(sorted(self._now().who.names))

    @property
    def issuer(self) -> str:
        """As the certificate says it; gets one where there is none."""
        return self._now().who.issuer

    def statement(self, payload: bytes) -> str:
        """See `Sealer`."""
        from sigstore.dsse import Statement  # noqa: PLC0415 - slow to import

        with _failures("sign the statement"):
            said = Statement(payload)
            return self._signer().sign_dsse(said).to_json()

    def file(self, path: Path) -> str:
        """See `Sealer`; reads the file in pieces."""
        from sigstore.hashes import Hashed  # noqa: PLC0415 - slow to import
        from sigstore_models.common.v1 import HashAlgorithm  # noqa: PLC0415 - as above

        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").digest()
        with _failures(f"sign {path.name}"):
            found = self._signer().sign_artifact(Hashed(algorithm=HashAlgorithm.SHA2_256, digest=digest))
            return found.to_json()

    def _signer(self) -> Signer:
        """The library's signer, for the log that this sealer writes to: one key and certificate, whatever the log."""
        signer = copy(self._now().signer)
        signer._signing_ctx = self._context  # noqa: SLF001 - there is no other way to write to both APIs of a log
        return signer

    def _now(self) -> _Held:
        """A certificate that is still good for a while."""
        with _LOCK:
            if self._held is None or self._is_ending(self._held):
                token = (self._token if isinstance(self._token, str) else self._token()).strip()
                known = (self._config, hashlib.sha256(token.encode()).hexdigest())
                held = _CERTIFICATES.get(known)
                if held is None or self._is_ending(held):
                    for ended in [key for key, one in _CERTIFICATES.items() if self._is_ending(one)]:
                        del _CERTIFICATES[ended]
                    held = _CERTIFICATES[known] = self._new(token)
                self._held = held
            return self._held

    def _is_ending(self, held: _Held) -> bool:
        return self._clock.now() > held.ends_at - SPARE

    def _new(self, token: str) -> _Held:
        from sigstore.oidc import IdentityToken  # noqa: PLC0415 - slow to import
        from sigstore.sign import Signer  # noqa: PLC0415 - as above

        with _failures("get a certificate"):
            signer = Signer(IdentityToken(token), self._context, cache=True)
            # The library shows its certificate only with a signature; it has it from the start, and asks nobody here.
            certificate = signer._signing_cert()  # noqa: SLF001 - see above
            return _Held(signer, signer_of(certificate), certificate.not_valid_after_utc)


def _context(trust_config: str, rekor: RekorVersion | None) -> SigningContext:
    from sigstore.models import ClientTrustConfig  # noqa: PLC0415 - slow to import
    from sigstore.sign import SigningContext  # noqa: PLC0415 - as above

    try:
        config = ClientTrustConfig.from_json(trust_config)
        config.force_tlog_version = rekor
        return SigningContext.from_trust_config(config)
    except Exception as error:  # whatever a broken text breaks in the library
        raise Problem(
            "bad-trust-config", f"it cannot be used: {plain(error, 200)}", "a client trust config", place="sigstore",
            next_step="A private Sigstore prints its own: customhouse sigstore trust.",
        ) from error  # fmt: skip


@contextmanager
def _failures(what: str) -> Iterator[None]:
    """The library's many errors, in our words."""
    from sigstore.oidc import ExpiredIdentity, IdentityError  # noqa: PLC0415 - slow to import

    try:
        yield
    except Problem:
        raise
    except (ExpiredIdentity, IdentityError) as error:
        raise Problem(
            "bad-identity-token", f"could not {what}: {plain(error, 200)}", "an ID token for the audience sigstore",
            place="sigstore", next_step="Give a fresh one: the secret sigstore-token.",
        ) from error  # fmt: skip
    except Exception as error:
        raise Problem(
            "not-sealed", f"could not {what}: {plain(_root(error), 300)}", place="sigstore",
            next_step="Nothing was signed; try again when the Sigstore answers.",
        ) from error  # fmt: skip


def _root(error: Exception) -> str:
    """What the service itself has said stands under the library's own words."""
    response = getattr(error.__cause__ or error, "response", None)
    said = getattr(response, "text", "") if response is not None else ""
    return f"{error} {said}".strip() or type(error).__name__
