"""The manifest of a release that waits: its file names and their SHA-256, sorted, and the digest that people approve.

One line for each file, ``SHA256␠␠FILENAME``, in the order of the file names, each ended by a line feed: what
``sha256sum`` writes and checks. Whatever changes in the release changes the digest, so that an approval of other bytes
counts no more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def manifest_of(files: Iterable[tuple[str, str]]) -> str:
    """The manifest of pairs (file name, SHA-256 in hexadecimal)."""
    return "".join(f"{sha256}  {filename}\n" for filename, sha256 in sorted(files))


def manifest_digest(files: Iterable[tuple[str, str]]) -> str:
    """The SHA-256 of the manifest, in hexadecimal."""
    return hashlib.sha256(manifest_of(files).encode()).hexdigest()
