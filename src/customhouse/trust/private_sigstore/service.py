"""The private Sigstore of a running Customhouse: its parts, put together from the settings."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509

from customhouse.infra.issuer import Issuers
from customhouse.infra.settings import Settings, SigstoreWitness
from customhouse.infra.sigstore_heads import HeadFile, sigstore_heads_path
from customhouse.infra.sigstore_keys import KeyRecord
from customhouse.ledger.tx import Deeds, Tx
from customhouse.terms.errors import Rejected
from customhouse.terms.identity import OPERATOR
from customhouse.trust.issuers import PublisherIssuer, issuers_of
from customhouse.trust.private_sigstore.certify import Certifying
from customhouse.trust.private_sigstore.entries import Writers
from customhouse.trust.private_sigstore.events import SigstoreKeyRotated
from customhouse.trust.private_sigstore.keyring import Keyring, Keys, Role, forget_ended_keys, make_keys, rotate_key
from customhouse.trust.private_sigstore.logbook import Logbook
from customhouse.trust.private_sigstore.note import COSIGNATURE, NoteKey, raw_ed25519
from customhouse.trust.private_sigstore.people import OwnIssuer
from customhouse.trust.private_sigstore.trust_config import OIDC_PATH, trusted_root_of
from customhouse.trust.private_sigstore.tuf_repository import Renew, renew
from customhouse.trust.roots import Root

PATH = "/sigstore"
"""Under which all its doors are."""
ROOT_NAME = "own-sigstore"


@dataclass(frozen=True)
class Sigstore:
    """Its parts."""

    base: str
    """Its address, without a slash at the end."""
    keys: Keys
    logbook: Logbook
    certifying: Certifying
    own: OwnIssuer
    witnesses: Sequence[SigstoreWitness]
    watched: tuple[NoteKey, ...]
    """The logs that we are a witness of."""

    @classmethod
    def open(cls, settings: Settings, deeds: Deeds, issuers: Issuers) -> Sigstore:
        """From the settings; raises `Rejected` for an issuer or a key that they name and nobody knows."""
        base, keys = settings.public_url + PATH, Keys(settings)
        own = OwnIssuer(base + OIDC_PATH)
        logbook = logbook_of(settings, deeds, keys)
        certifying = Certifying(deeds, issuers, _allowed(settings), own, keys.now, logbook)
        logs = [NoteKey.read(one, "sigstore_watched") for one in settings.sigstore_watched]
        # Who watches a log of signatures watches the log of certificates beside it, as our own programs do.
        watched = tuple(key for one in logs for key in (one, one.of_certificates))
        for one in settings.sigstore_witnesses:
            NoteKey.read(one.key, "sigstore_witnesses")
        return cls(base, keys, logbook, certifying, own, settings.sigstore_witnesses, watched)

    @property
    def root(self) -> Root:
        """Its trust root, as this index believes it."""
        return Root(ROOT_NAME, json.dumps(trusted_root_of(self.keys.now())).encode())

    @property
    def writers(self) -> Writers:
        """Whose signatures its log takes now: those of every authority that it has had."""
        known = self.keys.now().all("authority")
        roots = [x509.load_der_x509_certificate(one.certificates[-1]) for one in known]
        return Writers(roots, self.logbook.deeds.clock.now())

    @property
    def witness_key(self) -> NoteKey:
        """With which we co-sign the logs of others."""
        return witness_key(self.keys.now())


def logbook_of(settings: Settings, deeds: Deeds, keys: Keys | None = None) -> Logbook:
    """The logs, with what was said of them last."""
    heads = HeadFile(sigstore_heads_path(settings))
    return Logbook(deeds, (keys or Keys(settings)).now, heads, bool(settings.sigstore_witnesses))


def witness_key(keys: Keyring) -> NoteKey:
    """The key of the role ``witness``, as others know it."""
    record = keys.record("witness")
    return NoteKey(record.origin, COSIGNATURE, raw_ed25519(record.public_der))


def make_ready(settings: Settings, deeds: Deeds) -> None:
    """Make the keys that are missing, and the trust repository; harmless when they are there."""
    make_keys(settings, deeds.clock.now())
    deeds.do(renew, Renew(Keys(settings).now(), settings.public_url + PATH))
    forget_ended_keys(settings)


def rotate(settings: Settings, deeds: Deeds, role: Role) -> KeyRecord:
    """Let a role sign with a new key from now on, and tell clients by the trust repository."""
    if role not in Keys(settings).now().records:
        raise Rejected("unknown-role", "rotate", f"there is no key {role!r}")
    made = rotate_key(settings, role, deeds.clock.now())
    deeds.do(_note_rotation, (role, hashlib.sha256(made.public_der).hexdigest()))
    make_ready(settings, deeds)
    return made


def _note_rotation(command: tuple[Role, str], tx: Tx) -> None:
    role, key = command
    tx.record(SigstoreKeyRotated(OPERATOR, None, role=role, key=key))


def _allowed(settings: Settings) -> tuple[PublisherIssuer, ...]:
    """The issuers that the settings name for signing."""
    known = {one.name: one for one in issuers_of(settings)}
    for name in settings.sigstore_issuers:
        if name not in known:
            accepted = ", ".join(known) or "none"
            raise Rejected("unknown-issuer", "sigstore_issuers", f"no issuer is named {name!r}", f"of: {accepted}")
    return tuple(known[name] for name in settings.sigstore_issuers)
