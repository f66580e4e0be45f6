"""The letter to whoever has fetched a bad file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from customhouse.index.letters.letter import Draft, Fact, Site, Write, draft, reason, see


def fetched_bad(values: Mapping[str, Any], site: Site) -> Draft:
    """One of the reader's tokens, or his session, fetched what is known to be bad by now."""
    fact = Fact.of(values)
    first, last = fact.text("first"), fact.text("last")
    when = f"on {first}" if first == last else f"between {first} and {last}"
    return draft(
        site, fact, f"You have fetched a bad file of {fact.project}",
        f"With one of your API tokens, or from your session, files of {fact.project} were fetched {when} (UTC) that "
        f"are held back here now because they do harm or are suspected to. {fact.who} had you told {fact.when}.",
        f"The files:\n{_files(fact)}",
        reason(fact),
        "Find out where they were installed, and take those machines for compromised until you know better: change "
        f"what they could read, this token too:\n{site.url}/account/tokens/",
        see(site, fact),
    )  # fmt: skip


LETTERS: Mapping[str, Write] = {"fetchers-told": fetched_bad}


def _files(fact: Fact) -> str:
    """The first of them, each in a line of its own."""
    names = fact.body.get("bad_files") or ()
    return "\n".join(f"> {name}" for name in list(names)[:20])
