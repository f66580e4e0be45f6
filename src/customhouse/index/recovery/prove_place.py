"""A token that was published where the account's projects, or its mail, have their home.

The check goes outside, so it is made before the deed: `look_in_repository` and `look_in_zone` ask, `accept` writes
down. What fails says the same whether the place does not count, nobody has that name, or the token is not there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.tables import account
from customhouse.index.recovery.accept import Given
from customhouse.index.recovery.addresses import OwnAddress, own_addresses, raw_files, target_of
from customhouse.index.recovery.links import RECORD
from customhouse.index.recovery.model import Case, host_root, mail_root
from customhouse.index.recovery.people import owned_projects, people_around
from customhouse.infra.dns import Resolver, written
from customhouse.infra.fetch import Order, Outbound
from customhouse.terms.errors import Refused, Rejected, Unavailable

SECONDS = 10.0
FILE_BYTES = 4096
NOT_THERE = "The token was not found there, or that place does not count in this case."


@dataclass(frozen=True, slots=True)
class Places:
    """What counts for an account: its projects' addresses, its mail domain, and what others could reach, too."""

    addresses: Sequence[OwnAddress] = ()
    mail_domain: str = ""
    people: Mapping[str, Collection[int]] = field(default_factory=dict)
    """By project, the others who have or had a role there."""

    @property
    def repositories(self) -> list[OwnAddress]:
        """The addresses that are called source code and could be a repository."""
        return [one for one in self.addresses if one.source and raw_files(one.url)]

    def people_of(self, projects: Sequence[str]) -> frozenset[str]:
        """What a proof rests on if others have or had a role in the projects that it comes from.

        On each of them, too: whoever shares two projects gives no two proofs that rest on nothing in common.
        """
        shared = {name for name in projects if name in self.people}
        persons = {other for name in shared for other in self.people[name]}
        return frozenset({f"project:{name}" for name in shared} | {f"person:{other}" for other in persons})


def places_of(sql: Connection, case: Case, age: timedelta) -> Places:
    """The places of the account that a case is about; none if it is about nobody."""
    if case.account_id is None:
        return Places()
    addresses = own_addresses(sql, owned_projects(sql, case.account_id), case.opened_at - age)
    email = sql.execute(
        sa.select(account.c.email).where(account.c.id == case.account_id, account.c.email_verified_at.is_not(None))
    ).scalar()
    return Places(addresses, (email or "").rpartition("@")[2].lower(), people_around(sql, case.account_id))


def look_in_repository(places: Places, wanted: str, token: str, outbound: Outbound) -> Given:
    """Whether the file with the token lies at the top of the repository that one of the projects names."""
    found = next((one for one in places.repositories if one.url == wanted), None)
    where = next((url for url in raw_files(wanted) if _holds(url, token, outbound)), "") if found is not None else ""
    if found is None or not where:
        return Given("repository", wanted, NOT_THERE, accepted=False)
    projects = [one.project for one in places.repositories if one.url == wanted]
    people = places.people_of(projects)
    how = (
        f"{where} holds the token and nothing else. {found.project} {found.version} has named this repository since "
        f"{found.released_at:%-d %b %Y}; nobody has verified whose it is."
    )
    root = host_root(found.host)
    return Given("repository", wanted, how, accepted=True, rests_on=people | {root}, own=not people)


def look_in_zone(places: Places, domain: str, token: str, resolver: Resolver) -> Given:
    """Whether the record with the token stands in the zone of the account's mail, or of a project's address.

    The name system is asked whatever the domain is, so that how long it takes tells nothing.
    """
    domain = written(domain)
    records = resolver.txt(f"{RECORD}.{domain}")
    projects = [one.project for one in places.addresses if domain in (one.host, host_root(one.host))]
    of_mail = bool(places.mail_domain) and domain in (places.mail_domain, mail_root(places.mail_domain))
    if token not in records or not (projects or of_mail):
        return Given("dns", domain, NOT_THERE, accepted=False)
    people = places.people_of(projects)
    whose = "the account's mail address" if of_mail else f"an address of {', '.join(sorted(set(projects)))}"
    how = f"The TXT record {RECORD}.{domain} holds the token. It is the domain of {whose}."
    return Given("dns", domain, how, accepted=True, rests_on=people | {mail_root(domain)}, own=not people)


def _holds(url: str, token: str, outbound: Outbound) -> bool:
    """Whether the file is there and holds the token alone. Redirects are not followed: they may lead to others."""
    target = target_of(url)
    if target is None:
        return False
    try:
        answer = outbound.fetch(Order(target), seconds=SECONDS, limit_bytes=FILE_BYTES, beginning_only=True)
    except (Refused, Rejected, Unavailable):
        return False
    return answer.fine and not answer.cut and answer.body.strip() == token.encode()
