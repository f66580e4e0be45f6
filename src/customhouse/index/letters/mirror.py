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


LETTERS: Mapping[str, Write] = {"upstream-file-lied": file_lied}
