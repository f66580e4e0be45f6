"""The letter about keys that were claimed. It holds no code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from customhouse.index.letters.letter import Draft, Fact, Site, Write, draft, object_to


def keys_claimed(values: Mapping[str, Any], site: Site) -> Draft:
    """The account has claimed its keys."""
    fact = Fact.of(values)
    return draft(
        site, fact, "You have claimed your security keys",
        f"{fact.who} claimed {fact.text('keys')} keys of the giveaway \u201c{fact.text('title')}\u201d for your "
        f"account {fact.reader}, {fact.when}. The codes stand on your page and in no letter:\n{site.url}/account/keys/",
        "When the keys have come, register both with your account, use one, and keep the other in a safe place.",
        object_to(site, fact, "tell the operators of this index at once"),
    )  # fmt: skip


LETTERS: Mapping[str, Write] = {"giveaway-claimed": keys_claimed}
