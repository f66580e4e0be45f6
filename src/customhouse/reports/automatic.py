"""When reports alone hold something back, before an operator has looked. Pure.

There is a danger on both sides: a malicious release that is installed for hours while operators sleep, and a crowd that
takes a rival's project away by pressing a button (A60). So the reports must come from people who have nothing in
common, one of them somebody whom an operator has found reliable, and they reach only what few depend on yet. What they
do is undone by one click, and to files that an operator has cleared they do nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import combinations

from customhouse.reports.model import Reputation

SETTLED_AFTER = timedelta(hours=24)
"""An account younger than this was perhaps made for the occasion."""
FRESH = timedelta(hours=72)
"""A release of an older project is held back alone while its newest file is younger than this."""
MAX_UNDECIDED = 10
"""Automatic quarantines that may wait for an operator before the same trusted reporter brings about another."""

SHARED_MAIL = frozenset(
    {
        "aol.com", "fastmail.com", "gmail.com", "gmx.de", "gmx.net", "googlemail.com", "hey.com", "hotmail.com",
        "icloud.com", "live.com", "mac.com", "mail.com", "mail.ru", "me.com", "msn.com", "outlook.com", "pm.me",
        "posteo.de", "proton.me", "protonmail.com", "qq.com", "163.com", "126.com", "users.noreply.github.com",
        "web.de", "yahoo.com", "yandex.ru", "zoho.com",
    }
)  # fmt: skip
"""Domains where anybody gets an address, so that sharing one means nothing."""
_DOTLESS = frozenset({"gmail.com", "googlemail.com"})


@dataclass(frozen=True, slots=True)
class Reporter:
    """Somebody who has reported, as far as this policy wants to know him."""

    account_id: int
    name: str
    created_at: datetime
    email: str = ""
    organizations: frozenset[int] = frozenset()
    frozen: bool = False
    concerned: bool = False
    """An owner or maintainer of the reported project."""
    reputation: Reputation = field(default_factory=Reputation)
    undecided: int = 0
    """Automatic quarantines in cases that he has joined and nobody has decided."""


@dataclass(frozen=True, slots=True)
class Witness:
    """One report of malware in the open case."""

    reporter: Reporter
    version: str = ""
    """Canonical; empty means the whole project."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """What is reported. ``cleared_file_id`` is the newest file that an operator has found harmless, 0 if none."""

    created_at: datetime
    critical: bool
    held: bool
    """Quarantined already, or deleted."""
    newest_file_id: int
    cleared_file_id: int = 0


@dataclass(frozen=True, slots=True)
class FreshRelease:
    """A reported release: when its newest file came and which that is."""

    version: str
    newest_upload_at: datetime
    newest_file_id: int
    held: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What the reports bring about: everything (``version`` empty) or one release, on the word of these two."""

    version: str
    reporters: tuple[Reporter, Reporter]


def automatic_quarantine(
    suspect: Suspect,
    releases: Sequence[FreshRelease],
    witnesses: Sequence[Witness],
    *,
    young_for: timedelta,
    now: datetime,
) -> Decision | None:
    """Two independent reports of malware, one of them by a trusted reporter, quarantine a young project.

    A critical project is never quarantined by reports: a mistake would hurt too many. Nor is one that an operator has
    cleared, before there is a file that he has not seen. In a project that is no longer young, a release whose newest
    file came less than 72 hours ago is quarantined alone if two such reports name its version; whoever names none says
    nothing about it. The newest file counts and not the release's first, because an attacker adds his file to what is
    there.
    """
    if suspect.critical or suspect.held:
        return None
    if now - suspect.created_at <= young_for:
        if suspect.newest_file_id <= suspect.cleared_file_id:
            return None
        pair = witnessing_pair((witness.reporter for witness in witnesses), now)
        return Decision("", pair) if pair is not None else None
    for fresh in releases:
        if fresh.held or now - fresh.newest_upload_at > FRESH or fresh.newest_file_id <= suspect.cleared_file_id:
            continue
        named = (witness.reporter for witness in witnesses if witness.version == fresh.version)
        if (pair := witnessing_pair(named, now)) is not None:
            return Decision(fresh.version, pair)
    return None


def witnessing_pair(reporters: Iterable[Reporter], now: datetime) -> tuple[Reporter, Reporter] | None:
    """Two independent reporters whose word counts, the trusted one first; None if there are no such two."""
    heard = [reporter for reporter in reporters if may_count(reporter, now)]
    for one, other in combinations(heard, 2):
        for first, second in ((one, other), (other, one)):
            if first.reputation.trusted and first.undecided < MAX_UNDECIDED and independent(first, second):
                return first, second
    return None


def may_count(reporter: Reporter, now: datetime) -> bool:
    """Whether a program acts on somebody's report.

    Not if his account is younger than a day or frozen, not if he is an owner or maintainer of the project (who can yank
    and delete by himself), and not if he is silenced for false reports.
    """
    return not (
        now - reporter.created_at < SETTLED_AFTER
        or reporter.frozen
        or reporter.concerned
        or reporter.reputation.silenced
    )


def independent(one: Reporter, other: Reporter) -> bool:
    """Whether two reporters have nothing in common that we can see.

    They are two accounts, no organization has them both, and their mail does not go to one mailbox or to one domain,
    unless that is a domain where anybody gets an address.
    """
    if one.account_id == other.account_id or one.organizations & other.organizations:
        return False
    first, second = mailbox(one.email), mailbox(other.email)
    if not first or not second:
        return True
    if first == second:
        return False
    domain = registered_domain(first.partition("@")[2])
    return domain in SHARED_MAIL or domain != registered_domain(second.partition("@")[2])


def mailbox(email: str) -> str:
    """An address in the spelling in which those that reach one mailbox are equal; empty if there is none."""
    local, _, domain = email.strip().lower().rstrip(".").rpartition("@")
    if not local:
        return ""
    local = local.partition("+")[0]
    if domain in _DOTLESS:
        local, domain = local.replace(".", ""), "gmail.com"
    return f"{local}@{domain}"


def registered_domain(domain: str) -> str:
    """The part of a domain that somebody registers, roughly: ``example.com``, ``example.co.uk``.

    Where the guess is wrong two strangers count as one, and an operator decides instead of a program.
    """
    if domain in SHARED_MAIL:
        return domain
    labels = domain.split(".")
    second_level = len(labels) > 2 and len(labels[-1]) == 2 and len(labels[-2]) <= 3  # noqa: PLR2004 - as in co.uk
    return ".".join(labels[-3:] if second_level else labels[-2:])
