"""Every letter that there is, by the name that a job gives it: the kind of the event, or a name of its own."""

from __future__ import annotations

from collections.abc import Mapping

from customhouse.index.letters import (
    account,
    addresses,
    advising,
    approving,
    blast,
    bundled,
    disclosure,
    domains,
    factors,
    giveaway,
    linked,
    mandates,
    mirror,
    people,
    publishers,
    quarantine,
    recovery,
    releases,
    runs,
    sigstore,
    slow,
    standing,
    webhooks,
)
from customhouse.index.letters.letter import Write

LETTERS: Mapping[str, Write] = {
    **account.LETTERS,
    **domains.LETTERS,
    **addresses.LETTERS,
    **advising.LETTERS,
    **approving.LETTERS,
    **runs.LETTERS,
    **blast.LETTERS,
    **bundled.LETTERS,
    **disclosure.LETTERS,
    **factors.LETTERS,
    **giveaway.LETTERS,
    **linked.LETTERS,
    **mandates.LETTERS,
    **mirror.LETTERS,
    **people.LETTERS,
    **publishers.LETTERS,
    **quarantine.LETTERS,
    **recovery.LETTERS,
    **releases.LETTERS,
    **sigstore.LETTERS,
    **slow.LETTERS,
    **standing.LETTERS,
    **webhooks.LETTERS,
}
