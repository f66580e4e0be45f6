"""Who acts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from customhouse.terms.scope import WHOLE, Scope

SiteRole = Literal["", "support", "operator"]


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody as the ledger names him: a kind, an id that never changes and the name he had at the time."""

    kind: Literal["user", "operator", "system", "anonymous", "publisher"]
    id: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


SYSTEM = Identity("system", "system", "customhouse")
ANONYMOUS = Identity("anonymous", "", "somebody")
OPERATOR = Identity("operator", "cli", "operator")


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who wants something done. What he may do with a project is looked up in the deed, not carried along."""

    identity: Identity
    account_id: int | None = None
    operator: bool = False
    """Whether he runs this index: by his site role, or by sitting at its command line."""
    scope: Scope = WHOLE
    """What of his rights he may use: all, unless he came with an API token that is limited."""
    token_id: str = ""
    """The API token that he came with, if any."""
    publisher_id: int | None = None
    """The trusted publisher that it is: a machine that proved who it is and has no account."""
    publishers: tuple[tuple[str, int, str], ...] = ()
    """All that its token was found to be: normalised name of a project, id and title of that project's publisher."""

    def for_project(self, normalized: str) -> Actor:
        """The same as this project knows it: a token may stand for publishers of several, one for each."""
        for name, publisher_id, title in self.publishers:
            if name == normalized:
                identity = Identity("publisher", str(publisher_id), title)
                return replace(self, identity=identity, publisher_id=publisher_id)
        return self

    @property
    def as_operator(self) -> Identity:
        """The same person in the operator's chair, for deeds that only an operator may do."""
        return Identity("operator", self.identity.id, self.identity.name)


COMMAND_LINE = Actor(OPERATOR, operator=True)
"""Whoever can run commands beside the data folder."""
NOBODY = Actor(ANONYMOUS)
