"""Who hears of an event by mail: rules per kind, then the people of the moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from customhouse.accounts.mail_preference import Topic


@dataclass(frozen=True, slots=True)
class Rule:
    """Who hears of a kind besides the person concerned, and which topic switches it off for them (none: nothing)."""

    topic: Topic | None = None
    holders: bool = True
    """The owners of the project; if there is none, owners and managers of the organization that the event names."""
    maintainers: bool = False
    """The project's maintainers too, unless they did it themselves."""
    operators: bool = False
    reporters: bool = False
    """Those whose reports it is about."""
    companions: bool = False
    """The owners of all projects in which the person concerned has a role."""
    critical: bool = False
    """Operators too, if the event says that it touches a critical project."""
    co_owners: bool = False
    """Those whom the event names as co-owners own a project together with the person concerned."""


_ALWAYS = Rule()
_RELEASES = Rule("releases")
_ROLES = Rule("roles")
_HOOKS = Rule("roles", operators=True)
_SELF = Rule(holders=False)
_REPORTERS = Rule("reports", holders=False, reporters=True)
_LAPSED = Rule(holders=False, companions=True)
_DOMAINS = Rule(holders=False, operators=True)
_OPERATORS = Rule(holders=False, operators=True)
_CO_OWNERS = Rule(holders=False, co_owners=True)

RULES: Mapping[str, Rule] = {
    "release-created": Rule("releases", maintainers=True),
    "release-reopened": _RELEASES,
    "yanked": _RELEASES,
    "unyanked": _RELEASES,
    "status-changed": _RELEASES,
    "release-amended": Rule("releases", maintainers=True),
    "amendment-withdrawn": Rule("releases", maintainers=True),
    # A vulnerability in what they ship: nobody switches that off.
    "library-affected": Rule(maintainers=True),
    "release-waits": Rule("releases", maintainers=True),
    "release-approved": _RELEASES,
    "approval-withdrawn": _RELEASES,
    # What a stolen token does is told to those who can stop it, whatever they have switched off.
    "release-held": _ALWAYS,
    "release-rule-changed": _ALWAYS,
    "release-run-opened": Rule("releases", maintainers=True),
    "release-run-asks": Rule(maintainers=True),
    "release-run-stopped": Rule(maintainers=True),
    "release-run-finished": Rule("releases", maintainers=True),
    # Whoever joins builds what is released.
    "release-run-joined": Rule("releases"),
    "release-run-machine-removed": Rule("releases"),
    # Rare, and what a thief would do: whoever owns the project always hears of it.
    "deleted": _ALWAYS,
    "restored": _ALWAYS,
    "erased": _ALWAYS,
    "project-quarantined": _ALWAYS,
    "release-quarantined": _ALWAYS,
    "archived-by-verdict": _ALWAYS,
    "quarantine-lifted": _ALWAYS,
    "release-quarantine-lifted": _ALWAYS,
    "project-transferred": _ALWAYS,
    "project-visibility-changed": _ALWAYS,
    "critical-marked": _ALWAYS,
    "mandate-announced": Rule(operators=True),
    "mandate-changed": Rule(operators=True),
    "mandate-ended": Rule(operators=True),
    "mandate-exempted": Rule(operators=True),
    "mandate-exemption-ended": Rule(operators=True),
    "critical-asked": Rule(holders=False, operators=True),
    "case-opened": Rule("reports", holders=False, operators=True),
    "case-decided": _REPORTERS,
    "verdict-undone": _REPORTERS,
    # An accepted invitation is told by what it changes.
    "invitation-made": _ROLES,
    "invitation-declined": _ROLES,
    "invitation-withdrawn": _ROLES,
    "role-changed": _ROLES,
    "role-removed": _ROLES,
    "organization-member-changed": _ROLES,
    "organization-member-removed": _ROLES,
    "team-member-added": _ROLES,
    "team-member-removed": _ROLES,
    "team-role-changed": _ROLES,
    "team-role-removed": _ROLES,
    "team-removed": _ROLES,
    "namespace-granted": _ROLES,
    "namespace-revoked": _ROLES,
    "quota-granted": _ROLES,
    "webhook-added": _HOOKS,
    "webhook-changed": _HOOKS,
    "webhook-key-rotated": _HOOKS,
    "webhook-removed": _HOOKS,
    "webhook-switched-off": Rule(operators=True),
    # Operators hear of those that touch a critical project, or the whole index.
    "change-put-off": Rule(critical=True),
    "change-made-at-once": Rule(critical=True),
    "change-contested": Rule(critical=True),
    "change-withdrawn": Rule(critical=True),
    "change-decided": Rule(critical=True),
    "change-lapsed": Rule(critical=True),
    "role-falls-asleep": _SELF,
    "role-confirmed": _ALWAYS,
    "fetchers-told": _SELF,
    "newest-affected": Rule(maintainers=True),
    "account-closed": _SELF,
    "password-set": _SELF,
    "address-change-asked": _SELF,
    "address-changed": _SELF,
    "address-change-undone": _SELF,
    "breached-sign-in": _SELF,
    "identity-linked": _SELF,
    "identity-unlinked": _SELF,
    "factor-added": _SELF,
    "factor-removed": _SELF,
    "recovery-codes-made": _SELF,
    "recovery-code-used": _SELF,
    "second-step-locked": _SELF,
    "second-step-unlocked": _SELF,
    "key-counter-went-back": _SELF,
    "token-created": _SELF,
    "token-revoked": _SELF,
    "token-leaked": _SELF,
    "account-tokens-revoked": _SELF,
    "tokens-mass-revoked": Rule(holders=False, operators=True),
    "site-role-set": _SELF,
    "account-frozen": _SELF,
    "account-thawed": _SELF,
    "mail-preference-set": _SELF,
    "email-unverified": _LAPSED,
    "link-withheld": Rule(holders=False, companions=True, operators=True),
    "address-vouched-for": _SELF,
    "mail-domain-lost": _DOMAINS,
    "mail-domain-waits": _DOMAINS,
    "mail-domain-looks-fail": _DOMAINS,
    "advisory-source-failed": _OPERATORS,
    # An upstream that exchanges bytes under a name has been broken into, or breaks its promise.
    "upstream-digest-changed": _OPERATORS,
    "name-adopted": _OPERATORS,
    "name-handed-over": _OPERATORS,
    "upstream-file-lied": _OPERATORS,
    "mail-domain-looks-work": _DOMAINS,
    "recovery-announced": _CO_OWNERS,
    "recovery-held": _CO_OWNERS,
    "recovery-address-told": _CO_OWNERS,
    "recovery-approved": _CO_OWNERS,
    "recovery-contested": Rule(holders=False, co_owners=True, operators=True),
    "recovery-resumed": _CO_OWNERS,
    "recovery-closed": _CO_OWNERS,
    "recovery-completed": _CO_OWNERS,
    "giveaway-claimed": _SELF,
    # Who adds a publisher need not steal a token afterwards.
    "publisher-added": _ALWAYS,
    "publisher-removed": _ROLES,
    "publishers-only-switched": _ALWAYS,
    "publisher-alarm": _ALWAYS,
    "signing-token-refused": _OPERATORS,
    "cosignature-refused": _OPERATORS,
    "sigstore-key-rotated": _OPERATORS,
    "sigstore-log-started": _OPERATORS,
    "sigstore-log-kept": _OPERATORS,
    "pending-publisher-added": _ALWAYS,
    "pending-publisher-ended": _SELF,
    "pending-publisher-contested": _SELF,
    "token-beside-publisher": Rule("roles"),
    # Those of the case get letters of their own; the other owners learn of it when everybody does.
    "disclosure-published": _ALWAYS,
    "security-policy-set": _ALWAYS,
}


@dataclass(frozen=True, slots=True)
class People:
    """The accounts around an event, as things are now. ``place`` is what they belong to, for the letter."""

    place: str = ""
    owners: frozenset[int] = frozenset()
    maintainers: frozenset[int] = frozenset()
    operators: frozenset[int] = frozenset()
    reporters: frozenset[int] = frozenset()
    companions: frozenset[int] = frozenset()
    concerned: frozenset[int] = frozenset()
    """Whose own rights or account it is about."""
    co_owners: frozenset[int] = frozenset()
    """Who owns protected projects together with the account that it is about."""
    critical: bool = False
    """Whether the event touches a critical project."""


@dataclass(frozen=True, slots=True)
class Hearer:
    """One account that hears of an event, why, and by which topic it could have been spared."""

    account_id: int
    because: str
    topic: Topic | None


def audience(rule: Rule, people: People, *, actor_id: int | None, indexs_own: bool = False) -> list[Hearer]:
    """The person concerned always hears of what happens to his own rights or account.

    So do, unless they have switched the topic off, the owners (even of what they did themselves, because it may not
    have been them), the maintainers of what others did, and operators and reporters where the rule says so.
    ``indexs_own`` events belong to nobody but the operators. Each hears once.
    """
    heard: dict[int, Hearer] = {}

    def tell(accounts: Iterable[int], because: str, topic: Topic | None) -> None:
        for account_id in sorted(accounts):
            heard.setdefault(account_id, Hearer(account_id, because, topic))

    tell(people.concerned, "it is about you", None)
    if rule.holders:
        tell(people.owners, f"you are an owner of {people.place}", rule.topic)
    shared = "a project together with the account that it is about" if rule.co_owners else ""
    tell(people.co_owners, f"you own {shared or 'a protected project that it touches'}", rule.topic)
    if rule.maintainers:
        tell(people.maintainers - {actor_id}, f"you are a maintainer of {people.place}", rule.topic)
    if rule.companions:
        tell(people.companions, "you own a project in which this account has a role", rule.topic)
    if rule.reporters:
        tell(people.reporters, f"you have reported {people.place}", rule.topic)
    if (rule.operators and (indexs_own or not rule.holders)) or (rule.critical and people.critical):
        tell(people.operators, "you are an operator of this index", rule.topic)
    return list(heard.values())
