"""Letters about trusted publishers, to those who own what these publish."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from customhouse.index.letters.letter import Draft, Fact, Site, Write, draft, object_to
from customhouse.trust.providers.provider import ATTESTS_ONLY


def added(values: Mapping[str, Any], site: Site) -> Draft:
    """Builds of some place may publish into a project from now on."""
    fact = Fact.of(values)
    # It stands alone (`described.describe`): among others it would be somebody's own words in the value of a rule.
    if fact.text("rules") == ATTESTS_ONLY.name:
        may, made = "attest what others publish into", "a builder"
        then = "It publishes nothing there; what it says of how files were built is taken, and shown."
    else:
        may, made, then = "publish into", "a trusted publisher", "Its builds publish there without any token of yours."
        then += " What it sends waits until people approve it." if fact.body.get("stages_only") else ""
    return draft(
        site, fact, f"{fact.text('title')} may {may} {fact.project}",
        f"{fact.who} made {fact.text('title')} {made} of {fact.project}, {fact.when}. {then}",
        f"See it here:\n{_page(site, fact)}",
        object_to(site, fact, "remove it there"),
    )  # fmt: skip


def removed(values: Mapping[str, Any], site: Site) -> Draft:
    """They may no longer."""
    fact = Fact.of(values)
    return draft(
        site, fact, f"{fact.text('title')} no longer publishes into {fact.project}",
        f"{fact.who} removed the trusted publisher {fact.text('title')} of {fact.project}, {fact.when}. Tokens that it"
        " was given work no more.",
        f"See it here:\n{_page(site, fact)}",
        object_to(site, fact, "add it again there"),
    )  # fmt: skip


def alarm(values: Mapping[str, Any], site: Site) -> Draft:
    """Somebody came in the name of a publisher, and was refused."""
    fact = Fact.of(values)
    if fact.text("code") == "other-ids":
        means = (
            "The name of the place is the same, but its ids are not: it was deleted and made again, or somebody else"
            f" has taken its name over. The ids that were learned at the first use:\n{fact.words('known')}\n"
            f"Those of the token:\n{fact.words('shown')}"
        )
        advice = "If the new one is yours, remove the publisher and add it again. If not, tell your users."
    else:
        means = f"What was wrong with the token:\n{fact.words('why')}"
        advice = (
            "Events like this one have let strangers publish other people's projects. See who can make your workflow"
            " run before you allow it."
        )
    return draft(
        site, fact, f"A build in the name of {fact.text('title')} was refused",
        f"Somebody showed a genuine token that claims to be {fact.text('title')}, a trusted publisher of"
        f" {fact.project}, {fact.when}. It was refused, and nothing was published.",
        means,
        advice,
        f"The publishers of the project:\n{_page(site, fact)}",
    )  # fmt: skip


def pending_added(values: Mapping[str, Any], site: Site) -> Draft:
    """Builds of some place may make a project."""
    fact = Fact.of(values)
    owner = f"the organization {fact.text('organization')}" if fact.text("organization") else "you"
    return draft(
        site, fact, f"{fact.text('title')} may make the project {fact.text('name')}",
        f"{fact.who} registered {fact.text('title')} as a pending publisher, {fact.when}. Its first upload makes the"
        f" project {fact.text('name')}, which then belongs to {owner}.",
        "The name is not reserved until then: if somebody else uses it first, this ends. It also ends after 30 days.",
        f"See it here:\n{site.url}/account/publishing/",
        object_to(site, fact, "withdraw it there"),
    )  # fmt: skip


def pending_ended(values: Mapping[str, Any], site: Site) -> Draft:
    """A pending publisher works no more."""
    fact = Fact.of(values)
    why = {
        "taken": "somebody has made a project with this name, or with one that could be confused with it",
        "expired": "nobody has used it for 30 days",
        "withdrawn": "it was withdrawn",
    }.get(fact.text("why"), "it is over")
    return draft(
        site, fact, f"{fact.text('title')} can no longer make the project {fact.text('name')}",
        f"The pending publisher {fact.text('title')} for the project {fact.text('name')} ended {fact.when}: {why}.",
        f"You can register another one here:\n{site.url}/account/publishing/",
    )  # fmt: skip


def pending_contested(values: Mapping[str, Any], site: Site) -> Draft:
    """Others wait for the same name with the same builds."""
    fact = Fact.of(values)
    return draft(
        site, fact, f"A build could not begin the project {fact.text('name')}",
        f"A build of {fact.text('title')} showed who it is, {fact.when}, and you wait for it to begin the project"
        f" {fact.text('name')}. Others have registered the same builds for that name, so it began it for nobody.",
        "If they are your builds, make the project yourself; then everything that waits for the name ends:\n"
        f"{site.url}/manage/new/\nIf they are not, withdraw what waits: {site.url}/account/publishing/",
    )  # fmt: skip


def beside(values: Mapping[str, Any], site: Site) -> Draft:
    """An API token has published beside a publisher."""
    fact = Fact.of(values)
    return draft(
        site, fact, f"An API token has published into {fact.project}",
        f"{fact.project} has the trusted publisher {fact.text('title')}, and all the same {fact.text('name')} published"
        f" with an API token, {fact.when}. Tokens that are no longer needed are what thieves find.",
        f"If nobody needs the token, revoke it here:\n{site.url}/account/tokens/",
        f"An owner can let the project take trusted publishers only:\n{_page(site, fact)}",
        "This letter comes at most once a week.",
    )  # fmt: skip


def only_switched(values: Mapping[str, Any], site: Site) -> Draft:
    """API tokens are refused from now on, or accepted again."""
    fact = Fact.of(values)
    now = "only trusted publishers publish" if fact.body.get("on") else "API tokens may publish again"
    return draft(
        site, fact, f"{fact.project}: {now}",
        f"{fact.who} changed how {fact.project} is published, {fact.when}: {now}.",
        f"See it here:\n{_page(site, fact)}",
        object_to(site, fact, "change it back there"),
    )  # fmt: skip


LETTERS: Mapping[str, Write] = {
    "publisher-added": added,
    "publisher-removed": removed,
    "publisher-alarm": alarm,
    "pending-publisher-added": pending_added,
    "pending-publisher-ended": pending_ended,
    "pending-publisher-contested": pending_contested,
    "token-beside-publisher": beside,
    "publishers-only-switched": only_switched,
}


def _page(site: Site, fact: Fact) -> str:
    return f"{site.url}/manage/project/{fact.project}/publishing/"
