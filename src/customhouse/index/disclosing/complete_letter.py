"""What a letter about a case needs besides what its job holds: the address that opens it, and where answers go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.engine import Connection

from customhouse.accounts.server_key import ServerKey
from customhouse.advisories.disclosure.model import Case, Member
from customhouse.advisories.disclosure.queries import find_case, find_member
from customhouse.index.disclosing.links import page_text, reply_address
from customhouse.index.disclosing.rules import Rules


def complete_letter(key: ServerKey, sql: Connection, values: Mapping[str, Any], rules: Rules) -> Mapping[str, Any]:
    """The values with everything in them that no job row may hold."""
    case = find_case(sql, values["case_id"])
    if case is not None and "member_id" not in values:
        # An operator who does not belong to it hears that it is late.
        address = f"{rules.site}/security/cases/{case.public_id}/"
        return {**values, "url": address, "case": short_name(case), "state": case.state, "role": "operator"}
    member = find_member(sql, values["member_id"])
    if member is None or case is None or member.left_at is not None:
        # Whoever has left since the letter was meant for him reads no word of the case any more.
        return {**values, "text": "", "author": ""}
    found = {
        "url": page_address(key, case, member, rules.site), "case": short_name(case), "state": case.state,
        "role": member.role,
    }  # fmt: skip
    if rules.address:
        found["reply_to"] = reply_address(key, member, rules.address)
    return {**values, **found}


def page_address(key: ServerKey, case: Case, member: Member, site: str) -> str:
    """Where a member sees the case: by his account if he has one, else by his link."""
    if member.account_id is not None:
        return f"{site}/security/cases/{case.public_id}/"
    return f"{site}/security/case/{page_text(key, member)}/"


def short_name(case: Case) -> str:
    """What people call a case: the random end of its advisory's id."""
    return case.advisory_id[-9:]
