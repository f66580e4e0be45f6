"""Letters on files of upstreams, to operators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from customhouse.index.letters.letter import Draft, Fact, Site, Write, draft, quoted


def file_lied(values: Mapping[str, Any], site: Site) -> Draft:
    """A wheel holds other metadata than was served beside it: resolvers were told something else than it is."""
    fact = Fact.of(values)
    name, upstream = fact.text("filename"), fact.text("upstream")
    return draft(
        site, fact, f"{name} of {upstream} is not what was served beside it",
        f"This was noticed {fact.when}, when the whole file was here. Installers that looked at its metadata before "
        "were told other requirements than the file has. It counts as refused by the strict reader from now on: views "
        "whose policy refuses malformed archives no longer hand it out.",
        quoted(fact.text("why")),
        f"Ask whoever runs {upstream}, and look at what was installed from it.",
    )  # fmt: skip


def digest_changed(values: Mapping[str, Any], site: Site) -> Draft:
    """An upstream lists other bytes under a file name that it had listed before."""
    fact = Fact.of(values)
    name, upstream = fact.text("filename"), fact.text("upstream")
    return draft(
        site, fact, f"{upstream} has other bytes for {name}",
        f"This was noticed {fact.when}. A file name has one content for ever, on PyPI and on every index that keeps "
        "its word; so either somebody has broken in there, or it breaks its word. The first digest stays in force: "
        "what has it is handed out as before, and the other bytes are refused.",
        f"First: {fact.text('kept')}\nNow: {fact.text('refused')}",
        f"Ask whoever runs {upstream}, and look at what was built with {fact.project} lately.",
    )  # fmt: skip


def name_adopted(values: Mapping[str, Any], site: Site) -> Draft:
    """A name changes hands: from an upstream to this index."""
    fact = Fact.of(values)
    return draft(
        site, fact, f"{fact.project} is hosted here from now on",
        f"{fact.who} adopted the name {fact.when}; until then the upstream {fact.text('upstream')} supplied it. It "
        f"belongs to {fact.text('owner')}, and no upstream is asked for it any more. Views offer none of the files "
        "that came from there.",
        quoted(fact.text("reason")),
        f"The history of the name is told on the server by: customhouse name owner {fact.project}",
    )  # fmt: skip


def name_handed_over(values: Mapping[str, Any], site: Site) -> Draft:
    """A name changes hands: from this index to an upstream."""
    fact = Fact.of(values)
    return draft(
        site, fact, f"{fact.project} comes from {fact.text('upstream')} from now on",
        f"{fact.who} handed the name over {fact.when}. Whoever installs {fact.project} through a view gets what that "
        f"upstream has under the name. Files that were ever published here under it: {fact.text('files')}.",
        quoted(fact.text("reason")),
        f"The history of the name is told on the server by: customhouse name owner {fact.project}",
    )  # fmt: skip


LETTERS: Mapping[str, Write] = {
    "upstream-file-lied": file_lied,
    "upstream-digest-changed": digest_changed,
    "name-adopted": name_adopted,
    "name-handed-over": name_handed_over,
}
