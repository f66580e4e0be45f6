"""The digests that a client announces of a file, and comparing them with what came (PEP 694). Pure but for reading."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from customhouse.infra.spool import Spooled
from customhouse.terms.errors import Rejected

MOST = 8
SECURE = frozenset(hashlib.algorithms_guaranteed) - {"md5", "sha1", "shake_128", "shake_256"}
KNOWN = SECURE | {"md5", "sha1"}
ACCEPTED = "an object of hexadecimal digests by the names of Python's hashlib, sha256 among them or one as secure"
_HEX = re.compile(r"[0-9a-f]+")
_READ_BYTES = 2**20


def check_hashes(value: object) -> dict[str, str]:
    """The announced digests, in lower case; raises `Rejected`."""
    if not isinstance(value, dict) or not 1 <= len(value) <= MOST:
        raise Rejected("bad-hashes", "hashes", "is no object of 1 to 8 digests", ACCEPTED)
    found = {}
    for name, digest in value.items():
        where = f"hashes.{name[:40]}"
        if name not in KNOWN:
            raise Rejected("bad-hashes", where, "is no algorithm that is known here", ", ".join(sorted(KNOWN)))
        expected = hashlib.new(name, usedforsecurity=False).digest_size * 2
        if not isinstance(digest, str) or len(digest) != expected or not _HEX.fullmatch(digest.lower()):
            raise Rejected("bad-hashes", where, "is no digest of that algorithm", f"{expected} hexadecimal digits")
        found[name] = digest.lower()
    if not found.keys() & SECURE:
        raise Rejected("bad-hashes", "hashes", "none of them is secure", ACCEPTED)
    return found


def check_bytes(spooled: Spooled, size_bytes: int, hashes: Mapping[str, str]) -> None:
    """The size and every announced digest must be those of the bytes received; raises `Rejected`."""
    if spooled.size_bytes != size_bytes:
        raise Rejected(
            "size-mismatch", "size", f"{size_bytes} bytes were announced, {spooled.size_bytes} came",
            "the whole file; send it again",
        )  # fmt: skip
    known = {"md5": spooled.md5, "sha256": spooled.sha256}
    found = known | _digests_of(spooled.path, sorted(hashes.keys() - known.keys()))
    for name, announced in hashes.items():
        if found[name] != announced:
            raise Rejected(
                "digest-mismatch", f"hashes.{name}",
                f"{announced} was announced, the bytes received have {found[name]}",
                "the bytes that were announced; send them again",
            )  # fmt: skip


def _digests_of(path: Path, names: list[str]) -> dict[str, str]:
    running = {name: hashlib.new(name, usedforsecurity=False) for name in names}
    if running:
        with path.open("rb") as body:
            while batch := body.read(_READ_BYTES):
                for one in running.values():
                    one.update(batch)
    return {name: one.hexdigest() for name, one in running.items()}
