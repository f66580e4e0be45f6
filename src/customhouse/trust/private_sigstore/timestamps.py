"""A time-stamping authority (RFC 3161): it signs that it has seen a hash at this moment, and keeps nothing."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime

from asn1crypto import cms, core, tsp  # type: ignore[import-untyped] # it says nothing of types
from asn1crypto import x509 as ax509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from customhouse.terms.errors import Rejected
from customhouse.trust.private_sigstore.keyring import Keyring

POLICY = "1.3.6.1.4.1.57264.2"
"""The policy under which Sigstore's authorities sign, too."""
HASH_BYTES = {"sha256": 32, "sha384": 48, "sha512": 64}
LONGEST_NONCE_BITS = 160
_SERIAL_BITS = 63


def timestamp(query: bytes, keys: Keyring, now: datetime) -> bytes:
    """The answer (TimeStampResp, DER) to a query (TimeStampReq, DER). Raises `Rejected` for what is no query at all."""
    try:
        asked = tsp.TimeStampReq.load(query, strict=True)
        imprint, algorithm = asked["message_imprint"], asked["message_imprint"]["hash_algorithm"]["algorithm"].native
        digest, nonce = imprint["hashed_message"].native, asked["nonce"].native
        policy, wants_certificate = asked["req_policy"].native, bool(asked["cert_req"].native)
        version, extended = asked["version"].native, asked["extensions"].native
    except (ValueError, TypeError, KeyError) as error:
        raise Rejected("bad-query", "body", "is no TimeStampReq", "a DER query of RFC 3161") from error
    if version != "v1" or not isinstance(digest, bytes):
        return _declined("bad_request")
    if HASH_BYTES.get(algorithm) is None:
        return _declined("bad_alg")
    if len(digest) != HASH_BYTES[algorithm]:
        return _declined("bad_data_format")
    if policy is not None and asked["req_policy"].dotted != POLICY:
        return _declined("unaccepted_policy")
    if extended:
        return _declined("unaccepted_extensions")
    if nonce is not None and int(nonce).bit_length() > LONGEST_NONCE_BITS:
        return _declined("bad_request")
    info = tsp.TSTInfo(
        {
            "version": "v1",
            "policy": POLICY,
            "message_imprint": imprint,
            "serial_number": secrets.randbits(_SERIAL_BITS),
            "gen_time": now.replace(microsecond=0),
        }
    )
    if nonce is not None:
        info["nonce"] = nonce
    token = _signed(info.dump(), keys, with_certificate=wants_certificate)
    return bytes(tsp.TimeStampResp({"status": {"status": "granted"}, "time_stamp_token": token}).dump())


def _signed(info: bytes, keys: Keyring, *, with_certificate: bool) -> cms.ContentInfo:
    """CMS SignedData around the facts (RFC 3161, 2.4.2; RFC 5816 for the signer's certificate)."""
    der = keys.record("time").certificates[0]
    own = ax509.Certificate.load(der)
    named = tsp.ESSCertIDv2({"hash_algorithm": {"algorithm": "sha256"}, "cert_hash": hashlib.sha256(der).digest()})
    attributes = cms.CMSAttributes(
        [
            cms.CMSAttribute({"type": "content_type", "values": ["tst_info"]}),
            cms.CMSAttribute({"type": "message_digest", "values": [hashlib.sha256(info).digest()]}),
            cms.CMSAttribute(
                {"type": "signing_certificate_v2", "values": [tsp.SigningCertificateV2({"certs": [named]})]}
            ),
        ]
    )
    signature = keys.ecdsa("time").sign(attributes.untag().dump(), ec.ECDSA(hashes.SHA256()))
    signer = cms.IssuerAndSerialNumber({"issuer": own.issuer, "serial_number": own.serial_number})
    content = {
        "version": "v3",
        "digest_algorithms": [{"algorithm": "sha256"}],
        "encap_content_info": {"content_type": "tst_info", "content": core.ParsableOctetString(info)},
        "signer_infos": [
            cms.SignerInfo(
                {
                    "version": "v1",
                    "sid": cms.SignerIdentifier({"issuer_and_serial_number": signer}),
                    "digest_algorithm": {"algorithm": "sha256"},
                    "signed_attrs": attributes,
                    "signature_algorithm": {"algorithm": "sha256_ecdsa"},
                    "signature": signature,
                }
            )
        ],
    }
    if with_certificate:
        content["certificates"] = [own]
    return cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData(content)})


def _declined(why: str) -> bytes:
    """A query that is understood and not granted (RFC 3161, 2.4.2)."""
    status = {"status": "rejection", "fail_info": {why}}
    return bytes(tsp.TimeStampResp({"status": status}).dump())
