"""Letters about what was held back, what is let go, and what became of a report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from customhouse.index.letters.letter import Draft, Fact, Site, Write, draft, reason, see

_OBJECT = (
    "If you think that this is a mistake, write to the operators of this index, and say what they should look at. "
    "Nothing was deleted; what is held back can be let go within a minute."
)


def project_held(values: Mapping[str, Any], site: Site) -> Draft:
    """A project offers no file."""
    fact = Fact.of(values)
    return draft(
        site, fact, f"{fact.project} is in quarantine",
        f"{_origin(fact)} put the project {fact.project} into quarantine {fact.when}. It offers no file and takes no "
        "uploads until an operator has looked at it.",
        reason(fact), see(site, fact), _OBJECT,
    )  # fmt: skip


def release_held(values: Mapping[str, Any], site: Site) -> Draft:
    """One release offers no file."""
    fact = Fact.of(values)
    what = f"{fact.project} {fact.text('version')}"
    return draft(
        site, fact, f"{what} is in quarantine",
        f"{_origin(fact)} put {what} into quarantine {fact.when}. None of its files is offered.",
        reason(fact), see(site, fact), _OBJECT,
    )  # fmt: skip


def archived(values: Mapping[str, Any], site: Site) -> Draft:
    """A verdict closed a project for uploads."""
    fact = Fact.of(values)
    return draft(
        site, fact, f"{fact.project} was closed for uploads",
        f"{fact.who} archived the project {fact.project} {fact.when}. Its files stay; it takes no new ones.",
        reason(fact), see(site, fact), _OBJECT,
    )  # fmt: skip


def let_go(values: Mapping[str, Any], site: Site) -> Draft:
    """What was held back is as it was before."""
    fact = Fact.of(values)
    what = f"{fact.project} {fact.text('version')}".strip()
    return draft(
        site, fact, f"{what} is out of quarantine",
        f"{fact.who} let {what} go {fact.when}. It is what it was before.",
        reason(fact), see(site, fact, fact.text("version")),
    )  # fmt: skip


def decided(values: Mapping[str, Any], site: Site) -> Draft:
    """Something that the reader has reported was decided."""
    fact = Fact.of(values)
    verdict = fact.text("verdict").replace("-", " ")
    return draft(
        site, fact, f"Your report about {fact.project} was decided",
        f"{fact.who} decided {fact.when} about the reports on {fact.project}. The verdict: {verdict}.",
        reason(fact), see(site, fact),
        "Thank you for reporting it. If you know more than the verdict says, report it again.",
    )  # fmt: skip


def undone(values: Mapping[str, Any], site: Site) -> Draft:
    """A verdict about something that the reader has reported was taken back."""
    fact = Fact.of(values)
    return draft(
        site, fact, f"The verdict about {fact.project} was taken back",
        f"{fact.who} took the verdict about {fact.project} back {fact.when}. The case is open again.",
        reason(fact), see(site, fact),
    )  # fmt: skip


def case_opened(values: Mapping[str, Any], site: Site) -> Draft:
    """There is something for operators to look at. The letter names no reporter."""
    fact = Fact.of(values)
    kind = fact.text("report_kind").replace("-", " ")
    return draft(
        site, fact, f"{fact.project} was reported: {kind}",
        f"Somebody reported {fact.project} {fact.text('version')}".rstrip() + f" as {kind} {fact.when}.",
        f"Look at the case here:\n{site.url}/admin/cases/{fact.text('case_id')}/",
    )  # fmt: skip


LETTERS: Mapping[str, Write] = {
    "project-quarantined": project_held,
    "release-quarantined": release_held,
    "archived-by-verdict": archived,
    "quarantine-lifted": let_go,
    "release-quarantine-lifted": let_go,
    "case-decided": decided,
    "verdict-undone": undone,
    "case-opened": case_opened,
}


def _origin(fact: Fact) -> str:
    """Who held it back; that reports alone did so is said, who sent them is not."""
    if fact.text("origin") == "reports":
        return "Reports of several people"
    return fact.who
