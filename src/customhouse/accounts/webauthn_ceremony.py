"""What a security key or passkey says, verified (WebAuthn level 3); pure, given a challenge that was claimed.

A key signs for one origin and one relying party, so its answer to a page that looks like ours is worth nothing here.
What comes from the browser is hostile until the signature is right, and its attestation stays so: we ask for none, and
read none but the empty one and a signature by the new key itself (A15: formats are where parsers break).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import cbor2
import webauthn
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from webauthn.helpers import decode_credential_public_key, decoded_public_key_to_cryptography, options_to_json
from webauthn.helpers.cose import COSECRV, COSEKTY, COSEAlgorithmIdentifier
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from customhouse.accounts.server_key import ServerKey
from customhouse.terms.encode import from_base64url
from customhouse.terms.errors import Refused

ALGORITHMS = [
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
]
"""What security keys and platforms speak. RSA with SHA-1 is not among them."""
ANSWER_LENGTH = 16_384
# WebAuthn level 3, section 4: a credential id has at most 1,023 bytes.
CREDENTIAL_ID_BYTES = 1023
LEAST_CREDENTIAL_ID_BYTES = 16
LEAST_RSA_BITS = 2048
TIMEOUT_MILLISECONDS = 120_000
_KTY_OF = {
    COSEAlgorithmIdentifier.ECDSA_SHA_256: (COSEKTY.EC2, COSECRV.P256),
    COSEAlgorithmIdentifier.EDDSA: (COSEKTY.OKP, COSECRV.ED25519),
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256: (COSEKTY.RSA, None),
}


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """Us, as keys know us: the origin of the pages, and the host in it."""

    id: str
    origin: str
    name: str

    @classmethod
    def of(cls, url: str, name: str) -> RelyingParty | None:
        """From the address of the index; None where browsers offer no keys: at bare addresses and without TLS."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        if not host or _is_address(host):
            return None
        if parts.scheme != "https" and host != "localhost" and not host.endswith(".localhost"):
            return None
        default = {"https": 443, "http": 80}.get(parts.scheme)
        port = f":{parts.port}" if parts.port is not None and parts.port != default else ""
        return cls(host, f"{parts.scheme}://{host}{port}", name)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a browser has sent, as far as it can be read before anything is known of its truth."""

    text: str
    challenge: bytes
    credential_id: bytes
    user_handle: bytes | None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that has proved that it holds its private half."""

    credential_id: bytes
    public_key: bytes
    sign_count: int


def user_handle(key: ServerKey, account_id: int) -> bytes:
    """By which a passkey names its account: it says nothing to anybody else (section 14.6.1)."""
    return key.mac("webauthn-user", str(account_id))


def registration_options(
    party: RelyingParty, *, challenge: bytes, handle: bytes, name: str, known: list[bytes], passkey: bool
) -> str:
    """What the browser asks the authenticator for, as JSON."""
    selection = AuthenticatorSelectionCriteria(
        resident_key=ResidentKeyRequirement.REQUIRED if passkey else ResidentKeyRequirement.DISCOURAGED,
        user_verification=UserVerificationRequirement.REQUIRED if passkey else UserVerificationRequirement.PREFERRED,
    )
    return options_to_json(
        webauthn.generate_registration_options(
            rp_id=party.id, rp_name=party.name, user_name=name, user_id=handle, user_display_name=name,
            challenge=challenge, timeout=TIMEOUT_MILLISECONDS, authenticator_selection=selection,
            exclude_credentials=[PublicKeyCredentialDescriptor(one) for one in known],
            supported_pub_key_algs=ALGORITHMS,
        )
    )  # fmt: skip


def assertion_options(party: RelyingParty, *, challenge: bytes, known: list[bytes], verified: bool) -> str:
    """The same for signing in: by one of these keys, or by any passkey if none is named."""
    required, preferred = UserVerificationRequirement.REQUIRED, UserVerificationRequirement.PREFERRED
    return options_to_json(
        webauthn.generate_authentication_options(
            rp_id=party.id, challenge=challenge, timeout=TIMEOUT_MILLISECONDS,
            allow_credentials=[PublicKeyCredentialDescriptor(one) for one in known],
            user_verification=required if verified else preferred,
        )
    )  # fmt: skip


def read_answer(text: str) -> Answer:
    """What stands in an answer; raises `Refused` for what is none. Nothing of it is true yet."""
    if not 0 < len(text) <= ANSWER_LENGTH:
        raise not_right("its answer is empty or too long")
    try:
        sent = json.loads(text)
        response = sent["response"]
        client_data = json.loads(_bytes(response["clientDataJSON"]))
        challenge, credential_id = _bytes(client_data["challenge"]), _bytes(sent["rawId"])
        handle = response.get("userHandle")
        answer = Answer(text, challenge, credential_id, _bytes(handle) if handle else None)
        # A page of another origin that holds ours in a frame, or is held by one, is no page of ours (section 13.4.9).
        framed = client_data.get("crossOrigin") not in (None, False) or "topOrigin" in client_data
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise not_right("its answer cannot be read") from error
    if framed:
        raise not_right("it was asked from inside a page of somebody else")
    if not LEAST_CREDENTIAL_ID_BYTES <= len(credential_id) <= CREDENTIAL_ID_BYTES:
        raise not_right("its identifier is too short or too long")
    return answer


def verify_new_key(answer: Answer, party: RelyingParty, *, verified: bool) -> NewKey:
    """The key that an answer to registration options brings; raises `Refused` for whatever is not right about it."""
    try:
        _refuse_odd_attestation(answer)
        found = webauthn.verify_registration_response(
            credential=answer.text, expected_challenge=answer.challenge, expected_rp_id=party.id,
            expected_origin=party.origin, require_user_verification=verified, supported_pub_key_algs=ALGORITHMS,
        )  # fmt: skip
        _refuse_odd_key(found.credential_public_key)
    except Refused:
        raise
    except Exception as error:
        # The library has nine kinds of errors of its own, and lets those of its parsers through.
        raise not_right("it did not say what was asked for") from error
    if found.credential_id != answer.credential_id:
        raise not_right("it names itself in two ways")
    return NewKey(found.credential_id, found.credential_public_key, found.sign_count)


def verify_assertion(answer: Answer, party: RelyingParty, public_key: bytes, *, verified: bool) -> int:
    """The counter of a key that has signed what was asked; raises `Refused` for whatever is not right about it.

    The counter is compared where it is written, so that two answers at once cannot both be the next.
    """
    try:
        found = webauthn.verify_authentication_response(
            credential=answer.text, expected_challenge=answer.challenge, expected_rp_id=party.id,
            expected_origin=party.origin, credential_public_key=public_key, credential_current_sign_count=0,
            require_user_verification=verified,
        )  # fmt: skip
    except Exception as error:
        raise not_right("it did not sign what was asked for") from error
    return int(found.new_sign_count)


def not_right(why: str) -> Refused:
    """The same shape for everything that can be wrong with a key's answer."""
    return Refused("key-refused", f"The key was not accepted: {why}.", "Try once more, on a page of this index.")


def _refuse_odd_attestation(answer: Answer) -> None:
    """Only the empty attestation, and the key's own signature: no certificates, no other format."""
    found = cbor2.loads(_bytes(json.loads(answer.text)["response"]["attestationObject"]))
    statement = found["attStmt"]
    if found["fmt"] not in ("none", "packed") or not isinstance(statement, dict) or "x5c" in statement:
        raise not_right("it vouches for itself although nobody asked")


def _refuse_odd_key(public_key: bytes) -> None:
    """A key must be of the kind that its algorithm needs, on its curve, and not too small."""
    decoded = decode_credential_public_key(public_key)
    kind, curve = _KTY_OF[COSEAlgorithmIdentifier(decoded.alg)]
    if decoded.kty != kind or getattr(decoded, "crv", None) != curve:
        raise not_right("its key does not fit its algorithm")
    found: Any = decoded_public_key_to_cryptography(decoded)
    if isinstance(found, RSAPublicKey) and found.key_size < LEAST_RSA_BITS:
        raise not_right("its key is too small")


def _bytes(text: str) -> bytes:
    """Base64url without padding, and nothing that is not part of it."""
    return from_base64url(text)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
