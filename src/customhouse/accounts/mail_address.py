"""Mail addresses as accounts have them: in one spelling, so that no twin passes for another (attack A30).

The domain is kept as mail servers know it, in ASCII and lower case: a name that only looks like another one is seen by
its ``xn--``. The part before the "@" stays as it was typed, because only its own server knows what is the same there;
two that differ in case alone are held for one. A letter goes to the address of the account, never to one that somebody
has typed to find it.
"""

from __future__ import annotations

import unicodedata
from contextlib import suppress
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.tables import account
from customhouse.infra import mail
from customhouse.terms.errors import Rejected

USUAL = "name@domain in its usual spelling"


@dataclass(frozen=True, slots=True)
class MailAddress:
    """A checked address."""

    text: str

    @classmethod
    def parse(cls, text: str, *, where: str = "email") -> MailAddress:
        """An address from outside; raises `Rejected` for what two programs might read differently."""
        local, _, domain = text.strip().rpartition("@")
        if unicodedata.normalize("NFKC", local) != local:
            raise Rejected("bad-email", where, "the part before the '@' has letters that stand for others", USUAL)
        plain = domain.lower()
        with suppress(UnicodeError):
            known = plain if plain.isascii() else plain.encode("idna").decode()
            # What comes back another name is another name: "faß.example" is not "fass.example".
            if known.encode().decode("idna") != plain and not plain.isascii():
                raise Rejected("bad-email", where, f"{domain[:80]!r} can be read as another domain", USUAL)
            checked = mail.address(f"{local}@{known}", where=where)
            return cls(f"{checked.username}@{checked.domain}")
        raise Rejected("bad-email", where, f"{domain[:80]!r} is not a mail domain", USUAL)

    @property
    def domain(self) -> str:
        """The part behind the "@", in ASCII and lower case."""
        return self.text.rpartition("@")[2]

    def is_at(self, domains: tuple[str, ...]) -> bool:
        """Whether it lies at one of these domains or below."""
        return any(self.domain == one or self.domain.endswith(f".{one}") for one in map(str.lower, domains))


def holder_of(sql: Connection, address: str, *, but: int = 0) -> str | None:
    """The name of the account that has verified this address, whatever its case; None if there is none."""
    query = sa.select(account.c.name).where(
        sa.func.lower(account.c.email) == address.lower(),
        account.c.email_verified_at.is_not(None),
        account.c.id != but,
    )
    return sql.execute(query.order_by(account.c.id).limit(1)).scalar()
