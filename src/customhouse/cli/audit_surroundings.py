"""What ``customhouse audit`` has around it: connections that open late, a line that says how far it is, whole files."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Self

from customhouse.formats.plain import plain
from customhouse.terms.errors import Rejected

if TYPE_CHECKING:
    from customhouse.consume.wire import Wire

_BAR_SIGNS = 20


class Connections:
    """Made when the first address is asked, closed at the end."""

    def __init__(self) -> None:
        self._wire: Wire | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_why: object) -> None:
        if self._wire is not None:
            self._wire.close()

    def get(self) -> Wire:
        """The connections."""
        if self._wire is None:
            # httpx2 takes longer to load than a whole audit.
            from customhouse.consume.wire import Wire  # noqa: PLC0415

            self._wire = Wire()
        return self._wire


class ProgressLine:
    """How far it is, in one line of a terminal; nothing where standard error is none."""

    def __init__(self) -> None:
        self._shows = sys.stderr.isatty()
        self._shown = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_why: object) -> None:
        self.clear()

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            self._shown = False

    def show(self, what: str, done: int, of: int) -> None:
        """So many are done, of so many (0: nobody knows)."""
        if not self._shows:
            return
        self._shown = True
        bar = f" [{'#' * (_BAR_SIGNS * done // of):<{_BAR_SIGNS}}]" if of else ""
        sys.stderr.write(f"\r\x1b[K{what}: {done:,}{f' of {of:,}' if of else ''}{bar}")
        sys.stderr.flush()


def write_whole(path: Path, text: str) -> None:
    """The whole file or none: what stood there stays until the new one is complete. Raises `Rejected`.

    A link is followed, a file keeps its mode. A device or a pipe is written to: /dev/null must not become a file.
    """
    draft: Path | None = None
    try:
        # Asked by its own name: where /dev/stdout leads to, nothing is found by name.
        mode = path.stat().st_mode if path.exists() else None
        if mode is not None and not stat.S_ISREG(mode):
            path.write_text(text, encoding="utf-8")
            return
        target = path.resolve()
        draft = target.with_name(f".{target.name}.{os.getpid()}.draft")
        # Never one that somebody else has put there, and never readable for more people than the file.
        draft.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
        opened = os.open(draft, flags, 0o666 if mode is None else 0o600)
        with os.fdopen(opened, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            draft.chmod(stat.S_IMODE(mode))
        draft.replace(target)
    except OSError as error:
        raise Rejected("bad-output", str(path), error.strerror or "it cannot be written", "a writable path") from error
    finally:
        if draft is not None:
            draft.unlink(missing_ok=True)


def warn(sentence: str) -> None:
    """One line on standard error."""
    print(f"customhouse: {plain(sentence)}", file=sys.stderr)
