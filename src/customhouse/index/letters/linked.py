"""Letters about linked identities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from customhouse.index.letters.letter import Draft, Fact, Site, Write, draft, object_to


def linked(values: Mapping[str, Any], site: Site) -> Draft:
    """Another login opens the account, too."""
    fact = Fact.of(values)
    return draft(
        site, fact, "Another login opens your account now",
        f"{fact.who} linked {fact.text('name')} at {fact.text('title')} to your account {fact.reader}, {fact.when}. "
        "Whoever signs in there can sign in here; your second factor is asked for as before.",
        f"See and unlink it here:\n{site.url}/account/linked/",
        object_to(site, fact, "unlink it there and tell the operators of this index at once"),
    )  # fmt: skip


def unlinked(values: Mapping[str, Any], site: Site) -> Draft:
    """It opens it no longer."""
    fact = Fact.of(values)
    return draft(
        site, fact, "A login was unlinked from your account",
        f"{fact.who} unlinked {fact.text('name')} at {fact.text('issuer')} from your account {fact.reader}, "
        f"{fact.when}.",
        object_to(site, fact, "tell the operators of this index at once"),
    )  # fmt: skip


LETTERS: Mapping[str, Write] = {"identity-linked": linked, "identity-unlinked": unlinked}
