"""Releases that wait for people: seeing, approving, publishing and canceling one; and what a project asks of all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote

from starlette.responses import Response

from customhouse.accounts import factors
from customhouse.accounts.totp import DIGITS, normalized
from customhouse.catalog import queries, rights, teams
from customhouse.catalog.model import Project
from customhouse.catalog.staged import (
    Session,
    StagedFile,
    files_of_session,
    find_session,
    manifest_digest_of,
    ongoing_sessions,
)
from customhouse.index.approving.approve import Approve, Withdraw, approve, may_approve, withdraw
from customhouse.index.approving.clearance import Clearance, clearance_of, missing
from customhouse.index.approving.model import Missing
from customhouse.index.approving.rule import LONGEST_AGE, MOST_APPROVALS, rule_of
from customhouse.index.approving.set_rule import SetRule, in_words, set_rule
from customhouse.index.approving.statement import evidence_of
from customhouse.index.disclosing.links import own_stage
from customhouse.index.slow.model import PendingChange
from customhouse.index.staging.cancel import Cancel, cancel
from customhouse.index.staging.rights import no_session, refuse_unless_may
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.names import normalize
from customhouse.terms.numbers import number_of
from customhouse.web.approvals import about, statement_for
from customhouse.web.doors import Door, door
from customhouse.web.pages.approving_view import StagedView, is_whole, staged_view
from customhouse.web.pages.staged_diff import show_diff
from customhouse.web.permissions import Permission
from customhouse.web.proofs import (
    holder_of,
    is_elsewhere,
    key_of_answer,
    party_of,
    proof_by_code,
    script_of,
    user_of_key,
)
from customhouse.web.visit import Visit

HERE = "/manage/project/{name}/staged"
HOUR_SECONDS = 3600


def approving_doors() -> list[Door]:
    """The doors of releases that wait."""
    one = f"{HERE}/{{session}}"
    rule = "/manage/project/{name}/rule/"
    return [
        door("GET", f"{HERE}/", listing, Permission.PROJECT_MANAGE_READ),
        door("GET", f"{one}/", staged_page, Permission.STAGED_READ),
        door("GET", f"{one}/diff/", difference, Permission.STAGED_READ),
        door("POST", f"{one}/approve/", approve_it, Permission.STAGED_WRITE),
        door("POST", f"{one}/withdraw/", withdraw_it, Permission.STAGED_WRITE),
        door("POST", f"{one}/publish/", publish_it, Permission.STAGED_PUBLISH),
        door("POST", f"{one}/cancel/", cancel_it, Permission.STAGED_WRITE),
        door("GET", rule, rule_form, Permission.PROJECT_DANGER_FORM),
        door("POST", rule, change_rule, Permission.PROJECT_DANGER),
    ]


@dataclass(frozen=True, slots=True)
class Line:
    """One release in the list of those that wait."""

    session: Session
    files: int
    whole: bool
    clearance: Clearance
    missing: Missing | None


@dataclass(frozen=True, slots=True)
class Found:
    """The release that the address names, for somebody who may see it."""

    session: Session
    project: Project | None
    """None: its publication makes the project."""
    files: list[StagedFile]
    clearance: Clearance
    missing: Missing | None


def listing(visit: Visit) -> Response:
    """Every release of the project that waits, the oldest first, and what the project asks of them."""
    found, now = visit.this_project, visit.app.clock.now()
    lines = []
    with visit.app.database.read() as sql:
        for session in ongoing_sessions(sql, found.normalized):
            files = files_of_session(sql, session.id)
            clearance = clearance_of(sql, session, now, files)
            lines.append(Line(session, len(files), is_whole(files), clearance, missing(sql, session, None, now)))
        rule = rule_of(sql, found.id)
        team = teams.name_of_team(sql, rule.team_id) if rule.team_id is not None else ""
    return visit.page(
        "staged.html", lines=lines, rule=in_words(rule, team), owns=visit.standing.role == "owner"
    )  # fmt: skip


def staged_page(visit: Visit) -> Response:
    """One release that waits: why, what is in it, who has approved, and what one can do."""
    return _page(visit, _find(visit))


def difference(visit: Visit) -> Response:
    """What changed since the release before, file by file."""
    found = _find(visit)
    return show_diff(visit, found.project, found.session, found.files)


def approve_it(visit: Visit) -> Response:
    """Approve exactly the files that were shown, by a key's answer or a code that is claimed for that."""
    found = _find(visit)
    manifest = visit.field("manifest", limit=64, required=True)
    try:
        wish = _proved(visit, found, manifest)
        visit.app.do(approve, wish)
    except Refused as refusal:
        return _page(visit, found, problem=refusal)
    waits = _find(visit).missing
    rest = waits.sentence if waits is not None else "Nothing is missing any more: it can be published."
    return visit.go(_address(found.session), said=f"Approved, with the manifest {manifest[:16]}…. {rest}")


def withdraw_it(visit: Visit) -> Response:
    """Take one's own approval back."""
    found = _find(visit)
    visit.app.do(withdraw, Withdraw(found.session.normalized, found.session.id, visit.actor))
    return visit.go(_address(found.session), said="Your approval is taken back.")


def publish_it(visit: Visit) -> Response:
    """Publish it as a whole."""
    found = _find(visit)
    try:
        done = visit.app.staging.publish(found.session.id, visit.actor)
    except Refused as refusal:
        return _page(visit, _find(visit), problem=refusal)
    visit.app.renderer.render_after_commit(done.normalized)
    said = f"{done.display} {done.version} is published."
    return visit.go(f"/project/{done.normalized}/{quote(done.version)}/", said=said)


def cancel_it(visit: Visit) -> Response:
    """Throw it away: nothing of it appears."""
    found = _find(visit)
    visit.app.do(cancel, Cancel(found.session.id, visit.actor))
    back = f"/manage/project/{found.session.normalized}/staged/" if found.project is not None else "/account/"
    return visit.go(back, said=f"{found.session.display} {found.session.version} is canceled. Nothing of it appears.")


def rule_form(visit: Visit) -> Response:
    """What the project asks of its releases, to be changed."""
    found = visit.this_project
    with visit.app.database.read() as sql:
        rule = rule_of(sql, found.id)
        choices = teams.teams_of(sql, found.organization_id) if found.organization_id is not None else []
        people = len(rights.people_of(sql, found.id))
    hours = int(rule.minimum_age.total_seconds()) // HOUR_SECONDS
    return visit.page(
        "release_rule.html", rule=rule, teams=choices, people=people, hours=hours, most=MOST_APPROVALS,
        most_hours=int(LONGEST_AGE.total_seconds()) // HOUR_SECONDS,
    )  # fmt: skip


def change_rule(visit: Visit) -> Response:
    """Change it, at once or after the delay."""
    name = visit.this_project.normalized
    method = visit.field("method", limit=20) or "any"
    if method not in ("any", "webauthn"):
        raise Rejected("bad-rule", "method", f"{method[:20]!r}", "any | webauthn")
    wish = SetRule(
        name, _whole(visit, "approvals"),
        "webauthn" if method == "webauthn" else "any", visit.field("not_uploader") == "yes",
        timedelta(hours=_whole(visit, "hours")), visit.field("team", limit=50),
        visit.field("reason", limit=1000), visit.actor,
    )  # fmt: skip
    outcome = visit.app.do(set_rule, wish)
    said = outcome.says_when if isinstance(outcome, PendingChange) else f"From now on: {in_words(outcome, wish.team)}."
    return visit.go(f"/manage/project/{name}/staged/", said=said)


def _whole(visit: Visit, field: str) -> int:
    text = visit.field(field, limit=6) or "0"
    number = number_of(text)
    if number is None:
        raise Rejected("bad-number", field, f"{text!r} is no number", "a whole number")
    return number


def _find(visit: Visit) -> Found:
    """The release; whoever may not act for it hears that there is none."""
    now = visit.app.clock.now()
    with visit.app.database.read() as sql:
        session = find_session(sql, visit.path["session"][:64])
        if session is None or session.normalized != normalize(visit.path["name"]):
            raise no_session()
        project = queries.find_project(sql, session.normalized)
        refuse_unless_may(sql, session, project, visit.actor, "cancel", now)
        if project is not None:
            visit.project, visit.standing = project, rights.standing(sql, project, visit.actor)
        files = files_of_session(sql, session.id)
        clearance = clearance_of(sql, session, now, files)
        waits = missing(sql, session, visit.actor, now) if session.ongoing else None
    return Found(session, project, files, clearance, waits)


def _proved(visit: Visit, found: Found, manifest: str) -> Approve:
    """The wish with its proof. A challenge or a code is used up by that, whatever comes of it."""
    name, session_id = found.session.normalized, found.session.id
    refusal = may_approve(found.clearance, found.session, found.files, visit.me.id)
    if refusal is not None:
        raise refusal
    if visit.form.get("answer"):
        statement = statement_for(visit, found.session, manifest)
        user_of_key(visit, holder_of(visit, "approve", statement=statement.text), visit.me)
        answer, public_key = key_of_answer(visit)
        evidence = evidence_of(answer, statement, public_key)
        return Approve(name, session_id, manifest, "webauthn", evidence, visit.actor)
    code = visit.form.get("code", "")
    right = len(normalized(code)) == DIGITS and proof_by_code(visit, visit.me, code, "approve") == "totp"
    if not right:
        raise Refused(
            "wrong-code", "This code is not right, or it was used before.", "Type the code that your app shows now."
        )
    return Approve(name, session_id, manifest, "totp", {}, visit.actor)


def _page(visit: Visit, found: Found, *, problem: Refused | None = None) -> Response:
    session = found.session
    with visit.app.database.read() as sql:
        view: StagedView = staged_view(sql, session, found.project, found.files, found.clearance)
        methods = factors.methods_of(sql, [visit.me.id]).get(visit.me.id, frozenset())
        stage = own_stage(visit.app.key, sql, session, visit.me.id)
    refusal = may_approve(found.clearance, session, found.files, visit.me.id)
    manifest = manifest_digest_of(found.files)
    uses_key = refusal is None and "webauthn" in methods
    return visit.page(
        "staged_release.html", status=problem.status if problem is not None else 200,
        script=script_of(visit) if uses_key else None, view=view, session=session, clearance=found.clearance,
        whole=is_whole(found.files),
        missing=found.missing, refusal=refusal, methods=methods, manifest=manifest, about=about(session, manifest),
        keys_work=party_of(visit) is not None, elsewhere=is_elsewhere(visit), problem=problem,
        mine=any(one.account_id == visit.me.id for one in found.clearance.approvals),
        stage=f"{visit.site}/stage/{stage or session.stage}/simple/", here=_address(session),
    )  # fmt: skip


def _address(session: Session) -> str:
    return f"/manage/project/{session.normalized}/staged/{session.id}/"
