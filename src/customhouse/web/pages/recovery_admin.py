"""The queue of recovery cases and the page of one: support reads, operators decide, two of them to agree."""

from __future__ import annotations

from datetime import timedelta

from starlette.responses import Response

from customhouse.index.recovery import decide
from customhouse.index.recovery.decide import Decide
from customhouse.index.recovery.delays import delays_of
from customhouse.index.recovery.model import may_decide
from customhouse.index.recovery.people import co_owners, voice_of
from customhouse.index.recovery.queries import closed_cases, find_case, finished_times, name_of, open_cases
from customhouse.index.recovery.show import KIND_WORDS, MISSING_WORDS, OUTCOME_WORDS, STATE_WORDS, case_view
from customhouse.terms.errors import Refused
from customhouse.terms.numbers import number_of
from customhouse.web.doors import Door, door
from customhouse.web.pages.recovery_timeline import case_line
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit

SHOWN = 200
CLOSED_SHOWN = 30
YEAR = timedelta(days=365)
_WORDS = {"kind": KIND_WORDS, "missing": MISSING_WORDS, "outcome": OUTCOME_WORDS, "state": STATE_WORDS}


def recovery_admin_doors() -> list[Door]:
    """The doors of the operators' side."""
    case = "/admin/recovery/{case}/"
    return [
        door("GET", "/admin/recovery/", queue, Permission.RECOVERIES_READ),
        door("GET", case, show, Permission.RECOVERIES_READ),
        door("POST", case + "approve/", approve, Permission.ADMIN_DANGER),
        door("POST", case + "refuse/", refuse, Permission.ADMIN_DANGER),
        door("POST", case + "resume/", resume, Permission.ADMIN_DANGER),
    ]


def queue(visit: Visit) -> Response:
    """What waits, the oldest first, and what ended last."""
    app, now = visit.app, visit.app.clock.now()
    with app.database.read() as sql:
        waiting = [case_view(sql, case, delays_of(app.settings)) for case, _ in open_cases(sql, limit=SHOWN)]
        closed = closed_cases(sql, limit=CLOSED_SHOWN)
        figures = finished_times(sql, now - YEAR)
    first = ("ready", "contested", "waiting", "open")
    waiting.sort(key=lambda view: (first.index(view.state), view.case.id))
    return visit.page("recovery_queue.html", waiting=waiting, closed=closed, figures=figures, words=_WORDS)


def show(visit: Visit) -> Response:
    """One case with all that operators need to decide it."""
    app, now = visit.app, visit.app.clock.now()
    with app.database.read() as sql:
        case = find_case(sql, _number(visit))
        if case is None or case.account_id is None:
            raise Refused("unknown-case", "There is no such recovery case.", status=404)
        view = case_view(sql, case, delays_of(app.settings))
        others = [(name_of(sql, other), sorted(shared)) for other, shared in co_owners(sql, case.account_id).items()]
        why = may_decide(voice_of(sql, visit.actor, case), case)
    return visit.page(
        "recovery_case.html",
        view=view,
        others=sorted(others),
        decides=visit.me.site_role == "operator",
        why=why,
        agreed=any(one.account_id == visit.me.id for one in view.approvals),
        line=case_line(view.steps, case, now),
        words=_WORDS,
    )


def approve(visit: Visit) -> Response:
    """Agree."""
    second = visit.app.do(decide.approve, _command(visit))
    return _back(visit, "You are the second: the delay runs." if second else "You have agreed. Another operator must.")


def refuse(visit: Visit) -> Response:
    """End it."""
    visit.app.do(decide.refuse, _command(visit))
    return _back(visit, "The case is refused.")


def resume(visit: Visit) -> Response:
    """Let it go on against an objection."""
    visit.app.do(decide.resume, _command(visit))
    return _back(visit, "The case goes on.")


def _command(visit: Visit) -> Decide:
    return Decide(_number(visit), visit.form.get("reason", ""), visit.actor, delays_of(visit.app.settings))


def _back(visit: Visit, said: str) -> Response:
    return visit.go(f"/admin/recovery/{_number(visit)}/", said=said)


def _number(visit: Visit) -> int:
    return number_of(visit.path["case"]) or 0
