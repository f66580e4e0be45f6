"""/trust/sigstore/: the private Sigstore for people: its log, keys, witnesses, who has signed, how to verify."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from starlette.responses import Response

from customhouse.infra.sigstore_keys import KeyRecord
from customhouse.trust.private_sigstore.collect import Cosigned, cosigned
from customhouse.trust.private_sigstore.keyring import ROLES, TITLES, Keyring, Role
from customhouse.trust.private_sigstore.note import NoteKey
from customhouse.trust.private_sigstore.restored import standings
from customhouse.trust.private_sigstore.service import Sigstore
from customhouse.trust.private_sigstore.tree import CERTIFICATES, ENTRIES, latest
from customhouse.trust.private_sigstore.trust_config import note_key
from customhouse.trust.private_sigstore.witness import all_witnessed
from customhouse.web.api.sigstore import sigstore_of
from customhouse.web.doors import Door, door
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit

SHOWN = 25
NAME_LETTERS = 1000


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One key, as people compare it."""

    role: Role
    title: str
    sha256: str
    """Of its SubjectPublicKeyInfo."""
    since: datetime
    until: datetime | None
    hardware: bool


@dataclass(frozen=True, slots=True)
class WitnessRow:
    """One witness, and how far it has come with each log."""

    key: NoteKey
    url: str
    said: Sequence[Cosigned]


def sigstore_doors() -> list[Door]:
    """The doors."""
    return [door("GET", "/trust/sigstore/", page, Permission.PUBLIC_READ)]


def page(visit: Visit) -> Response:
    """All of it; with ``?name=`` what one signer has signed."""
    sigstore = sigstore_of(visit.app)
    name = visit.query.get("name", "")[:NAME_LETTERS]
    keys = sigstore.keys.now()
    with visit.app.database.read(snapshot=True) as sql:
        rows = latest(sql, ENTRIES, SHOWN, name=name)
        certificates = latest(sql, CERTIFICATES, SHOWN, name=name) if name else []
        said, watched = cosigned(sql), all_witnessed(sql)
    standing = standings(sigstore.logbook)
    checkpoint = sigstore.logbook.checkpoint(ENTRIES) if not standing[0].fault else None
    return visit.page(
        "sigstore.html", kept=True, name=name, rows=rows, certificates=certificates, watched=watched,
        checkpoint=checkpoint, standing=standing, sizes=[one.now.size for one in standing],
        keys=key_rows(keys), log_key=note_key(keys.record("entries-v2")).spelled, base=sigstore.base,
        witnesses=witness_rows(sigstore, said), witness_key=sigstore.witness_key.spelled,
    )  # fmt: skip


def key_rows(keys: Keyring) -> list[KeyRow]:
    """Every key by role, the one that signs now first."""
    return [_row(role, one) for role in ROLES for one in reversed(keys.all(role))]


def witness_rows(sigstore: Sigstore, said: Sequence[Cosigned]) -> list[WitnessRow]:
    """The witnesses of the settings."""
    found = []
    for one in sigstore.witnesses:
        key = NoteKey.read(one.key)
        found.append(WitnessRow(key, one.url, [row for row in said if row.witness == key.name]))
    return found


def _row(role: Role, record: KeyRecord) -> KeyRow:
    digest = hashlib.sha256(record.public_der).hexdigest()
    return KeyRow(role, TITLES[role], digest, record.since, record.until, bool(record.hardware_label))
