"""The text of a file that somebody wants audited, within bounds."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from customhouse.terms.errors import Rejected

CODE = "bad-audit-target"
MOST_TEXT_BYTES = 64 * 2**20


def read_bytes(path: Path, most_bytes: int = MOST_TEXT_BYTES) -> bytes:
    """All bytes of a regular file; raises `Rejected` for anything else and for too many."""
    try:
        # Not blocking, so that a pipe holds nobody up.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "it cannot be opened"
        raise Rejected(CODE, str(path), why, "a file that can be read") from None
    with open(descriptor, "rb") as file:  # noqa: PTH123  # of a descriptor
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Rejected(CODE, str(path), "it is no plain file", "a file")
        try:
            body = file.read(most_bytes + 1)
        except OSError as error:
            raise Rejected(CODE, str(path), error.strerror or "it cannot be read", "a file that can be read") from None
    if len(body) > most_bytes:
        raise Rejected(CODE, str(path), f"it has more than {most_bytes} bytes", f"at most {most_bytes} bytes")
    return body


def read_head(path: Path, most_bytes: int = 4096) -> bytes:
    """How a regular file begins. Raises `Rejected`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "it cannot be opened"
        raise Rejected(CODE, str(path), why, "a file that can be read") from None
    with open(descriptor, "rb") as file:  # noqa: PTH123  # of a descriptor
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Rejected(CODE, str(path), "it is no plain file", "a file")
        return file.read(most_bytes)


def read_text(path: Path, most_bytes: int = MOST_TEXT_BYTES) -> str:
    """The same as text: UTF-8, or UTF-16 with its mark (what PowerShell writes by ``>``). Raises `Rejected`."""
    return text_of(read_bytes(path, most_bytes), str(path))


def text_of(body: bytes, where: str) -> str:
    """Bytes as text. Raises `Rejected` with the offset for what is none."""
    encoding = "utf-16" if body[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as error:
        raise Rejected(CODE, where, f"it is no text in {encoding[:6].upper()}", "UTF-8", offset=error.start) from None
    if "\0" in text:
        raise Rejected(CODE, where, "it holds a NUL", "text without control characters", offset=text.index("\0"))
    return text
