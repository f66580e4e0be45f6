"""What the page of a disclosure case shows to whoever came: how far it is, its clocks, its people, what was said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Connection

from customhouse.advisories.disclosure import queries
from customhouse.advisories.disclosure.clocks import Clock, clocks_of
from customhouse.advisories.disclosure.draft import Draft
from customhouse.advisories.disclosure.model import LINE, REFUSALS, Case, Member, State, hears, may_publish, ways_on
from customhouse.advisories.disclosure.queries import Credit, Message
from customhouse.catalog import queries as queries_of_catalog
from customhouse.catalog.staged import Session, StagedFile, files_of_session
from customhouse.index.approving.clearance import missing
from customhouse.index.disclosing.access import Access
from customhouse.index.disclosing.called import names_of
from customhouse.index.disclosing.move import BY_THEIR_OWN_DEEDS
from customhouse.index.disclosing.people import display_of, owners_to_invite
from customhouse.index.disclosing.publish import may_tell
from customhouse.index.disclosing.stage import session_of
from customhouse.terms.identity import Actor
from customhouse.web.pages.approving_view import Step

STATE_WORDS = {
    "received": "received", "acknowledged": "acknowledged", "triage": "being looked at", "accepted": "accepted",
    "cve-reserved": "CVE id reserved", "fixing": "being fixed", "fix-ready": "fix ready",
    "notified": "downstreams told", "scheduled": "day agreed on", "published": "published", "closed": "closed",
    "not-security": "no vulnerability", "duplicate": "known already", "invalid": "not so",
    "out-of-scope": "not for this desk", "disputed": "disputed", "rejected": "rejected", "withdrawn": "withdrawn",
}  # fmt: skip
CLOCK_WORDS = {
    "acknowledge": "To be acknowledged by", "decide": "To be decided by", "disclose": "To be disclosed by",
    "exploited": "To be disclosed at once", "today": "The day agreed on",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Person:
    """A member with his name."""

    member: Member
    name: str
    mine: bool


@dataclass(frozen=True, slots=True)
class CaseView:
    """The whole page."""

    case: Case
    display: str
    normalized: str
    steps: Sequence[Step]
    clocks: Sequence[tuple[Clock, bool]]
    """Each with whether it is late."""
    people: Sequence[Person]
    messages: Sequence[Message]
    draft: Draft
    credits: Sequence[Credit]
    session: Session | None
    files: Sequence[StagedFile]
    ways: Sequence[State]
    invitable: Sequence[str]
    publishable: bool


def case_view(sql: Connection, found: Access, now: datetime) -> CaseView:
    """What there is to show to him."""
    case = found.case
    display, normalized = display_of(sql, case)
    members = queries.members_of(sql, case.id)
    names = names_of(sql, members)
    mine = found.member.id if found.member is not None else 0
    shown = members if found.handles else [one for one in members if _shows(found, one)]
    session = session_of(sql, case)
    refusal = may_publish(case)
    ways = tuple(way for way in ways_on(case) if way not in BY_THEIR_OWN_DEEDS or case.state == "disputed")
    return CaseView(
        case=case, display=display, normalized=normalized, steps=steps_of(case),
        clocks=[(one, one.due_at <= now) for one in clocks_of(case)],
        people=[Person(one, names[one.id], one.id == mine) for one in shown],
        messages=[one for one in queries.messages_of(sql, case.id) if _hears(found, one)],
        draft=Draft.of(case.draft), credits=queries.credits_of(sql, case.id), session=session,
        files=files_of_session(sql, session.id) if session is not None else [], ways=ways if found.handles else (),
        invitable=owners_to_invite(sql, case) if found.handles else [], publishable=refusal is None,
    )  # fmt: skip


def what_is_missing(sql: Connection, view: CaseView, by: Actor, now: datetime) -> str:
    """Why the button would refuse, as far as that is known before; empty if it would not."""
    project = queries_of_catalog.find_project(sql, view.normalized) if view.normalized else None
    refusal = may_tell(view.draft, view.session, project)
    if refusal is not None:
        return str(refusal)
    if view.session is not None and view.session.ongoing:
        if not view.files or any(one.state != "completed" for one in view.files):
            return "The release has no files yet, or not all of them are complete."
        waits = missing(sql, view.session, by, now)
        return waits.sentence if waits is not None else ""
    return ""


def steps_of(case: Case) -> list[Step]:
    """The straight way, and how far the case is on it."""
    here = case.before if case.state == "disputed" else case.state
    if here in LINE:
        reached = LINE.index(here)
        found = [
            Step(STATE_WORDS[state], "done" if at < reached else "now" if at == reached else "todo", "")
            for at, state in enumerate(LINE)
        ]
        if case.state == "disputed":
            found[reached] = Step("disputed", "trouble", STATE_WORDS[here])
        return found
    return [
        Step(STATE_WORDS["received"], "done", ""), Step(STATE_WORDS["triage"], "done", ""),
        Step(STATE_WORDS[case.state], "now" if case.state in REFUSALS else "trouble", ""),
    ]  # fmt: skip


def _shows(found: Access, member: Member) -> bool:
    """A reporter sees who works on it; nobody but those who do sees which downstreams there are."""
    return member.handles or (found.member is not None and member.id == found.member.id)


def _hears(found: Access, message: Message) -> bool:
    if found.desk or found.member is None:
        return True
    return hears(found.member, message.audience, message.member_id)
