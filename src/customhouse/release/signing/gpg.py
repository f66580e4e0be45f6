"""Detached OpenPGP signatures by the program ``gpg``: made with one key, verified against one declared public key.

Verification never looks into anybody's keyring: a keyring of its own holds the one public key that was declared, and
nothing else, so what verifies there was signed by that key. The program's exit code is not believed alone: its status
lines (doc/DETAILS of GnuPG) say which key, which algorithms, and whether the key has expired or was revoked.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from customhouse.formats.plain import plain
from customhouse.release.actions import Problem
from customhouse.release.children import Children, Ran

FINGERPRINT = re.compile(r"[0-9A-F]{40}|[0-9A-F]{64}", re.ASCII)
"""Version 4 and 5 keys, in full: short ids can be made to match."""
_SECONDS = 60.0
_GOOD_HASHES = frozenset({"8", "9", "10", "12", "14"})
"""SHA-256, SHA-384, SHA-512, SHA3-256, SHA3-512 (RFC 9580, 9.5)."""
_WEAK_HASHES = {"1": "MD5", "2": "SHA-1", "3": "RIPEMD-160", "11": "SHA-224"}
_RSA, _ELGAMAL, _DSA = frozenset({"1", "2", "3"}), frozenset({"16", "20"}), frozenset({"17"})
SHORTEST_RSA = 2048
"""Bits; NIST SP 800-131A disallows less."""
_ALONE = ("--no-autostart",)
"""Public keys need no agent: none is started, so the home's path may be long, and nothing stays behind."""
_PATH = "/usr/local/bin:/usr/bin:/bin"
_BAD: Sequence[tuple[str, str, str]] = (
    ("BADSIG", "bad-signature", "the signature is not of this file"),
    ("REVKEYSIG", "revoked-key", "the key was revoked"),
    ("EXPKEYSIG", "expired-key", "the key has expired"),
    ("EXPSIG", "expired-signature", "the signature has expired"),
    ("ERRSIG", "not-verified", "the signature cannot be checked"),
)


@dataclass(frozen=True, slots=True)
class Signed:
    """What holds of a signature."""

    fingerprint: str
    """Of the primary key, in full."""
    signed_at: datetime
    """As the signer says."""


def fingerprint_of(text: str) -> str:
    """A fingerprint as it is compared: upper case, without blanks; raises `Problem` for a short one."""
    found = "".join(text.split()).upper().removeprefix("0X")
    if not FINGERPRINT.fullmatch(found):
        raise Problem(
            "bad-fingerprint", f"{plain(text, 80)!r} is no full fingerprint", "40 hexadecimal digits", place="gpg",
            next_step="gpg --list-keys --with-subkey-fingerprint shows it.",
        )  # fmt: skip
    return found


def sign_detached(children: Children, home: Path, key: str, file: Path, *, passphrase: str = "") -> str:
    """The armored signature of a file by the key with this fingerprint in this home; raises `Problem`."""
    key = fingerprint_of(key)
    # With a passphrase, the program reads it from descriptor 0 and asks nobody.
    secret = ("--pinentry-mode", "loopback", "--passphrase-fd", "0")
    done = _run(
        children, home, *secret, "--digest-algo", "SHA512", "--armor", "--local-user", key, "--output", "-",
        "--detach-sign", str(file), stdin=passphrase.encode(),
    )  # fmt: skip
    if not done.ok or "-----BEGIN PGP SIGNATURE-----" not in done.out:
        raise Problem(
            "not-signed", plain(done.tail, 300) or "gpg has made no signature", f"a signature by {key}",
            place=f"gpg, {file.name}", next_step="Is the key in that home, and its passphrase in gpg-passphrase?",
        )  # fmt: skip
    return done.out


def public_key(children: Children, home: Path, key: str) -> str:
    """The armored public key, as little of it as verifies; raises `Problem`."""
    key = fingerprint_of(key)
    done = _run(children, home, "--armor", "--export-options", "export-minimal", "--export", key)
    if not done.ok or "BEGIN PGP PUBLIC KEY" not in done.out:
        raise Problem("no-key", f"the home {home} has no public key {key}", key, place="gpg")
    return done.out


def verify_detached(
    children: Children, signature: str, file: Path | bytes, *, key: str, public: str, where: str = "signature",
    at: datetime | None = None,
) -> Signed:  # fmt: skip
    """Verify an armored signature of a file (or of these bytes) for the one key that was declared.

    ``key`` is its full fingerprint, ``public`` its armored public key. ``at`` is when it was signed, by a clock that
    is not the signer's: the key must have been good then, and what has expired since does not matter. Without it the
    key must be good now. A key whose revocation is known is never good: nobody knows who has had it before. Raises
    `Problem`: ``bad-signature``, ``other-key``, ``revoked-key``, ``expired-key``, ``weak-key``, ``weak-digest``,
    ``no-key``, ``not-verified``, ``no-gpg``.
    """
    key = fingerprint_of(key)
    then = () if at is None else ("--faked-system-time", f"{int(at.timestamp())}!")
    with _keyring(children, public, where) as home:
        _judge_key(children, home, key, where, then)
        beside, signed = home / "signature.asc", home / "signed"
        beside.write_bytes(signature.encode("utf-8", "replace"))
        if isinstance(file, bytes):
            signed.write_bytes(file)
        looked_at = str(signed if isinstance(file, bytes) else file)
        done = _run(
            children, home, *_ALONE, *then, "--status-fd", "1", "--trust-model", "always", "--verify", str(beside),
            looked_at,
        )  # fmt: skip
    said = [line.removeprefix("[GNUPG:] ").split() for line in done.out.splitlines() if line.startswith("[GNUPG:] ")]
    words = {line[0]: line[1:] for line in said if line}
    if "NO_PUBKEY" in words:
        raise Problem("other-key", f"it was signed by the key {words['NO_PUBKEY'][0]}", key, place=where)
    for word, code, sentence in _BAD:
        if word in words:
            raise Problem(code, sentence, f"a good signature by {key}", place=where)
    good = [line for line in said if line and line[0] == "VALIDSIG"]
    if not done.ok or len(good) != 1 or "GOODSIG" not in words:
        raise Problem("not-verified", plain(done.tail, 200) or "nothing is signed", f"one by {key}", place=where)
    return _judge_signature(good[0][1:], key, where)


def _judge_signature(fields: Sequence[str], key: str, where: str) -> Signed:
    """The fields of VALIDSIG: signing key, day, second, end, version, reserved, algorithm, digest, class, primary."""
    primary = fields[9] if len(fields) > 9 else fields[0]  # noqa: PLR2004 - see above
    if key not in (primary, fields[0]):
        raise Problem("other-key", f"it was signed by the key {primary}", key, place=where)
    digest = fields[7]
    if digest not in _GOOD_HASHES:
        name = _WEAK_HASHES.get(digest, f"algorithm {digest}")
        raise Problem("weak-digest", f"it signs a digest by {name}", "SHA-256 or better", place=where)
    return Signed(primary, datetime.fromtimestamp(int(fields[2]), UTC))


def _judge_key(children: Children, home: Path, key: str, where: str, then: Sequence[str]) -> None:
    """The declared key must be the one in the keyring, strong, and neither revoked nor expired."""
    listed = _run(children, home, *_ALONE, *then, "--with-colons", "--fixed-list-mode", "--fingerprint", "--list-keys")
    primary, sub, found = "", "", False
    for line in listed.out.splitlines():
        fields = line.split(":")
        if fields[0] in ("pub", "sub"):
            sub = fields[0]
            _judge_strength(fields, where)
            if fields[0] == "pub" and fields[1] == "r":
                raise Problem("revoked-key", "the key was revoked", "a key that is good", place=where)
            if fields[0] == "pub" and fields[1] == "e":
                raise Problem("expired-key", "the key has expired", "a key that is good", place=where)
        elif fields[0] == "fpr":
            if sub == "pub" and primary:
                raise Problem("no-key", "more than one public key was declared", f"only {key}", place=where)
            primary = fields[9] if sub == "pub" else primary
            found = found or fields[9] == key
    if not found:
        raise Problem("no-key", f"the public key that was declared is {primary or 'none'}", key, place=where)


def _judge_strength(fields: Sequence[str], where: str) -> None:
    bits, algorithm = fields[2], fields[3]
    if algorithm in _DSA or algorithm in _ELGAMAL or (algorithm in _RSA and int(bits or "0") < SHORTEST_RSA):
        name = "DSA" if algorithm in _DSA else "ElGamal" if algorithm in _ELGAMAL else f"RSA of {bits} bits"
        raise Problem("weak-key", f"it is a key of {name}", f"Ed25519, or RSA of {SHORTEST_RSA} bits", place=where)


@contextmanager
def _keyring(children: Children, public: str, where: str) -> Iterator[Path]:
    """A home that holds the one public key."""
    with tempfile.TemporaryDirectory(prefix="ch-gpg-") as folder:
        home = Path(folder)
        home.chmod(0o700)
        done = _run(children, home, *_ALONE, "--import", stdin=public.encode("utf-8", "replace"))
        if not done.ok:
            raise Problem("no-key", f"the declared public key cannot be read: {plain(done.tail, 200)}", place=where)
        yield home


def _run(children: Children, home: Path, *arguments: str, stdin: bytes = b"") -> Ran:
    home = home.expanduser()  # places say ~/.gnupg, and the program is told another HOME
    # Nothing of the user's configuration, nothing of the network, and no language but one.
    environment = {"PATH": os.environ.get("PATH", _PATH), "LC_ALL": "C", "HOME": str(home), "GNUPGHOME": str(home)}
    fixed = (
        "--homedir",
        str(home),
        "--batch",
        "--no-tty",
        "--no-options",
        "--no-auto-key-retrieve",
        "--no-auto-check-trustdb",
    )
    try:
        return children.run(["gpg", *fixed, *arguments], env=environment, stdin=stdin, timeout=_SECONDS)
    except FileNotFoundError as error:
        raise Problem("no-gpg", "there is no program gpg", place="this machine", next_step="Install gnupg.") from error
