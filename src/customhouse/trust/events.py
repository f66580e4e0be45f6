"""What happens to trusted publishers and to what they ask for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from customhouse.ledger.events import Event


@dataclass(frozen=True, slots=True)
class PublisherEvent(Event):
    """Which publisher, what people call it, and whose tokens it shows."""

    publisher_id: int
    title: str
    issuer: str


@dataclass(frozen=True, slots=True)
class PublisherAdded(PublisherEvent):
    """Builds of one place may publish into the project from now on."""

    kind: ClassVar[str] = "publisher-added"
    stages_only: bool
    rules: str
    """What is asked of its tokens besides, in words."""


@dataclass(frozen=True, slots=True)
class PublisherRemoved(PublisherEvent):
    """They may no longer."""

    kind: ClassVar[str] = "publisher-removed"


@dataclass(frozen=True, slots=True)
class PublisherLearned(PublisherEvent):
    """At its first use the ids of where it builds were learned; tokens with other ids are refused from now on."""

    kind: ClassVar[str] = "publisher-learned"
    ids: str


@dataclass(frozen=True, slots=True)
class PendingPublisherAdded(PublisherEvent):
    """Somebody has said whose builds may make a project that does not exist yet. The name is reserved for nobody."""

    kind: ClassVar[str] = "pending-publisher-added"
    user_id: str
    name: str
    """The project's."""
    organization: str


@dataclass(frozen=True, slots=True)
class PendingPublisherEnded(PublisherEvent):
    """A pending publisher works no more: withdrawn, expired, or somebody else has the name now (taken)."""

    kind: ClassVar[str] = "pending-publisher-ended"
    user_id: str
    name: str
    why: str


@dataclass(frozen=True, slots=True)
class PendingPublisherContested(PublisherEvent):
    """Several people wait for one name with the same builds: none of them gets it by these."""

    kind: ClassVar[str] = "pending-publisher-contested"
    user_id: str
    name: str


@dataclass(frozen=True, slots=True)
class TokenMinted(PublisherEvent):
    """A trusted publisher has shown who it is, and was given a token for some minutes."""

    kind: ClassVar[str] = "publisher-token-minted"
    token_id: str
    expires: str
    """ISO 8601, UTC."""
    stages_only: bool


@dataclass(frozen=True, slots=True)
class ReleaseBuilt(PublisherEvent):
    """Where files of a release come from, as the ID token of their build has said it; empty what it has not said."""

    kind: ClassVar[str] = "release-built"
    version: str
    repository: str
    ref: str
    sha: str
    run: str
    event: str
    environment: str
    runner: str


@dataclass(frozen=True, slots=True)
class PublisherRefused(PublisherEvent):
    """A genuine token came from where a publisher builds, and was refused."""

    kind: ClassVar[str] = "publisher-token-refused"
    code: str
    why: str


@dataclass(frozen=True, slots=True)
class PublisherAlarm(PublisherEvent):
    """The same, for a reason that its owners must hear of: other ids behind the old name, or a dangerous event."""

    kind: ClassVar[str] = "publisher-alarm"
    code: str
    """other-ids or refused-event."""
    why: str
    known: str
    """The ids that were learned."""
    shown: str
    """Those that the token has."""


@dataclass(frozen=True, slots=True)
class TokenBesidePublisher(Event):
    """An API token has published into a project that has a trusted publisher: is it still needed?"""

    kind: ClassVar[str] = "token-beside-publisher"
    token_id: str
    user_id: str
    name: str
    title: str
    """The publisher's."""


@dataclass(frozen=True, slots=True)
class PublishersOnlySwitched(Event):
    """From now on only trusted publishers publish into the project, or API tokens too."""

    kind: ClassVar[str] = "publishers-only-switched"
    on: bool


@dataclass(frozen=True, slots=True)
class FileAttested(Event):
    """What a build attests of a file was verified, and is served beside it (PEP 740)."""

    kind: ClassVar[str] = "file-attested"
    filename: str
    publisher: str
    """Who has signed, in words."""
    predicates: str
    """The types of what was said, with commas between them."""
    trust_root: str
