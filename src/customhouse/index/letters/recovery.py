"""Letters about getting an account back. None of them can be switched off.

Whoever it is about and the co-owners hear of the opening, of what holds uploads, of the two operators' yes, and of the
end. What to do if it should not happen stands in each of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from customhouse.index.letters.letter import Draft, Fact, Site, Write, compose, draft, plain, reason


def announced(values: Mapping[str, Any], site: Site) -> Draft:
    """Somebody asks for an account."""
    fact = Fact.of(values)
    if fact.of_reader:
        what = (
            f"Somebody asked {fact.when} to get your account {fact.reader} back, saying that its second factor is "
            "lost. Nothing has changed: your password, your factors, your tokens and your uploads work as before."
        )
        then = (
            "If it was you, go on in the page whose link you have. If it was not, sign in and end the case with one "
            f"click:\n{site.url}/account/recovery/"
        )
        return draft(site, fact, "Somebody asks for your account", what, then)
    what = (
        f"Somebody asked {fact.when} to get the account {fact.text('name')} back, saying that its second factor is "
        "lost. You own a project together with this account. Nothing has changed so far."
    )
    then = (
        f"Speak with {fact.text('name')}, not by mail alone. If it is true, you can vouch with your security key; if "
        f"it is not, object with one click:\n{site.url}/account/recovery/"
    )
    return draft(site, fact, f"Somebody asks for the account {fact.text('name')}", what, then)


def held(values: Mapping[str, Any], site: Site) -> Draft:
    """Uploads wait."""
    fact = Fact.of(values)
    return draft(
        site, fact, f"Uploads of {_whose(fact)} wait",
        f"In the recovery of {_whose(fact)} there is now a proof that a stranger could not give, {fact.when}. So the "
        f"account publishes nothing until the case is settled, {_day(fact, 'until')} at the latest. Everything else "
        "works as before.",
        _object(site),
    )  # fmt: skip


def address(values: Mapping[str, Any], site: Site) -> Draft:
    """Another address was proved."""
    fact = Fact.of(values)
    return draft(
        site, fact, f"Another address in the recovery of {_whose(fact)}",
        f"In the recovery of {_whose(fact)} somebody proved {fact.when} that another address is read. If the case is "
        "agreed on, the link for a new password goes there, and all mail of the account from then on.",
        _object(site),
    )  # fmt: skip


def approved(values: Mapping[str, Any], site: Site) -> Draft:
    """Two operators agreed."""
    fact = Fact.of(values)
    return draft(
        site, fact, f"{_capital(_whose(fact))} will be given back {_day(fact, 'due_at')}",
        f"Two operators of this index have looked at the evidence and agreed, {fact.when}. "
        f"{_capital(_day(fact, 'due_at'))} all factors, recovery codes, sessions and API tokens of "
        f"{_whose(fact)} will be removed, and a link for a new password will be sent to the address that was proved in "
        "the case.",
        _object(site),
    )  # fmt: skip


def contested(values: Mapping[str, Any], site: Site) -> Draft:
    """Somebody objects."""
    fact = Fact.of(values)
    return draft(
        site, fact, f"The recovery of {_whose(fact)} is contested",
        f"{fact.who} objected {fact.when} to giving {_whose(fact)} back. The case waits for an operator now.",
        reason(fact),
        f"See it here:\n{site.url}/account/recovery/",
    )  # fmt: skip


def resumed(values: Mapping[str, Any], site: Site) -> Draft:
    """An operator lets it go on."""
    fact = Fact.of(values)
    due = f" It takes effect {_day(fact, 'due_at')}." if fact.text("due_at") else ""
    return draft(
        site, fact, f"The recovery of {_whose(fact)} goes on",
        f"{fact.who} looked at the objection and lets the recovery of {_whose(fact)} go on, {fact.when}.{due}",
        reason(fact), _object(site),
    )  # fmt: skip


def closed(values: Mapping[str, Any], site: Site) -> Draft:
    """The case ended without effect."""
    fact = Fact.of(values)
    return draft(
        site, fact, f"The recovery of {_whose(fact)} has ended",
        f"Recovery case {fact.text('case_id')} ended {fact.when}, and nothing has changed for {_whose(fact)}.",
        reason(fact),
    )  # fmt: skip


def completed(values: Mapping[str, Any], site: Site) -> Draft:
    """The account was given back."""
    fact = Fact.of(values)
    went = (
        f"All its second factors ({fact.text('factors')}), recovery codes, sessions ({fact.text('sessions')}), known "
        f"browsers, linked identities and API tokens ({fact.text('tokens')}) are gone. It publishes nothing until "
        f"{_day(fact, 'opens_at')}."
    )
    if fact.of_reader:
        then = (
            "A link for a new password comes in another letter. Then add a second factor, make recovery codes, keep "
            f"them, and make new API tokens:\n{site.url}/account/two-factor/"
        )
        return draft(site, fact, "Your account is yours again", f"Your account was given back {fact.when}.", went, then)
    return draft(
        site, fact, f"{_capital(_whose(fact))} was given back",
        f"{_capital(_whose(fact))} was given back {fact.when}, after two operators had agreed.", went,
        "If that should not have happened, tell the operators of this index at once.",
    )  # fmt: skip


def link(values: Mapping[str, Any], site: Site) -> Draft:
    """The link to a case, for whoever reads the account's mail. ``url`` is completed when the letter is written."""
    reader = str(values["reader"])
    asked = (
        f"Somebody, most likely you, asked to get the account {plain(reader, 80)} back because its second factor is "
        f"lost. Go on here; the link shows at the same time that you read this mail:\n{values['url']}"
    )
    doubt = (
        "Mail alone gives nobody an account: other proofs, two operators and a delay are needed. If you did not ask "
        f"for it, give the link to nobody, sign in and end the case:\n{site.url}/account/recovery/"
    )
    ending = "You get this letter because somebody asked for it with your name or address."
    return compose(site, reader, "Getting your account back", (asked, doubt), ending)


def new_address(values: Mapping[str, Any], site: Site) -> Draft:
    """The link that proves a new address. It does not say whose account it is about."""
    asked = (
        "Somebody who wants to get an account back at this index named this address as the one that reaches him or her "
        f"from then on. If it was you, confirm it here:\n{values['url']}"
    )
    doubt = "If it was not you, do nothing. Nothing happens without this link, and you will hear no more of it."
    return compose(site, "there", "Is this your address?", (asked, doubt), "You get this letter for that reason alone.")


def moved(values: Mapping[str, Any], site: Site) -> Draft:
    """To the address that an account had before its recovery."""
    reader = str(values["reader"])
    said = (
        f"The account {plain(reader, 80)} was given back to its owner, who proved another address in the case. Mail of "
        "the account goes there from now on, and this address opens nothing any more."
    )
    doubt = "If the account is yours and you know nothing of this, tell the operators of this index at once."
    return compose(
        site, reader, "Your account has another address", (said, doubt), "Letters like this one always come."
    )


LETTERS: Mapping[str, Write] = {
    "recovery-announced": announced,
    "recovery-held": held,
    "recovery-address-told": address,
    "recovery-approved": approved,
    "recovery-contested": contested,
    "recovery-resumed": resumed,
    "recovery-closed": closed,
    "recovery-completed": completed,
    "recovery-link": link,
    "recovery-address": new_address,
    "recovery-moved": moved,
}


def _whose(fact: Fact) -> str:
    return "your account" if fact.of_reader else f"the account {fact.text('name')}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _day(fact: Fact, name: str) -> str:
    """A moment of the event's body: ``on 4 December 2026 at 12:00 UTC``; empty if there is none."""
    text = str(fact.body.get(name) or "")
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return "later"
    return f"on {at.strftime('%-d %B %Y')} at {at.strftime('%H:%M')} UTC"


def _object(site: Site) -> str:
    doubt = "If this should not happen, sign in and object with one click; it waits for an operator then:"
    return f"{doubt}\n{site.url}/account/recovery/"
