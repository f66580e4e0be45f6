"""Which statements a line of a journal asks for. A pure table: action → statement, and the rest by the line's kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from customhouse.release.events import Published, Rebuilt, StepDone, StepStarted
from customhouse.release.evidence.statements import uris
from customhouse.release.evidence.statements.approval import approval
from customhouse.release.evidence.statements.at_index import provenance_of_file, shown_files
from customhouse.release.evidence.statements.history import History
from customhouse.release.evidence.statements.link import link
from customhouse.release.evidence.statements.provenance import provenance
from customhouse.release.evidence.statements.rebuild import rebuild
from customhouse.release.evidence.statements.ref_state import ref_state
from customhouse.release.evidence.statements.release import release
from customhouse.release.evidence.statements.sbom import documents, sbom
from customhouse.release.evidence.statements.statement import Statement
from customhouse.release.evidence.statements.test_result import test_result
from customhouse.release.evidence.statements.verdict import simple_result, verdict
from customhouse.release.sealed import ENGINE, Sealed
from customhouse.release.things import Thing

Maker = Callable[[History, Sealed], Statement]
Body = Callable[[Thing], bytes]
"""The bytes of a file of the store."""
MAKERS = 1
"""The edition of these makers. A bundle names it, because verification makes every statement once more: whoever changes
what a maker says gives it a new number and keeps the old ones."""

_PROVENANCE = "provenance"
_OF_KIND: dict[str, Maker] = {
    _PROVENANCE: provenance,
    "link": link,
    "test-result": test_result,
    "ref-state": ref_state,
    "svr": simple_result,
}
_OF_TYPE = {
    uris.PROVENANCE: "provenance",
    uris.LINK: "link",
    uris.TEST_RESULT: "test-result",
    uris.SIMPLE_RESULT: "svr",
}
_OF_ACTION = {
    "git.freeze": "ref-state",
    "git.unfreeze": "ref-state",
    "git.sync": "ref-state",
    "git.push": "ref-state",
    "git.push_last": "ref-state",
    "exec": "link",
    "changelog.towncrier": "link",
    "changelog.blurb": "link",
    "version.bump": "link",
    "git.commit_and_tag": "link",
    "build.python": "provenance",
    "build.exec": "provenance",
    "build.docs": "provenance",
    "external.hand_in": "link",
    "index.stage": "link",
    "test.install": "test-result",
    "test.exec": "test-result",
    "sign.all": "link",
    "index.fetch_back": "svr",
}


@dataclass(frozen=True, slots=True)
class Owed:
    """A statement that a line asks for."""

    name: str
    """Of its bundle: which line, which step, which kind."""
    line: Sealed
    step: str
    speaker: str
    """The actor whose fact it is; `ENGINE` for what is of the whole run."""
    make: Callable[[Body], Statement]
    shown: Thing | None = None
    """The file beside which an index shows it (`at_index`); None if it stays in the bundle."""


def owed(told: History) -> tuple[Owed, ...]:
    """Everything that the lines ask for, in order, whether it was said already or not."""
    return tuple(one for line in told.lines for one in owed_by(told, line))


def owed_by(told: History, line: Sealed) -> Iterator[Owed]:
    """What one line asks for."""
    match line.event:
        case StepStarted(step=name):
            attempt = told.at(line)
            if attempt.started is line and attempt.asked is not None:
                yield _owed(told, line, name, "approval", approval, ENGINE)
        case Rebuilt(step=name, by=by):
            yield _owed(told, line, name, f"rebuild.{by}", rebuild, by)
            if line.event.agrees:
                yield _owed(told, line, name, f"provenance.{by}", provenance, by)
        case Published(step=name):
            yield _owed(told, line, name, "release", release, told.pipeline.step(name).actor)
        case StepDone(step=name):
            yield from _of_step(told, line, name)


def verdict_owed(told: History) -> Owed | None:
    """The last word, once every step is done or skipped and something was published."""
    done = {name for (name, number), one in told.attempts.items() if one.done and told.newest[name] == number}
    ends = [line for line in told.lines if isinstance(line.event, StepDone)]
    published = any(isinstance(line.event, Published) for line in told.lines)
    if not published or any(step.id not in done | told.skipped for step in told.pipeline.steps):
        return None
    return _owed(told, ends[-1], "", "verdict", verdict, ENGINE)


def kind_of(uses: str, attest: str) -> str:
    """Which statement a step's end asks for: what ``attest`` says, by its type or short name, else by the action."""
    if attest:
        return _OF_TYPE.get(attest, attest if attest in _OF_KIND else "link")
    return _OF_ACTION.get(uses, "")


def _of_step(told: History, line: Sealed, name: str) -> Iterator[Owed]:
    step = told.pipeline.step(name)
    kind = kind_of(step.uses, step.attest)
    if kind:
        yield _owed(told, line, name, kind, _OF_KIND[kind], step.actor)
    if kind == _PROVENANCE:
        for thing in shown_files(told, line):
            yield Owed(
                bundle_name(line, name, f"{kind}.{thing.name}"), line, name, step.actor,
                lambda _, thing=thing: provenance_of_file(told, line, thing), thing,  # type: ignore[misc]
            )  # fmt: skip
    for thing in documents(told, line):
        yield Owed(
            bundle_name(line, name, f"sbom.{thing.name}"), line, name, step.actor,
            lambda body, thing=thing: sbom(told, line, thing, body(thing)),  # type: ignore[misc]
        )  # fmt: skip


def _owed(told: History, line: Sealed, step: str, kind: str, maker: Maker, speaker: str) -> Owed:
    return Owed(bundle_name(line, step, kind), line, step, speaker, lambda _: maker(told, line))


def bundle_name(line: Sealed, step: str, kind: str) -> str:
    """``00042.build.provenance.sigstore.json``: sorted by name is sorted by time."""
    return ".".join(part for part in (f"{line.seq:05d}", step, kind, "sigstore.json") if part)
