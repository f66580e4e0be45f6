"""With what the release's tag is signed: GPG, SSH, or nothing, as the pipeline says. And how it is verified at once."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from customhouse.release.actions import Problem, StepRun, Tampered
from customhouse.release.children import Children
from customhouse.release.git.git import one_line
from customhouse.release.git.repository import Repository
from customhouse.release.signing.gpg import fingerprint_of, public_key

_VALID = re.compile(r"^\[GNUPG:\] VALIDSIG ([0-9A-F]{40,64})(?: \S+){8} ([0-9A-F]{40,64})$", re.MULTILINE)
_SIGNED = re.compile(r"-----BEGIN (PGP|SSH) SIGNATURE-----")
_KEY_PARTS = 2


@dataclass(frozen=True, slots=True)
class Signer:
    """``key`` is a fingerprint of GPG, or the path of an SSH key whose public half stands beside it as ``.pub``."""

    kind: Literal["gpg", "ssh", "none"]
    key: str = ""
    home: str = ""
    email: str = ""

    def settings(self) -> Mapping[str, str]:
        """Git's settings for signing."""
        if self.kind == "ssh":
            return {"gpg.format": "ssh", "user.signingKey": self.key}
        return {"gpg.format": "openpgp", "user.signingKey": self.key} if self.kind == "gpg" else {}

    def environment(self) -> Mapping[str, str]:
        """Which ring of keys GPG uses."""
        return {"GNUPGHOME": self.home} if self.home else {}

    def verify(self, clone: Repository, tag: str) -> str:
        """Who signed a tag object, as ``gpg:FINGERPRINT`` or ``ssh:SHA256:…``; raises `Tampered` for anybody else."""
        clone.check()
        with self._trusting() as settings:
            git = clone.git.with_settings(settings, self.environment())
            ran = git.run(["verify-tag", "--raw", tag], at=clone.path)
        said = f"{ran.out}\n{ran.err}"
        if ran.ok and self.kind == "gpg":
            found = _VALID.search(said)
            if found is not None and self.key in found.groups():
                return f"gpg:{found[2]}"
        if ran.ok and self.kind == "ssh" and (key := re.search(r"SHA256:[A-Za-z0-9+/]{43}", said)):
            return f"ssh:{key[0]}"
        raise Tampered(
            "bad-tag-signature", one_line(said) or "no signature", f"a good signature of {self.kind}:{self.key}",
            place=tag, next_step="Look at the key (place gpg or ssh), then make the tag again: restart this step.",
        )  # fmt: skip

    def public_facts(self, children: Children, by: str) -> Mapping[str, str]:
        """What strangers need to verify a tag signed ``by`` this: the public key, where it is an OpenPGP one."""
        if self.kind != "gpg":
            return {}
        home = Path(self.home or os.environ.get("GNUPGHOME", "") or Path.home() / ".gnupg")
        fingerprint = by.removeprefix("gpg:")
        return {"gpg_fingerprint": fingerprint, "gpg_public_key": public_key(children, home, fingerprint)}

    @contextmanager
    def _trusting(self) -> Iterator[Mapping[str, str]]:
        """Settings by which this key counts, and no other."""
        if self.kind != "ssh":
            yield {"gpg.minTrustLevel": "undefined"}
            return
        kind, blob = Path(f"{self.key}.pub").read_text("utf-8").split()[:_KEY_PARTS]
        with TemporaryDirectory(prefix="customhouse-ssh-") as folder:
            allowed = Path(folder) / "allowed"
            allowed.write_text(f'{self.email} namespaces="git" {kind} {blob}\n')
            yield {"gpg.format": "ssh", "gpg.ssh.allowedSignersFile": str(allowed)}


def signer_of(run: StepRun, email: str) -> Signer:
    """What ``with = { key = … }`` says: ``gpg``, ``gpg:FINGERPRINT``, ``ssh`` or ``none``.

    Home and key of GPG stand in the place ``gpg``, the path of an SSH key in the place ``ssh``. Where nothing is said,
    whichever of the two places there is; the tag is unsigned where there is neither. Raises `Problem`.
    """
    there = next((kind for kind in ("gpg", "ssh") if kind in run.places), "none")
    kind, _, wanted = str(run.step.options.get("key") or there).partition(":")
    if kind == "none":
        return Signer("none")
    if kind == "ssh":
        path = run.place("ssh").get("key", "")
        if not path.startswith("/") or not Path(f"{path}.pub").is_file():
            raise Problem("no-key", f"{path!r} is no SSH key with its .pub beside it", "a path", place="ssh.key")
        return Signer("ssh", path, email=email)
    if kind != "gpg":
        raise Problem("no-key", f"key = {kind!r}", "gpg, gpg:FINGERPRINT, ssh or none", place=run.step.id)
    place = run.place("gpg")
    key = fingerprint_of(place.get("key", ""))
    if wanted and fingerprint_of(wanted) != key:
        raise Problem("other-key", f"the place gpg has {key}", wanted, place="gpg.key")
    return Signer("gpg", key, place.get("home", ""))


def is_signed(text: str) -> bool:
    """Whether a tag's text carries a signature."""
    return _SIGNED.search(text) is not None
