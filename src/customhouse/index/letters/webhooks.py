"""Letters about webhooks, to those who can change them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from customhouse.index.letters.letter import Draft, Fact, Site, Write, draft, object_to


def switched_off(values: Mapping[str, Any], site: Site) -> Draft:
    """The index has given up on a receiver, or a transfer has ended what the old owners had set up."""
    fact = Fact.of(values)
    return draft(
        site, fact, f"A webhook{_of(fact)} was switched off",
        f"{fact.who} switched off a webhook{_of(fact)} that sends to {fact.text('origin')} {fact.when}.",
        fact.text("why"),
        f"Its log says what was sent and what failed. It can be switched on again there:\n{_page(site, fact)}",
    )  # fmt: skip


def changed(values: Mapping[str, Any], site: Site) -> Draft:
    """Somebody has added or changed a webhook: what happens is told to somebody else from now on."""
    fact = Fact.of(values)
    did = {
        "webhook-added": "added a webhook",
        "webhook-changed": "changed a webhook",
        "webhook-key-rotated": "made a new key for a webhook",
        "webhook-removed": "removed a webhook",
    }[fact.kind]
    return draft(
        site, fact, f"A webhook{_of(fact)} was {_done(fact.kind)}",
        f"{fact.who} {did}{_of(fact)} that sends to {fact.text('origin')} {fact.when}.",
        f"See it here:\n{_page(site, fact)}",
        object_to(site, fact, "add it again there" if fact.kind == "webhook-removed" else "remove it there"),
    )  # fmt: skip


LETTERS: Mapping[str, Write] = {
    "webhook-switched-off": switched_off,
    "webhook-added": changed,
    "webhook-changed": changed,
    "webhook-key-rotated": changed,
    "webhook-removed": changed,
}


def _done(kind: str) -> str:
    return {"webhook-added": "added", "webhook-removed": "removed"}.get(kind, "changed")


def _of(fact: Fact) -> str:
    whose = fact.project or fact.text("organization")
    return f" of {whose}" if whose else " of the whole index"


def _page(site: Site, fact: Fact) -> str:
    if fact.project:
        return f"{site.url}/manage/project/{fact.project}/webhooks/"
    if fact.text("organization"):
        return f"{site.url}/manage/organization/{fact.text('organization')}/webhooks/"
    return f"{site.url}/admin/webhooks/"
