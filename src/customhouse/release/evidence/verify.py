"""A stranger verifies a release from its bundle: eight points, and what they do not prove. Nothing is fetched.

Nothing of the bundle is believed because it is there. Each point says whom one must believe for it: whoever gave the
stranger the trust root and the pipeline, the log's clock, the server that let people in. What was not brought and what
cannot be checked is said as such, and is not a success.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from customhouse.formats.plain import plain
from customhouse.release.events import Anchored, Attested, SignedThing
from customhouse.release.evidence.bundle import (
    LOG,
    ROOT,
    SBOMS,
    SIGNATURES,
    STATEMENTS,
    Bundle,
    files_in_bundle,
    gpg_keys,
    read_bundle,
)
from customhouse.release.evidence.points.approved import approved
from customhouse.release.evidence.points.case import Attestation, Brought, Case, Point, fails
from customhouse.release.evidence.points.followed import followed
from customhouse.release.evidence.points.handed_in import HAND_IN, SEALED
from customhouse.release.evidence.points.handovers import handovers
from customhouse.release.evidence.points.journal import journal
from customhouse.release.evidence.points.ordered import ordered
from customhouse.release.evidence.points.rebuilt import rebuilt
from customhouse.release.evidence.points.signed import signed
from customhouse.release.evidence.points.yours import yours
from customhouse.release.evidence.signatures import Judge, Proved
from customhouse.release.evidence.statements.history import History, history
from customhouse.release.evidence.statements.told import Owed, owed, verdict_owed
from customhouse.release.rules import replay
from customhouse.release.sealed import Sealed
from customhouse.release.sealing import verify_lines
from customhouse.release.state import State
from customhouse.terms.errors import Refused, Rejected

NOT_PROVED = (
    "that the source is honest: a person who may release can release bad code",
    "that people, machines and the operator of the log do not work together",
    "that the log shows everybody the same: only witnesses, or your own checkpoint",
)
_KNOWN = frozenset({"manifest.json", "journal.jsonl", "pipeline.toml", ROOT, "trust/engine.key"})
LONGEST = 4000
"""Of one finding, in letters."""
NO_ROOT = "something is signed, and neither the bundle nor you have a trust root to verify it"
_OUTCOMES: dict[str, Literal[0, 1, 3]] = {"fails": 1, "unknown": 3}


@dataclass(frozen=True)
class Report:
    """What was found."""

    bundle_sha256: str
    project: str
    version: str
    run: str
    trust_root_sha256: str
    pipeline_sha256: str
    points: tuple[Point, ...]
    case: Case | None
    """What it was found in, where that could be read."""

    @property
    def exit_code(self) -> Literal[0, 1, 3]:
        """0: all of it holds. 1: something is wrong. 3: nothing is wrong, and something could not be checked."""
        signs = {point.sign for point in self.points}
        return next((code for sign, code in _OUTCOMES.items() if sign in signs), 0)

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "bundle": {"sha256": self.bundle_sha256},
            "project": plain(self.project),
            "version": plain(self.version),
            "run": plain(self.run),
            "trust_root": {"sha256": self.trust_root_sha256},
            "pipeline": {"sha256": self.pipeline_sha256},
            "result": {0: "verified", 1: "failed", 3: "incomplete"}[self.exit_code],
            "points": [
                {
                    "number": point.number, "title": point.title, "result": point.sign, "rests_on": point.rests_on,
                    "findings": [{"result": one.sign, "text": plain(one.text, LONGEST)} for one in point.findings],
                }
                for point in self.points
            ],
            "not_proved": list(NOT_PROVED),
        }  # fmt: skip


def verify(data: bytes, brought: Brought) -> Report:
    """Verify a bundle with what somebody has brought; raises `Rejected` for what is no whole bundle."""
    return verify_bundle(read_bundle(data), brought)


def verify_bundle(bundle: Bundle, brought: Brought) -> Report:
    """The same for a bundle that was read."""
    try:
        verify_lines(bundle.lines)
    except Rejected as error:
        return _early(bundle, Point(2, "Journal", (fails(str(error)),), "the engine's key"))
    try:
        state = replay(bundle.lines)
    except (Refused, Rejected) as error:
        return _early(bundle, Point(3, "Pipeline", (fails(f"it did not follow its pipeline: {error}"),), "arithmetic"))
    wrong = _members(bundle, state)
    if wrong:
        raise Rejected("bundle-member", *wrong)
    case = _judged(bundle, state, brought)
    points = (signed, journal, followed, handovers, approved, rebuilt, ordered, yours)
    return _report(bundle, tuple(point(case) for point in points), case)


def _judged(bundle: Bundle, state: State, brought: Brought) -> Case:
    told = history(state.pipeline, bundle.lines)
    own = bundle.members.get(ROOT, b"")
    broken: list[str] = []
    trust_root = brought.trust_root or own
    if brought.trust_root and own and hashlib.sha256(_same_root(brought.trust_root)).digest() != hashlib.sha256(
        _same_root(own)
    ).digest():  # fmt: skip
        broken.append("the bundle's trust root is not the one that you brought; yours is used")
    expected = brought.trust_root_sha256 or (brought.remembered.trust_root_sha256 if brought.remembered else "")
    mine = hashlib.sha256(_same_root(own)).hexdigest()
    if not brought.trust_root and own and expected and expected != mine:
        broken.append(f"the bundle's trust root is sha256:{mine}, and not {expected}")
    judge = Judge(trust_root) if trust_root else None
    files = files_in_bundle(state, bundle.lines)
    attestations = list(_attestations(bundle, told, judge, broken))
    signatures = dict(_signatures(bundle, state, judge, broken))
    anchors = dict(_anchors(bundle, judge, broken))
    return Case(
        bundle, state, told, brought, trust_root, files, tuple(attestations), signatures, anchors, tuple(broken)
    )


def _members(bundle: Bundle, state: State) -> tuple[str, str, str] | None:
    """A member that the journal does not name, or that has another digest than it says; None if there is none."""
    files = files_in_bundle(state, bundle.lines)
    for name, thing in files.items():
        if name not in bundle.members:
            return name, "is missing; the journal names it", "every statement and signature of the run"
        found = hashlib.sha256(bundle.members[name]).hexdigest()
        if found != thing.digest:
            return name, f"has SHA-256 {found}", f"SHA-256 {thing.digest}, as the journal says"
    keys = gpg_keys(state, bundle.lines)
    for name, key in keys.items():
        if bundle.members.get(name) != key:
            return name, "is missing or another", "the OpenPGP key that the journal has noted"
    for name in bundle.members:
        folder = name.partition("/")[0] + "/"
        if folder in (STATEMENTS, SIGNATURES, SBOMS) and name not in files:
            return name, "is of no line of the journal", "only what the journal names"
        if folder not in (STATEMENTS, SIGNATURES, SBOMS, LOG) and name not in _KNOWN and name not in keys:
            return name, "is nothing that a bundle has", "only what the journal names"
    return None


def _attestations(bundle: Bundle, told: History, judge: Judge | None, broken: list[str]) -> Iterator[Attestation]:
    asked: dict[str, Owed] = {one.name: one for one in owed(told)}
    last = verdict_owed(told)
    if last is not None:
        asked[last.name] = last
    experts = {step.id for step in told.used(HAND_IN)}
    for line in told.attested:
        event = line.event
        assert isinstance(event, Attested)  # noqa: S101 - that is what `History.attested` holds
        member = f"{STATEMENTS}{event.bundle.name}"
        wanted, proved = asked.get(event.bundle.name), None
        # What experts sign by GPG or a key of their own, only the machine that took it can tell.
        if wanted is not None or member.endswith(SEALED) or event.step not in experts:
            proved = _try(broken, judge, _statement(bundle.members[member], member))
        yield Attestation(member, wanted, proved, line)


def _signatures(bundle: Bundle, state: State, judge: Judge | None, broken: list[str]) -> Iterator[tuple[str, Proved]]:
    newest: Mapping[str, int] = {name: one.attempt for name, one in state.steps.items()}
    for line in bundle.lines:
        event = line.event
        if not isinstance(event, SignedThing) or event.how != "sigstore" or newest[event.step] != event.attempt:
            continue
        member = f"{SIGNATURES}{event.signature.name}"
        body = bundle.members.get(member)
        if body is None:
            continue  # told under point 4
        digest = event.thing.digest
        proved = _try(broken, judge, _file(body, digest, member))
        if proved is not None:
            yield member, proved


def _anchors(bundle: Bundle, judge: Judge | None, broken: list[str]) -> Iterator[tuple[int, Proved]]:
    for line in bundle.lines:
        event = line.event
        if isinstance(event, Anchored):
            proved = _try(broken, judge, _statement(event.entry.encode(), _at(line)))
            if proved is not None:
                yield line.seq, proved


def _at(line: Sealed) -> str:
    return f"journal line {line.seq}"


def _statement(bundle: bytes, where: str) -> Callable[[Judge], Proved]:
    return lambda judge: judge.statement(bundle, where)


def _file(bundle: bytes, sha256: str, where: str) -> Callable[[Judge], Proved]:
    return lambda judge: judge.file(bundle, sha256, where)


def _try(broken: list[str], judge: Judge | None, look: Callable[[Judge], Proved]) -> Proved | None:
    if judge is None:
        if NO_ROOT not in broken:
            broken.append(NO_ROOT)
        return None
    try:
        return look(judge)
    except Rejected as error:
        broken.append(plain(error, 300))
        return None


def _same_root(body: bytes) -> bytes:
    """A trust root is the same however it is spaced: compared as canonical JSON, where it is JSON."""
    import rfc8785  # noqa: PLC0415 - only for who brings one

    from customhouse.formats.strict_json import read_json  # noqa: PLC0415 - as above

    try:
        return rfc8785.dumps(read_json(body.decode()))
    except (ValueError, rfc8785.CanonicalizationError):
        return body


def _early(bundle: Bundle, point: Point) -> Report:
    return _report(bundle, (point,), None)


def _report(bundle: Bundle, points: tuple[Point, ...], case: Case | None) -> Report:
    created = bundle.created
    root = case.trust_root if case is not None else bundle.members.get(ROOT, b"")
    return Report(
        bundle.sha256, created.project, created.params.get("version", ""), bundle.lines[0].run,
        hashlib.sha256(_same_root(root)).hexdigest(), created.pipeline_sha256, points, case,
    )  # fmt: skip
