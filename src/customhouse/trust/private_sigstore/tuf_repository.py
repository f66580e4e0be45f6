"""The repository from which clients get trust root and signing config, safe from roll-back and freeze (TUF 1.0).

It lies in the database: metadata by role and version, targets by digest. Renewing looks at what should be there, and
writes new versions of what is not so any more or ends soon; a second time it changes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key
from sqlalchemy.engine import Connection

from customhouse.infra.db import put_rows
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused
from customhouse.terms.identity import SYSTEM
from customhouse.trust.private_sigstore.events import TrustRepositoryRenewed
from customhouse.trust.private_sigstore.keyring import Keyring, Role
from customhouse.trust.private_sigstore.tables import sigstore_metadata, sigstore_target
from customhouse.trust.private_sigstore.trust_config import signing_config_of, trusted_root_of

RENEW_JOB = "sigstore-renew"
LIVES: Mapping[str, timedelta] = {
    "root": timedelta(days=365), "targets": timedelta(days=90), "snapshot": timedelta(days=30),
    "timestamp": timedelta(days=7),
}  # fmt: skip
"""A client that is shown nothing newer notices it after so long."""
EARLY = 2
"""What has less than a half of its life left is made anew."""
TRUSTED_ROOT, SIGNING_CONFIG = "trusted_root.json", "signing_config.v0.2.json"
ROLES: Mapping[str, Role] = {
    "root": "tuf-root", "targets": "tuf-targets", "snapshot": "tuf-snapshot", "timestamp": "tuf-timestamp",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Renew:
    """The command."""

    keys: Keyring
    base: str
    """The address of this Sigstore."""


def renew(wish: Renew, tx: Tx) -> list[str]:
    """Write what is missing, has changed or ends soon; says which versions are new."""
    tuf = _library()
    tx.serialize()
    now, made = tx.now().replace(microsecond=0), _Made(wish.keys, tx)
    last: dict[str, Any] = {
        role: tuf.Metadata.from_bytes(body) for role in ROLES if (body := _latest(tx.sql, role)) is not None
    }
    wanted_root = _root(wish.keys, now)
    root: Any = last["root"].signed if "root" in last else None
    if root is None or _soon(root.expires, now, "root") or _who(root) != _who(wanted_root):
        wanted_root.version = 1 if root is None else root.version + 1
        made.write("root", wanted_root)
    contents = {
        TRUSTED_ROOT: json.dumps(trusted_root_of(wish.keys), indent=1).encode(),
        SIGNING_CONFIG: json.dumps(signing_config_of(wish.keys, wish.base), indent=1).encode(),
    }
    files = {name: tuf.TargetFile.from_data(name, body, ["sha256"]) for name, body in contents.items()}
    targets: Any = last["targets"].signed if "targets" in last else None
    changed = targets is None or targets.targets != files or made.rekeyed(last, "targets")
    if targets is None or changed or _soon(targets.expires, now, "targets"):
        put_rows(tx.sql, sigstore_target, [
            {"sha256": hashlib.sha256(body).hexdigest(), "name": name, "body": body} for name, body in contents.items()
        ])  # fmt: skip
        targets = tuf.Targets(
            version=1 if targets is None else targets.version + 1, expires=_end(now, "targets"), targets=files
        )
        made.write("targets", targets)
    snapshot: Any = last["snapshot"].signed if "snapshot" in last else None
    if snapshot is None or made.versions or made.rekeyed(last, "snapshot") or _soon(snapshot.expires, now, "snapshot"):
        version = 1 if snapshot is None else snapshot.version + 1
        snapshot = tuf.Snapshot(
            version=version, expires=_end(now, "snapshot"), meta={"targets.json": tuf.MetaFile(targets.version)}
        )
        made.write("snapshot", snapshot)
    stamp: Any = last["timestamp"].signed if "timestamp" in last else None
    if stamp is None or made.versions or made.rekeyed(last, "timestamp") or _soon(stamp.expires, now, "timestamp"):
        version = 1 if stamp is None else stamp.version + 1
        stamp = tuf.Timestamp(
            version=version, expires=_end(now, "timestamp"), snapshot_meta=tuf.MetaFile(snapshot.version)
        )
        made.write("timestamp", stamp)
    if made.versions:
        tx.record(TrustRepositoryRenewed(SYSTEM, None, versions=" ".join(made.versions)))
    return made.versions


def metadata(sql: Connection, role: str, version: int | None = None) -> bytes:
    """Metadata of a role, the newest if no version is given; raises `Refused` (404)."""
    found = _latest(sql, role, version) if version is None or 0 < version < 2**31 else None
    if found is None:
        raise Refused("not-found", "The trust repository has no such metadata.", status=404)
    return found


def target(sql: Connection, name: str, sha256: str) -> bytes:
    """A target by name and digest; raises `Refused` (404)."""
    chosen = sa.select(sigstore_target.c.body).where(sigstore_target.c.sha256 == sha256, sigstore_target.c.name == name)
    found: bytes | None = sql.execute(chosen).scalar_one_or_none()
    if found is None:
        raise Refused("not-found", "The trust repository has no such target.", status=404)
    return found


class _Made:
    """Signs and writes, and remembers what."""

    def __init__(self, keys: Keyring, tx: Tx) -> None:
        self._keys = keys
        self._tx = tx
        self.versions: list[str] = []

    def write(self, role: str, signed: Any) -> None:
        """Sign by the role's key; a root by its predecessors', too."""
        envelope = _library().Metadata(signed)
        for signer in self._signers(role):
            envelope.sign(signer, append=True)
        values = {"role": role, "version": signed.version, "body": envelope.to_bytes(), "expires_at": signed.expires}
        self._tx.sql.execute(sigstore_metadata.insert().values(values))
        self.versions.append(f"{role}-{signed.version}")

    def rekeyed(self, last: Mapping[str, Any], role: str) -> bool:
        """Whether the role's key is another than the one that has signed its last metadata."""
        return role in last and _key(self._keys, ROLES[role]).keyid not in last[role].signatures

    def _signers(self, role: str) -> list[Any]:
        name = ROLES[role]
        private: list[Any] = [self._keys.ed25519(name)]
        if role == "root":
            ended = [one for one in self._keys.all(name) if one.until is not None and one.private_der]
            private += [load_der_private_key(one.private_der, None) for one in ended]
        return [_signers().CryptoSigner(one) for one in private if isinstance(one, Ed25519PrivateKey)]


def _root(keys: Keyring, now: datetime) -> Any:
    tuf = _library()
    known = {role: _key(keys, name) for role, name in ROLES.items()}
    return tuf.Root(
        version=1,
        expires=_end(now, "root"),
        keys={key.keyid: key for key in known.values()},
        roles={role: tuf.Role([key.keyid], 1) for role, key in known.items()},
        consistent_snapshot=True,
    )


def _key(keys: Keyring, role: Role) -> Any:
    return _signers().SSlibKey.from_crypto(load_der_public_key(keys.record(role).public_der))


def _who(root: Any) -> Any:
    return {role: sorted(one.keyids) for role, one in root.roles.items()}


def _end(now: datetime, role: str) -> datetime:
    return now + LIVES[role]


def _soon(expires: datetime, now: datetime, role: str) -> bool:
    return expires - now < LIVES[role] / EARLY


def _latest(sql: Connection, role: str, version: int | None = None) -> bytes | None:
    chosen = sa.select(sigstore_metadata.c.body).where(sigstore_metadata.c.role == role)
    if version is not None:
        chosen = chosen.where(sigstore_metadata.c.version == version)
    found: bytes | None = sql.execute(chosen.order_by(sigstore_metadata.c.version.desc()).limit(1)).scalar()
    return found


def _library() -> Any:
    """Loaded where something is signed or read: it takes a tenth of a second."""
    from tuf.api import metadata  # noqa: PLC0415 - see above

    return metadata


def _signers() -> Any:
    """Likewise."""
    from securesystemslib import signer  # noqa: PLC0415 - see above

    return signer
