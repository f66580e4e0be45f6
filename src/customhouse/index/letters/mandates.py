"""Letters about what is required of people, and about critical projects."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from customhouse.index.letters.letter import Draft, Fact, Site, Write, compose, draft, object_to, plain, quoted, reason

_SUBJECTS = {
    "announced": "What will be required of you",
    "warned": "Soon you need a second factor",
    "enforced": "You need a second factor now",
}


def stage(values: Mapping[str, Any], site: Site) -> Draft:
    """What is required of the reader, in the words of the page."""
    why = quoted(str(values["why"]))
    return compose(
        site, str(values["reader"]), f"{_SUBJECTS[values['stage']]}: {plain(str(values['title']), 120)}",
        (
            str(values["text"]),
            f"Whoever has announced this writes:\n{why}" if why else "",
            f"The same is shown here, with whatever else is required of you:\n{site.url}/account/required/",
        ),
        "You get this letter once at each stage, as long as you lack what is asked. It cannot be switched off.",
    )  # fmt: skip


def announced(values: Mapping[str, Any], site: Site) -> Draft:
    """There is a new mandate."""
    fact = Fact.of(values)
    return draft(
        site, fact, f"A second factor will be required: {fact.text('title')}",
        f"{fact.who} announced the mandate “{fact.text('title')}” {fact.when}. It is enforced from "
        f"{_day(fact.text('enforced_at'))} on.",
        f"What is required of you stands here:\n{site.url}/account/required/",
        object_to(site, fact, "do not wait for the day"),
    )  # fmt: skip


def changed(values: Mapping[str, Any], site: Site) -> Draft:
    """A mandate asks for something else, or from another day on."""
    fact = Fact.of(values)
    less = "It asks for less than before. " if fact.body.get("lowered") else ""
    return draft(
        site, fact, f"Other conditions: {fact.text('title')}",
        f"{fact.who} changed the mandate “{fact.text('title')}” {fact.when}. {less}It is enforced from "
        f"{_day(fact.text('enforced_at'))} on, and accepts {_methods(fact)}.",
        reason(fact),
        f"What is required of you stands here:\n{site.url}/account/required/",
        object_to(site, fact, "ask why"),
    )  # fmt: skip


def ended(values: Mapping[str, Any], site: Site) -> Draft:
    """A mandate has ended."""
    fact = Fact.of(values)
    return draft(
        site, fact, f"A mandate has ended: {fact.text('title')}",
        f"{fact.who} ended the mandate “{fact.text('title')}” {fact.when}.",
        reason(fact),
        object_to(site, fact, "ask why"),
    )  # fmt: skip


def exempted(values: Mapping[str, Any], site: Site) -> Draft:
    """Somebody is let off."""
    fact = Fact.of(values)
    return draft(
        site, fact, f"Let off: {fact.text('title')}",
        f"{fact.who} let {fact.text('name')} off the mandate “{fact.text('title')}” {fact.when}, until "
        f"{_day(fact.text('until'))}.",
        reason(fact),
        object_to(site, fact, "ask why"),
    )  # fmt: skip


def exemption_ended(values: Mapping[str, Any], site: Site) -> Draft:
    """Somebody is let off no longer."""
    fact = Fact.of(values)
    return draft(
        site, fact, f"No longer let off: {fact.text('title')}",
        f"{fact.who} ended the exemption of {fact.text('name')} from the mandate “{fact.text('title')}” {fact.when}.",
        reason(fact),
        f"What is required of you stands here:\n{site.url}/account/required/",
    )  # fmt: skip


def marked(values: Mapping[str, Any], site: Site) -> Draft:
    """A project became critical, or is so no longer."""
    fact = Fact.of(values)
    if not fact.body.get("critical"):
        return draft(
            site, fact, f"{fact.project} is no longer critical",
            f"{fact.who} took the mark of a critical project from {fact.project} {fact.when}.",
            reason(fact),
        )  # fmt: skip
    return draft(
        site, fact, f"{fact.project} is a critical project now",
        f"{fact.who} marked {fact.project} as critical {fact.when}: much is built upon it. Dangerous changes of it "
        "take effect after a delay from now on, and mandates may ask more of those who publish it.",
        reason(fact),
        f"What is required of you stands here:\n{site.url}/account/required/",
        f"What critical projects are, and which there are:\n{site.url}/critical/",
    )  # fmt: skip


def asked(values: Mapping[str, Any], site: Site) -> Draft:
    """The rule picks a name that an operator has unmarked."""
    fact = Fact.of(values)
    return draft(
        site, fact, f"Should {fact.project} be critical again?",
        f"An operator took the mark of a critical project from {fact.project}. The count {fact.when} would have marked "
        "it again; nothing was changed, and you are asked once.",
        reason(fact),
        f"Mark it, or leave it:\n{site.url}/admin/critical/",
    )  # fmt: skip


def _day(text: str) -> str:
    return f"{datetime.fromisoformat(text):%-d %B %Y, %H:%M} UTC"


def _methods(fact: Fact) -> str:
    return "security keys and passkeys only" if fact.text("methods") == "webauthn" else "any second factor"


LETTERS: Mapping[str, Write] = {
    "mandate-stage": stage,
    "mandate-announced": announced,
    "mandate-changed": changed,
    "mandate-ended": ended,
    "mandate-exempted": exempted,
    "mandate-exemption-ended": exemption_ended,
    "critical-marked": marked,
    "critical-asked": asked,
}
