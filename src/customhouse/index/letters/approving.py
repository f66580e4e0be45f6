"""Letters about releases that wait for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from customhouse.index.letters.letter import Draft, Fact, Site, Write, draft, manage_page, object_to, plain

_NOTHING_YET = "Nobody can install it by the project's name, and nothing of it appears before that."


def waits(values: Mapping[str, Any], site: Site) -> Draft:
    """A release waits because the project or the token asks for it."""
    fact = Fact.of(values)
    return draft(
        site, fact, f"{_what(fact)} waits for approval",
        f"{fact.who} sent {_what(fact)} {fact.when}. {_why(fact)} {_NOTHING_YET}",
        f"Look at it, try it, and approve it here:\n{_page(site, fact)}",
        object_to(site, fact, "do not approve it, and cancel it there"),
    )  # fmt: skip


def held(values: Mapping[str, Any], site: Site) -> Draft:
    """The index holds a release of a critical project back."""
    fact = Fact.of(values)
    return draft(
        site, fact, f"Is {_what(fact)} yours? It is held back",
        f"{fact.who} sent {_what(fact)} {fact.when}. Many depend on this project, and this release is unlike those "
        f"before it, so it waits for an owner. {_NOTHING_YET}",
        f"Why it is held back:\n> {_why(fact)}",
        f"If you expected it, look at it and approve it here, with a second factor:\n{_page(site, fact)}",
        "If you did not expect it, somebody has stolen a token or taken over a build. Cancel it on that page, revoke "
        f"the token or remove the publisher, and tell the operators of this index:\n{site.url}/account/",
    )  # fmt: skip


def approved(values: Mapping[str, Any], site: Site) -> Draft:
    """Somebody approved a release."""
    fact = Fact.of(values)
    key = "a security key or passkey" if fact.text("method") == "webauthn" else "a code of an app"
    return draft(
        site, fact, f"{_what(fact)} was approved",
        f"{fact.who} approved {_what(fact)} {fact.when}, with {key}. What was approved is the list of files with the "
        f"SHA-256 {fact.text('manifest')}; any change of it needs a new approval.",
        f"See it here:\n{_page(site, fact)}",
        object_to(site, fact, "cancel the release there"),
    )  # fmt: skip


def withdrawn(values: Mapping[str, Any], site: Site) -> Draft:
    """Somebody took an approval back."""
    fact = Fact.of(values)
    return draft(
        site, fact, f"An approval of {_what(fact)} was taken back",
        f"{fact.who} took the approval of {_what(fact)} back {fact.when}.",
        f"See it here:\n{_page(site, fact)}",
    )  # fmt: skip


def rule_changed(values: Mapping[str, Any], site: Site) -> Draft:
    """What a project asks of its releases is something else now."""
    fact = Fact.of(values)
    return draft(
        site, fact, f"What {fact.project} asks of its releases has changed",
        f"{fact.who} changed {fact.when} what must happen before a release of {fact.project} appears.",
        f"Now: {fact.text('rule')}.\nBefore: {fact.text('before')}.",
        f"See it here:\n{manage_page(site, fact)}settings/",
        object_to(site, fact, "change it back there"),
    )  # fmt: skip


def _what(fact: Fact) -> str:
    return f"{fact.project} {fact.text('version')}"


def _why(fact: Fact) -> str:
    return plain(str(fact.body.get("why") or ""), 600)


def _page(site: Site, fact: Fact) -> str:
    return f"{manage_page(site, fact)}staged/{fact.text('session')}/"


LETTERS: Mapping[str, Write] = {
    "release-waits": waits,
    "release-held": held,
    "release-approved": approved,
    "approval-withdrawn": withdrawn,
    "release-rule-changed": rule_changed,
}
