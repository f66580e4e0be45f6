"""Verifying a release's signatures, each against the identity that the pipeline declares for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from customhouse.release.actions import Problem, StepRun
from customhouse.release.children import Children
from customhouse.release.events import SignedThing
from customhouse.release.signing.declared import Declared, How
from customhouse.release.signing.gpg import verify_detached
from customhouse.release.signing.trust_config import read_trust
from customhouse.release.signing.verify import verify_bundle
from customhouse.release.things import Thing


@dataclass(frozen=True, slots=True)
class Judge:
    """Everything that verification needs: whom to trust, and who is declared."""

    declared: Declared
    children: Children
    trust_root: bytes = b""
    public_key: str = ""
    """Armored OpenPGP."""

    def verify(self, how: How, signature: str, file: Path, name: str) -> None:
        """Verify one signature of a file; raises `Problem` naming the signature."""
        if how == "sigstore":
            verify_bundle(
                signature, trust_root=self.trust_root, identity=self.declared.identity, issuer=self.declared.issuer,
                file=file, where=name,
            )  # fmt: skip
        else:
            verify_detached(
                self.children, signature, file, key=self.declared.fingerprint, public=self.public_key, where=name
            )


def judge_of(run: StepRun, declared: Declared, public_key: str) -> Judge:
    """The judge for a step's signatures, with the trust root of the place ``sigstore``; raises `Problem`."""
    root = read_trust(run.place("sigstore")).trusted_root if "sigstore" in declared.how else b""
    return Judge(declared, run.children, root, public_key)


def signed_thing(run: StepRun, thing: Thing, signature: Thing, how: How, declared: Declared) -> SignedThing:
    """The event."""
    identity, issuer = (
        (declared.identity, declared.issuer) if how == "sigstore" else (f"gpg:{declared.fingerprint}", "")
    )
    return SignedThing(run.step.id, run.attempt, thing, signature, how, identity, issuer)


def read_signature(path: Path) -> str:
    """A signature's text; raises `Problem`."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Problem("bad-signature", f"it cannot be read: {error}", "a signature", place=path.name) from error
