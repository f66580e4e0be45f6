"""The keys of the private Sigstore: a file that only its owner reads, rotation, damage, a hardware module."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from clock import TurnableClock
from customhouse.infra.hardware_keys import HardwareKey
from customhouse.infra.settings import Settings
from customhouse.infra.sigstore_keys import sigstore_keys_path
from customhouse.terms.errors import Rejected, Unavailable
from customhouse.trust.private_sigstore.ca import Authority, OidcIdentity
from customhouse.trust.private_sigstore.ct import TimestampLog, precertificate_of
from customhouse.trust.private_sigstore.keyring import ROLES, Keys, forget_ended_keys, make_keys, rotate_key
from customhouse.trust.private_sigstore.keys import SigningKey
from customhouse.trust.private_sigstore.note import NoteKey, read_checkpoint
from customhouse.trust.private_sigstore.trust_config import trusted_root_of

SOFTHSM = Path("/usr/lib/softhsm/libsofthsm2.so")


@pytest.fixture
def said(tmp_path: Path) -> Settings:
    return Settings.model_validate({"data": tmp_path, "sigstore": True, "url": "https://index.test"})


def test_each_role_has_a_key_of_its_own_in_a_file_that_only_its_owner_reads(
    said: Settings, clock: TurnableClock
) -> None:
    make_keys(said, clock.now())
    path = sigstore_keys_path(said)
    assert path.stat().st_mode & 0o777 == 0o600
    keys = Keys(said).now()
    assert len({keys.record(role).public_der for role in ROLES}) == len(ROLES)
    before = path.read_bytes()
    make_keys(said, clock.now())
    assert path.read_bytes() == before
    assert "PRIVATE" not in repr(keys.record("authority"))
    assert b"private" not in json.dumps(trusted_root_of(keys)).encode()


def test_a_rotated_key_ends_and_its_private_half_is_gone(said: Settings, clock: TurnableClock) -> None:
    make_keys(said, clock.now())
    keys = Keys(said)
    first = keys.now()
    clock.turn(timedelta(days=1))
    now = clock.now()
    rotate_key(said, "authority", now)
    second = keys.now()
    old, new = second.all("authority")
    assert (old.public_der, old.until, old.private_der) == (first.record("authority").public_der, now, b"")
    assert new.private_der
    assert second.record("authority") == new
    roots = trusted_root_of(second)["certificateAuthorities"]
    assert ["end" in one["validFor"] for one in roots] == [True, False]
    rotate_key(said, "entries-v2", clock.now())
    assert keys.now().origin == first.origin, "a log keeps its name"


def test_the_old_root_of_the_trust_repository_is_kept_until_its_successor_is_published(
    said: Settings, clock: TurnableClock
) -> None:
    make_keys(said, clock.now())
    rotate_key(said, "tuf-root", clock.now())
    assert [bool(one.private_der) for one in Keys(said).now().all("tuf-root")] == [True, True]
    forget_ended_keys(said)
    assert [bool(one.private_der) for one in Keys(said).now().all("tuf-root")] == [False, True]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"roles": {}}', '{"roles": {"authority": [{}]}}', "\0"])
def test_a_damaged_file_is_told_of(said: Settings, text: str) -> None:
    sigstore_keys_path(said).write_text(text)
    with pytest.raises(Unavailable, match="keys of the private Sigstore"):
        Keys(said).now()


def test_a_missing_file_says_what_makes_it(said: Settings) -> None:
    with pytest.raises(Unavailable, match="cannot be read"):
        Keys(said).now()


def test_a_private_key_that_does_not_belong_to_its_public_half_signs_nothing(
    said: Settings, clock: TurnableClock
) -> None:
    make_keys(said, clock.now())
    path = sigstore_keys_path(said)
    told = json.loads(path.read_text())
    told["roles"]["time"][0]["private"] = told["roles"]["authority"][0]["private"]
    path.write_text(json.dumps(told))
    with pytest.raises(Unavailable, match="does not belong"):
        Keys(said).now()


@pytest.mark.slow
@pytest.mark.skipif(not SOFTHSM.exists(), reason="no SoftHSM")
def test_keys_in_hardware_sign_and_never_leave(
    said: Settings, clock: TurnableClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tokens").mkdir()
    (tmp_path / "softhsm2.conf").write_text(f"directories.tokendir = {tmp_path / 'tokens'}\nlog.level = ERROR\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "softhsm2.conf"))
    program = shutil.which("softhsm2-util")
    assert program is not None
    init = ["--init-token", "--free", "--label", "customhouse", "--pin", "1234", "--so-pin", "5678"]
    subprocess.run([program, *init], check=True, capture_output=True)
    hardware = {"module": str(SOFTHSM), "token": "customhouse", "pin": "1234"}
    hard = Settings.model_validate(
        {"data": tmp_path, "sigstore": True, "url": "https://index.test", "sigstore_hardware": hardware}
    )
    make_keys(hard, clock.now())
    keys = Keys(hard).now()
    for role in ("authority", "certificates", "entries-v1", "time"):
        assert keys.record(role).hardware_label == f"customhouse-{role}-1"
        assert not keys.record(role).private_der
    key = keys.ecdsa("authority")
    assert isinstance(key, HardwareKey)
    key.public_key().verify(key.sign(b"message", ec.ECDSA(hashes.SHA256())), b"message", ec.ECDSA(hashes.SHA256()))
    with pytest.raises(TypeError, match="never leaves"):
        key.private_numbers()
    root = x509.load_der_x509_certificate(keys.record("authority").certificates[0])
    authority = Authority(SigningKey(key), TimestampLog(SigningKey(keys.ecdsa("certificates"))), clock, root)
    made = authority.certify(
        OidcIdentity("https://issuer.test", "builder"), ec.generate_private_key(ec.SECP256R1()).public_key()
    )
    made.certificate.verify_directly_issued_by(root)
    assert precertificate_of(made.leaf) in made.leaf
    rotate_key(hard, "authority", clock.now())
    assert Keys(hard).now().record("authority").hardware_label == "customhouse-authority-2"
    soft = Keys(said)
    with pytest.raises(Unavailable, match="hardware module"):
        soft.now()


@pytest.mark.parametrize("text", ["", "name", "name+00000000+AAAA", "a b+00+AA==", "name+zz+" + "A" * 44])
def test_what_is_no_key_of_a_note_is_refused(text: str) -> None:
    with pytest.raises(Rejected, match="key"):
        NoteKey.read(text)


@pytest.mark.parametrize(
    "text", ["", "a\n1\nx\n\n— a AAAA\n", "a\n-1\n" + "A" * 43 + "=\n\n— a AAAAAAAA\n", "a\n1\n" + "A" * 43 + "=\n\n"]
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(Rejected, match="checkpoint"):
        read_checkpoint(text)
