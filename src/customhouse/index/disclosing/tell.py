"""Letters to the people of a case: to members, by their accounts or addresses, and never by a project's list of owners.

A job names the member and the message; what is said is put in when the letter is written. So the words of a case lie
in one table, and in the mail of whoever chose to write by mail. Everybody else gets a link.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from customhouse.advisories.disclosure.model import Case, Member
from customhouse.advisories.disclosure.queries import members_of
from customhouse.advisories.disclosure.tables import disclosure_letter
from customhouse.index.disclosing.belonging import still_belongs
from customhouse.index.post import message_id
from customhouse.infra.db import insert_new
from customhouse.ledger.tx import Tx

LETTER = "disclosure"
MOST_QUOTED = 20_000


def tell(
    tx: Tx, case: Case, what: str, *, to: Collection[str], but: Member | None = None, text: str = "", author: str = ""
) -> None:
    """Write to all members of these kinds but one: a role, or ``handlers``, or ``downstreams`` who have agreed."""
    for member in members_of(tx.sql, case.id):
        mine = member.role in to or (member.handles and "handlers" in to)
        mine = mine or (member.role == "downstream" and "downstreams" in to and member.knows)
        if mine and (but is None or member.id != but.id) and still_belongs(tx.sql, case, member):
            tell_one(tx, case, member, what, text=text, author=author)


def tell_one(
    tx: Tx, case: Case, member: Member, what: str, *, text: str = "", author: str = "",
    facts: Mapping[str, str] | None = None,
) -> None:  # fmt: skip
    """Write to one member. Only who came by mail gets the words themselves."""
    quotes = member.by_mail and member.role != "downstream"
    values = {
        "what": what, "case_id": case.id, "member_id": member.id, "at": tx.now().isoformat(),
        "text": text[:MOST_QUOTED] if quotes else "", "author": author if quotes else "", **(facts or {}),
    }  # fmt: skip
    arguments: dict[str, Any] = {"template": LETTER, "values": values}
    if member.account_id is not None:
        arguments |= {"account_id": member.account_id}
    elif member.email:
        # Anybody may type any address, and any name: the letter says nothing to its owner that somebody has typed.
        arguments |= {"address": member.email, "reader": member.email}
    else:
        return
    tx.later("mail", arguments)
    # By the id of the letter its answer finds back, even without the address that it was to go to.
    insert_new(tx.sql, disclosure_letter, message_id=message_id(arguments), member_id=member.id)
