"""Whether a release comes from where the one before it came from. Pure; the sentences are for people.

Provenance proves the builder and not the intent: a stolen identity attests what it likes. What it seldom can is to do
so in the way that a project always has; so every difference is told, before a publication and on the page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from packaging.version import Version

from customhouse.trust.attestations import Attested
from customhouse.trust.letters import in_small_letters

State = Literal["none", "full", "partial", "inconsistent"]
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class ReleaseProvenance:
    """What is attested of the files of one version, by their names."""

    version: str
    files: Mapping[str, Sequence[Attested]]

    @property
    def attested(self) -> list[str]:
        """The names of the files that have an attestation."""
        return [name for name, found in self.files.items() if found]

    @property
    def state(self) -> State:
        """Files of different identities or commits are inconsistent, however many are attested."""
        if not self.attested:
            return "none"
        if any(len(self.values(aspect)) > 1 for aspect in _ONE_FOR_ALL):
            return "inconsistent"
        return "full" if len(self.attested) == len(self.files) else "partial"

    def values(self, aspect: Aspect) -> frozenset[str]:
        """What the attestations say of one aspect; what they do not say is left out.

        A builder whom the project has declared is another than who sends the files: each has aspects of his own.
        """
        said = (one for found in self.files.values() for one in found)
        return frozenset(
            filter(None, (aspect.read(one) for one in said if aspect.of in ("all", _speaker(one))))
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something to look at before it is believed."""

    code: Literal["lost", "changed", "inconsistent"]
    sentence: str


@dataclass(frozen=True, slots=True)
class Continuity:
    """The state of a release, and in what it is unlike the one before."""

    state: State
    alarms: tuple[Alarm, ...]


def continuity(now: ReleaseProvenance, before: ReleaseProvenance | None) -> Continuity:
    """Compare a release with the one before it.

    Lost: no file is attested, or not every file, where all were; or no builder speaks, where one did. Changed: it was
    attested by another identity, from another repository, by another workflow, environment, trigger, kind of ref,
    runner or builder than any file before. New provenance is no alarm. Inconsistent: files of one release differ, or a
    builder names other sources than the certificate that it has signed with.
    """
    alarms = [Alarm("inconsistent", _differ(aspect, now)) for aspect in _ONE_FOR_ALL if len(now.values(aspect)) > 1]
    alarms += _contradictions(now)
    if before is not None and before.attested:
        alarms += _lost(now, before)
        alarms += [_changed(aspect, now, before) for aspect in _ASPECTS if _is_new(aspect, now, before)]
    return Continuity(now.state, tuple(alarms))


def continuity_of_waiting(
    waiting: ReleaseProvenance, listed: ReleaseProvenance, earlier: Sequence[ReleaseProvenance]
) -> Continuity:
    """Compare files that are to be published with those of their version that are there, and with earlier releases.

    An alarm against any of these counts, because whoever sends the files chooses their version. Lost, too: a file
    without provenance beside files that all have it. Changed, too: another publisher, repository or workflow than that
    of every file beside it.
    """
    now = ReleaseProvenance(waiting.version, {**listed.files, **waiting.files})
    alarms = _unlike_listed(waiting, listed)
    for before in earlier or (None,):
        alarms += continuity(now, before).alarms
    return Continuity(now.state, tuple(dict.fromkeys(alarms)))


def versions_to_match(version: str, published: Mapping[str, datetime]) -> tuple[str, ...]:
    """The versions that one which waits is compared with: the highest one below, and the newest of all others."""
    others = {one: at for one, at in published.items() if one != version}
    newest = max(others, key=lambda one: others[one], default=None)
    return tuple(dict.fromkeys(filter(None, (version_before(version, published), newest))))


def version_before(version: str, published: Mapping[str, datetime]) -> str | None:
    """The version to compare with: the highest one below, else the newest of all others. None for a first release."""
    others = [one for one in published if one != version]
    below = [one for one in others if Version(one) < Version(version)]
    if below:
        return max(below, key=Version)
    return max(others, key=lambda one: published[one], default=None)


@dataclass(frozen=True, slots=True)
class Aspect:
    """One thing that an attestation says."""

    title: str
    read: Callable[[Attested], str]
    of: Literal["sender", "builder", "all"] = "sender"
    """Whose attestations say it."""


def _speaker(one: Attested) -> str:
    return "builder" if one.of_builder else "sender"


def _claim(name: str) -> Callable[[Attested], str]:
    return lambda one: str((one.publisher.get("claims") or {}).get(name, ""))


def _own(*names: str) -> Callable[[Attested], str]:
    return lambda one: " ".join(str(one.publisher[name]) for name in names if one.publisher.get(name))


def _ref(one: Attested) -> str:
    """Each release has a tag of its own, so only that it was a tag; a branch by its name."""
    ref = _claim("ref")(one)
    return "a tag" if ref.startswith("refs/tags/") else ref.removeprefix("refs/heads/")


def _builder(one: Attested) -> str:
    """Without the version of the builder that GitHub puts behind an @."""
    return one.summary.get("builder", "").partition("@")[0]


_PUBLISHER = Aspect("publisher", _own("kind", "issuer", "email", "subject"))
_REPOSITORY = Aspect("repository", lambda one: in_small_letters(_claim("repository_uri")(one)))
_REPOSITORY_ID = Aspect("repository's number", _claim("repository_id"))
_WORKFLOW = Aspect("workflow", _own("workflow", "workflow_filepath"))
_BUILDER = Aspect("builder", _builder, "all")
_VOUCHES = Aspect(
    "identity that speaks for the builder",
    _own("kind", "issuer", "email", "subject", "repository", "workflow", "workflow_filepath"), "builder",
)  # fmt: skip
_ASPECTS = (
    _PUBLISHER, _REPOSITORY, _REPOSITORY_ID, _WORKFLOW, Aspect("environment", _own("environment")),
    Aspect("trigger", _claim("trigger")), Aspect("ref", _ref), Aspect("kind of runner", _claim("runner_environment")),
    _BUILDER, _VOUCHES,
)  # fmt: skip
_COMMIT = Aspect("commit", _claim("commit"))
_ONE_FOR_ALL = (_PUBLISHER, _REPOSITORY, _WORKFLOW, _COMMIT)


def _lost(now: ReleaseProvenance, before: ReleaseProvenance) -> list[Alarm]:
    if not now.attested:
        said = "had provenance" if len(before.attested) == len(before.files) else "had provenance for some files"
        return [Alarm("lost", f"{now.version} has no provenance; {before.version}, before it, {said}.")]
    alarms = []
    missing = sorted(set(now.files) - set(now.attested))
    if missing and len(before.attested) == len(before.files):
        sentence = f"There is no provenance for {_some(missing)}; every file of {before.version} had it."
        alarms.append(Alarm("lost", sentence))
    if before.values(_BUILDER) and not now.values(_BUILDER):
        alarms.append(Alarm("lost", f"No builder says how {now.version} was built; one did for {before.version}."))
    return alarms


def _unlike_listed(waiting: ReleaseProvenance, listed: ReleaseProvenance) -> list[Alarm]:
    """In what files that wait are unlike those of their own version that are there."""
    alarms = []
    bare = sorted(set(waiting.files) - set(waiting.attested))
    if bare and listed.files and len(listed.attested) == len(listed.files):
        sentence = f"There is no provenance for {_some(bare)}; every file of {listed.version} that is listed has it."
        alarms.append(Alarm("lost", sentence))
    if waiting.attested and listed.attested:
        alarms += [
            _changed(aspect, waiting, listed) for aspect in _ONE_FOR_ALL
            if aspect is not _COMMIT and _is_new(aspect, waiting, listed)
        ]  # fmt: skip
    return alarms


def _contradictions(now: ReleaseProvenance) -> list[Alarm]:
    """A builder writes what it likes; what its certificate says was proved."""
    told = []
    for one in (one for found in now.files.values() for one in found):
        for title, said, proved in (
            ("repository", in_small_letters(one.summary.get("repository", "")), _REPOSITORY.read(one)),
            ("commit", one.summary.get("commit", ""), _claim("commit")(one)),
        ):
            if said and proved and said != proved:
                told.append(f"The builder of {now.version} names the {title} {said}; its certificate is for {proved}.")
    return [Alarm("inconsistent", sentence) for sentence in dict.fromkeys(told)]


def _is_new(aspect: Aspect, now: ReleaseProvenance, before: ReleaseProvenance) -> bool:
    """Something is said now that nothing said before. An environment is new, too, where there was none."""
    known, said = before.values(aspect), now.values(aspect)
    if aspect is _VOUCHES:
        # Where no builder speaks any more, that is lost; where the sender himself speaks for it, it is changed.
        return bool(known and now.values(_BUILDER)) and (not said or not said <= known)
    if aspect is _BUILDER or aspect is _REPOSITORY_ID:
        return bool(known) and not said <= known
    return bool(now.attested) and (not said <= known or (not said and bool(known)))


def _changed(aspect: Aspect, now: ReleaseProvenance, before: ReleaseProvenance) -> Alarm:
    was, is_ = _list(before.values(aspect)), _list(now.values(aspect))
    return Alarm("changed", f"The {aspect.title} is {is_}; for {before.version} it was {was}.")


def _differ(aspect: Aspect, now: ReleaseProvenance) -> str:
    return f"The files of {now.version} differ in their {aspect.title}: {_list(now.values(aspect))}."


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _list(values: frozenset[str]) -> str:
    return ", ".join(sorted(values)[:_SHOWN]) or "none"
