"""Who may say who may act for a project. Pure rules: what they speak about is looked up by the deeds, under a lock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from customhouse.catalog.model import Project, Role
from customhouse.terms.errors import Refused
from customhouse.terms.names import normalize

ROLES: tuple[Role, ...] = ("owner", "maintainer")


@dataclass(frozen=True, slots=True)
class Invitee:
    """An account that somebody wants to give something to."""

    id: int
    name: str
    frozen: bool = False
    role: str = ""
    """What it is already, by itself: in the project or in the organization."""
    waiting: bool = False
    """Whether an invitation to the same thing is open."""


def may_invite(
    project: Project, role: Role | None, wanted: str, invitee: Invitee, *, operator: bool = False
) -> Refused | None:
    """An owner may invite an account to be an owner or a maintainer.

    Nobody else may, except an operator. Not while the project is deleted or quarantined. Not somebody who is that
    already, or more; not a frozen account; and nobody who has not answered the last invitation.
    """
    if (refusal := _may_change_people(project, role, operator=operator)) is not None:
        return refusal
    if wanted not in ROLES:
        return Refused("bad-role", f"{wanted!r} is no role in a project.", "owner or maintainer.", status=400)
    return may_receive(invitee, wanted, ROLES, project.display)


def may_receive(invitee: Invitee, wanted: str, ranks: Sequence[str], what: str) -> Refused | None:
    """An account can be invited unless it is frozen, is that or more already, or has not answered yet.

    ``ranks`` are the roles from the strongest to the weakest.
    """
    if invitee.frozen:
        return Refused("frozen", f"The account {invitee.name!r} cannot be invited now.", "An operator knows why.")
    if invitee.role and ranks.index(invitee.role) <= ranks.index(wanted):
        return Refused(
            "has-role",
            f"{invitee.name!r} is {_with_article(invitee.role)} of {what!r} already.",
            "Change the role instead, if that is what you want.",
            status=409,
        )
    if invitee.waiting:
        return Refused(
            "invited-already",
            f"{invitee.name!r} has an open invitation to {what!r}.",
            "Withdraw it first, if it should be another one.",
            status=409,
        )
    return None


def may_change_role(
    project: Project, role: Role | None, held: str, wanted: str, *, survives: bool, operator: bool = False
) -> Refused | None:
    """An owner may make a maintainer an owner and an owner a maintainer, himself too.

    Only roles that the project itself has given; what comes from an organization is changed there. ``survives`` says
    whether the project keeps a living owner: the last one stays one.
    """
    if (refusal := _may_change_people(project, role, operator=operator)) is not None:
        return refusal
    if wanted not in ROLES:
        return Refused("bad-role", f"{wanted!r} is no role in a project.", "owner or maintainer.", status=400)
    if not held:
        return _no_such_role(project)
    if held == wanted:
        return Refused("has-role", f"That is the role already: {wanted}.", status=409)
    return None if wanted == "owner" else _last_owner(project, held, survives=survives)


def may_remove_role(
    project: Project, role: Role | None, held: str, *, survives: bool, operator: bool = False
) -> Refused | None:
    """An owner may take away any role that the project itself has given, except the last living owner's."""
    if (refusal := _may_change_people(project, role, operator=operator)) is not None:
        return refusal
    if not held:
        return _no_such_role(project)
    return _last_owner(project, held, survives=survives)


def may_leave(project: Project, held: str, *, survives: bool) -> Refused | None:
    """Anybody may give up the role that the project itself has given him, whatever the project's status.

    Not the last living owner. A role that comes from an organization ends by leaving the organization or the team.
    """
    if not held:
        return Refused(
            "not-a-direct-role",
            f"{project.display!r} has given you no role of your own.",
            "A role that comes from an organization ends when you leave it or its team.",
            status=409,
        )
    return _last_owner(project, held, survives=survives)


def may_transfer(
    project: Project,
    role: Role | None,
    *,
    owns_holder: bool,
    namespace: str = "",
    operator: bool = False,
) -> Refused | None:
    """An owner may hand a project over to an organization that he manages, or offer it to another person.

    If an organization holds it, only an owner of that organization may: ``owns_holder``. A project inside a namespace
    of its organization stays with it as long as the grant stands. Not while it is deleted or quarantined.
    """
    if (refusal := _may_change_people(project, role, operator=operator)) is not None:
        return refusal
    if project.organization_id is not None and not owns_holder and not operator:
        return Refused(
            "not-the-holder",
            f"An organization holds {project.display!r}.",
            "Only an owner of that organization can give it away.",
        )
    if namespace:
        return Refused(
            "in-namespace",
            f"{project.display!r} lies in the namespace {namespace!r}, which is granted to its organization.",
            "An operator can revoke the grant.",
            status=409,
        )
    return None


def may_change_visibility(
    project: Project, role: Role | None, wanted: str, *, operator: bool = False
) -> Refused | None:
    """An owner may hide a project and show it again. Not while it is deleted or quarantined."""
    if (refusal := _may_change_people(project, role, operator=operator)) is not None:
        return refusal
    if wanted not in ("public", "private"):
        return Refused("bad-visibility", f"{wanted!r} is no visibility.", "public or private.", status=400)
    if wanted == project.visibility:
        return Refused("same-visibility", f"{project.display!r} is {wanted} already.", status=409)
    return None


def is_typed(project: Project, typed: str) -> Refused | None:
    """What cannot be undone by going back wants the project's name typed again, in any spelling."""
    if normalize(typed.strip()) == project.normalized:
        return None
    return Refused(
        "not-typed", f"{typed[:100]!r} is not the name of this project.", f"Type {project.display!r}.", status=400
    )


def _may_change_people(project: Project, role: Role | None, *, operator: bool) -> Refused | None:
    """Owners and operators only; nobody joins, leaves or moves by another's hand while it is deleted or looked into."""
    if role != "owner" and not operator:
        return Refused("not-an-owner", f"You are not an owner of {project.display!r}.", "Ask one of its owners.")
    if project.deleted_at is not None:
        return Refused(
            "project-deleted", f"The project {project.display!r} is deleted.", "Restore it first.", status=409
        )
    if project.status == "quarantined" and not operator:
        return Refused(
            "quarantined",
            f"{project.display!r} is quarantined: its people stay as they are while operators look into it.",
            "Ask an operator.",
            status=409,
        )
    return None


def _no_such_role(project: Project) -> Refused:
    return Refused(
        "no-direct-role",
        f"{project.display!r} has given this account no role of its own.",
        "What comes from an organization is changed there.",
        status=404,
    )


def _last_owner(project: Project, held: str, *, survives: bool) -> Refused | None:
    if held != "owner" or survives:
        return None
    return Refused(
        "last-owner",
        f"{project.display!r} would have no owner left.",
        "Make somebody else an owner first, transfer the project, or delete it.",
        status=409,
    )


def _with_article(role: str) -> str:
    return f"an {role}" if role[0] in "aeio" else f"a {role}"
