"""Letters about release runs, whose actors meet at this index."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from customhouse.index.letters.letter import Draft, Fact, Site, Write, draft, object_to, plain


def opened(values: Mapping[str, Any], site: Site) -> Draft:
    """Somebody opened a run."""
    fact = Fact.of(values)
    return draft(
        site, fact, f"The release of {_what(fact)} has begun",
        f"{fact.who} opened the release of {_what(fact)} {fact.when}. It starts when everybody whose help it needs has "
        "said that he is around.",
        f"Say so, and follow it, here:\n{_page(site, fact)}",
        object_to(site, fact, "abort it there"),
    )  # fmt: skip


def asks(values: Mapping[str, Any], site: Site) -> Draft:
    """People are asked."""
    fact = Fact.of(values)
    return draft(
        site, fact, f"The release of {_what(fact)} waits for people",
        f"The release of {_what(fact)} waits for people {fact.when}, before the step {fact.text('step')}. It asks:\n"
        f"> {plain(fact.text('ask'), 300)}",
        f"See exactly what is approved, and answer, here:\n{_page(site, fact)}",
        "If you expect no such release, decline: nothing goes on then.",
    )  # fmt: skip


def stopped(values: Mapping[str, Any], site: Site) -> Draft:
    """A run stands still."""
    fact = Fact.of(values)
    expected = f"\n> Expected: {plain(fact.text('expected'), 300)}" if fact.text("expected") else ""
    return draft(
        site, fact, f"The release of {_what(fact)} has stopped",
        f"{fact.who} saw something {fact.when} that must not be ({fact.text('code')}), so the release of {_what(fact)} "
        "stands still.",
        f"> {plain(fact.text('saw'), 600)}{expected}",
        f"Look at it here, then let it go on, begin again from a step, or give it up:\n{_page(site, fact)}",
    )  # fmt: skip


def finished(values: Mapping[str, Any], site: Site) -> Draft:
    """A run is over."""
    fact = Fact.of(values)
    how = "is released" if fact.text("outcome") == "released" else "was given up"
    return draft(
        site, fact, f"{_what(fact)} {how}",
        f"The release of {_what(fact)} ended {fact.when}: it {how}.",
        f"Its journal, and the proof of it, are here:\n{_page(site, fact)}",
    )  # fmt: skip


def joined(values: Mapping[str, Any], site: Site) -> Draft:
    """A machine has joined."""
    fact = Fact.of(values)
    return draft(
        site, fact, f"A machine joined the release of {_what(fact)}",
        f"A machine joined the release of {_what(fact)} {fact.when} as {fact.text('actor_name')}. It has "
        "shown that it is:"
        f"\n> {plain(fact.text('identity'), 200)}",
        f"See it here:\n{_page(site, fact)}",
        object_to(site, fact, "send it away there"),
    )  # fmt: skip


def removed(values: Mapping[str, Any], site: Site) -> Draft:
    """A machine was sent away."""
    fact = Fact.of(values)
    return draft(
        site, fact, f"A machine was sent away from the release of {_what(fact)}",
        f"{fact.who} sent a machine of {fact.text('actor_name')} away {fact.when}. Nothing that is signed with its key "
        "counts from then on.",
        f"See it here:\n{_page(site, fact)}",
    )  # fmt: skip


def _what(fact: Fact) -> str:
    return f"{fact.project} {fact.text('version')}".strip()


def _page(site: Site, fact: Fact) -> str:
    return f"{site.url}/release/run/{fact.text('run')}/"


LETTERS: Mapping[str, Write] = {
    "release-run-opened": opened,
    "release-run-asks": asks,
    "release-run-stopped": stopped,
    "release-run-finished": finished,
    "release-run-joined": joined,
    "release-run-machine-removed": removed,
}
