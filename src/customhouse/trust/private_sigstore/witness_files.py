"""A witness without a database: its key and what it has signed last are files (0600), durable before it answers."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from customhouse.infra.private_file import write_private
from customhouse.terms.clock import Clock
from customhouse.terms.errors import Unavailable
from customhouse.trust.private_sigstore.note import COSIGNATURE, Checkpoint, NoteKey, NoteSignature
from customhouse.trust.private_sigstore.witness import Submission, judge


@dataclass
class FileWitness:
    """One witness in one folder."""

    folder: Path
    name: str
    logs: Sequence[NoteKey]
    clock: Clock
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.folder / "witness.key"
        if not path.exists():
            write_private(path, Ed25519PrivateKey.generate().private_bytes_raw().hex() + "\n", replaces=False)
        try:
            self._private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(path.read_text().strip()))
        except (OSError, ValueError) as error:
            raise Unavailable("The witness's key", f"{path} cannot be read: {error}") from error
        self.key = NoteKey(self.name, COSIGNATURE, self._private.public_key().public_bytes_raw())

    def cosign(self, submission: Submission) -> NoteSignature:
        """Judge, remember, sign. Raises `Refused` as `judge` does."""
        shown = submission.note.checkpoint
        with self._lock:
            judge(submission, self.logs, self.last(shown.origin))
            self.remember(shown)
            return self.key.cosign(self._private, submission.note.text, self.clock.now())

    def last(self, origin: str) -> Checkpoint | None:
        """The last checkpoint of a log that was signed; raises `Unavailable` if it cannot be read."""
        path = self._path(origin)
        try:
            told = json.loads(path.read_text())
            return Checkpoint(told["origin"], int(told["size"]), base64.b64decode(told["root"], validate=True))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Unavailable("What was seen last", f"{path} cannot be read: {error}") from error

    def remember(self, shown: Checkpoint) -> None:
        """Write down what was seen."""
        root = base64.b64encode(shown.root).decode()
        text = json.dumps({"origin": shown.origin, "size": shown.size, "root": root}, indent=1)
        write_private(self._path(shown.origin), text + "\n", replaces=True)

    def _path(self, origin: str) -> Path:
        return self.folder / f"{hashlib.sha256(origin.encode()).hexdigest()[:32]}.json"
