"""Why a view offers what it offers of a project: every version with its verdict, and of some every rule."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from customhouse.formats.policy.decide import explain
from customhouse.formats.policy.model import LETS_THROUGH, Action, Decision
from customhouse.formats.simple import SimpleFile
from customhouse.terms.versions import version_of
from customhouse.views.facts.facts_of import facts_of
from customhouse.views.model import HOSTED, Offered, View
from customhouse.views.offering import Views, policy_of
from customhouse.views.words import parsed

_ORDER: tuple[Action, ...] = ("allow", "warn", "hold", "hide", "deny")
"""The verdict on a version is the best that one of its files has."""


@dataclass(frozen=True, slots=True)
class ExplainedFile:
    """One file, and what was decided of it."""

    filename: str
    uploaded_at: datetime | None
    decision: Decision


@dataclass(frozen=True, slots=True)
class ExplainedVersion:
    """One version with its files, in the order in which they are listed."""

    version: str
    files: tuple[ExplainedFile, ...]

    @property
    def verdict(self) -> Action:
        """The best that one of its files has: a version can be installed if one of them is let in."""
        return min((one.decision.action for one in self.files), key=_ORDER.index)

    @property
    def decided(self) -> Decision:
        """The decision that stands for the version."""
        return next(one.decision for one in self.files if one.decision.action == self.verdict)

    @property
    def let_in(self) -> int:
        """How many of its files are."""
        return sum(one.decision.action in LETS_THROUGH for one in self.files)


@dataclass(frozen=True, slots=True)
class Explained:
    """One project in one view."""

    view: View
    project: str
    origin: str
    level: str
    at: datetime
    remarks: tuple[str, ...]
    versions: tuple[ExplainedVersion, ...]
    """The newest first."""

    def version(self, wanted: str) -> ExplainedVersion | None:
        """One of them, in any spelling of PEP 440."""
        return next((one for one in self.versions if is_same(one.version, wanted)), None)


def is_same(version: str, wanted: str) -> bool:
    """Whether two spellings stand for one version (PEP 440); what is no version is only itself."""
    if version == wanted:
        return True
    parsed_one = version_of(wanted)
    return parsed_one is not None and version_of(version) == parsed_one


def explained(
    views: Views, view: View, normalized: str, *, in_full: Collection[str] = (), newest_in_full: int = 0,
    private: bool = False,
) -> Explained | None:  # fmt: skip
    """The project as the view has it, or None. ``in_full`` are versions of which every rule is told; so are the newest.

    Raises `Unavailable` as the view itself does.
    """
    offered = views.offered(view, normalized, private=private)
    if offered is None:
        return None
    by_version: dict[str, list[SimpleFile]] = {}
    for file in offered.whole.files:
        by_version.setdefault(file.version, []).append(file)
    order = sorted(by_version, key=parsed, reverse=True)
    full = [one for one in order if any(is_same(one, wanted) for wanted in in_full)] + order[:newest_in_full]
    told = _told(views, view, offered, [file for one in full for file in by_version[one]])
    versions = tuple(
        ExplainedVersion(
            version,
            tuple(
                ExplainedFile(
                    file.filename, file.uploaded_at, told.get(file.filename, offered.decisions[file.filename])
                )
                for file in by_version[version]
            ),
        )
        for version in order
    )
    policy = policy_of(view, views.around.internal_names)
    return Explained(
        view, normalized, offered.origin, policy.level, views.clock.now().replace(microsecond=0), offered.remarks,
        versions,
    )  # fmt: skip


def _told(views: Views, view: View, offered: Offered, files: Iterable[SimpleFile]) -> dict[str, Decision]:
    """The same decisions with all rules; facts are read once for all of them."""
    policy, now = policy_of(view, views.around.internal_names), views.clock.now()
    wanted = tuple(files)
    if not wanted:
        return {}
    with views.database.read(snapshot=True) as sql:
        facts = facts_of(
            sql, offered.whole, offered.origin, offered.mirrored, now=now, wants=policy.signals, around=views.around
        )
    hosted = offered.origin == HOSTED
    found = {}
    for file in wanted:
        decision = explain(
            policy, facts.of(file), now=now, hosted=hosted, name=offered.whole.name, version=file.version
        )
        found[file.filename] = decision
    return found
