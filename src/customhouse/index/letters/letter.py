"""How a letter is put together: a greeting, what happened, where to see it, what to do, and why one gets it.

Plain text that reads well aloud. Whatever other people have written stands in lines of its own that begin with ">", so
that nobody can speak in our name; addresses come from the settings alone, never from a request.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

LONGEST_QUOTE = 600
MOST_LINES = 8
_UNSEEN = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
"""Controls, and formats such as those that turn the direction of writing."""


@dataclass(frozen=True, slots=True)
class Site:
    """The index that writes: its name, and its address without a slash at the end."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A letter's words."""

    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Fact:
    """One event as a letter tells it to one person."""

    kind: str
    at: str
    actor: str
    actor_kind: str
    project: str
    body: Mapping[str, Any]
    reader: str
    """The name of the account that the letter goes to."""
    by_reader: bool
    """Whether the reader did it."""
    of_reader: bool
    """Whether it is about the reader."""
    because: str
    """Why he gets the letter: ``you are an owner of demo``."""
    topic: str
    """The topic that switches such letters off; empty if nothing does."""

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Fact:
        """From the arguments of a job."""
        return cls(
            values["kind"], values["at"], plain(values["actor"], 80), values["actor_kind"],
            plain(values.get("project") or "", 120), values["body"], plain(values["reader"], 80),
            values["by_reader"], values["of_reader"], values["because"], values["topic"],
        )  # fmt: skip

    @property
    def who(self) -> str:
        """Who did it, at the beginning of a sentence."""
        if self.by_reader:
            return "You"
        names = {"system": "The index itself", "anonymous": "Somebody", "operator": f"The operator {self.actor}"}
        if self.actor_kind == "operator" and self.actor == "operator":
            return "An operator of this index"
        return names.get(self.actor_kind, self.actor)

    @property
    def when(self) -> str:
        """The moment, for people: ``on 24 November 2026 at 12:00 UTC``."""
        at = datetime.fromisoformat(self.at)
        return f"on {at.strftime('%-d %B %Y')} at {at.strftime('%H:%M')} UTC"

    def text(self, name: str) -> str:
        """One of the event's own facts in one plain line; empty if it has none of that name."""
        value = self.body.get(name)
        return plain(str(value), 200) if value not in (None, "", [], ()) else ""

    def words(self, name: str) -> str:
        """What somebody has written, as a quotation, or nothing."""
        return quoted(str(self.body.get(name) or ""))


Write = Callable[[Mapping[str, Any], Site], Draft]
"""Values of a job to words. Pure: the same values give the same words."""


def draft(site: Site, fact: Fact, subject: str, *paragraphs: str) -> Draft:
    """The letter around its paragraphs; empty ones are left out."""
    return compose(site, fact.reader, subject, paragraphs, _ending(site, fact))


def compose(site: Site, reader: str, subject: str, paragraphs: Sequence[str], ending: str) -> Draft:
    """A whole letter."""
    body = "\n\n".join(paragraph for paragraph in (f"Hello {reader},", *paragraphs, ending) if paragraph)
    return Draft(f"[{plain(site.name, 60)}] {subject}", body)


def plain(text: str, limit: int) -> str:
    """Text of others in one line without anything that cannot be seen."""
    seen = "".join(" " if unicodedata.category(character) in _UNSEEN else character for character in text)
    line = " ".join(seen.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def quoted(text: str) -> str:
    """What somebody has written, each line after a ">"; empty for nothing."""
    lines = [plain(line, LONGEST_QUOTE) for line in text[: 2 * LONGEST_QUOTE].splitlines()]
    kept = [line for line in lines if line][:MOST_LINES]
    return "\n".join(f"> {line}" for line in kept)


def readable_span(span: timedelta) -> str:
    """A span for people, in whole hours or minutes."""
    minutes = max(round(span.total_seconds() / 60), 1)
    count, unit = (minutes // 60, "hour") if minutes % 60 == 0 else (minutes, "minute")
    return f"{count} {unit}" + ("" if count == 1 else "s")


def reason(fact: Fact, name: str = "reason") -> str:
    """The reason that was given."""
    words = fact.words(name)
    return f"The reason given:\n{words}" if words else ""


def project_page(site: Site, fact: Fact, version: str = "") -> str:
    """Where the project is shown."""
    tail = f"{version}/" if version else ""
    return f"{site.url}/project/{fact.project}/{tail}"


def manage_page(site: Site, fact: Fact) -> str:
    """Where the project is managed."""
    return f"{site.url}/manage/project/{fact.project}/"


def see(site: Site, fact: Fact, version: str = "") -> str:
    """How to see it."""
    return f"See it here:\n{project_page(site, fact, version)}"


def object_to(site: Site, fact: Fact, deed: str) -> str:
    """What to do if it should not have happened."""
    if fact.by_reader:
        return (
            "If it was not you, somebody has your password or one of your tokens. Change the password, revoke the "
            f"tokens and tell the operators of this index:\n{site.url}/account/"
        )
    return f"If this should not have happened, {deed}, and ask {_whom(fact)}."


def _whom(fact: Fact) -> str:
    return fact.actor if fact.actor_kind == "user" else "the operators of this index"


def _ending(site: Site, fact: Fact) -> str:
    why = f"You get this letter because {fact.because}."
    if fact.topic:
        return f"{why} Choose which letters you get here:\n{site.url}/account/mail/"
    return f"{why} Letters like this one cannot be switched off."
