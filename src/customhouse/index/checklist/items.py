"""The checklist: each item a rule over facts, pure, with the reason and the next step."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from customhouse.index.checklist.model import Checklist, Facts, Group, Item, State
from customhouse.index.checklist.slsa import level_of

FRESH = timedelta(days=365)
"""A project that is active releases once in so long, or says that it is archived."""
SHORTEST_DESCRIPTION = 200
"""Letters: what it is, how to install it, an example."""
_QUIET = ("archived", "deprecated")


def checklist(facts: Facts) -> Checklist:
    """The list of a project. Without a release only what is of the project itself is asked."""
    rules = _OF_PROJECT if not facts.version else (*_OF_PROJECT, *_OF_RELEASE)
    return Checklist(facts.name, facts.version, level_of(facts), tuple(rule(facts) for rule in rules))


def _owners(facts: Facts) -> Item:
    """More than one person owns it."""
    one = _Of("two-owners", "People", "More than one owner")
    if facts.owners is None:
        return one.unknown("This index has not counted its owners yet.")
    if facts.owners > 1:
        return one.met(f"It has {facts.owners} owners.")
    return one.unmet(
        "One person alone owns it: nobody helps if he loses his account or has no time.",
        "Invite somebody whom you trust as a second owner.",
        "people/",
    )


def _second_factor(facts: Facts) -> Item:
    """A second factor is required of every owner. Nothing else is told: a list of who lacks one helps attackers."""
    one = _Of("second-factor", "People", "A second factor is required of every owner")
    if facts.owners_have_factors:
        return one.met("A rule that is in force requires it.")
    return one.unknown(
        "No rule of this index or of the project requires it; who has one is not told.",
        "Require it of all owners of this project.",
        "mandate/",
    )


def _security_policy(facts: Facts) -> Item:
    """It says how to report a vulnerability."""
    one = _Of("security-policy", "People", "It says how to report a vulnerability")
    if facts.security_policy:
        return one.met("There is a policy on this index.")
    if any("security" in label.lower() or "vulnerab" in label.lower() for label in facts.links):
        return one.met("There is a link to its policy.")
    return one.unmet(
        "Whoever finds a hole does not learn whom to tell, how, and what happens then.",
        "Write a policy here, or add a link called Security.",
        "security/",
    )


def _publishers_only(facts: Facts) -> Item:
    """Nobody can publish with a stored token."""
    one = _Of("publishers-only", "Publishing", "Only trusted publishers publish into it")
    if facts.publishers_only:
        return one.met("A stolen token or password publishes nothing.")
    return one.unmet(
        "A stolen token of an owner publishes a release.",
        "Switch it on once a trusted publisher has published.",
        "publishing/",
    )


def _trusted_publisher(facts: Facts) -> Item:
    """Each file of the newest release came from a trusted publisher."""
    one = _Of("trusted-publisher", "Publishing", "Released by a trusted publisher")
    if facts.from_publisher == facts.files:
        return one.met(f"All {facts.files} files of {facts.version} were sent by one.")
    return one.unmet(
        f"{facts.files - facts.from_publisher} of {facts.files} files of {facts.version} came with a person's token.",
        "Register the workflow that builds it, and let it publish.",
        "publishing/",
    )


def _attested(facts: Facts) -> Item:
    """Each file is attested."""
    one = _Of("attested", "Publishing", "Each file is attested")
    if facts.attested == facts.files:
        return one.met(f"All {facts.files} files of {facts.version} have attestations that verify.")
    return one.unmet(
        f"{facts.files - facts.attested} of {facts.files} files of {facts.version} have none.",
        "Upload with attestations: customhouse publish, twine --attestations, or the publishing action.",
        "publishing/",
    )


def _slsa(facts: Facts) -> Item:
    """Provenance that a build service has signed."""
    one = _Of("slsa", "Publishing", "SLSA build level 2 or higher")
    level = level_of(facts)
    if level.number > 1:
        return one.met(f"Level {level.number}. {level.why}")
    return one.unmet(f"Level {level.number}. {level.why}", level.why_not_higher, "publishing/")


def _rebuilds(facts: Facts) -> Item:
    """Independent builders came to the same."""
    one = _Of("rebuilt", "Publishing", "Built again elsewhere, with the same result")
    if facts.rebuilds is None:
        return one.unknown(
            "No release run on this index tells of it.",
            "Release it by a pipeline with a second builder: customhouse release new.",
        )
    if facts.rebuilds > 1:
        return one.met(f"{facts.rebuilds} builders made {facts.version} bit for bit the same.")
    return one.unmet("It was built once.", "Add a second builder to its pipeline: rebuild = { by = [ … ] }.")


def _last_release(facts: Facts) -> Item:
    """It is alive, or says that it is not."""
    one = _Of("last-release", "Releases", "Released within a year, or said to be finished")
    if facts.status in _QUIET:
        return one.met(f"It says that it is {facts.status}.")
    if facts.released_at is None:
        return one.unknown("Nobody knows when it was released.")
    age = facts.now - facts.released_at
    if age <= FRESH:
        return one.met(f"{facts.version} is {_days(age)} old." if age.days else f"{facts.version} came today.")
    return one.unmet(
        f"{facts.version} is {_days(age)} old, and nothing says whether anybody still looks after it.",
        "Release what is there, or set its status to archived.",
        "settings/",
    )


def _advisories(facts: Facts) -> Item:
    """Nothing is known against the newest release."""
    one = _Of("no-advisories", "Releases", "No open advisory")
    if facts.advisories is None:
        return one.unknown("This index has no advisories to look into.")
    if not facts.advisories:
        return one.met(f"Nothing is known to be wrong with {facts.version}.")
    shown = ", ".join(facts.advisories[:5])
    more = f" and {len(facts.advisories) - 5} more" if len(facts.advisories) > 5 else ""  # noqa: PLR2004 - as above
    return one.unmet(
        f"{facts.version} is affected by {shown}{more}.",
        "Release a version with the fix, or say by a VEX statement why it does not matter.",
        "vex/",
    )


def _yanks(facts: Facts) -> Item:
    """What was yanked says why."""
    one = _Of("yanks", "Releases", "Each yanked version says why")
    if not facts.yanked_without_reason:
        said = (
            f"{facts.yanked} of {facts.versions} are yanked, each with a reason." if facts.yanked else "None is yanked."
        )
        return one.met(said)
    return one.unmet(
        f"{facts.yanked_without_reason} of {facts.yanked} yanked versions say nothing.",
        "Yank them again with a reason: people see it when they install.",
        "",
    )


def _both_kinds(facts: Facts) -> Item:
    """A wheel and a source archive."""
    one = _Of("wheel-and-sdist", "Releases", "A wheel and a source archive")
    if facts.has_wheel and facts.has_sdist:
        return one.met(f"{facts.version} has both.")
    missing = "wheel" if facts.has_sdist else "source archive"
    why = "installing it runs code of the project" if missing == "wheel" else "nobody can build it again"
    return one.unmet(f"{facts.version} has no {missing}: {why}.", f"Build a {missing}, too: python -m build.")


def _licence(facts: Facts) -> Item:
    """A licence that programs can read (PEP 639)."""
    one = _Of("licence", "Metadata", "A licence that programs can read")
    if facts.licence_expression:
        return one.met(f"{facts.licence_expression}.")
    if facts.licence_other:
        return one.unmet(
            "It names a licence, in a form that only people read.", 'Write it as SPDX does: license = "MIT" (PEP 639).'
        )
    return one.unmet("It names none: nobody may use it.", 'Add one: license = "MIT" (PEP 639).')


def _description(facts: Facts) -> Item:
    """What it is."""
    one = _Of("description", "Metadata", "A description")
    if facts.description >= SHORTEST_DESCRIPTION:
        return one.met("It says what it is.")
    if facts.description:
        return one.unmet("It is very short.", "Say what it is for, how to install it, and show an example.")
    return one.unmet("There is none.", 'Add readme = "README.md".')


def _requires_python(facts: Facts) -> Item:
    """Which Pythons it runs on."""
    one = _Of("requires-python", "Metadata", "Says which Pythons it runs on")
    if facts.requires_python:
        return one.met(f"Python {facts.requires_python}.")
    return one.unmet(
        "Old Pythons install it and fail when it runs.", 'Add requires-python = ">=3.10", or what you test.'
    )


def _source_link(facts: Facts) -> Item:
    """Where the source is."""
    one = _Of("source-link", "Metadata", "A link to its source")
    if "Source code" in facts.links:
        return one.met("There is one.")
    return one.unmet("Nobody finds what it was built from.", "Add a link called Source to [project.urls].")


def _changelog_link(facts: Facts) -> Item:
    """What changed."""
    one = _Of("changelog-link", "Metadata", "A link to its changes")
    if not {"Changes", "Release notes"}.isdisjoint(facts.links):
        return one.met("There is one.")
    return one.unmet("Whoever updates does not learn what changes.", "Add a link called Changelog to [project.urls].")


class _Of:
    """What all states of one item share."""

    def __init__(self, key: str, group: Group, title: str) -> None:
        self._key, self._group, self._title = key, group, title

    def met(self, why: str) -> Item:
        """It is so."""
        return self._item("met", why)

    def unmet(self, why: str, next_step: str, page: str = "") -> Item:
        """It is not so."""
        return self._item("unmet", why, next_step, page)

    def unknown(self, why: str, next_step: str = "", page: str = "") -> Item:
        """Nobody can tell."""
        return self._item("unknown", why, next_step, page)

    def _item(self, state: State, why: str, next_step: str = "", page: str = "") -> Item:
        return Item(self._key, self._group, self._title, state, why, next_step, page)


def _days(age: timedelta) -> str:
    return "a day" if age.days == 1 else f"{age.days:,} days"


_OF_PROJECT: tuple[Callable[[Facts], Item], ...] = (_owners, _second_factor, _security_policy, _publishers_only)
_OF_RELEASE: tuple[Callable[[Facts], Item], ...] = (
    _trusted_publisher, _attested, _slsa, _rebuilds, _last_release, _advisories, _yanks, _both_kinds, _licence,
    _description, _requires_python, _source_link, _changelog_link,
)  # fmt: skip
