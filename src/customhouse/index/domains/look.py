"""One look at a mail domain: two questions to the registry at most, a few to the name system, no transaction."""

from __future__ import annotations

from datetime import datetime

from customhouse.index.domains.judge import Away, Look, Names
from customhouse.infra.dns import Resolver
from customhouse.infra.rdap import NoRegistry, NotRegistered, Rdap, Registration
from customhouse.terms.errors import Rejected, Unavailable


def look_at(resolver: Resolver, rdap: Rdap | Away, name: str, now: datetime, *, known_as: str = "") -> Look:
    """See what the registry and the name system say now. What is away is part of the answer; nothing is raised.

    A registry that is known to be away is not asked.
    """
    registry = rdap if isinstance(rdap, Away) else _registry(rdap, name, known_as)
    registered = registry.name if isinstance(registry, Registration) else known_as or name
    return Look(now, registry, _names(resolver, name, registered))


def _registry(rdap: Rdap, name: str, known_as: str) -> Registration | NotRegistered | NoRegistry | Away:
    try:
        return rdap.find(name, known_as=known_as)
    except (Unavailable, Rejected) as error:
        return Away(str(error))


def _names(resolver: Resolver, name: str, registered: str) -> Names | Away:
    try:
        mail = resolver.ask(name, "MX")
        if not mail.exists:
            return Names(exists=False)
        servers = resolver.ns(registered)
        address = not mail.values and any(resolver.ask(name, kind).values for kind in ("A", "AAAA"))
        return Names(exists=True, mail_hosts=mail.values, name_servers=servers, has_address=address)
    except (Unavailable, Rejected) as error:
        return Away(str(error))
