"""Signed notes and checkpoints of logs (C2SP signed-note, tlog-checkpoint, tlog-cosignature).

A checkpoint is three lines, origin, size and root, an empty line, and a line for each signature: an em dash, the
signer's name, and in base64 four bytes that say which key it was and the signature.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from customhouse.terms.errors import Rejected

ED25519, COSIGNATURE = 1, 4
"""Kinds of keys, as the first byte of what is hashed and of what people are given (C2SP signed-note)."""
HINT_BYTES, STAMP_BYTES, HASH_BYTES = 4, 8, 32
LONGEST = 64 * 1024
MOST_SIGNATURES = 100
_LINE = re.compile(r"— (\S+) ([A-Za-z0-9+/]+={0,2})")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_NAME = re.compile(r"[^\s+]{1,200}")
EXPECTED = "origin, size, root, an empty line, and signatures (C2SP tlog-checkpoint)"


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One line below a note."""

    name: str
    hint: bytes
    body: bytes

    def line(self) -> str:
        """As it is written, with its end of line."""
        return f"— {self.name} {base64.b64encode(self.hint + self.body).decode()}\n"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log says of itself at one moment."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """The same with its signatures, which nobody has looked at yet. ``text`` is what was signed, letter by letter."""

    checkpoint: Checkpoint
    text: str
    signatures: tuple[NoteSignature, ...]

    def note(self) -> str:
        """All of it, as it is sent."""
        return self.text + "\n" + "".join(one.line() for one in self.signatures)


@dataclass(frozen=True, slots=True)
class NoteKey:
    """A key that signs notes under a name (Ed25519), as C2SP spells it: ``NAME+HINT+BASE64``."""

    name: str
    kind: int
    raw: bytes

    @property
    def id(self) -> bytes:
        """SHA-256 of name, kind and key; its first four bytes stand before each signature."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.raw).digest()

    @property
    def spelled(self) -> str:
        """As people hand it to one another."""
        return f"{self.name}+{self.id[:HINT_BYTES].hex()}+{base64.b64encode(bytes([self.kind]) + self.raw).decode()}"

    @classmethod
    def read(cls, text: str, where: str = "key") -> NoteKey:
        """From how it is spelled; raises `Rejected`."""
        name, _, rest = text.strip().partition("+")
        hint, _, body = rest.partition("+")
        raw = _base64(body)
        if (
            not _NAME.fullmatch(name)
            or raw is None
            or len(raw) != 1 + HASH_BYTES
            or raw[0] not in (ED25519, COSIGNATURE)
        ):
            raise Rejected("bad-note-key", where, "is no key of a note", "NAME+HINT+BASE64 (C2SP signed-note)")
        key = cls(name, raw[0], raw[1:])
        if key.id[:HINT_BYTES].hex() != hint:
            raise Rejected(
                "bad-note-key", where, "its middle part does not belong to it", "the key as it was handed out"
            )
        return key

    @property
    def of_certificates(self) -> NoteKey:
        """The key of a log of signatures as it signs for the log of certificates beside it."""
        return NoteKey(f"{self.name}/certificates", self.kind, self.raw)

    def sign(self, private: Ed25519PrivateKey, text: str) -> NoteSignature:
        """Sign a note with the private half of a key of the kind `ED25519`."""
        return NoteSignature(self.name, self.id[:HINT_BYTES], private.sign(text.encode()))

    def cosign(self, private: Ed25519PrivateKey, text: str, now: datetime) -> NoteSignature:
        """Sign it as a witness, with the time (C2SP tlog-cosignature)."""
        stamp = int(now.timestamp())
        signature = private.sign(_cosigned(text, stamp))
        return NoteSignature(self.name, self.id[:HINT_BYTES], stamp.to_bytes(STAMP_BYTES) + signature)

    def signed(self, note: SignedCheckpoint) -> NoteSignature | None:
        """The signature of this key below a note, if there is one that holds."""
        for one in note.signatures:
            if one.name == self.name and one.hint == self.id[:HINT_BYTES] and self._holds(note.text, one.body):
                return one
        return None

    def _holds(self, text: str, body: bytes) -> bool:
        message, signature = text.encode(), body
        if self.kind == COSIGNATURE:
            message, signature = _cosigned(text, int.from_bytes(body[:STAMP_BYTES])), body[STAMP_BYTES:]
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


def stamp_of(cosignature: NoteSignature) -> datetime | None:
    """When a witness says that it has signed; None for a number that is no time."""
    try:
        return datetime.fromtimestamp(int.from_bytes(cosignature.body[:STAMP_BYTES]), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def read_checkpoint(text: str, where: str = "checkpoint") -> SignedCheckpoint:
    """Take it apart; raises `Rejected`. Lines below the root are kept as a part of what is signed."""
    if len(text) > LONGEST:
        raise Rejected("bad-checkpoint", where, f"has {len(text)} letters", EXPECTED)
    head, gap, tail = text.partition("\n\n")
    lines = head.split("\n")
    root = _base64(lines[2]) if len(lines) > 2 else None  # noqa: PLR2004 - origin, size, root
    if not gap or root is None or len(root) != HASH_BYTES or not lines[0] or not _SIZE.fullmatch(lines[1]):
        raise Rejected("bad-checkpoint", where, "is no checkpoint", EXPECTED)
    signatures = tail.split("\n")
    if signatures.pop() or not 0 < len(signatures) <= MOST_SIGNATURES:
        raise Rejected("bad-checkpoint", where, "has no signatures, or too many", EXPECTED)
    checkpoint = Checkpoint(lines[0], int(lines[1]), root)
    return SignedCheckpoint(checkpoint, head + "\n", tuple(_signature(one, where) for one in signatures))


def raw_ed25519(public_der: bytes) -> bytes:
    """The 32 bytes of a key that is given as SubjectPublicKeyInfo; raises `ValueError`."""
    key = load_der_public_key(public_der)
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("it is no key of Ed25519")  # noqa: TRY004 - the bytes are wrong, no call
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def _signature(line: str, where: str) -> NoteSignature:
    match = _LINE.fullmatch(line)
    body = _base64(match[2]) if match is not None else None
    if match is None or body is None or len(body) <= HINT_BYTES:
        raise Rejected("bad-checkpoint", where, "has a line that is no signature", EXPECTED)
    return NoteSignature(match[1], body[:HINT_BYTES], body[HINT_BYTES:])


def _cosigned(text: str, stamp: int) -> bytes:
    return f"cosignature/v1\ntime {stamp}\n{text}".encode()


def _base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return None
