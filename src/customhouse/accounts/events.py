"""What happens to accounts. None of it is for the public."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from customhouse.ledger.events import Event


@dataclass(frozen=True, slots=True)
class SignedIn(Event):
    """Somebody has a session: by what he proved himself, and what is known of his browser."""

    kind: ClassVar[str] = "signed-in"
    network: str
    user_agent: str
    by: str = "password"
    browser: str = ""
    """Of a phishable proof: known, confirmed, or why nobody was asked."""


@dataclass(frozen=True, slots=True)
class SignInFailed(Event):
    """Somebody typed a wrong password for an account that exists, or for one that is frozen."""

    kind: ClassVar[str] = "sign-in-failed"
    user_id: str
    network: str
    why: str


@dataclass(frozen=True, slots=True)
class SignedOut(Event):
    """A session was ended; ``sessions`` says how many."""

    kind: ClassVar[str] = "signed-out"
    sessions: int


@dataclass(frozen=True, slots=True)
class Proved(Event):
    """A signed-in user proved again who he is, for the dangerous pages."""

    kind: ClassVar[str] = "password-proved"
    by: str = "password"


@dataclass(frozen=True, slots=True)
class PasswordLinkMade(Event):
    """A link with which a password can be set was made for an account."""

    kind: ClassVar[str] = "password-link-made"
    user_id: str
    link_id: str


@dataclass(frozen=True, slots=True)
class PasswordSet(Event):
    """An account has a new password; its other sessions are over."""

    kind: ClassVar[str] = "password-set"
    user_id: str
    by_link: bool


@dataclass(frozen=True, slots=True)
class TokenRevoked(Event):
    """An API token works no longer."""

    kind: ClassVar[str] = "token-revoked"
    token_id: str
    user_id: str


@dataclass(frozen=True, slots=True)
class TokenNotYours(Event):
    """Somebody tried to revoke a token that is not his, or does not exist."""

    kind: ClassVar[str] = "token-not-yours"
    token_id: str


@dataclass(frozen=True, slots=True)
class TokenUsedRevoked(Event):
    """Somebody tried an API token for the first time after it was revoked."""

    kind: ClassVar[str] = "token-used-revoked"
    token_id: str
    user_id: str
    network: str


@dataclass(frozen=True, slots=True)
class TokenLeaked(Event):
    """Somebody who looks for secrets found an API token in public; it works no longer."""

    kind: ClassVar[str] = "token-leaked"
    token_id: str
    user_id: str
    reporter: str
    url: str
    source: str


@dataclass(frozen=True, slots=True)
class TokensMassRevoked(Event):
    """An operator began to revoke many API tokens: which, how many and why."""

    kind: ClassVar[str] = "tokens-mass-revoked"
    selection: str
    tokens: int
    reason: str


@dataclass(frozen=True, slots=True)
class TokenMassRevoked(Event):
    """One of many API tokens that an operator revoked at once."""

    kind: ClassVar[str] = "token-mass-revoked"
    token_id: str
    user_id: str


@dataclass(frozen=True, slots=True)
class AccountTokensRevoked(Event):
    """So many API tokens of one account were among those that an operator revoked."""

    kind: ClassVar[str] = "account-tokens-revoked"
    user_id: str
    tokens: int
    reason: str


@dataclass(frozen=True, slots=True)
class SiteRoleSet(Event):
    """An account became operator or support, or ceased to be."""

    kind: ClassVar[str] = "site-role-set"
    user_id: str
    name: str
    role: str
    before: str


@dataclass(frozen=True, slots=True)
class AccountFrozen(Event):
    """No way of signing in works for the account until it is thawed."""

    kind: ClassVar[str] = "account-frozen"
    user_id: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class AccountThawed(Event):
    """The account works again."""

    kind: ClassVar[str] = "account-thawed"
    user_id: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class FlagSet(Event):
    """One of the index's big switches was turned."""

    kind: ClassVar[str] = "flag-set"
    flag: str
    on: bool
    reason: str


@dataclass(frozen=True, slots=True)
class NetworkBanned(Event):
    """Nobody from this network is let in, however he proves who he is; ``lifted`` ends that."""

    kind: ClassVar[str] = "network-banned"
    network: str
    reason: str
    lifted: bool
