"""A release under embargo: it belongs to a disclosure case of the index, and appears together with its advisory."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from customhouse.client.problem import Declined
from customhouse.client.upload_2 import Upload2
from customhouse.formats.plain import plain
from customhouse.release.actions import Problem, StepRun
from customhouse.release.standing import case_named, meets_at_a_room

_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}
_CONFLICT = 409


@dataclass(frozen=True, slots=True)
class Case:
    """A case as the index tells it to who belongs to it."""

    id: str
    state: str
    """``published`` once everything is public."""
    session: str
    """The address of its release's session; empty if there is none."""
    advisory: str
    """The advisory's id."""
    page: str
    over: bool = False
    """Whether it is published, or never will be."""
    disclose_by: str = ""
    """When the embargo ends at the latest (ISO 8601)."""
    extended_at: datetime | None = None
    """When that was put off."""

    @property
    def given_up(self) -> bool:
        """Whether nothing is to be published any more: it is withdrawn, rejected or was none."""
        return self.over and self.state not in ("published", "closed")


def case_id(run: StepRun) -> str:
    """The case that this release belongs to; empty if there is none."""
    return str(run.step.options.get("case", "")) or case_named(run.pipeline, run.places)


def under_embargo(run: StepRun) -> bool:
    """Whether the release belongs to a case. One that is rehearsed alone, on an index that is thrown away, has none."""
    played = run.state.rehearsal and not meets_at_a_room(run.state) and not case_id(run)
    return run.pipeline.embargoed and not played


def case_of(run: StepRun, door: Upload2) -> Case:
    """The case as it is now; raises `Problem`."""
    return _case(
        door, door.wire.ask("GET", _address(run, door), headers=_HEADERS, what="case").json(door.wire.index.host)
    )


def open_case_stage(run: StepRun, door: Upload2, version: str) -> Case:
    """Begin the release with the fix, if it has not begun: nobody outside of the case can see that it exists."""
    case = case_of(run, door)
    if case.session:
        return case
    return _case(door, _post(run, door, "stage", {"version": version}))


def publish_case(run: StepRun, door: Upload2, manifest: str) -> Case:
    """Publish release, advisory, CVE record and letters in one transaction, or nothing of it.

    Raises `Problem` if the case is given up, or its embargo was extended after people had said yes.
    """
    refuse_unless_wanted(run, case_of(run, door))
    try:
        return _case(door, _post(run, door, "publish", {"manifest": manifest}))
    except Declined as declined:
        # An attempt whose answer got lost may have done it.
        if declined.status == _CONFLICT and (case := case_of(run, door)).state == "published":
            return case
        raise


def refuse_unless_wanted(run: StepRun, case: Case) -> None:
    """People have agreed to publish this case now: not one that was given up, or put off since they did."""
    if case.given_up:
        raise Problem(
            "case-over", f"the case is {case.state}", "a case whose fix is ready", place=case.page,
            next_step="Nothing was published. Ask those who work on it, or give the run up.",
        )  # fmt: skip
    yes = min((at for one in run.state.steps.values() for _seq, at, _approved in one.approvals), default=None)
    if case.extended_at is not None and yes is not None and case.extended_at > yes:
        raise Problem(
            "embargo-extended", f"the embargo was extended until {case.disclose_by[:10]}, after people said yes",
            "a yes that was given since then", place=case.page,
            next_step="Restart from the first step that asks, so that they are asked again.",
        )  # fmt: skip


def _address(run: StepRun, door: Upload2) -> str:
    name = case_id(run)
    if not name:
        raise Problem(
            "no-case", "the release is under embargo, and nothing says which case it belongs to", "a disclosure case",
            place="case", next_step="Say --place case.id=… : the last part of the address of its page.",
        )  # fmt: skip
    return f"{door.wire.index.base}/api/security/cases/{quote(name, safe='')}"


def _post(run: StepRun, door: Upload2, what: str, body: dict[str, str]) -> dict[str, Any]:
    address = f"{_address(run, door)}/{what}"
    answer = door.wire.ask("POST", address, headers=_HEADERS, body=json.dumps(body).encode(), what="case")
    return answer.json(door.wire.index.host)


def _case(door: Upload2, said: dict[str, Any]) -> Case:
    session = said.get("session") or ""
    if session:
        session = door.wire.index.checked(session, "session")
    return Case(
        str(said.get("case", "")), str(said.get("state", "")), session, str(said.get("advisory") or ""),
        str(said.get("page") or ""), bool(said.get("over", False)), str(said.get("disclose_by") or ""),
        _moment(said.get("extended_at"), door),
    )  # fmt: skip


def _moment(text: object, door: Upload2) -> datetime | None:
    """A moment that the index tells; raises `Problem` for what is none."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise Problem("bad-answer", f"{plain(str(text), 60)!r} is no time", place=door.wire.index.host) from error
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
