"""Letters about who may do what: invitations, roles, transfers, organizations and their teams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from customhouse.index.letters.letter import Draft, Fact, Site, Write, draft, manage_page, object_to, reason

_ROLES = {
    "owner": "an owner", "maintainer": "a maintainer", "manager": "a manager", "member": "a member",
}  # fmt: skip


def invited(values: Mapping[str, Any], site: Site) -> Draft:
    """Somebody may take a role; he must answer."""
    fact = Fact.of(values)
    whom = "you" if fact.of_reader else fact.text("name")
    if fact.text("invitation_kind") == "transfer":
        offer = f"{fact.who} offered {whom} the project {fact.project}: {fact.text('name')} would own it alone"
        if fact.text("organization"):
            offer = f"{fact.who} offered the project {fact.project} to the organization {fact.text('organization')}"
        subject = f"{fact.project} is offered to {whom}"
    else:
        offer = f"{fact.who} invited {whom} to be {_role(fact)} of {_place(fact)}"
        subject = f"{_subject(fact)} invited to {_place(fact)}"
    until = fact.text("expires_at")[:10]
    if fact.of_reader:
        answer = (
            f"Accept or decline here until {until}:\n{site.url}/account/invitations/\n\n"
            "Nothing changes before you accept. If you do not know who this is, decline."
        )
    else:
        answer = object_to(site, fact, f"withdraw the invitation at {_page(site, fact)}")
    return draft(site, fact, subject, f"{offer}, {fact.when}.", answer)


def answered(values: Mapping[str, Any], site: Site) -> Draft:
    """An invitation was declined or withdrawn."""
    fact = Fact.of(values)
    withdrawn = fact.kind == "invitation-withdrawn"
    did = "withdrew" if withdrawn else "declined"
    if fact.text("invitation_kind") == "transfer":
        what = f"the offer of the project {fact.project}"
    else:
        whose = "the invitation"
        if withdrawn:
            whose = "your invitation" if fact.of_reader else f"the invitation of {fact.text('name')}"
        what = f"{whose} to be {_role(fact)} of {_place(fact)}"
    return draft(
        site, fact, f"The invitation to {_place(fact)} was {'withdrawn' if withdrawn else 'declined'}",
        f"{fact.who} {did} {what}, {fact.when}.",
        f"See who may do what here:\n{_page(site, fact)}" if not fact.of_reader else "",
    )  # fmt: skip


def role_changed(values: Mapping[str, Any], site: Site) -> Draft:
    """Somebody has a role, or another one."""
    fact = Fact.of(values)
    now = f"{_subject(fact)} {_role(fact)} of {_place(fact)} now"
    before = f" Before that: {_ROLES.get(fact.text('before'), fact.text('before'))}." if fact.text("before") else ""
    return draft(
        site, fact, now,
        f"{fact.who} made {_object(fact)} {_role(fact)} of {_place(fact)}, {fact.when}.{before}",
        f"See who may do what here:\n{_page(site, fact)}",
        object_to(site, fact, "change it there"),
    )  # fmt: skip


def role_removed(values: Mapping[str, Any], site: Site) -> Draft:
    """Somebody has a role no more."""
    fact = Fact.of(values)
    left = bool(fact.body.get("left"))
    said = f"{fact.who} left {_place(fact)}" if left else f"{fact.who} removed {_object(fact)} from {_place(fact)}"
    can = "You have" if fact.of_reader else f"{fact.text('name')} has"
    where = "" if fact.of_reader else f"See who may do what here:\n{_page(site, fact)}"
    return draft(
        site, fact, f"{_subject(fact)} no longer {_role(fact)} of {_place(fact)}",
        f"{said}, {fact.when}. {can} no rights from that role any more.",
        where,
        object_to(site, fact, "give the role back" if not fact.of_reader else "say so at once"),
    )  # fmt: skip


def transferred(values: Mapping[str, Any], site: Site) -> Draft:
    """A project has another holder."""
    fact = Fact.of(values)
    holder = f"the organization {fact.text('organization')}" if fact.text("organization") else fact.text("name")
    lost = "You can no longer act for it." if fact.of_reader else "All other rights in it are gone."
    return draft(
        site, fact, f"{fact.project} belongs to {holder} now",
        f"{fact.who} transferred the project {fact.project} to {holder}, {fact.when}. {lost}",
        f"See it here:\n{site.url}/project/{fact.project}/",
        object_to(site, fact, "tell the operators of this index at once"),
    )  # fmt: skip


def visibility_changed(values: Mapping[str, Any], site: Site) -> Draft:
    """A project became private or public."""
    fact = Fact.of(values)
    now = fact.text("visibility")
    meaning = "Only its people can see it." if now == "private" else "Everybody can see and install it."
    return draft(
        site, fact, f"{fact.project} is {now} now",
        f"{fact.who} made the project {fact.project} {now}, {fact.when}. {meaning}",
        f"The settings of the project:\n{manage_page(site, fact)}",
        object_to(site, fact, "change it back there"),
    )  # fmt: skip


def team_member(values: Mapping[str, Any], site: Site) -> Draft:
    """Somebody joined or left a team."""
    fact = Fact.of(values)
    team = f"the team {fact.text('team')} of {fact.text('organization')}"
    joined = fact.kind == "team-member-added"
    said = f"{fact.who} {'put' if joined else 'took'} {_object(fact)} {'into' if joined else 'out of'} {team}"
    return draft(
        site, fact, f"{_subject(fact)} {'in' if joined else 'no longer in'} {team}",
        f"{said}, {fact.when}. The roles that the team has in projects {'come' if joined else 'go'} with it.",
        f"See the organization here:\n{_page(site, fact)}",
        object_to(site, fact, "change it there"),
    )  # fmt: skip


def team_role(values: Mapping[str, Any], site: Site) -> Draft:
    """A team has a role in a project, or has it no more."""
    fact = Fact.of(values)
    team = f"the team {fact.text('team')} of {fact.text('organization')}"
    given = fact.kind == "team-role-changed"
    said = f"made {team} {_role(fact)} of {fact.project}"
    if not given:
        said = f"took the role of {_role(fact)} of {fact.project} from {team}"
    return draft(
        site, fact, f"{team[:1].upper()}{team[1:]} is {'' if given else 'no longer '}{_role(fact)} of {fact.project}",
        f"{fact.who} {said}, {fact.when}. That holds for everybody in the team.",
        f"See who may do what here:\n{manage_page(site, fact)}",
        object_to(site, fact, "change it there"),
    )  # fmt: skip


def team_removed(values: Mapping[str, Any], site: Site) -> Draft:
    """A team is gone."""
    fact = Fact.of(values)
    team = f"{fact.text('team')} of {fact.text('organization')}"
    return draft(
        site, fact, f"The team {team} was removed",
        f"{fact.who} removed the team {team}, {fact.when}, and with it the roles that it gave.",
        f"See the organization here:\n{_page(site, fact)}",
        object_to(site, fact, "make it again there"),
    )  # fmt: skip


def namespace(values: Mapping[str, Any], site: Site) -> Draft:
    """Names that begin so are for one organization, or for everybody again."""
    fact = Fact.of(values)
    granted = fact.kind == "namespace-granted"
    names = f"names that begin with {fact.text('prefix')}-"
    whose = f"only {fact.text('organization')} can claim" if granted else "everybody can claim"
    return draft(
        site, fact, f"The namespace {fact.text('prefix')} was {'granted' if granted else 'revoked'}",
        f"{fact.who} {'granted' if granted else 'revoked'} it {fact.when}. From now on {whose} {names}.",
        f"See the organization here:\n{_page(site, fact)}",
    )  # fmt: skip


def quota(values: Mapping[str, Any], site: Site) -> Draft:
    """A project or organization has other limits."""
    fact = Fact.of(values)
    limits = [
        f"{title}: {fact.text(name)} bytes" if fact.text(name) else f"{title}: as for everybody"
        for title, name in (("the largest file", "file_quota_bytes"), ("all files together", "project_quota_bytes"))
    ]
    return draft(
        site, fact, f"{_place(fact)} has other limits",
        f"{fact.who} set the limits of {_place(fact)} {fact.when}. {'; '.join(limits).capitalize()}.",
        reason(fact),
        f"See it here:\n{_page(site, fact)}",
    )  # fmt: skip


LETTERS: Mapping[str, Write] = {
    "invitation-made": invited,
    "invitation-declined": answered,
    "invitation-withdrawn": answered,
    "role-changed": role_changed,
    "role-removed": role_removed,
    "organization-member-changed": role_changed,
    "organization-member-removed": role_removed,
    "project-transferred": transferred,
    "project-visibility-changed": visibility_changed,
    "team-member-added": team_member,
    "team-member-removed": team_member,
    "team-role-changed": team_role,
    "team-role-removed": team_role,
    "team-removed": team_removed,
    "namespace-granted": namespace,
    "namespace-revoked": namespace,
    "quota-granted": quota,
}


def _role(fact: Fact) -> str:
    return _ROLES.get(fact.text("role"), fact.text("role"))


def _place(fact: Fact) -> str:
    """The project, or the organization if there is none."""
    return fact.project or f"the organization {fact.text('organization')}"


def _page(site: Site, fact: Fact) -> str:
    if fact.project:
        return manage_page(site, fact)
    return f"{site.url}/manage/organization/{fact.text('organization')}/"


def _object(fact: Fact) -> str:
    """The person concerned, as the object of a sentence."""
    if fact.of_reader:
        return "yourself" if fact.by_reader else "you"
    return fact.text("name")


def _subject(fact: Fact) -> str:
    return "You are" if fact.of_reader else f"{fact.text('name')} is"
