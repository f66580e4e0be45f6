"""Letters about libraries that a project's files bundle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from customhouse.index.letters.letter import Draft, Fact, Site, Write, draft


def library_affected(values: Mapping[str, Any], site: Site) -> Draft:
    """Files of the project hold a library with a known vulnerability."""
    fact = Fact.of(values)
    advisory = fact.text("advisory")
    names = fact.body.get("wheels")
    files = "\n".join(f"  {name}" for name in names if isinstance(name, str)) if isinstance(names, list) else ""
    return draft(
        site, fact, f"{fact.project} bundles {fact.text('library')}, which {advisory} affects",
        f"{fact.who} had everybody told {fact.when} whose files hold what the advisory {advisory} is on: "
        f"{fact.text('mends')}. Files of {fact.project} hold such a version: {fact.text('held')}.",
        f"These files:\n{files}" if files else "",
        f"What is known of it, and which files of others hold it:\n{site.url}/advisory/{quote(advisory, safe='')}/",
        f"How we know which version a file holds stands on the project's page:\n{site.url}/project/{fact.project}/",
        "Build the wheels again with a version that is mended, release them, and yank those that hold the old one. If "
        "your code never reaches what is vulnerable, say so in your own advisory or VEX statement.",
    )  # fmt: skip


LETTERS: Mapping[str, Write] = {"library-affected": library_affected}
