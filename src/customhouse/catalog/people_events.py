"""What happens to people, names and limits: invitations, roles, transfers, organizations, teams, names, quotas.

Invitations are between those who write and those who read them; the rest of a public project is public. Events that
concern one project carry its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from customhouse.ledger.events import Event, ProjectCreated


@dataclass(frozen=True, slots=True)
class InvitationEvent(Event):
    """Whom an invitation is for, and to what: a role in a project or in an organization, or a whole project."""

    invitation_id: int
    invitation_kind: str
    """project, organization or transfer"""
    organization: str
    """The organization's name, or empty."""
    user_id: str
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class InvitationMade(InvitationEvent):
    """Somebody was invited and may answer until the invitation expires."""

    kind: ClassVar[str] = "invitation-made"
    expires_at: str
    """ISO 8601, UTC."""


@dataclass(frozen=True, slots=True)
class InvitationAccepted(InvitationEvent):
    """The invited has accepted; what it changed stands in events of its own."""

    kind: ClassVar[str] = "invitation-accepted"


@dataclass(frozen=True, slots=True)
class InvitationDeclined(InvitationEvent):
    """The invited has declined."""

    kind: ClassVar[str] = "invitation-declined"


@dataclass(frozen=True, slots=True)
class InvitationWithdrawn(InvitationEvent):
    """Whoever invited, or a transfer or a removal, has taken the invitation back."""

    kind: ClassVar[str] = "invitation-withdrawn"


@dataclass(frozen=True, slots=True)
class InvitationNotYours(Event):
    """Somebody tried to answer an invitation that is not for him, or does not exist."""

    kind: ClassVar[str] = "invitation-not-yours"
    invitation: str


@dataclass(frozen=True, slots=True)
class RoleChanged(Event):
    """An account has another role in a project; ``before`` is empty if it had none of its own."""

    kind: ClassVar[str] = "role-changed"
    user_id: str
    name: str
    role: str
    before: str


@dataclass(frozen=True, slots=True)
class RoleRemoved(Event):
    """An account has no role of its own in a project any more; ``left`` says that it left by itself."""

    kind: ClassVar[str] = "role-removed"
    user_id: str
    name: str
    role: str
    left: bool


@dataclass(frozen=True, slots=True)
class ProjectTransferred(Event):
    """A project has another holder; all other rights in it are gone."""

    kind: ClassVar[str] = "project-transferred"
    # What a page says of namespaces depends on the holder (PEP 752).
    changes_pages: ClassVar[bool] = True
    organization: str
    """The new holder, if it is an organization."""
    user_id: str
    name: str
    """The new holder, if it is a person."""
    before: str
    """The organization that held it before, or empty."""
    lost: tuple[str, ...]
    """Ids of the accounts that could act for it or read it and no longer can."""


@dataclass(frozen=True, slots=True)
class PrivateProjectCreated(ProjectCreated):
    """A free name was claimed for a private project: nothing that strangers see has changed."""

    changes_pages: ClassVar[bool] = False
    changes_list: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class VisibilityChanged(Event):
    """A project became private or public."""

    kind: ClassVar[str] = "project-visibility-changed"
    changes_pages: ClassVar[bool] = True
    changes_list: ClassVar[bool] = True
    visibility: str
    before: str


@dataclass(frozen=True, slots=True)
class OrganizationCreated(Event):
    """An organization was made; whoever made it owns it."""

    kind: ClassVar[str] = "organization-created"
    organization: str
    owner_id: str
    owner: str


@dataclass(frozen=True, slots=True)
class OrganizationChanged(Event):
    """An organization is shown under another title."""

    kind: ClassVar[str] = "organization-changed"
    organization: str
    display: str
    before: str


@dataclass(frozen=True, slots=True)
class MemberChanged(Event):
    """An account has another role in an organization; ``before`` is empty if it did not belong to it."""

    kind: ClassVar[str] = "organization-member-changed"
    organization: str
    user_id: str
    name: str
    role: str
    before: str


@dataclass(frozen=True, slots=True)
class MemberRemoved(Event):
    """An account belongs to an organization no more, nor to its teams; ``left`` says that it left by itself."""

    kind: ClassVar[str] = "organization-member-removed"
    organization: str
    user_id: str
    name: str
    role: str
    left: bool


@dataclass(frozen=True, slots=True)
class TeamEvent(Event):
    """Which team of which organization."""

    organization: str
    team: str


@dataclass(frozen=True, slots=True)
class TeamCreated(TeamEvent):
    """A team was made, with nobody in it."""

    kind: ClassVar[str] = "team-created"


@dataclass(frozen=True, slots=True)
class TeamRemoved(TeamEvent):
    """A team is gone, and with it the roles that it gave."""

    kind: ClassVar[str] = "team-removed"


@dataclass(frozen=True, slots=True)
class TeamMemberAdded(TeamEvent):
    """A member of the organization is in the team."""

    kind: ClassVar[str] = "team-member-added"
    user_id: str
    name: str


@dataclass(frozen=True, slots=True)
class TeamMemberRemoved(TeamEvent):
    """A member of the organization is no longer in the team."""

    kind: ClassVar[str] = "team-member-removed"
    user_id: str
    name: str


@dataclass(frozen=True, slots=True)
class TeamRoleChanged(TeamEvent):
    """A team has a role in a project; ``before`` is empty if it had none."""

    kind: ClassVar[str] = "team-role-changed"
    role: str
    before: str


@dataclass(frozen=True, slots=True)
class TeamRoleRemoved(TeamEvent):
    """A team has no role in a project any more."""

    kind: ClassVar[str] = "team-role-removed"
    role: str


@dataclass(frozen=True, slots=True)
class NameProhibited(Event):
    """Nobody may have this name, until it is allowed again."""

    kind: ClassVar[str] = "name-prohibited"
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class NameAllowed(Event):
    """A prohibited name is free again."""

    kind: ClassVar[str] = "name-allowed"
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class NamespaceGranted(Event):
    """New names that begin so are for one organization (PEP 752)."""

    kind: ClassVar[str] = "namespace-granted"
    prefix: str
    organization: str


@dataclass(frozen=True, slots=True)
class NamespaceRevoked(Event):
    """New names that begin so are for everybody again."""

    kind: ClassVar[str] = "namespace-revoked"
    prefix: str
    organization: str


@dataclass(frozen=True, slots=True)
class ProjectNamespaceChanged(Event):
    """A namespace that covers this project was granted or revoked; its pages say so."""

    kind: ClassVar[str] = "project-namespace-changed"
    changes_pages: ClassVar[bool] = True
    prefix: str
    granted: bool


@dataclass(frozen=True, slots=True)
class QuotaGranted(Event):
    """An operator has set the limits of a project or of an organization; null means the index's own."""

    kind: ClassVar[str] = "quota-granted"
    organization: str
    """Empty for a project."""
    file_quota_bytes: int | None
    project_quota_bytes: int | None
    reason: str
