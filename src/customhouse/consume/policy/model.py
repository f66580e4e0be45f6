"""What a simulation looks at and what it finds: a policy that is not in force yet, tried on what somebody installs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from customhouse.formats.inventory.model import Gap

REFUSING = frozenset({"hide", "deny", "hold"})


class Wanted(NamedTuple):
    """One version that somebody wants."""

    name: str
    """Normalised."""
    version: str
    filename: str = ""
    """The exact file, if it must be that one."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the candidate policy says of one wanted version, and what the view says today."""

    name: str
    version: str
    filename: str
    found: bool
    """Whether the view has this version at all, whatever any policy says."""
    action: str
    """allow | warn | hide | deny | hold: of its best file, or of the one that was named."""
    rule: str = ""
    rules: tuple[str, ...] = ()
    """Every rule that refuses it, if that was asked for: an exception has to name them all."""
    reason: str = ""
    today: str = ""
    """What the view's own policy says."""
    changes_at: datetime | None = None
    """From then on the candidate may say something else."""
    vulnerabilities: tuple[str, ...] = ()
    """What is known of this version, by id."""
    never: str = ""
    """Why no exception is proposed: it is malware, or held in quarantine; empty if nothing speaks against one."""

    @property
    def refused(self) -> bool:
        """Whether nobody gets it under the candidate policy."""
        return self.found and self.action in REFUSING


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest version of a project: of all there are, of those offered today, of those the candidate offers."""

    name: str
    there: str
    today: str
    candidate: str


@dataclass(frozen=True, slots=True)
class Delayed:
    """A version that mends something and that the candidate policy keeps back, with no other fix let through."""

    name: str
    version: str
    advisories: tuple[str, ...]
    days: float | None
    """From the upload until the policy lets it through; None if nothing is known to end it."""
    rule: str


@dataclass(frozen=True, slots=True)
class Decided:
    """The answer to one question about many versions."""

    verdicts: tuple[Verdict, ...] = ()
    newest: tuple[Newest, ...] = ()
    delayed: tuple[Delayed, ...] = ()
    waits: tuple[float, ...] = ()
    """For each project how many days its newest version would wait, 0 for one that would not."""
    left: tuple[str, ...] = ()
    """Projects that were not looked up for want of time: ask again."""
    failed: tuple[tuple[str, str], ...] = ()
    """Projects that cannot be looked up now, and why."""


class Candidate(Protocol):
    """A policy on a view that is not in force: a server keeps it for a while."""

    def address(self, spared: Sequence[str] = (), *, everything: bool = False) -> str:
        """The simple repository that it makes; ``spared`` projects are let through whatever it says, or all of them."""
        ...

    def decide(self, wanted: Sequence[Wanted], *, rules: bool = False) -> Decided:
        """What it says of these, with every rule that refuses if that is wanted. Raises `Unavailable`."""
        ...


class Root(NamedTuple):
    """One requirement that the user has written (PEP 508), and where."""

    text: str
    place: str


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be installed: pins as a lock has them, or requirements that a resolver has to choose for."""

    title: str
    kind: str
    pins: tuple[Wanted, ...] = ()
    places: tuple[str, ...] = ()
    """Where each pin stands, in the same order."""
    roots: tuple[Root, ...] = ()
    """What the user asked for; of a lock the names alone, to see whether locking again would help."""
    constraints: tuple[str, ...] = ()
    loose: bool = False
    """Whether the roots say what is installed, and not the pins."""
    gaps: tuple[Gap, ...] = ()


class Step(NamedTuple):
    """One edge of a path: who requires what, as its metadata says."""

    by: str
    """``flask 3.0.0``, or the place of a requirement that the user has written."""
    requirement: str
    """``werkzeug>=3``."""
    confirmed: bool
    """Whether we have read it in the metadata ourselves, or in the user's own file."""


@dataclass(frozen=True, slots=True)
class Dead:
    """A project of which no version is left that fits."""

    name: str
    paths: tuple[tuple[Step, ...], ...]
    """From what the user asked for down to it, each path one reason why it is needed."""
    hidden: tuple[tuple[str, str, str], ...]
    """Versions that would fit and are kept back: the version, the rule, the reason; the newest first."""
    left: tuple[str, ...]
    """Versions that the policy lets through and that fit none of the requirements, the newest first."""


class Moved(NamedTuple):
    """A project that a resolver chooses another version of."""

    name: str
    before: str
    """Empty if it was not there."""
    after: str


class Excepted(NamedTuple):
    """One exception that is needed."""

    name: str
    version: str
    rules: tuple[str, ...]
    reason: str
    ends: datetime | None
    """From then on it is needed no more."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of one target."""

    target: Target
    verdicts: tuple[Verdict, ...] = ()
    satisfiable: bool | None = None
    """Whether there is a solution under the candidate policy: of a lock, whether it installs as it is; None if nobody
    can tell."""
    relocks: bool | None = None
    """Of a lock that does not install: whether locking again would find a solution."""
    moved: tuple[Moved, ...] = ()
    dead: tuple[Dead, ...] = ()
    said: str = ""
    """uv's own words, if it finds no solution."""
    exceptions: tuple[Excepted, ...] = ()
    """The smallest set that makes it pass; of a lock, without what should never be let in."""
    proven: bool = True
    """Whether there is no smaller one; False if looking for it took too long."""
    confirmed: bool | None = None
    """Whether it was tried with these exceptions in the policy, and passes."""
    gaps: tuple[Gap, ...] = ()

    @property
    def breaks(self) -> bool:
        """Whether something that installs today would not."""
        return self.satisfiable is False


class Stopped(NamedTuple):
    """A known attack, and whether the policy would have kept it from those who asked while it was on."""

    title: str
    package: str
    version: str
    stopped: bool
    rule: str
    reason: str
    day: str
    source: str


@dataclass(frozen=True, slots=True)
class LogReport:
    """The candidate policy on what a view was really asked for."""

    days: int
    builds: int
    passed: int
    fell_back: tuple[tuple[str, str, str, int], ...] = ()
    """Project, version, rule, and how many builds would have got another version."""
    failed: tuple[tuple[str, str, str, int], ...] = ()
    """The same of builds that would have ended."""
    builds_fell_back: int = 0
    builds_failed: int = 0
    cut: bool = False
    """Whether the log holds more than was looked at."""


@dataclass(frozen=True, slots=True)
class Report:
    """All that a simulation has to say."""

    view: str
    policy: str
    """Its level or the path of its file."""
    as_of: datetime | None
    outcomes: tuple[Outcome, ...] = ()
    newest: tuple[Newest, ...] = ()
    delayed: tuple[Delayed, ...] = ()
    attacks: tuple[Stopped, ...] = ()
    waits: tuple[float, ...] = ()
    log: LogReport | None = None
    gaps: tuple[Gap, ...] = ()

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Of every target, each version once."""
        every = {(one.name, one.version, one.filename): one for part in self.outcomes for one in part.verdicts}
        return tuple(every.values())

    @property
    def breaks(self) -> bool:
        """Whether something that works today would not."""
        return any(one.breaks for one in self.outcomes) or (self.log is not None and self.log.builds_failed > 0)

    @property
    def partial(self) -> bool:
        """Whether something could not be looked up."""
        return bool(self.gaps) or any(one.gaps or one.target.gaps for one in self.outcomes)
