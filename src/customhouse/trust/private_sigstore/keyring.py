"""The keys of the private Sigstore by role: making them, reading them, replacing one by a new one.

Each role has a key of its own, so that whoever gets hold of one is not all of it. What an old key has signed stays
good: its public half stays in the trust root, with the time in which it was used (`trust_config.py`).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, TypeAlias, get_args
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from customhouse.infra.hardware_keys import HardwareModule, hardware_module
from customhouse.infra.settings import Settings
from customhouse.infra.sigstore_keys import (
    WHO,
    KeyFile,
    KeyRecord,
    read_sigstore_keys,
    sigstore_keys_path,
    write_sigstore_keys,
)
from customhouse.terms.errors import Unavailable
from customhouse.trust.private_sigstore.ca import CLOCKS_DIFFER, root_certificate, usage

Role = Literal[
    "authority", "certificates", "entries-v1", "entries-v2", "time", "people", "witness",
    "tuf-root", "tuf-targets", "tuf-snapshot", "tuf-timestamp",
]  # fmt: skip
ROLES: tuple[Role, ...] = get_args(Role)
TITLES: Mapping[Role, str] = {
    "authority": "issues signing certificates",
    "certificates": "signs the log of certificates",
    "entries-v1": "signs the log of signatures (ECDSA, for clients of Rekor's first version)",
    "entries-v2": "signs the log of signatures (Ed25519)",
    "time": "signs timestamps",
    "people": "signs the tokens by which people say who they are",
    "witness": "co-signs the logs of others",
    "tuf-root": "signs which keys sign the trust repository",
    "tuf-targets": "signs which trust root is the right one",
    "tuf-snapshot": "signs what belongs together in the trust repository",
    "tuf-timestamp": "signs that the trust repository is of today",
}
"""What each key does, as the rest of a sentence."""
ED25519_ROLES = frozenset({"entries-v2", "witness", "tuf-root", "tuf-targets", "tuf-snapshot", "tuf-timestamp"})
HARDWARE_ROLES: frozenset[Role] = frozenset({"authority", "certificates", "entries-v1", "time"})
"""The roles whose keys may lie in a hardware module: those of ECDSA over P-256, which every module knows."""
LOG_ROLES: Mapping[Role, str] = {"entries-v1": "", "entries-v2": "", "certificates": "/certificates"}
"""The roles that sign for the logs, and how the name of their log ends."""
CERTIFIED_FOR = timedelta(days=3650)

PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | Ed25519PrivateKey


@dataclass(frozen=True)
class Keyring:
    """All keys at one moment."""

    records: KeyFile
    private: Mapping[str, PrivateKey]
    """By role, those that sign now."""

    def record(self, role: Role) -> KeyRecord:
        """The key of a role that signs now."""
        return self.records[role][-1]

    def all(self, role: Role) -> Sequence[KeyRecord]:
        """Every key that the role has had, the oldest first."""
        return self.records.get(role, ())

    def ecdsa(self, role: Role) -> ec.EllipticCurvePrivateKey:
        """The private key of a role of ECDSA."""
        key = self.private[role]
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise Unavailable(WHO, f"the key {role!r} is not one of ECDSA")
        return key

    def ed25519(self, role: Role) -> Ed25519PrivateKey:
        """The private key of a role of Ed25519."""
        key = self.private[role]
        if not isinstance(key, Ed25519PrivateKey):
            raise Unavailable(WHO, f"the key {role!r} is not one of Ed25519")
        return key

    @property
    def origin(self) -> str:
        """How checkpoints of the log of signatures begin."""
        return self.record("entries-v2").origin


class Keys:
    """The file, read again when somebody has changed it."""

    def __init__(self, settings: Settings) -> None:
        self._path = sigstore_keys_path(settings)
        self._hardware = hardware_of(settings)
        self._lock = threading.Lock()
        self._known: tuple[int, Keyring] | None = None

    def now(self) -> Keyring:
        """The keys of this moment; raises `Unavailable` if the file or the hardware module is away."""
        try:
            written = self._path.stat().st_mtime_ns
        except OSError as error:
            raise Unavailable(WHO, f"{self._path} cannot be read: {error.strerror}") from error
        known = self._known
        if known is not None and known[0] == written:
            return known[1]
        with self._lock:
            if self._known is None or self._known[0] != written:
                self._known = (written, _open(read_sigstore_keys(self._path), self._hardware))
            return self._known[1]


def hardware_of(settings: Settings) -> HardwareModule | None:
    """The hardware module that the settings name."""
    if settings.sigstore_hardware is None:
        return None
    said = settings.sigstore_hardware
    return hardware_module(said.module, said.token, said.pin.get_secret_value())


def make_keys(settings: Settings, now: datetime) -> None:
    """Make the first key of every role that has none."""
    path = sigstore_keys_path(settings)
    there = read_sigstore_keys(path) if path.exists() else {}
    lacking = [role for role in ROLES if role not in there]
    if lacking:
        made: dict[str, tuple[KeyRecord, ...]] = {role: (_new(settings, role, now, 1),) for role in lacking}
        write_sigstore_keys(path, {**there, **made}, replaces=bool(there))


def rotate_key(settings: Settings, role: Role, now: datetime) -> KeyRecord:
    """Let a role sign with a new key from now on. The old private key is gone from the file."""
    path = sigstore_keys_path(settings)
    there = read_sigstore_keys(path)
    last = there[role][-1]
    # A log keeps its name: its checkpoints go on where they were.
    found = _followed(settings, there, role, now, last.origin, last.url)
    write_sigstore_keys(path, found, replaces=True)
    return found[role][-1]


def name_new_log(settings: Settings, now: datetime) -> str:
    """Let the logs go on under another name and with new keys, all in one; returns how its checkpoints begin.

    The old keys end. What they have signed stays good, and nobody takes what follows for a part of it.
    """
    path = sigstore_keys_path(settings)
    there = read_sigstore_keys(path)
    first = there["entries-v2"][0]
    number = len({one.origin for one in there["entries-v2"]}) + 1
    origin, url = f"{first.origin}/log-{number}", f"{first.url}/log-{number}"
    found = there
    for role in LOG_ROLES:
        found = _followed(settings, found, role, now, origin + LOG_ROLES[role], url)
    write_sigstore_keys(path, found, replaces=True)
    return origin


def _followed(settings: Settings, there: KeyFile, role: Role, now: datetime, origin: str, url: str) -> KeyFile:
    """The keys with a new one for a role, and the end of the last."""
    old = there[role]
    made = _new(settings, role, now, len(old) + 1)
    if old[-1].origin:
        made = replace(made, origin=origin, url=url)
    # The next root of the trust repository must be signed by the key of the last one (TUF 5.3.4): `forget_ended_keys`.
    kept = old[-1].private_der if role == "tuf-root" else b""
    ended = replace(old[-1], until=now, private_der=kept, hardware_label="")
    return {**there, role: (*old[:-1], ended, made)}


def forget_ended_keys(settings: Settings) -> None:
    """Drop the private keys of ended roots of the trust repository. Call it once their successor is published."""
    path = sigstore_keys_path(settings)
    there = read_sigstore_keys(path)
    roots = there["tuf-root"]
    if any(one.private_der and one.until is not None for one in roots):
        cleaned = tuple(one if one.until is None else replace(one, private_der=b"") for one in roots)
        write_sigstore_keys(path, {**there, "tuf-root": cleaned}, replaces=True)


def _new(settings: Settings, role: Role, now: datetime, number: int) -> KeyRecord:
    hardware, label, private = hardware_of(settings), "", b""
    key: PrivateKey
    if hardware is not None and role in HARDWARE_ROLES:
        label = f"customhouse-{role}-{number}"
        key = hardware.make(label)
    elif role in ED25519_ROLES:
        key = Ed25519PrivateKey.generate()
    else:
        key = ec.generate_private_key(ec.SECP256R1())
    if not label:
        private = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    since = now.replace(microsecond=0) - CLOCKS_DIFFER if number == 1 else now
    certificates: tuple[bytes, ...] = ()
    name = urlsplit(settings.public_url).netloc
    if role == "authority" and isinstance(key, ec.EllipticCurvePrivateKey):
        certificates = (root_certificate(key, f"{name} certificates", now).public_bytes(Encoding.DER),)
    if role == "time" and isinstance(key, ec.EllipticCurvePrivateKey):
        certificates = _time_certificates(key, name, now)
    url, origin = f"{settings.public_url}/sigstore", ""
    if role in ("entries-v1", "entries-v2", "certificates", "witness"):
        origin = url.partition("://")[2] + (f"/{role}" if role in ("certificates", "witness") else "")
    return KeyRecord(since, None, public, private, label, certificates, origin, url if origin else "")


def _time_certificates(key: ec.EllipticCurvePrivateKey, name: str, now: datetime) -> tuple[bytes, ...]:
    """A certificate for timestamps, and the root above it, whose private key nobody keeps: it signs this one only."""
    root_key = ec.generate_private_key(ec.SECP256R1())
    root = root_certificate(root_key, f"{name} time", now)
    since = now.replace(microsecond=0) - CLOCKS_DIFFER
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name} timestamps"[:64])]))
        .issuer_name(root.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(since + CERTIFIED_FOR)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage(digital_signature=True), critical=True)
        # RFC 3161, section 2.3: this purpose alone, and critical.
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    return tuple(one.public_bytes(Encoding.DER) for one in (made, root))


def _open(records: KeyFile, hardware: HardwareModule | None) -> Keyring:
    missing = [role for role in ROLES if not records.get(role)]
    if missing:
        raise Unavailable(WHO, f"there is no key {missing[0]!r}; `customhouse sigstore keys` makes it")
    private: dict[str, PrivateKey] = {role: _opened(role, records[role][-1], hardware) for role in ROLES}
    return Keyring(records, private)


def _opened(role: Role, record: KeyRecord, hardware: HardwareModule | None) -> PrivateKey:
    if record.hardware_label:
        if hardware is None:
            raise Unavailable(WHO, f"the key {role!r} lies in a hardware module, and sigstore_hardware names none")
        return hardware.find(record.hardware_label)
    try:
        key = load_der_private_key(record.private_der, None)
    except ValueError as error:
        raise Unavailable(WHO, f"the key {role!r} is damaged: {error}") from error
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if public != record.public_der or not isinstance(key, ec.EllipticCurvePrivateKey | Ed25519PrivateKey):
        raise Unavailable(WHO, f"the private key {role!r} does not belong to its public half")
    return key
