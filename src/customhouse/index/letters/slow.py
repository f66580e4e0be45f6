"""Letters about dangerous changes that wait: what would happen, when, and how to stop it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from customhouse.index.letters.letter import Draft, Fact, Site, Write, draft, object_to, reason


def put_off(values: Mapping[str, Any], site: Site) -> Draft:
    """A dangerous change waits. Whoever may stop it gets a link of his own."""
    fact = Fact.of(values)
    return draft(
        site, fact, f"On {_day(fact)}: {fact.text('sentence')}",
        f"{fact.who} asked for this {fact.when}:\n> {fact.text('sentence')}",
        f"It takes effect on {_moment(fact)}, and not before. Everybody who owns it is told.",
        _what_to_do(values, site, fact),
    )  # fmt: skip


def made_at_once(values: Mapping[str, Any], site: Site) -> Draft:
    """An operator did not wait."""
    fact = Fact.of(values)
    return draft(
        site, fact, f"At once: {fact.text('sentence')}",
        f"{fact.who} made a change {fact.when} that would have waited if an owner had asked for it:\n"
        f"> {fact.text('sentence')}",
        reason(fact),
        _page(site, fact),
        object_to(site, fact, "say so at once"),
    )  # fmt: skip


def contested(values: Mapping[str, Any], site: Site) -> Draft:
    """A change waits for an operator."""
    fact = Fact.of(values)
    why = {
        "veto": f"{fact.who} vetoed it",
        "same-person": f"{fact.who} vetoed another change that the same account had asked for",
    }
    said = why.get(fact.text("why"), "It contradicts another change: two owners have turned on each other")
    return draft(
        site, fact, f"Waits for an operator: {fact.text('sentence')}",
        f"This change does not take effect by itself any more:\n> {fact.text('sentence')}",
        f"{said}, {fact.when}. An operator of this index decides, and says why.",
        _page(site, fact),
    )  # fmt: skip


def withdrawn(values: Mapping[str, Any], site: Site) -> Draft:
    """Whoever asked for it does not want it any more."""
    fact = Fact.of(values)
    return draft(
        site, fact, f"Withdrawn: {fact.text('sentence')}",
        f"{fact.who} took back the wish for this change {fact.when}:\n> {fact.text('sentence')}",
        "Nothing has changed.",
    )  # fmt: skip


def decided(values: Mapping[str, Any], site: Site) -> Draft:
    """An operator has decided."""
    fact = Fact.of(values)
    allowed = bool(fact.body.get("allowed"))
    return draft(
        site, fact, f"{'Allowed' if allowed else 'Refused'}: {fact.text('sentence')}",
        f"{fact.who} decided {fact.when} about this change:\n> {fact.text('sentence')}",
        "It has taken effect." if allowed else "It does not happen.",
        reason(fact),
        _page(site, fact),
    )  # fmt: skip


def lapsed(values: Mapping[str, Any], site: Site) -> Draft:
    """It was due and could not be made."""
    fact = Fact.of(values)
    return draft(
        site, fact, f"Did not happen: {fact.text('sentence')}",
        f"This change was due {fact.when}, and could not be made any more:\n> {fact.text('sentence')}",
        reason(fact, "why"),
    )  # fmt: skip


def asleep(values: Mapping[str, Any], site: Site) -> Draft:
    """A role will soon have to be confirmed before it publishes."""
    fact = Fact.of(values)
    return draft(
        site, fact, f"Confirm that you still publish {fact.project}",
        f"You had not used your role in {fact.project} since {fact.text('used_at')[:10]} when we looked {fact.when}.",
        f"From {fact.text('sleeps_at')[:10]} on nothing can be uploaded in your name before you confirm, with a fresh"
        f" proof of who you are, that you still mean to publish there:\n{_confirm_page(site, fact)}",
        "If you no longer need the role, give it up: what nobody uses is what thieves like best.",
    )  # fmt: skip


def confirmed(values: Mapping[str, Any], site: Site) -> Draft:
    """A role that slept publishes again."""
    fact = Fact.of(values)
    return draft(
        site, fact, f"{fact.who if not fact.by_reader else 'You'} can publish {fact.project} again",
        f"{fact.who} had not used the role in {fact.project} for a year, and confirmed it {fact.when}.",
        f"See who may do what here:\n{site.url}/manage/project/{fact.project}/people/",
        object_to(site, fact, "remove the role there"),
    )  # fmt: skip


def closed(values: Mapping[str, Any], site: Site) -> Draft:
    """The last letter to somebody whose account is closed."""
    fact = Fact.of(values)
    return draft(
        site, fact, f"The account {fact.text('name')} is closed",
        f"Your account {fact.text('name')} was closed {fact.when}. Nobody can sign in to it any more, its name stays"
        " reserved, and this address is forgotten in 30 days.",
        f"If it was not you, tell the operators of this index at once:\n{site.url}/",
    )  # fmt: skip


LETTERS: Mapping[str, Write] = {
    "change-put-off": put_off,
    "change-made-at-once": made_at_once,
    "change-contested": contested,
    "change-withdrawn": withdrawn,
    "change-decided": decided,
    "change-lapsed": lapsed,
    "role-falls-asleep": asleep,
    "role-confirmed": confirmed,
    "account-closed": closed,
}


def _what_to_do(values: Mapping[str, Any], site: Site, fact: Fact) -> str:
    if fact.by_reader:
        return f"If you no longer want it, withdraw it here:\n{_address(site, fact)}\n\n{object_to(site, fact, '')}"
    if fact.of_reader:
        return (
            "It is about you, so you cannot veto it yourself. If it is wrong, tell another owner or an operator of this"
            f" index now. See it here:\n{_address(site, fact)}"
        )
    if not values.get("veto_url"):
        return f"If it is wrong, stop it here:\n{_address(site, fact)}"
    return (
        "If it is wrong, stop it: this page has one button, and needs no password. It then waits until an operator has"
        f" decided:\n{values['veto_url']}\n\nThe link is for you alone; do not pass this letter on."
    )


def _page(site: Site, fact: Fact) -> str:
    return f"See what waits here:\n{_address(site, fact)}"


def _address(site: Site, fact: Fact) -> str:
    return f"{site.url}/manage/project/{fact.project}/pending/" if fact.project else f"{site.url}/account/pending/"


def _confirm_page(site: Site, fact: Fact) -> str:
    return f"{site.url}/manage/project/{fact.project}/confirm/"


def _day(fact: Fact) -> str:
    return f"{datetime.fromisoformat(fact.text('effective_at')):%-d %B}"


def _moment(fact: Fact) -> str:
    return f"{datetime.fromisoformat(fact.text('effective_at')):%-d %B %Y at %H:%M} UTC"
