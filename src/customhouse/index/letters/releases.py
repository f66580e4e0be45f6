"""Letters about releases and files: new, yanked, deleted, back again, gone for ever."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from customhouse.index.letters.letter import Draft, Fact, Site, Write, draft, manage_page, object_to, reason, see

SHOWN = 10


def new_release(values: Mapping[str, Any], site: Site) -> Draft:
    """Somebody has released a version."""
    fact = Fact.of(values)
    what = f"{fact.project} {fact.text('version')}"
    return draft(
        site, fact, f"{what} was released",
        f"{fact.who} released {what} {fact.when}.",
        see(site, fact, fact.text("version")),
        object_to(site, fact, f"yank the release at {manage_page(site, fact)}"),
    )  # fmt: skip


def reopened(values: Mapping[str, Any], site: Site) -> Draft:
    """A release takes files again."""
    fact = Fact.of(values)
    what = f"{fact.project} {fact.text('version')}"
    return draft(
        site, fact, f"{what} takes new files again",
        f"{fact.who} reopened {what} for new files {fact.when}.",
        see(site, fact, fact.text("version")),
        object_to(site, fact, "look at who may upload"),
    )  # fmt: skip


def yanked(values: Mapping[str, Any], site: Site) -> Draft:
    """Installers pass something over from now on."""
    fact = Fact.of(values)
    what = _what(fact)
    return draft(
        site, fact, f"{what} was yanked",
        f"{fact.who} yanked {what} {fact.when}. Installers pass it over unless they are told to use exactly this one.",
        reason(fact),
        see(site, fact, fact.text("version")),
        object_to(site, fact, f"take the yank back at {manage_page(site, fact)}"),
    )  # fmt: skip


def unyanked(values: Mapping[str, Any], site: Site) -> Draft:
    """Installers use it again."""
    fact = Fact.of(values)
    what = _what(fact)
    return draft(
        site, fact, f"{what} is no longer yanked",
        f"{fact.who} took the yank of {what} back {fact.when}.",
        see(site, fact, fact.text("version")),
        object_to(site, fact, f"yank it again at {manage_page(site, fact)}"),
    )  # fmt: skip


def status_changed(values: Mapping[str, Any], site: Site) -> Draft:
    """A project is active, archived or deprecated."""
    fact = Fact.of(values)
    status, successor = fact.text("status"), fact.text("successor")
    meaning = {
        "archived": "It takes no uploads any more; its files stay.",
        "deprecated": f"People are told to use {successor} instead." if successor else "People are told not to use it.",
        "active": "It takes uploads.",
    }
    return draft(
        site, fact, f"{fact.project} is {status}",
        f"{fact.who} changed the status of {fact.project} from {fact.text('before') or 'another'} to {status} "
        f"{fact.when}. {meaning.get(status, '')}".rstrip(),
        reason(fact),
        see(site, fact),
        object_to(site, fact, f"change it back at {manage_page(site, fact)}"),
    )  # fmt: skip


def amended(values: Mapping[str, Any], site: Site) -> Draft:
    """A requirement of released versions is to be read in another way."""
    fact = Fact.of(values)
    what = f"{fact.project} {fact.text('releases')}"
    narrower = fact.text("change") == "narrowing"
    return draft(
        site, fact, f"{what} was amended",
        f"{fact.who} said {fact.when} how a requirement of {what} is to be read: {fact.text('before')} as "
        f"{fact.text('after')}. The files stay as they are. "
        + ("Installers that use our constraints keep to it." if narrower else "Installers use it only if told to."),
        reason(fact),
        f"Where it can be looked up:\n{fact.text('evidence')}",
        see(site, fact),
        object_to(site, fact, f"withdraw it at {manage_page(site, fact)}amendments/"),
    )  # fmt: skip


def amendment_withdrawn(values: Mapping[str, Any], site: Site) -> Draft:
    """What was said of released versions no longer counts."""
    fact = Fact.of(values)
    what = f"{fact.project} {fact.text('releases')}"
    return draft(
        site, fact, f"an amendment of {what} was withdrawn",
        f"{fact.who} took back {fact.when} that {fact.text('before')} of {what} is to be read as {fact.text('after')}.",
        reason(fact),
        see(site, fact),
        object_to(site, fact, f"say it again at {manage_page(site, fact)}amendments/"),
    )  # fmt: skip


def deleted(values: Mapping[str, Any], site: Site) -> Draft:
    """Something stands in no listing any more."""
    fact = Fact.of(values)
    what = _what(fact)
    dependents = fact.body.get("dependents") or ()
    hurt = f" It had {fact.text('downloads_30_days') or '0'} downloads in the last 30 days."
    if dependents:
        hurt += f" These projects here depend on it: {_listed(dependents)}."
    return draft(
        site, fact, f"{what} was deleted",
        f"{fact.who} deleted {what} {fact.when}.{hurt}",
        reason(fact),
        "Nothing is lost: an owner can bring back the same files with one click, and the names stay reserved. The "
        f"page for it:\n{manage_page(site, fact)}",
        object_to(site, fact, "restore it there"),
    )  # fmt: skip


def restored(values: Mapping[str, Any], site: Site) -> Draft:
    """What was deleted is back."""
    fact = Fact.of(values)
    what = _what(fact)
    return draft(
        site, fact, f"{what} was restored",
        f"{fact.who} restored {what} {fact.when}: the same files at the same addresses.",
        see(site, fact, fact.text("version")),
        object_to(site, fact, f"look at it again at {manage_page(site, fact)}"),
    )  # fmt: skip


def erased(values: Mapping[str, Any], site: Site) -> Draft:
    """An operator has removed bytes for a reason of law."""
    fact = Fact.of(values)
    what = _what(fact)
    return draft(
        site, fact, f"{what} was erased",
        f"{fact.who} erased {what} {fact.when}. Its bytes are gone for ever, and its name is never used again. Only "
        "operators do that, for reasons of law.",
        reason(fact),
        f"Reference: {fact.text('reference')}" if fact.text("reference") else "",
        "If you think that this is a mistake, write to the operators of this index.",
    )  # fmt: skip


LETTERS: Mapping[str, Write] = {
    "release-created": new_release,
    "release-reopened": reopened,
    "yanked": yanked,
    "unyanked": unyanked,
    "status-changed": status_changed,
    "release-amended": amended,
    "amendment-withdrawn": amendment_withdrawn,
    "deleted": deleted,
    "restored": restored,
    "erased": erased,
}


def _what(fact: Fact) -> str:
    """The file, the release or the project that it is about."""
    filename, version = fact.text("filename"), fact.text("version")
    if filename:
        return f"the file {filename} of {fact.project}"
    return f"{fact.project} {version}" if version else f"the project {fact.project}"


def _listed(names: Any) -> str:
    shown = [str(name) for name in names][:SHOWN]
    rest = len(names) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")
