"""Every letter that there is, by the name that a job gives it: the kind of the event, or a name of its own."""

from __future__ import annotations

from collections.abc import Mapping

from customhouse.index.letters import account, factors, giveaway, mandates, people, quarantine, releases, webhooks
from customhouse.index.letters.letter import Write

LETTERS: Mapping[str, Write] = {
    **account.LETTERS,
    **factors.LETTERS,
    **giveaway.LETTERS,
    **mandates.LETTERS,
    **people.LETTERS,
    **quarantine.LETTERS,
    **releases.LETTERS,
    **webhooks.LETTERS,
}
