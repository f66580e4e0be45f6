"""What an OpenPGP key says in a run: that a key file speaks for its owner, and yes to a question.

Both stand in the journal with the public key beside them, so that strangers verify them by ``gpg`` alone. Fingerprints
are those of primary keys, in full: a subkey signs for its primary key, and a name in a key proves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from customhouse.release.actions import Problem
from customhouse.release.children import Children
from customhouse.release.codec import canonical
from customhouse.release.question import read_proof
from customhouse.release.signing.gpg import fingerprint_of, public_key, sign_detached, verify_detached

KIND = "gpg"
"""The type of such a proof."""


@dataclass(frozen=True, slots=True)
class OwnKey:
    """An OpenPGP key in a home of GnuPG, which somebody can use."""

    fingerprint: str
    home: Path
    passphrase: str = ""
    children: Children = field(default_factory=Children)

    def sign(self, message: bytes, folder: Path) -> str:
        """The armored signature of this text, verified at once; raises `Problem`. ``folder`` is for the text."""
        file = folder / "message"
        file.write_bytes(message)
        signature = sign_detached(self.children, self.home, self.fingerprint, file, passphrase=self.passphrase)
        verify_text(signature, message, fingerprint=self.fingerprint, public=self.public(), where="gpg")
        return signature

    def public(self) -> str:
        """The public key, armored, as little of it as verifies; raises `Problem`."""
        return public_key(self.children, self.home, self.fingerprint)


def joining_bytes(run: str, actor: str, machine_key: str) -> bytes:
    """What an OpenPGP key signs, so that a key file speaks for it in this run."""
    return canonical({"actor": actor, "machine_key": machine_key, "run": run})


def joining_evidence(public: str, signature: str) -> str:
    """How `events.Joined` holds that signature."""
    return canonical({"type": KIND, "public_key": public, "signature": signature}).decode()


def read_evidence(evidence: str) -> Mapping[str, Any]:
    """What an OpenPGP key has said of a key file: ``public_key`` and ``signature``; empty for anything else."""
    found = read_proof(evidence)
    texts = all(isinstance(found.get(name), str) for name in ("public_key", "signature"))
    return found if found.get("type") == KIND and texts else {}


def verify_text(
    signature: str, message: bytes, *, fingerprint: str, public: str, where: str, at: datetime | None = None
) -> None:
    """The key with this primary fingerprint, and no other, has signed exactly this text.

    ``at`` as in `verify_detached`. Raises `Problem`; its code is ``no-gpg`` where that cannot be told here.
    """
    wanted = fingerprint_of(fingerprint)
    signed = verify_detached(Children(), signature, message, key=wanted, public=public, where=where, at=at)
    if signed.fingerprint != wanted:
        raise Problem(
            "other-key", f"{wanted} is a subkey of {signed.fingerprint}", "a primary key", place=where,
            next_step="Name the primary key: gpg --list-keys --with-colons.",
        )  # fmt: skip
