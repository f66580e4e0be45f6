"""What policies say of a project, from facts that were looked up once: pure, so that ten thousand take a second."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from customhouse.formats.policy.decide import DATA, decide, explain
from customhouse.formats.policy.model import LETS_THROUGH, Decision
from customhouse.formats.policy.read import Policy
from customhouse.formats.policy.signals import Vulnerability
from customhouse.formats.simple import SimpleFile
from customhouse.terms.versions import version_of
from customhouse.views.simulate.model import Delayed, Newest, Verdict, Wanted
from customhouse.views.simulate.there import There

VULNERABILITIES = "vulnerabilities"
DANGERS = {
    "malware": (True, "a record says that it is malware"),
    "status": ("quarantined", "its project is in quarantine"),
    "malformed": (True, "its archive can be read in two ways"),
    "internal-name": (True, "its name is one of ours, and it is not"),
}
"""Signals and values for which no exception is ever proposed."""
BESIDES = frozenset({VULNERABILITIES, *DANGERS})
"""Signals that a simulation looks at whatever the policies ask for."""
MOST_HOPS = 5
_ORDER = ("allow", "warn", "hide", "hold", "deny")


@dataclass
class Judge:
    """One policy on one project at one moment; each file is decided once."""

    policy: Policy
    there: There
    now: datetime
    _decided: dict[str, Decision] = field(default_factory=dict)

    def of(self, file: SimpleFile) -> Decision:
        """What becomes of a file."""
        found = self._decided.get(file.filename)
        if found is None:
            found = self._decided[file.filename] = self.at(file, self.now)
        return found

    def at(self, file: SimpleFile, moment: datetime) -> Decision:
        """What would become of it at another moment, by what is known now."""
        facts, name = self.there.facts.of(file), self.there.offered.whole.name
        return decide(self.policy, facts, now=moment, hosted=self.there.hosted, name=name, version=file.version)

    def best(self, files: Sequence[SimpleFile]) -> tuple[SimpleFile, Decision]:
        """The file of a version that is kept back least: what an installer would get."""
        return min(((file, self.of(file)) for file in files), key=lambda one: _ORDER.index(one[1].action))

    def lets(self, files: Sequence[SimpleFile]) -> bool:
        """Whether any file of a version is let through."""
        return any(self.of(file).lets_through for file in files)

    def rules(self, files: Sequence[SimpleFile]) -> tuple[str, ...]:
        """Every rule that refuses any of these files: an exception has to name them all."""
        name = self.there.offered.whole.name
        found: dict[str, None] = {}
        for file in files:
            told = explain(
                self.policy, self.there.facts.of(file), now=self.now, hosted=self.there.hosted, name=name,
                version=file.version,
            )  # fmt: skip
            found |= {one.rule: None for one in told.matches if one.matched and one.action not in LETS_THROUGH}
        return tuple(found)

    def newest(self) -> str:
        """The newest version that is let through and not yanked, pre-releases only if there is nothing else."""
        passing = (
            version for version, files in self.there.by_version.items()
            if any(not file.yanked and self.of(file).lets_through for file in files)
        )  # fmt: skip
        return _first_usual(passing)


def verdict_of(wanted: Wanted, candidate: Judge, today: Judge, *, rules: bool = False) -> Verdict:
    """What is said of one wanted version, or of one file of it; with every rule that refuses it if that is wanted."""
    there = candidate.there
    if wanted.filename:
        file = there.by_filename.get(wanted.filename)
        files: tuple[SimpleFile, ...] = (file,) if file is not None else ()
    else:
        files = there.by_version.get(wanted.version) or _equal(there, wanted.version)
    if not files:
        return Verdict(wanted, found=False)
    file, decision = candidate.best(files)
    refused = not decision.lets_through
    return Verdict(
        wanted,
        found=True,
        action=decision.action,
        rule=decision.rule,
        rules=candidate.rules(files) if rules and refused else (),
        reason=decision.reason or "; ".join(decision.warnings),
        today=today.best(files)[1].action,
        changes_at=decision.changes_at if refused else None,
        vulnerabilities=vulnerabilities_of(there, file),
        never=(_closed(decision) or never_let_in(there, file)) if refused else "",
    )


def never_let_in(there: There, file: SimpleFile) -> str:
    """Why a file must not be let in whatever needs it; empty if an exception may be thought of."""
    facts = there.facts.of(file)
    for signal, (value, why) in DANGERS.items():
        fact = facts.fact(signal) if signal in there.wants else None
        if fact is not None and fact.value == value:
            return why
    return ""


def _closed(decision: Decision) -> str:
    """Why no exception helps: the policy rests on data that are not there."""
    return decision.reason if decision.rule == DATA else ""


def newest_of(candidate: Judge, today: Judge) -> Newest:
    """The newest version of all, of those offered today, and of those that the candidate offers."""
    there = candidate.there
    usual = (version for version, files in there.by_version.items() if not all(file.yanked for file in files))
    return Newest(there.offered.whole.name, _first_usual(usual), today.newest(), candidate.newest())


def delayed_of(candidate: Judge, newest: str, wanted: Iterable[str]) -> list[Delayed]:
    """Versions above the newest one that is offered which mend what that one has, and are kept back."""
    there = candidate.there
    base = newest or next(iter(sorted(wanted, key=_key, reverse=True)), "")
    mine = there.by_version.get(base)
    if mine is None:
        return []
    open_still = set(vulnerabilities_of(there, mine[0]))
    found: list[Delayed] = []
    for version in reversed([one for one in there.by_version if _key(one) > _key(base)]):
        files = there.by_version[version]
        if candidate.lets(files) or not open_still:
            continue
        mended = open_still - set(vulnerabilities_of(there, files[0]))
        if mended:
            file, decision = candidate.best(files)
            days = wait_days(candidate, file)
            found.append(Delayed(there.offered.whole.name, version, tuple(sorted(mended)), days, decision.rule))
            open_still -= mended
    return found


def wait_days(judge: Judge, file: SimpleFile) -> float | None:
    """How many days after its upload a file is let through by itself; None if it never is, or if nobody knows when.

    By what is known today: an advisory of later counts from the first day.
    """
    if file.uploaded_at is None:
        return 0.0 if judge.of(file).lets_through else None
    moment = file.uploaded_at
    for _ in range(MOST_HOPS):
        decision = judge.at(file, moment)
        if decision.lets_through:
            return (moment - file.uploaded_at) / timedelta(days=1)
        if decision.changes_at is None or decision.changes_at <= moment:
            return None
        moment = decision.changes_at
    return None


def vulnerabilities_of(there: There, file: SimpleFile) -> tuple[str, ...]:
    """What is known of a file's version, by id."""
    fact = there.facts.of(file).fact(VULNERABILITIES) if VULNERABILITIES in there.wants else None
    if fact is None or not fact.value:
        return ()
    return tuple(one.id for one in fact.value if isinstance(one, Vulnerability))


def _equal(there: There, version: str) -> tuple[SimpleFile, ...]:
    """The files of the version that is written otherwise: ``1.0`` is ``1.0.0`` (PEP 440)."""
    wanted = version_of(version)
    if wanted is None:
        return ()
    return next((files for one, files in there.by_version.items() if version_of(one) == wanted), ())


def _first_usual(versions: Iterable[str]) -> str:
    first = ""
    for one in versions:
        parsed = version_of(one)
        if parsed is None or not parsed.is_prerelease:
            return one
        first = first or one
    return first


def _key(version: str) -> tuple[bool, object]:
    parsed = version_of(version)
    return (parsed is not None, parsed if parsed is not None else version)
