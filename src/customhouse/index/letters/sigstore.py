"""Letters about the private Sigstore, to operators: what looks like a stolen token, a log that lies, a new key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from customhouse.index.letters.letter import Draft, Fact, Site, Write, draft, quoted


def token_refused(values: Mapping[str, Any], site: Site) -> Draft:
    """A token was shown for two keys."""
    fact = Fact.of(values)
    return draft(
        site, fact, "A token for signing was used twice",
        f"A token of {fact.text('name')}, by {fact.text('issuer')}, was shown {fact.when} for a certificate. It "
        "got none. Either a build has tried again without asking for a new token, or somebody else has it.",
        quoted(fact.text("why")),
        f"What was signed in this name stands here:\n{site.url}/trust/sigstore/",
    )  # fmt: skip


def cosignature_refused(values: Mapping[str, Any], site: Site) -> Draft:
    """A log contradicts what it has shown before."""
    fact = Fact.of(values)
    return draft(
        site, fact, f"The log {fact.text('origin')} contradicts itself",
        f"This index watches the log {fact.text('origin')} as a witness, and was asked {fact.when} to co-sign "
        f"{fact.text('size')} entries of it. It refused.",
        quoted(fact.text("why")),
        "Ask its operator at once. What the log has shown before is kept here, and nothing else is signed.",
    )  # fmt: skip


def rotated(values: Mapping[str, Any], site: Site) -> Draft:
    """A key of ours is new."""
    fact = Fact.of(values)
    return draft(
        site, fact, f"The private Sigstore has a new key: {fact.text('role')}",
        f"{fact.who} made a new key for {fact.text('role')} {fact.when}. Its SHA-256 is {fact.text('key')}. What the "
        "old one has signed stays good.",
        f"All keys:\n{site.url}/trust/sigstore/",
    )  # fmt: skip


def log_started(values: Mapping[str, Any], site: Site) -> Draft:
    """The database was put back, and the log has another name and other keys."""
    fact = Fact.of(values)
    return draft(
        site, fact, f"The private Sigstore has a new log: {fact.text('origin')}",
        f"The log {fact.text('before')} had shown {fact.text('said')} entries, and the database does not have them: it "
        f"was put back. So {fact.who} started the log {fact.text('origin')} {fact.when}, with {fact.text('size')} "
        "entries and new keys. What the old keys have signed stays good.",
        "Tell those who follow the log, and its witnesses: they must be given the new key. Which of its entries were "
        "lost only those know who have them.",
        f"The new key:\n{site.url}/trust/sigstore/",
    )  # fmt: skip


def log_kept(values: Mapping[str, Any], site: Site) -> Draft:
    """The database was put back, and the log goes on as if nothing had been shown since."""
    fact = Fact.of(values)
    return draft(
        site, fact, f"The log {fact.text('origin')} has forgotten entries",
        f"It had shown {fact.text('said')} entries, and the database was put back: it has {fact.text('size')}. "
        f"{fact.who} let it go on under its name {fact.when}.",
        "Whoever follows the log will see that it was put back, and its witnesses sign nothing more. If you did not "
        "expect this, ask who has done it, and why there is no new log.",
    )  # fmt: skip


LETTERS: Mapping[str, Write] = {
    "signing-token-refused": token_refused,
    "cosignature-refused": cosignature_refused,
    "sigstore-key-rotated": rotated,
    "sigstore-log-started": log_started,
    "sigstore-log-kept": log_kept,
}
