"""Who may say who belongs to an organization. Pure rules.

Owners say everything. Managers look after its projects, teams and plain members. Members belong to it: they read its
private projects, and do what their teams may (TOB-PYPI26-8: they invite nobody).
"""

from __future__ import annotations

import re

from customhouse.catalog.organizations import Organization, OrganizationRole
from customhouse.catalog.roles import Invitee, may_receive
from customhouse.terms.errors import Refused, Rejected

RANKS: tuple[OrganizationRole, ...] = ("owner", "manager", "member")
"""From the strongest to the weakest."""
MAX_TITLE = 100
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,48}[A-Za-z0-9])?", re.ASCII)


def check_name(text: str, what: str) -> str:
    """A name for an organization or a team; raises `Rejected`."""
    if not _NAME.fullmatch(text):
        raise Rejected(
            "bad-name", "name", f"{text[:80]!r} is no name for {what}",
            "1 to 50 ASCII letters, digits, '.', '_' and '-', beginning and ending with a letter or digit",
        )  # fmt: skip
    return text


def check_title(text: str) -> str:
    """A title for people, of one line; raises `Rejected`."""
    if len(text) > MAX_TITLE or not text.isprintable():
        raise Rejected("bad-title", "display", "is too long, or no plain line", f"at most {MAX_TITLE} characters")
    return text


def may_invite_member(
    organization: Organization,
    role: OrganizationRole | None,
    wanted: str,
    invitee: Invitee,
    *,
    operator: bool = False,
) -> Refused | None:
    """An owner may invite anybody to any role; a manager may invite plain members.

    Members invite nobody. Not somebody who is that already, or more; not a frozen account; and nobody who has not
    answered the last invitation.
    """
    if wanted not in RANKS:
        return _bad_role(wanted)
    if (refusal := _reaches(organization, role, wanted, operator=operator)) is not None:
        return refusal
    return may_receive(invitee, wanted, RANKS, organization.name)


def may_change_member(
    organization: Organization,
    role: OrganizationRole | None,
    held: str,
    wanted: str,
    *,
    survives: bool,
    operator: bool = False,
) -> Refused | None:
    """Only an owner may change what somebody is. The last living owner stays one: ``survives``."""
    if role != "owner" and not operator:
        return _not_an_owner(organization)
    if wanted not in RANKS:
        return _bad_role(wanted)
    if not held:
        return _no_member(organization)
    if held == wanted:
        return Refused("has-role", f"That is the role already: {wanted}.", status=409)
    return _last_owner(organization, held, survives=survives)


def may_remove_member(
    organization: Organization, role: OrganizationRole | None, held: str, *, survives: bool, operator: bool = False
) -> Refused | None:
    """An owner may remove anybody except the last living owner; a manager may remove plain members."""
    if not held:
        return _no_member(organization)
    if (refusal := _reaches(organization, role, held, operator=operator)) is not None:
        return refusal
    return _last_owner(organization, held, survives=survives)


def may_leave_organization(organization: Organization, held: str, *, survives: bool) -> Refused | None:
    """Anybody may leave, except the last living owner."""
    if not held:
        return _no_member(organization)
    return _last_owner(organization, held, survives=survives)


def may_manage(organization: Organization, role: OrganizationRole | None, *, operator: bool = False) -> Refused | None:
    """Owners and managers look after teams, their roles in projects, and what the organization is called."""
    if role in ("owner", "manager") or operator:
        return None
    return Refused(
        "not-a-manager", f"Only owners and managers of {organization.name!r} may do that.", "Ask one of them."
    )


def _reaches(
    organization: Organization, role: OrganizationRole | None, other: str, *, operator: bool
) -> Refused | None:
    """Owners reach everybody, managers only plain members."""
    if role == "owner" or operator or (role == "manager" and other == "member"):
        return None
    return _not_an_owner(organization) if role == "manager" else may_manage(organization, role)


def _not_an_owner(organization: Organization) -> Refused:
    return Refused("not-an-owner", f"Only an owner of {organization.name!r} may do that.", "Ask one of its owners.")


def _bad_role(wanted: str) -> Refused:
    return Refused("bad-role", f"{wanted!r} is no role in an organization.", "owner, manager or member.", status=400)


def _no_member(organization: Organization) -> Refused:
    return Refused("no-member", f"This account does not belong to {organization.name!r}.", status=404)


def _last_owner(organization: Organization, held: str, *, survives: bool) -> Refused | None:
    if held != "owner" or survives:
        return None
    return Refused(
        "last-owner",
        f"{organization.name!r} would have no owner left.",
        "Make somebody else an owner first.",
        status=409,
    )
