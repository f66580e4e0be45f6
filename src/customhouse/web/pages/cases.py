"""The queue of cases and the page of one: support reads, operators decide."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

from markupsafe import Markup
from starlette.responses import Response

from customhouse.index.cases import case_file, decided, project_of, queue
from customhouse.index.reporter_trust import TrustReporter, trust_reporter
from customhouse.index.verdict import GiveVerdict, UndoVerdict, give_verdict, undo_verdict
from customhouse.reports import queries
from customhouse.reports.model import CLEARING, HARMFUL
from customhouse.terms.errors import Refused
from customhouse.terms.numbers import number_of
from customhouse.web.doors import Door, door
from customhouse.web.pages.diff import diff_view, visible
from customhouse.web.pages.reports import KIND_LABELS
from customhouse.web.pages.signals import signal_rows
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit

DECIDED_SHOWN = 30
VERDICT_LABELS = {
    "malware": "Malware",
    "spam": "Spam",
    "typosquat": "Typosquat",
    "dependency-confusion": "Dependency confusion",
    "not-malware": "Not malware",
    "unfounded": "Unfounded: nothing in these reports holds",
    "no-action": "Nothing to do",
    "duplicate": "Duplicate of another case",
}


def case_doors() -> list[Door]:
    """The doors of the cases."""
    return [
        door("GET", "/admin/cases/", cases, Permission.CASES_READ),
        door("GET", "/admin/cases/{case}/", case, Permission.CASES_READ),
        door("GET", "/admin/cases/{case}/diff/{old}/{new}/", difference, Permission.CASES_READ),
        door("POST", "/admin/cases/{case}/verdict/", verdict, Permission.CASES_DECIDE),
        door("POST", "/admin/cases/{case}/undo/", undo, Permission.CASES_DECIDE),
        door("POST", "/admin/reporters/{reporter}/trust/", trust, Permission.CASES_DECIDE),
    ]


def cases(visit: Visit) -> Response:
    """What waits, the gravest first, and what was decided last."""
    with visit.app.database.read() as sql:
        waiting = queue(sql, visit.app.clock.now(), _young_for(visit))
        closed = decided(sql, limit=DECIDED_SHOWN)
    return visit.page("cases.html", waiting=waiting, closed=closed, kinds=KIND_LABELS, verdicts=VERDICT_LABELS)


def case(visit: Visit) -> Response:
    """One case: the reports, the uploads with their signals beside them, and the decision."""
    with visit.app.database.read() as sql:
        found = case_file(sql, _number(visit), visit.app.clock.now(), _young_for(visit))
    return visit.page(
        "case.html",
        found=found,
        kinds=KIND_LABELS,
        verdicts=VERDICT_LABELS,
        harmful=HARMFUL,
        clearing=CLEARING,
        signals=signal_rows,
        visible=_visible_lines,
        address=quote,
        decides=visit.me.site_role == "operator",
        now=visit.app.clock.now(),
    )


def difference(visit: Visit) -> Response:
    """The difference of two releases, those too that are quarantined or deleted."""
    number, old, new = _number(visit), visit.path["old"], visit.path["new"]
    with visit.app.database.read() as sql:
        found = queries.find_case(sql, number)
        if found is None:
            raise Refused("unknown-case", f"There is no case {number}.", status=404)
        project = project_of(sql, found)
    view = diff_view(
        visit.app, project, old, new, allow_hidden=True,
        address=f"/admin/cases/{number}/diff/{quote(old)}/{quote(new)}/",
        filename=visit.query.get("file", ""), member=visit.query.get("member", ""),
    )  # fmt: skip
    return visit.page("case_diff.html", view=view, number=number)


def verdict(visit: Visit) -> Response:
    """Decide."""
    number, seen = _number(visit), visit.field("seen", limit=20)
    command = GiveVerdict(
        case_id=number,
        verdict=visit.field("verdict", limit=80),
        note=visit.form.get("note", ""),
        by=visit.actor,
        effect=visit.field("effect", limit=80) or "quarantine",
        versions=tuple(name.partition(":")[2] for name in visit.form if name.startswith("version:")),
        freeze=visit.field("freeze", limit=80),
        seen_file_id=number_of(seen),
    )
    done = visit.app.do(give_verdict, command)
    visit.app.renderer.render_after_commit(done.project)
    return visit.go(f"/admin/cases/{number}/", said=f"Decided: {VERDICT_LABELS[command.verdict].lower()}.")


def undo(visit: Visit) -> Response:
    """Take a verdict back."""
    number = _number(visit)
    done = visit.app.do(undo_verdict, UndoVerdict(number, visit.form.get("note", ""), visit.actor))
    visit.app.renderer.render_after_commit(done.project)
    return visit.go(f"/admin/cases/{number}/", said="The verdict is undone, and the case is open again.")


def trust(visit: Visit) -> Response:
    """Mark a reporter as reliable, or take the mark away."""
    trusted = visit.field("trusted", limit=5) == "yes"
    command = TrustReporter(visit.path["reporter"], visit.form.get("reason", ""), trusted, visit.actor)
    user = visit.app.do(trust_reporter, command)
    number = number_of(visit.field("case", limit=15))
    back = f"/admin/cases/{number}/" if number is not None else "/admin/cases/"
    return visit.go(back, said=f"{user.name} is {'now' if trusted else 'no longer'} a trusted reporter.")


def _visible_lines(text: str) -> Markup:
    """A stranger's text, with a mark for each character that would not be seen; its lines stay."""
    return Markup("\n").join(visible(line) for line in text.split("\n"))


def _young_for(visit: Visit) -> timedelta:
    return timedelta(days=visit.app.settings.young_project_days)


def _number(visit: Visit) -> int:
    number = number_of(visit.path["case"])
    if number is None:
        raise Refused("unknown-case", f"There is no case {visit.path['case'][:20]!r}.", status=404)
    return number
