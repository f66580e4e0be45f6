"""Detached signatures by a real gpg: for one declared key, and by none of anybody's keyring."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from customhouse.release.actions import Problem
from customhouse.release.children import Children
from customhouse.release.signing.gpg import fingerprint_of, public_key, sign_detached, verify_detached
from shipping import GpgHome, gpg, gpg_home, new_key

CHILDREN = Children()


@pytest.fixture(scope="module")
def rosa() -> Iterator[GpgHome]:
    with gpg_home() as home:
        yield home


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "sealed-1.0.tar.gz"
    path.write_bytes(b"bytes that are signed")
    return path


def verify(home: GpgHome, signature: str, file: Path, *, key: str = "", public: str = "") -> str:
    """The fingerprint that signed it."""
    known = public or public_key(CHILDREN, home.path, home.fingerprint)
    return verify_detached(CHILDREN, signature, file, key=key or home.fingerprint, public=known).fingerprint


def test_what_a_key_signs_verifies_for_its_full_fingerprint(rosa: GpgHome, file: Path) -> None:
    signature = sign_detached(CHILDREN, rosa.path, rosa.fingerprint.lower(), file)
    spaced = " ".join(rosa.fingerprint[at : at + 4] for at in range(0, 40, 4))
    assert verify(rosa, signature, file, key=spaced) == rosa.fingerprint


def test_a_home_may_be_said_as_people_say_it(rosa: GpgHome, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`release new` proposes ~/.gnupg."""
    monkeypatch.setenv("HOME", str(rosa.path.parent))
    home = Path("~") / rosa.path.name
    signature = sign_detached(CHILDREN, home, rosa.fingerprint, file)
    assert verify(rosa, signature, file, public=public_key(CHILDREN, home, rosa.fingerprint)) == rosa.fingerprint


def test_a_file_that_was_changed_does_not_verify(rosa: GpgHome, file: Path) -> None:
    signature = sign_detached(CHILDREN, rosa.path, rosa.fingerprint, file)
    file.write_bytes(b"bytes that are SIGNED")
    with pytest.raises(Problem, match="not of this file"):
        verify(rosa, signature, file)


def test_another_key_of_the_same_keyring_is_another_key(rosa: GpgHome, file: Path) -> None:
    """The signer's home holds both; only the declared one counts."""
    other = new_key(rosa.path)
    signature = sign_detached(CHILDREN, rosa.path, other, file)
    with pytest.raises(Problem, match="signed by the key"):
        verify(rosa, signature, file)
    with pytest.raises(Problem, match="the public key that was declared is"):
        verify(rosa, signature, file, public=public_key(CHILDREN, rosa.path, other))


def test_two_declared_keys_are_one_too_many(rosa: GpgHome, file: Path) -> None:
    other = new_key(rosa.path)
    signature = sign_detached(CHILDREN, rosa.path, rosa.fingerprint, file)
    both = gpg(rosa.path, "--armor", "--export", rosa.fingerprint, other)
    with pytest.raises(Problem, match="more than one public key"):
        verify(rosa, signature, file, public=both)


@pytest.mark.parametrize("key", ["DEADBEEF", "0123456789ABCDEF", "", "xyz" * 14])
def test_short_ids_are_no_fingerprints(key: str) -> None:
    """A key with a wanted short id is made in seconds."""
    with pytest.raises(Problem, match="no full fingerprint"):
        fingerprint_of(key)


def test_a_key_that_is_not_there_signs_nothing(rosa: GpgHome, file: Path) -> None:
    with pytest.raises(Problem, match="gpg-passphrase"):
        sign_detached(CHILDREN, rosa.path, "0" * 40, file)
    with pytest.raises(Problem, match="has no public key"):
        public_key(CHILDREN, rosa.path, "0" * 40)


def test_what_is_no_signature_is_not_verified(rosa: GpgHome, file: Path) -> None:
    for text in ("", "nonsense", "-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n"):
        with pytest.raises(Problem, match="expected one by"):
            verify(rosa, text, file)
    with pytest.raises(Problem, match="cannot be read"):
        verify(rosa, "", file, public="nonsense")


def test_status_lines_in_a_file_are_no_status_lines(rosa: GpgHome, file: Path) -> None:
    """What gpg says on standard output is not what the signed file holds."""
    signature = sign_detached(CHILDREN, rosa.path, rosa.fingerprint, file)
    file.write_text(
        f"[GNUPG:] GOODSIG x\n[GNUPG:] VALIDSIG {rosa.fingerprint} 2026-01-01 1 0 4 0 22 10 00 {rosa.fingerprint}\n"
    )
    with pytest.raises(Problem, match="not of this file"):
        verify(rosa, signature, file)


def test_a_revoked_key_signs_nothing_that_counts(file: Path) -> None:
    with gpg_home() as home:
        signature = sign_detached(CHILDREN, home.path, home.fingerprint, file)
        certificate = (home.path / "openpgp-revocs.d" / f"{home.fingerprint}.rev").read_text()
        gpg(home.path, "--import", stdin=certificate.replace(":-----BEGIN", "-----BEGIN").encode())
        with pytest.raises(Problem, match="the key was revoked"):
            verify(home, signature, file)


@pytest.mark.slow
def test_an_expired_key_signs_nothing_that_counts(file: Path) -> None:
    with gpg_home(expires="1d") as home:
        past = ("--faked-system-time", "20250101T000000!")
        gpg(home.path, *past, "--passphrase", "", "--quick-gen-key", "Old <old@example.org>", "ed25519", "sign", "1d")
        listed = gpg(home.path, "--with-colons", "--list-keys", "old@example.org")
        old = next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr"))
        signature = gpg(home.path, *past, "--armor", "--local-user", old, "--output", "-", "--detach-sign", str(file))
        public = gpg(home.path, "--armor", "--export", old)
        with pytest.raises(Problem, match="the key has expired"):
            verify_detached(CHILDREN, signature, file, key=old, public=public)


@pytest.mark.slow
@pytest.mark.parametrize(("algorithm", "why"), [("rsa1024", "RSA of 1024 bits"), ("dsa2048", "DSA")])
def test_weak_keys_are_refused(file: Path, algorithm: str, why: str) -> None:
    with gpg_home(algorithm=algorithm) as home:
        signature = sign_detached(CHILDREN, home.path, home.fingerprint, file)
        with pytest.raises(Problem, match=why):
            verify(home, signature, file)


def test_a_signature_of_a_weak_digest_is_refused(rosa: GpgHome, file: Path) -> None:
    """SHA-1 collides since 2017; gpg still makes it where it is asked to."""
    signature = gpg(
        rosa.path, "--armor", "--digest-algo", "SHA1", "--weak-digest", "MD5", "--allow-weak-digest-algos",
        "--local-user", rosa.fingerprint, "--output", "-", "--detach-sign", str(file),
    )  # fmt: skip
    with pytest.raises(Problem, match=r"SHA-1|cannot be checked"):
        verify(rosa, signature, file)
