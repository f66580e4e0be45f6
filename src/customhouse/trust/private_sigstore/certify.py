"""A token and a key in, a signing certificate out, as Sigstore's Fulcio does it (``CreateSigningCertificate``).

In this order: the form of the request; the token, by its issuer's keys; that whoever asks has the key; the certificate;
then one deed claims the token and puts the certificate into the log of certificates. Only then is it handed out. A
token is worth one key: shown again with the same key it is a retry, with another it is a theft.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from customhouse.formats.strict_json import read_json
from customhouse.infra.db import insert_new
from customhouse.infra.issuer import Issuers
from customhouse.ledger.tx import Deeds, Tx
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import ANONYMOUS
from customhouse.trust import jwt
from customhouse.trust.issuers import Kind, PublisherIssuer
from customhouse.trust.jwt import IdToken
from customhouse.trust.private_sigstore.ca import Authority, OidcIdentity
from customhouse.trust.private_sigstore.claims import identity_of
from customhouse.trust.private_sigstore.ct import TimestampLog
from customhouse.trust.private_sigstore.events import SigningCertificateIssued, SigningTokenRefused
from customhouse.trust.private_sigstore.keyring import Keyring
from customhouse.trust.private_sigstore.keys import SigningKey
from customhouse.trust.private_sigstore.logbook import Logbook
from customhouse.trust.private_sigstore.merkle import leaf_hash
from customhouse.trust.private_sigstore.people import OwnIssuer
from customhouse.trust.private_sigstore.tables import sigstore_token
from customhouse.trust.private_sigstore.tree import CERTIFICATES, Leaf, append
from customhouse.trust.signer_identity import subject_name

AUDIENCE = "sigstore"
"""For whom tokens must be made, at every Sigstore."""
DEEPEST = 6
REMEMBERED = timedelta(hours=1)
"""A token's identifier is kept for so long after the token is dead: clocks that are turned back let nobody in twice."""
_EXPECTED = "a CSR, or a public key with a proof of possession (ECDSA over P-256)"


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asks for: the claims are not believed yet."""

    token: str
    key: ec.EllipticCurvePublicKey
    proof: bytes = b""
    """Of possession: a signature of the token's subject. Empty where the request signs itself (CSR)."""

    def __repr__(self) -> str:
        return "Request(…)"


@dataclass(frozen=True, slots=True)
class _Ready:
    """The deed's command: a certificate that nobody has seen."""

    token: IdToken
    identity: OidcIdentity
    name: str
    key_hash: str
    serial: str
    leaf: Leaf
    digest: bytes


@dataclass(frozen=True)
class Certifying:
    """What issuing needs besides the request."""

    deeds: Deeds
    issuers: Issuers
    known: Sequence[PublisherIssuer]
    """Whose tokens are taken, besides our own."""
    own: OwnIssuer
    keys: Callable[[], Keyring]
    logbook: Logbook

    def certificate(self, request: Request) -> tuple[x509.Certificate, ...]:
        """The new certificate and those above it; raises `Refused`, `Rejected`, or `Unavailable` for an issuer away.

        Raises `LogRolledBack`, and has not used up the token, if the log of certificates was put back.
        """
        keys = self.keys()
        with self.logbook.view(CERTIFICATES):
            pass
        token, kind = self._verified(request.token, keys)
        identity = _identity(token.claims, kind)
        if request.proof:
            _check_proof(request, token.claims)
        record = keys.record("authority")
        chain = [x509.load_der_x509_certificate(one) for one in record.certificates]
        timestamps = TimestampLog(SigningKey(keys.ecdsa("certificates")))
        authority = Authority(SigningKey(keys.ecdsa("authority")), timestamps, self.deeds.clock, chain[0])
        try:
            made = authority.certify(identity, request.key)
        except ValueError as error:
            raise Rejected(
                "bad-subject", "token", "names somebody whom no certificate can name", "another token"
            ) from error
        name = subject_name(identity.issuer, identity.subject)
        leaf = Leaf(made.leaf, "precertificate", name, identity.issuer)
        key_hash = hashlib.sha256(request.key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
        serial = f"{made.certificate.serial_number:x}"
        self.deeds.do(_issue, _Ready(token, identity, name, key_hash, serial, leaf, leaf_hash(made.leaf)))
        # Its timestamp is a promise of the log: what was promised is remembered like what was shown.
        self.logbook.note(CERTIFICATES)
        return (made.certificate, *chain)

    def _verified(self, text: str, keys: Keyring) -> tuple[IdToken, Kind]:
        unverified = jwt.take_apart(text)
        now = self.deeds.clock.now()
        if unverified.issuer == self.own.url:
            return jwt.verify(unverified, self.own.public_keys(keys, now), self.own.expected(), now), "custom"
        issuer = next((one for one in self.known if one.url == unverified.issuer), None)
        if issuer is None:
            raise jwt.bad_token("its issuer is none of those whose tokens are taken here (sigstore_issuers)")
        found = self.issuers.keys(issuer.source, lacking=unverified.key_id)
        return jwt.verify(unverified, found, issuer.expected(AUDIENCE), now), issuer.kind


def read_request(body: bytes, bearer: str) -> Request:
    """Take a request apart; raises `Rejected`. The token stands in the header or in the body."""
    try:
        asked = read_json(body.decode(), max_depth=DEEPEST)
    except ValueError as error:
        raise _bad("body", "is no JSON in UTF-8 that is read here") from error
    if not isinstance(asked, dict):
        raise _bad("body", "is no JSON object")
    credentials = asked.get("credentials")
    inside = credentials.get("oidcIdentityToken") if isinstance(credentials, dict) else None
    token = bearer or (inside if isinstance(inside, str) else "")
    if not token:
        raise Refused("no-token", "There is no ID token.", "Authorization: Bearer TOKEN.", status=401)
    if "certificateSigningRequest" in asked:
        return Request(token, _key_of_csr(_decoded(asked, "certificateSigningRequest", "body")))
    wanted = asked.get("publicKeyRequest")
    if not isinstance(wanted, dict) or not isinstance(wanted.get("publicKey"), dict):
        raise _bad("body", "asks for nothing")
    where = "publicKeyRequest"
    content = wanted["publicKey"].get("content")
    if not isinstance(content, str):
        raise _bad(f"{where}.publicKey.content", "is no text")
    pem = content.encode() if content.startswith("-----") else _decoded(wanted["publicKey"], "content", where)
    proof = _decoded(wanted, "proofOfPossession", where)
    if not proof:
        raise _bad(f"{where}.proofOfPossession", "is empty")
    try:
        return Request(token, _on_p256(load_pem_public_key(pem), where), proof)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _bad(f"{where}.publicKey", "is no public key in PEM") from error


def forget_old_tokens(sql: sa.Connection, now: datetime) -> int:
    """Remove tokens that are dead anyway; running it again removes nothing."""
    return sql.execute(sigstore_token.delete().where(sigstore_token.c.kept_until < now)).rowcount


def _issue(ready: _Ready, tx: Tx) -> None:
    """Claim the token for this key, and put the certificate into its log."""
    token, identity = ready.token, ready.identity
    kept_until = token.dead_at + REMEMBERED
    claimed = insert_new(
        tx.sql, sigstore_token, issuer=identity.issuer[:300], jti=token.identifier, key_hash=ready.key_hash,
        kept_until=kept_until,
    )  # fmt: skip
    if claimed is None:
        _refuse_another_key(ready, tx)
    (logged,) = append(tx.sql, CERTIFICATES, [(ready.digest, ready.leaf)], tx.now()).entries
    tx.record(
        SigningCertificateIssued(
            ANONYMOUS, None, name=ready.name, issuer=identity.issuer, serial=ready.serial, place=logged.place
        )
    )


def _refuse_another_key(ready: _Ready, tx: Tx) -> None:
    chosen = sa.select(sigstore_token.c.key_hash).where(
        sigstore_token.c.issuer == ready.identity.issuer[:300], sigstore_token.c.jti == ready.token.identifier
    )
    if tx.sql.execute(chosen).scalar_one() != ready.key_hash:
        why = "it was used before, for another key"
        event = SigningTokenRefused(ANONYMOUS, None, name=ready.name, issuer=ready.identity.issuer, why=why)
        raise Refused(
            "token-used", f"This ID token is not accepted: {why}.",
            "Get a new token for each key; if you have not used this one, somebody else has it.", status=422,
            records=[event],
        )  # fmt: skip


def _identity(claims: Mapping[str, Any], kind: Kind) -> OidcIdentity:
    try:
        return identity_of(claims, kind)
    except ValueError as error:
        raise jwt.bad_token(str(error)) from error


def _check_proof(request: Request, claims: Mapping[str, Any]) -> None:
    """A signature of what the token says of whom it is about: clients sign the address if there is one (Fulcio)."""
    said = [claims.get("email"), claims.get("sub")]
    for text in said:
        if isinstance(text, str) and text:
            try:
                request.key.verify(request.proof, text.encode(), ec.ECDSA(hashes.SHA256()))
            except (InvalidSignature, UnicodeEncodeError):
                continue
            return
    raise _bad("publicKeyRequest.proofOfPossession", "is no signature of the token's subject by this key")


def _key_of_csr(pem: bytes) -> ec.EllipticCurvePublicKey:
    where = "certificateSigningRequest"
    try:
        csr = x509.load_pem_x509_csr(pem)
        signed, key = csr.is_signature_valid, csr.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature) as error:
        raise _bad(where, "is no certificate signing request in PEM") from error
    if not signed:
        raise _bad(where, "is not signed with the key that it asks a certificate for")
    return _on_p256(key, where)


def _on_p256(key: object, where: str) -> ec.EllipticCurvePublicKey:
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise _bad(where, "its key is not one of ECDSA over P-256")
    return key


def _decoded(of: Mapping[str, Any], name: str, where: str) -> bytes:
    value = of.get(name)
    try:
        return base64.b64decode(value if isinstance(value, str) else "?", validate=True)
    except ValueError as error:
        raise _bad(f"{where}.{name}", "is not written in base64") from error


def _bad(where: str, why: str) -> Rejected:
    return Rejected("bad-request", where, why, _EXPECTED)
