"""Attestations of a file as uploads carry them (PEP 740): bytes to values, before anything costs time.

An attestation is a certificate, an in-toto statement about one file, a signature over it, and the entries of
transparency logs that have seen it. Here only their form is judged; whether signatures hold is `trust/verify.py`.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename

from customhouse.formats.filenames import MAX_FILENAME
from customhouse.formats.strict_json import read_json
from customhouse.terms.errors import Rejected

WHERE = "attestations"
PUBLISH = "https://docs.pypi.org/attestations/publish/v1"
"""Says only: whoever signs has published this file."""
SLSA = "https://slsa.dev/provenance/v1"
"""Says how the file was built: by which builder, from which sources."""
PREDICATES = (PUBLISH, SLSA)
STATEMENT = "https://in-toto.io/Statement/v1"

# One of each kind: what the same publisher says twice is said once, and each costs three signatures to verify.
MAX_ATTESTATIONS = len(PREDICATES)
# A real one has 5 to 10 KiB; SLSA lists every dependency of a build.
MAX_CHARACTERS = 512 * 1024
MAX_STATEMENT_BYTES = 128 * 1024
# Sigstore's have less than 2 KiB.
MAX_CERTIFICATE_BYTES = 8 * 1024
# ECDSA over P-256 has at most 72.
MAX_SIGNATURE_BYTES = 256
# Each entry is a further proof of the same; one is what every tool writes.
MAX_ENTRIES = 4
# The way to the root of a log of 2^64 entries.
MAX_PROOF_HASHES = 64

ACCEPTED = "a JSON list of attestation objects as PEP 740 has them, at most one of each kind"
_HEX = re.compile(r"[0-9a-f]{64}")
# What Sigstore's own reader takes; with another one among them nobody could verify what we serve.
_DIGESTS = frozenset({"sha256", "sha384", "sha512", "sha3_256", "sha3_384", "sha3_512"})


@dataclass(frozen=True, slots=True)
class Statement:
    """What is said of one file (in-toto statement, version 1)."""

    subject: str
    """The file's name, as the signer spells it."""
    sha256: str
    """Lower-case hexadecimal."""
    predicate_type: str
    predicate: Mapping[str, Any]
    """Empty for a publish attestation."""


@dataclass(frozen=True, slots=True)
class Attestation:
    """One attestation, well formed and not yet verified."""

    where: str
    """How errors name it: ``attestations[0]``."""
    certificate: bytes
    """X.509, DER."""
    statement: Statement
    statement_bytes: bytes
    """What is signed, inside a DSSE envelope."""
    signature: bytes
    entries: tuple[Mapping[str, Any], ...]
    """Of transparency logs, as Sigstore's bundles spell them; never empty."""

    def object(self, entry: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The attestation object again, with the keys that PEP 740 names and no others.

        What else was sent nobody has verified, so nobody is served it. With ``entry`` that entry alone.
        """
        return {
            "version": 1,
            "verification_material": {
                "certificate": base64.b64encode(self.certificate).decode(),
                "transparency_entries": [entry] if entry is not None else list(self.entries),
            },
            "envelope": {
                "statement": base64.b64encode(self.statement_bytes).decode(),
                "signature": base64.b64encode(self.signature).decode(),
            },
        }


def parse_attestations(text: str) -> tuple[Attestation, ...]:
    """Read the ``attestations`` field of an upload; raises `Rejected` naming which attestation and what of it."""
    if len(text) > MAX_CHARACTERS:
        raise _rejected(WHERE, f"{len(text)} characters are too many", f"at most {MAX_CHARACTERS}")
    try:
        value = read_json(text)
    except ValueError as error:
        raise _rejected(WHERE, f"cannot be read as JSON: {str(error)[:100]}") from error
    if not isinstance(value, list) or not value:
        raise _rejected(WHERE, "is no list with at least one attestation")
    if len(value) > MAX_ATTESTATIONS:
        raise _rejected(WHERE, f"holds {len(value)} attestations", f"at most {MAX_ATTESTATIONS}: one of each kind")
    found = tuple(_attestation(one, f"{WHERE}[{place}]") for place, one in enumerate(value))
    kinds = [one.statement.predicate_type for one in found]
    twice = next((kind for kind in kinds if kinds.count(kind) > 1), None)
    if twice is not None:
        raise _rejected(WHERE, f"holds two attestations of the kind {twice}", "one of each kind")
    return found


def parse_statement(raw: bytes, where: str) -> Statement:
    """Read an in-toto statement about exactly one file."""
    try:
        value = read_json(raw.decode())
    except ValueError as error:
        raise _rejected(where, f"cannot be read as JSON: {str(error)[:100]}") from error
    if not isinstance(value, dict) or value.get("_type") != STATEMENT:
        raise _rejected(where, "is no in-toto statement of version 1", STATEMENT)
    subjects = value.get("subject")
    if not isinstance(subjects, list) or len(subjects) != 1 or not isinstance(subjects[0], dict):
        raise _rejected(f"{where}.subject", "does not name exactly one file")
    name, digests = subjects[0].get("name"), subjects[0].get("digest")
    if not isinstance(name, str) or not name:
        raise _rejected(f"{where}.subject", "has no name")
    if len(name) > MAX_FILENAME:
        raise _rejected(f"{where}.subject", f"has a name of {len(name)} characters", f"at most {MAX_FILENAME}")
    if not isinstance(digests, dict) or not all(isinstance(one, str) for one in digests.values()):
        raise _rejected(f"{where}.subject.digest", "is no object of texts")
    odd = sorted(set(digests) - _DIGESTS)
    if odd:
        raise _rejected(f"{where}.subject.digest", f"has the unknown algorithm {odd[0][:40]!r}", "sha256")
    if not _HEX.fullmatch(digests.get("sha256", "")):
        raise _rejected(f"{where}.subject.digest", "has no SHA-256 digest", "64 lower-case hexadecimal digits")
    return Statement(name, digests["sha256"], *_predicate(value, where))


def statement_bytes(
    filename: str, sha256: str, kind: str = PUBLISH, predicate: Mapping[str, Any] | None = None
) -> bytes:
    """The statement about a file that a signer signs. Its encoding does not matter: it travels as it is."""
    return json.dumps(
        {
            "_type": STATEMENT,
            "subject": [{"name": filename, "digest": {"sha256": sha256}}],
            "predicateType": kind,
            "predicate": None if predicate is None else dict(predicate),
        },
        separators=(",", ":"),
    ).encode()


def same_file(one: str, other: str) -> bool:
    """Whether two names of distributions mean the same file, however project and version are spelt (PEP 740)."""
    first, second = _parsed(one), _parsed(other)
    return first is not None and first == second


def _parsed(filename: str) -> tuple[object, ...] | None:
    if len(filename) > MAX_FILENAME:
        return None
    try:
        if filename.endswith(".whl"):
            return _parsed_wheel(filename.removesuffix(".whl"))
        if filename.endswith(".tar.gz"):
            return parse_sdist_filename(filename)
    # A plain ValueError for a number with more digits than Python converts.
    except (InvalidWheelFilename, InvalidSdistFilename, ValueError):
        return None
    return None


def _parsed_wheel(stem: str) -> tuple[object, ...]:
    """Name, version, build and the tags' parts. Their product, which is what a wheel fits, is never spelt out."""
    rest, *tags = stem.rsplit("-", 3)
    name, version, build, _fits_all = parse_wheel_filename(f"{rest}-py3-none-any.whl")
    return name, version, build, *(frozenset(part.lower().split(".")) for part in tags)


def _attestation(value: object, where: str) -> Attestation:
    if not isinstance(value, dict):
        raise _rejected(where, "is no object")
    # True is 1 in Python, and no version.
    if value.get("version") != 1 or isinstance(value["version"], bool):
        raise _rejected(f"{where}.version", "is not 1", "version 1")
    material, envelope = value.get("verification_material"), value.get("envelope")
    if not isinstance(material, dict):
        raise _rejected(f"{where}.verification_material", "is no object")
    if not isinstance(envelope, dict):
        raise _rejected(f"{where}.envelope", "is no object")
    inside = f"{where}.verification_material"
    certificate = _bytes(material.get("certificate"), f"{inside}.certificate", MAX_CERTIFICATE_BYTES)
    entries = _entries(material.get("transparency_entries"), f"{inside}.transparency_entries")
    raw = _bytes(envelope.get("statement"), f"{where}.envelope.statement", MAX_STATEMENT_BYTES)
    signature = _bytes(envelope.get("signature"), f"{where}.envelope.signature", MAX_SIGNATURE_BYTES)
    statement = parse_statement(raw, f"{where}.envelope.statement")
    return Attestation(where, certificate, statement, raw, signature, entries)


def _entries(value: object, where: str) -> tuple[Mapping[str, Any], ...]:
    if not isinstance(value, list) or not value:
        raise _rejected(where, "is empty", "at least one entry of a transparency log")
    if len(value) > MAX_ENTRIES:
        raise _rejected(where, f"holds {len(value)} entries", f"at most {MAX_ENTRIES}")
    for one in value:
        if not isinstance(one, dict):
            raise _rejected(where, "holds something that is no object")
        proof = one.get("inclusionProof")
        if not isinstance(proof, dict):
            raise _rejected(where, "has no inclusion proof", "an entry with its inclusion proof and checkpoint")
        hashes = proof.get("hashes", [])
        if not isinstance(hashes, list) or len(hashes) > MAX_PROOF_HASHES:
            raise _rejected(where, "has a proof of too many hashes", f"at most {MAX_PROOF_HASHES}")
    return tuple(value)


def _predicate(value: Mapping[str, Any], where: str) -> tuple[str, Mapping[str, Any]]:
    kind, predicate = value.get("predicateType"), value.get("predicate")
    if kind not in PREDICATES:
        raise _rejected(f"{where}.predicateType", f"{str(kind)[:120]!r} is not known here", " or ".join(PREDICATES))
    if predicate is not None and not isinstance(predicate, dict):
        raise _rejected(f"{where}.predicate", "is no object")
    if kind == PUBLISH and predicate:
        raise _rejected(f"{where}.predicate", "is not empty", "nothing: this kind says all by its name")
    return str(kind), predicate or {}


def _bytes(value: object, where: str, limit: int) -> bytes:
    if not isinstance(value, str) or not value:
        raise _rejected(where, "is missing", "base64")
    if len(value) > limit * 4 // 3 + 4:
        raise _rejected(where, f"has {len(value)} characters, which are too many", f"at most {limit} bytes in base64")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _rejected(where, "is no base64", "base64 with padding and nothing else (RFC 4648)") from error


def _rejected(where: str, why: str, accepted: str = ACCEPTED) -> Rejected:
    return Rejected("bad-attestation", where, why, accepted)
