"""What a look at a mail domain means. Pure: what was known, what was seen, and the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from customhouse.accounts.lost_address import Reason
from customhouse.infra.dns import NO_MAIL
from customhouse.infra.rdap import NoRegistry, NotRegistered, Registration

TWICE_WITHIN = timedelta(hours=24)
"""What two looks must have seen, with nothing better between them, lies at least so far apart (attack A33)."""
CLOCKS_DIFFER = timedelta(days=1)
# RFC 3915 and RFC 8056: the holder can still pay, or the name is about to be free.
_LAPSED = frozenset({"redemption period", "pending delete"})
_RESCUED = "pending restore"
_ON_HOLD = frozenset({"client hold", "server hold", "inactive"})


@dataclass(frozen=True, slots=True)
class Away:
    """Nobody could say: the service failed, refused, was silent, or said something odd."""

    why: str


@dataclass(frozen=True, slots=True)
class Names:
    """What the name system says of a domain."""

    exists: bool
    mail_hosts: tuple[str, ...] = ()
    name_servers: tuple[str, ...] = ()
    """Of the domain as it is registered."""
    has_address: bool = False
    """Whether mail would go to the domain's own address, for want of a mail host (RFC 5321, section 5.1)."""

    @property
    def takes_mail(self) -> bool:
        """Whether mail for the domain could be delivered anywhere."""
        return self.mail_hosts != (NO_MAIL,) and (bool(self.mail_hosts) or self.has_address)


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a domain, each half of it a fact or `Away`."""

    at: datetime
    registry: Registration | NotRegistered | NoRegistry | Away
    names: Names | Away

    @property
    def whole(self) -> bool:
        """Whether both were answered."""
        return not isinstance(self.registry, Away) and not isinstance(self.names, Away)


@dataclass(frozen=True, slots=True)
class History:
    """What was known of the domain before."""

    known_at: datetime | None = None
    """The oldest verification among its addresses that still count."""
    bad_reason: str = ""
    """What all looks since ``bad_since`` have seen that saw anything."""
    bad_since: datetime | None = None
    name_servers: tuple[str, ...] = ()
    mail_hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Nothing:
    """Nothing is wrong with what was seen; ``sure`` if all of it was seen, and no service was away."""

    sure: bool = True


@dataclass(frozen=True, slots=True)
class Suspicious:
    """Worth the eye of an operator, and nothing more. ``counts`` if a second look like it makes the domain lost."""

    reason: str
    sentence: str
    counts: bool = False


@dataclass(frozen=True, slots=True)
class Lost:
    """The domain's addresses prove nothing any more; with ``before`` only those verified before that moment."""

    reason: Reason
    sentence: str
    before: datetime | None = None


Verdict = Nothing | Suspicious | Lost


def judge(history: History, look: Look) -> Verdict:
    """A domain is lost

    - if its registry says that its registration has lapsed (redemption period, pending delete), unless it is being
      restored;
    - if it was registered after one of its addresses was verified: those addresses were verified by somebody who may
      be another one (the takeover of May 2022);
    - if two looks at least 24 hours apart, with nothing better between them, have seen that it does not exist: the name
      system knows no such name, or the registry knows none and the name system has no name servers for it;
    - or have seen that it takes no mail: no mail host and no address, or the word that it takes none.

    It is suspicious if one look has seen the latter two, if the registry has it on hold or says that it has expired, if
    it was registered in the future, or if all its name servers or mail hosts have changed.

    A service that is away says nothing: it neither adds to a suspicion nor ends one.
    """  # noqa: D415 - the sentence goes on in the list
    registry, names = look.registry, look.names
    if isinstance(registry, Registration):
        if registry.statuses & _LAPSED and _RESCUED not in registry.statuses:
            return Lost("redemption", f"The registry says: {', '.join(sorted(registry.statuses & _LAPSED))}.")
        if (again := _registered_again(history, registry, look.at)) is not None:
            return again
    if (bad := _bad(look)) is not None:
        since = history.bad_since if history.bad_reason == bad.reason else None
        if since is not None and look.at - since >= TWICE_WITHIN:
            return Lost(bad.reason, f"{bad.sentence} So it was on {since:%-d %B %Y at %H:%M} UTC too.")
        return Suspicious(bad.reason, bad.sentence, counts=True)
    if isinstance(registry, Registration) and (odd := _odd_registration(registry, look.at)) is not None:
        return odd
    if isinstance(names, Names) and (moved := _moved(history, names)) is not None:
        return moved
    return Nothing(sure=look.whole)


def _bad(look: Look) -> Lost | None:
    """What makes a domain lost if it is seen twice."""
    names = look.names
    if isinstance(names, Names) and not names.exists:
        return Lost("gone", "The name system knows no such domain.")
    if isinstance(look.registry, NotRegistered) and isinstance(names, Names) and not names.name_servers:
        return Lost("gone", "Its registry knows no such domain, and the name system has no servers for it.")
    if isinstance(names, Names) and not names.takes_mail:
        return Lost("no-mail", "It takes no mail: it has neither a mail host nor an address.")
    return None


def _registered_again(history: History, registry: Registration, now: datetime) -> Lost | Suspicious | None:
    at = registry.registered_at
    if at is None or history.known_at is None or at <= history.known_at:
        return None
    if at > now + CLOCKS_DIFFER:
        return Suspicious("odd-date", "The registry says that it will be registered in the future.")
    return Lost("registered-again", f"It was registered anew on {at:%-d %B %Y}.", before=at)


def _odd_registration(registry: Registration, now: datetime) -> Suspicious | None:
    if _RESCUED in registry.statuses:
        return Suspicious("restoring", "It had lapsed and is being restored.")
    if held := registry.statuses & _ON_HOLD:
        return Suspicious("on-hold", f"The registry says: {', '.join(sorted(held))}.")
    if registry.expires_at is not None and registry.expires_at < now:
        return Suspicious("expired", f"Its registration ran out on {registry.expires_at:%-d %B %Y}.")
    return None


def _moved(history: History, names: Names) -> Suspicious | None:
    """All name servers or all mail hosts are others than last time: a new holder, or only a new provider."""
    if history.name_servers and names.name_servers and not set(history.name_servers) & set(names.name_servers):
        return Suspicious("moved", f"All its name servers are new: {', '.join(names.name_servers[:3])}.")
    if history.mail_hosts and names.mail_hosts and not set(history.mail_hosts) & set(names.mail_hosts):
        return Suspicious("moved", f"All its mail hosts are new: {', '.join(names.mail_hosts[:3])}.")
    return None
