"""Passwords that others have lost: a list of them, on disk or at a service, that new passwords are compared with (A2).

Both kinds are those of Pwned Passwords: a file of sorted lines ``SHA1HEX:COUNT``, searched where it lies, or a service
that is asked for all hashes which begin with the same five digits, so that it never learns which one we mean. A list
that does not answer stops nobody; what was not compared is said and noted.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from customhouse.infra.fetch import Order, Outbound
from customhouse.infra.settings import Settings
from customhouse.infra.targets import Target
from customhouse.ledger.events import Event
from customhouse.terms.errors import CustomhouseError, Rejected

log = logging.getLogger("customhouse.breached")

HASH_DIGITS = 40
RANGE_DIGITS = 5
SERVICE_SECONDS = 4.0
# A range holds about two thousand lines of some 45 bytes; padding at most doubles that.
RANGE_BYTES = 2**19
LONGEST_LINE = 80


@dataclass(frozen=True, slots=True)
class PasswordUnchecked(Event):
    """A password was set that could not be compared with the breached ones, because the list did not answer."""

    kind: ClassVar[str] = "password-unchecked"
    user_id: str
    why: str


@dataclass(frozen=True, slots=True)
class Finding:
    """How often a password is known to others, or why nobody could say."""

    times: int = 0
    unchecked: str = ""

    @property
    def known(self) -> bool:
        """Whether others know it."""
        return self.times > 0


class Breached(Protocol):
    """What passwords are compared with."""

    @property
    def described(self) -> str:
        """What it is, for the people who run the index; empty if there is none."""
        ...

    def look_up(self, password: str) -> Finding:
        """Whether others know it. Never raises: a list that is away is a finding, too."""
        ...


@dataclass(frozen=True, slots=True)
class NoList:
    """Nothing to compare with."""

    described: str = ""

    def look_up(self, password: str) -> Finding:  # noqa: ARG002 - the protocol's
        """Nothing is known, and nothing was asked."""
        return Finding()


@dataclass(frozen=True, slots=True)
class FileList:
    """A file of sorted lines, searched on the disk: some forty reads in the largest."""

    path: Path

    @property
    def described(self) -> str:
        """Where it is."""
        return f"the file {self.path}"

    def look_up(self, password: str) -> Finding:
        """Search for the line that begins with the hash."""
        try:
            return Finding(_search(self.path, hash_of(password)))
        except (OSError, ValueError) as error:
            log.warning("passwords cannot be compared with %s: %s", self.path, error)
            return Finding(unchecked=f"its file cannot be read ({type(error).__name__})")


@dataclass(frozen=True, slots=True)
class RangeService:
    """A service that is told five digits of the hash and answers with all it knows that begin so."""

    url: str
    outbound: Outbound

    @property
    def described(self) -> str:
        """Whom we ask."""
        return f"the service at {Target.parse(self.url).origin}"

    def look_up(self, password: str) -> Finding:
        """Ask for the range. Lines with the count 0 are padding, which hides how many there are."""
        digest = hash_of(password)
        try:
            target = Target.parse(f"{self.url.rstrip('/')}/{digest[:RANGE_DIGITS]}")
            order = Order(target, headers={"Add-Padding": "true", "Accept": "text/plain"})
            answer = self.outbound.fetch(order, seconds=SERVICE_SECONDS, limit_bytes=RANGE_BYTES)
            if not answer.fine:
                return self._away(f"it answers {answer.status}")
            return Finding(_in_range(answer.body, digest[RANGE_DIGITS:]))
        except (CustomhouseError, ValueError) as error:
            return self._away(str(error) if isinstance(error, CustomhouseError) else "its answer cannot be read")

    def _away(self, why: str) -> Finding:
        log.warning("passwords cannot be compared with %s: %s", self.described, why)
        return Finding(unchecked=why[:200])


def breached_of(settings: Settings, outbound: Outbound) -> Breached:
    """The list that the operator has named."""
    named = settings.breached_passwords
    if not named:
        return NoList()
    return RangeService(named, outbound) if named.startswith(("https://", "http://")) else FileList(Path(named))


def refuse_known(finding: Finding) -> None:
    """Raise `Rejected` for a password that others know."""
    if finding.known:
        times = f"{finding.times:,} times" if finding.times > 1 else "once"
        raise Rejected(
            "breached-password", "password",
            f"it stands in lists of passwords that were stolen elsewhere, {times}, and those are tried everywhere",
            "one that you use nowhere else, such as a few words that a password store has chosen",
        )  # fmt: skip


def hash_of(password: str) -> str:
    """The SHA-1 that the lists go by, in capitals; it is kept nowhere."""
    return hashlib.sha1(password.encode(errors="surrogatepass"), usedforsecurity=False).hexdigest().upper()


def _search(path: Path, digest: str) -> int:
    """Binary search for the first line that is not before the hash; its count if it is the hash's own, else 0."""
    wanted = digest.encode()
    with path.open("rb") as file:
        low, high = 0, file.seek(0, os.SEEK_END)
        while low < high:
            middle = (low + high) // 2
            start, line = _line_after(file.fileno(), middle, low)
            if not line or line[:HASH_DIGITS].upper() >= wanted:
                high = middle
            else:
                low = start + len(line)
        found = os.pread(file.fileno(), LONGEST_LINE, low).partition(b"\n")[0]
    if found[:HASH_DIGITS].upper() != wanted:
        return 0
    return max(int(found[HASH_DIGITS:].lstrip(b":").strip() or b"1"), 1)


def _line_after(descriptor: int, position: int, low: int) -> tuple[int, bytes]:
    """The first whole line that begins at or after a position, and where; no line if the file ends before."""
    start = position
    if position > low:
        before = os.pread(descriptor, LONGEST_LINE + 1, position - 1)
        head, newline, _ = before.partition(b"\n")
        if not newline:
            return position, b""
        start = position + len(head)
    piece = os.pread(descriptor, LONGEST_LINE, start)
    if not piece:
        return start, b""
    line, newline, _ = piece.partition(b"\n")
    if not newline and len(piece) == LONGEST_LINE:
        raise ValueError("it has a line that is too long")
    return start, line + newline


def _in_range(body: bytes, rest: str) -> int:
    """The count behind the rest of the hash; 0 if it is not there. Takes as long wherever it stands."""
    times = 0
    for line in body.decode("ascii").splitlines():
        suffix, _, count = line.strip().partition(":")
        if hmac.compare_digest(suffix.upper(), rest):
            times = max(int(count or "0"), times)
    return times
