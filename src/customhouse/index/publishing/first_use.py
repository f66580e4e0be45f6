"""The first upload of a pending publisher makes its project, for the account or organization that registered it."""

from __future__ import annotations

from customhouse.accounts.users import find_user_by_id
from customhouse.catalog.model import Project
from customhouse.catalog.rights import MANAGING
from customhouse.index import people
from customhouse.index.names import Claim, claim_project
from customhouse.index.publishing.pending import end_all_of_name, lives
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused
from customhouse.terms.identity import Actor
from customhouse.terms.names import ProjectName
from customhouse.trust.described import rules_in_words
from customhouse.trust.events import PublisherAdded
from customhouse.trust.publishers import TrustedPublisher, find_publisher, for_project, key_of
from customhouse.trust.tables import trusted_publisher


def claim_for_publisher(tx: Tx, wanted: ProjectName, publisher_id: int, *, resembled: str | None = None) -> Project:
    """Claim the name and make the project as the publisher's account would, and let the publisher publish into it.

    ``resembled`` is the popular name that the new one could be mistaken for. The account must still be able to: it is
    neither frozen nor, where an organization is to hold the project, without its rights there. Raises `Refused`.
    """
    publisher = _waiting_for(tx, wanted, publisher_id)
    if publisher is None or publisher.pending_by is None:
        raise _none_waits(wanted)
    user = find_user_by_id(tx.sql, publisher.pending_by)
    held = publisher.organization_id
    if held is not None and people.member_role(tx.sql, held, user.id) not in MANAGING:
        raise Refused("not-a-manager", "Who registered this publisher no longer manages its organization.")
    # As a person, never as an operator: a publisher must not get past what only operators may.
    owner = Actor(user.identity, user.id)
    made = claim_project(Claim(wanted, owner, resembled, organization_id=held), tx)
    # Whoever comes second waits for the name. Our publisher is locked after it, so that nobody waits for us meanwhile.
    attached = tx.sql.execute(
        trusted_publisher.update()
        .where(
            trusted_publisher.c.id == publisher.id,
            trusted_publisher.c.project_id.is_(None),
            trusted_publisher.c.removed_at.is_(None),
        )
        .values(
            project_id=made.id, expires_at=None,
            key=key_of(for_project(made.id), publisher.kind, publisher.issuer, publisher.settings),
        )
    ).rowcount  # fmt: skip
    if not attached:
        raise _none_waits(wanted)
    tx.record(
        PublisherAdded(
            user.identity, made.normalized, publisher_id=publisher.id, title=publisher.title, issuer=publisher.issuer,
            stages_only=publisher.stages_only, rules=rules_in_words(publisher.rules),
        )
    )  # fmt: skip
    end_all_of_name(tx, wanted.ultranormalized)
    return made


def _waiting_for(tx: Tx, wanted: ProjectName, publisher_id: int) -> TrustedPublisher | None:
    """The publisher, if it waits for exactly this name: nobody else's at the same place speaks for it."""
    one = find_publisher(tx.sql, publisher_id)
    return one if one.pending and one.pending_normalized == wanted.normalized and lives(tx, one) else None


def _none_waits(wanted: ProjectName) -> Refused:
    return Refused(
        "no-pending-publisher",
        f"This trusted publisher is not for a new project named {wanted.display!r}.",
        "Let who is to own the project register the publisher for that name.",
    )
