"""Letters about mail domains that have lapsed: to operators, and to those who share a project with who is concerned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from customhouse.accounts.lost_address import REASONS
from customhouse.index.letters.letter import Draft, Fact, Site, Write, draft, quoted

_WATCH = (
    "If you see somebody act in this name who may be another one, take the role away and tell the operators of this "
    "index at once."
)


def unverified(values: Mapping[str, Any], site: Site) -> Draft:
    """An address counts no longer: to those who share a project with its holder, and to himself if a letter can go."""
    fact = Fact.of(values)
    name, because = fact.text("name"), _because(fact)
    if fact.of_reader:
        return draft(
            site, fact, "Your address is not verified any more",
            f"The address of your account {name} was given up {fact.when}: it counts as verified no longer, because "
            f"{because}. Your password, keys and tokens work as before.",
            f"Give another address here:\n{site.url}/account/address/",
        )  # fmt: skip
    return draft(
        site, fact, f"The address of {name} is not verified any more",
        f"The address of {name}, who has a role in a project that you own, was given up {fact.when}, because "
        f"{because}. No link that opens the account is sent there, so whoever holds the domain now gains nothing.",
        f"If you know {name}, say so: another address can be given at\n{site.url}/account/address/",
        _WATCH,
    )  # fmt: skip


def withheld(values: Mapping[str, Any], site: Site) -> Draft:
    """Somebody asked for a link that would have gone to a lost address."""
    fact = Fact.of(values)
    name = fact.text("name")
    return draft(
        site, fact, f"A link for the account {name} was not sent",
        f"Somebody asked {fact.when} for a link that opens the account {name}. It would have gone to an address at "
        f"{fact.text('domain')}, where no such link goes now, because {_because(fact)}. Whoever asked was told nothing "
        "of that.",
        "It may have been the holder of the account, who needs another way in then, or somebody who has taken the "
        "domain for this very purpose.",
        _WATCH,
    )  # fmt: skip


def vouched_for(values: Mapping[str, Any], site: Site) -> Draft:
    """An operator has vouched for the reader's address."""
    fact = Fact.of(values)
    return draft(
        site, fact, "You can verify your address again",
        f"{fact.who} said {fact.when} that the address of your account {fact.text('name')} is yours after all.",
        quoted(fact.text("reason")),
        f"It is verified as soon as you follow a link that you can ask for here:\n{site.url}/account/address/",
    )  # fmt: skip


def lost(values: Mapping[str, Any], site: Site) -> Draft:
    """The addresses at a domain were given up: to operators."""
    fact = Fact.of(values)
    return draft(
        site, fact, f"The mail domain {fact.text('domain')} is lost",
        f"{fact.text('sentence')} So this index gave up {_addresses(fact)} at {fact.text('domain')} {fact.when}: "
        f"{'it counts' if fact.body.get('addresses') == 1 else 'they count'} as verified no longer.",
        f"See what was seen:\n{site.url}/admin/domains/",
    )  # fmt: skip


def waits(values: Mapping[str, Any], site: Site) -> Draft:
    """A domain waits for an operator."""
    fact = Fact.of(values)
    return draft(
        site, fact, f"The mail domain {fact.text('domain')} waits for you",
        f"{fact.text('sentence')} With it would go {_addresses(fact)}, more than this index gives up in a day without "
        f"a human. It has waited for you since this was seen {fact.when}; nothing was changed.",
        f"Look at it yourself, then decide here:\n{site.url}/admin/domains/",
    )  # fmt: skip


def looks_fail(values: Mapping[str, Any], site: Site) -> Draft:
    """For days nobody has answered our questions."""
    fact = Fact.of(values)
    return draft(
        site, fact, "Mail domains cannot be looked at",
        f"This was noticed {fact.when}: for {fact.text('days')} days nobody has answered what we ask about "
        f"{fact.text('domains')} mail domains. Nothing was changed because of that, but a domain that lapses now is "
        "not noticed.",
        f"What was heard last:\n{quoted(fact.text('why'))}" if fact.text("why") else "",
        f"See how things stand:\n{site.url}/admin/domains/",
    )  # fmt: skip


def looks_work(values: Mapping[str, Any], site: Site) -> Draft:
    """It works again."""
    fact = Fact.of(values)
    return draft(
        site, fact, "Mail domains can be looked at again",
        f"Our questions about mail domains are answered again; this was noticed {fact.when}.",
        f"See how things stand:\n{site.url}/admin/domains/",
    )  # fmt: skip


LETTERS: Mapping[str, Write] = {
    "email-unverified": unverified,
    "link-withheld": withheld,
    "address-vouched-for": vouched_for,
    "mail-domain-lost": lost,
    "mail-domain-waits": waits,
    "mail-domain-looks-fail": looks_fail,
    "mail-domain-looks-work": looks_work,
}


def _because(fact: Fact) -> str:
    return next((words for reason, words in REASONS.items() if reason == fact.text("reason")), "its domain has lapsed")


def _addresses(fact: Fact) -> str:
    count = fact.body.get("addresses")
    return f"{count} address" if count == 1 else f"{count} addresses"
