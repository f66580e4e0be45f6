"""The page of a disclosure case: for a member by his link or his account, for an operator, for nobody else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from starlette.responses import Response

from customhouse.accounts.limits import Counted, Limit
from customhouse.advisories.disclosure import queries
from customhouse.advisories.disclosure.clocks import Clock, clocks_of
from customhouse.advisories.disclosure.draft import parse_draft
from customhouse.advisories.disclosure.model import CREDITS, STATUSES, Case
from customhouse.app import policy_of
from customhouse.index.disclosing import discuss, downstream, move, people, reserve, write_draft
from customhouse.index.disclosing.access import Access, Knock, access, unknown_case
from customhouse.index.disclosing.complete_letter import short_name
from customhouse.index.disclosing.links import member_of_page, reply_address, stage_text
from customhouse.index.disclosing.publish import PublishCase, publish_case
from customhouse.index.disclosing.rules import Rules
from customhouse.index.disclosing.stage import OpenStage, open_stage
from customhouse.index.disclosing.withdraw import WithdrawAdvisory, withdraw_advisory
from customhouse.infra.blob_files import local_file
from customhouse.infra.spool import open_spool
from customhouse.ledger.tx import Tx
from customhouse.terms.digest import Digest
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import NOBODY
from customhouse.terms.numbers import number_of
from customhouse.web.doors import Door, Handler, door
from customhouse.web.pages.disclosure_view import CLOCK_WORDS, STATE_WORDS, case_view, what_is_missing
from customhouse.web.permissions import Permission
from customhouse.web.secret_address import without_referrer
from customhouse.web.visit import Visit

W = TypeVar("W")
SAYING = Limit("disclosure-say", 60, timedelta(hours=1))
OURS, BY_LINK = "/security/cases/{disclosure}/", "/security/case/{member_link}/"
OVER_SHOWN = 50


def disclosure_case_doors() -> list[Door]:
    """The doors of those who work on cases, and of those who have a link."""
    reads, writes = Permission.DISCLOSURE_READ, Permission.DISCLOSURE_WRITE
    both: dict[str, Handler] = {
        "say/": say, "credit/": credit, "uncredit/": uncredit, "confirm/": confirm, "agree/": agree,
        "move/": move_it, "exploited/": exploited,
    }  # fmt: skip
    ours: dict[str, Handler] = {
        "draft/": draft, "project/": assign, "invite/": invite, "take/": take, "remove/": remove, "stage/": stage,
        "schedule/": schedule, "extend/": extend, "cve/": cve, "downstreams/": notify,
    }  # fmt: skip
    return [
        door("GET", "/security/cases/", listing, reads),
        door("GET", OURS, show, reads),
        door("GET", OURS + "attached/{attachment}/", attached, reads),
        door("GET", BY_LINK, show, Permission.DISCLOSURE_LINK_READ),
        door("GET", BY_LINK + "attached/{attachment}/", attached, Permission.DISCLOSURE_LINK_READ),
        *(door("POST", OURS + name, _inside(handler), writes) for name, handler in {**both, **ours}.items()),
        *(
            door("POST", BY_LINK + name, _inside(handler), Permission.DISCLOSURE_LINK_WRITE)
            for name, handler in both.items()
        ),
        door("POST", OURS + "publish/", _inside(publish), Permission.DISCLOSURE_PUBLISH),
        door("POST", OURS + "withdraw/", _inside(withdraw), Permission.DISCLOSURE_PUBLISH),
    ]


def _inside(handler: Handler) -> Handler:
    """Before anything else is looked at, whoever does not belong to the case hears that there is none."""

    def checked(visit: Visit) -> Response:
        _find(visit)
        return handler(visit)

    return checked


def listing(visit: Visit) -> Response:
    """My cases; for an operator the whole desk."""
    desk = visit.actor.operator
    with visit.app.database.read() as sql:
        mine = queries.cases_of_account(sql, visit.me.id)
        waiting = queries.open_cases(sql) if desk else []
        over = queries.cases_over(sql, limit=OVER_SHOWN) if desk else []
        shown = {case.id: people.display_of(sql, case)[0] for case in [*waiting, *over, *(one for one, _ in mine)]}
    own = {case.id: (case, member) for case, member in reversed(mine)}
    return visit.page(
        "disclosure_cases.html", mine=list(own.values()), waiting=waiting, over=over, projects=shown,
        words=STATE_WORDS, short=short_name, clocks=CLOCK_WORDS, next_of=_next_clock,
        now=visit.app.clock.now(),
    )  # fmt: skip


def show(visit: Visit) -> Response:
    """The case as this person may see it."""
    return _page(visit)


def attached(visit: Visit) -> Response:
    """A file that came with a message, to be saved and never to be shown."""
    found, _here = _find(visit)
    number = number_of(visit.path["attachment"]) or 0
    with visit.app.database.read() as sql:
        view = case_view(sql, found, visit.app.clock.now())
    one = next((one for message in view.messages for one in message.attachments if one.id == number), None)
    if one is None or not found.knows:
        raise unknown_case()
    with local_file(visit.app.blobs, Digest(one.digest), open_spool(visit.app.settings.data)) as path:
        body = path.read_bytes()
    headers = {
        "content-type": "application/octet-stream", "content-disposition": f'attachment; filename="attached-{one.id}"',
        "cache-control": "private, no-store",
    }  # fmt: skip
    return without_referrer(Response(body, headers=headers))


def say(visit: Visit) -> Response:
    """Write into the discussion."""
    knock = _knock(visit)
    whom = f"member {knock.member_id}" if knock.member_id is not None else f"account {visit.actor.account_id}"
    visit.app.limiter.take(Counted(SAYING, whom), sentence="That is a lot for one hour.")
    text = visit.field("text", limit=discuss.LONGEST_MESSAGE, required=True)
    return _do(visit, discuss.say, discuss.Say(knock, text, visit.field("audience", limit=20)), "It is said.")


def credit(visit: Visit) -> Response:
    """Name somebody in the advisory."""
    wish = write_draft.Thank(_knock(visit), visit.field("name", limit=200), visit.field("kind", limit=40))
    return _do(visit, write_draft.thank, wish, "The advisory will name him.")


def uncredit(visit: Visit) -> Response:
    """Take a name out."""
    wish = write_draft.Unthank(_knock(visit), number_of(visit.field("credit", limit=15)) or 0)
    return _do(visit, write_draft.unthank, wish, "The advisory will not name him.")


def confirm(visit: Visit) -> Response:
    """Say whether the release mends it."""
    works = visit.field("works", limit=5) == "yes"
    return _do(visit, write_draft.confirm, write_draft.Confirm(_knock(visit), works), "Noted. Thank you.")


def agree(visit: Visit) -> Response:
    """Promise silence, and say whether one is affected."""
    wish = people.Answer(_knock(visit), visit.field("status", limit=20) or "unknown")
    return _do(visit, people.answer, wish, "Noted. Keep it to yourself until the day that is named.")


def move_it(visit: Visit) -> Response:
    """Move the case."""
    wanted = visit.field("state", limit=20, required=True)
    wish = move.Move(_knock(visit), wanted, visit.field("reason", limit=5_000))
    return _do(visit, move.move, wish, f"The case is now: {STATE_WORDS.get(wanted, wanted)}.")


def exploited(visit: Visit) -> Response:
    """Say that it is exploited."""
    wish = move.Exploited(_knock(visit), visit.field("reason", limit=5_000))
    return _do(visit, move.exploited, wish, "Noted: it is exploited. It may be published at once.")


def draft(visit: Visit) -> Response:
    """Write the advisory."""
    return _do(visit, write_draft.write_draft, write_draft.WriteDraft(_knock(visit), parse_draft(visit.form)), "Kept.")


def assign(visit: Visit) -> Response:
    """Say which project it is about."""
    wish = people.Assign(_knock(visit), visit.field("project", limit=100, required=True))
    return _do(visit, people.assign_project, wish, "The case has its project.")


def invite(visit: Visit) -> Response:
    """Put somebody into the case."""
    wish = people.Invite(_knock(visit), visit.field("user", limit=50, required=True))
    return _do(visit, people.invite, wish, "That person belongs to the case now.")


def take(visit: Visit) -> Response:
    """Coordinate it oneself."""
    return _do(visit, people.take, _knock(visit), "You coordinate this case.")


def remove(visit: Visit) -> Response:
    """Take somebody out of the case."""
    wish = people.AboutMember(_knock(visit), number_of(visit.field("member", limit=15)) or 0)
    return _do(visit, people.remove, wish, "That person does not belong to the case any more.")


def stage(visit: Visit) -> Response:
    """Begin the release with the fix."""
    wish = OpenStage(_knock(visit), visit.field("version", limit=200, required=True), policy_of(visit.app.settings))
    return _do(visit, open_stage, wish, "The release can be sent now. Nobody else knows of it.")


def schedule(visit: Visit) -> Response:
    """Agree on a day."""
    text = visit.field("at", limit=40, required=True)
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise Rejected("bad-day", "at", f"{text!r} is no moment", "2026-12-24T12:00") from error
    return _do(
        visit, move.schedule, move.Schedule(_knock(visit), at.replace(tzinfo=at.tzinfo or UTC)), "The day is set."
    )


def cve(visit: Visit) -> Response:
    """Have a CVE id reserved, or keep one that was reserved elsewhere."""
    typed = visit.field("cve", limit=40)
    wish = reserve.AskForCve(_knock(visit), typed, services=bool(visit.app.settings.cve_services))
    said = "The CVE id is kept." if typed else "A CVE id is being reserved."
    return _do(visit, reserve.ask_for_cve, wish, said)


def notify(visit: Visit) -> Response:
    """Tell the owners of those projects under embargo."""
    names = tuple(name.partition(":")[2] for name in visit.form if name.startswith("project:"))
    typed = tuple(visit.field("others", limit=2_000).replace(",", " ").split())
    said = "Their owners are asked to promise silence."
    return _do(visit, downstream.notify, downstream.Notify(_knock(visit), names + typed), said)


def publish(visit: Visit) -> Response:
    """The one button."""
    rules = Rules.of(visit.app.settings)
    wish = PublishCase(_knock(visit), policy_of(visit.app.settings), rules)
    try:
        done = publish_case(visit.app.deeds, wish)
    except (Refused, Rejected) as refusal:
        return _page(visit, problem=refusal)
    with visit.app.database.read() as sql:
        _display, normalized = people.display_of(sql, done)
    if normalized:
        visit.app.renderer.render_after_commit(normalized)
    return visit.go(_here(visit), said="It is public: the release, the advisory, its CVE record and the notices.")


def withdraw(visit: Visit) -> Response:
    """Take an advisory back that is public."""
    rules = Rules.of(visit.app.settings)
    wish = WithdrawAdvisory(_knock(visit), visit.field("reason", limit=4_000), rules)
    return _do(visit, withdraw_advisory, wish, "The advisory is withdrawn. It stays readable, and affects nothing.")


def extend(visit: Visit) -> Response:
    """Fourteen days more."""
    wish = move.Extend(_knock(visit), visit.field("reason", limit=5_000))
    return _do(visit, move.extend, wish, "There are fourteen days more.")


def _do(visit: Visit, deed: Callable[[W, Tx], object], wish: W, said: str) -> Response:
    """One deed, and back to the case; what is refused is said on its page."""
    try:
        visit.app.do(deed, wish)
    except (Refused, Rejected) as refusal:
        if isinstance(refusal, Refused) and refusal.code == "unknown-case":
            raise
        return _page(visit, problem=refusal)
    return visit.go(_here(visit), said=said)


def _here(visit: Visit) -> str:
    if "member_link" in visit.path:
        return f"/security/case/{visit.path['member_link']}/"
    return f"/security/cases/{visit.path['disclosure']}/"


def _knock(visit: Visit) -> Knock:
    """Who came. A link is as good as an account, for one case and one member."""
    if "member_link" not in visit.path:
        return Knock(visit.path["disclosure"][:40], visit.actor)
    with visit.app.database.read() as sql:
        member = member_of_page(visit.app.key, sql, visit.path["member_link"])
        case = queries.find_case(sql, member.case_id) if member is not None else None
    if member is None or case is None or member.account_id is not None:
        raise unknown_case()
    return Knock(case.public_id, NOBODY, member.id)


def _find(visit: Visit) -> tuple[Access, str]:
    with visit.app.database.read() as sql:
        return access(sql, _knock(visit)), _here(visit)


def _page(visit: Visit, *, problem: Refused | Rejected | None = None) -> Response:
    knock, now = _knock(visit), visit.app.clock.now()
    with visit.app.database.read() as sql:
        found = access(sql, knock)
        view = case_view(sql, found, now)
        ready = found.handles and view.case.state in ("fix-ready", "notified", "scheduled")
        downstreams = downstream.downstreams_of(sql, view.case, now) if ready else []
        waits = what_is_missing(sql, view, visit.actor, now) if found.handles and view.publishable else ""
    key, settings, member = visit.app.key, visit.app.settings, found.member
    status = 200 if problem is None else problem.status if isinstance(problem, Refused) else 400
    answer = visit.page(
        "disclosure_case.html", status=status, view=view, found=found, here=_here(visit), problem=problem,
        words=STATE_WORDS, clocks=CLOCK_WORDS, short=short_name(view.case), kinds=CREDITS, statuses=STATUSES,
        stage=f"{visit.site}/stage/{stage_text(key, member)}/simple/" if member is not None and member.knows else "",
        mail=reply_address(key, member, settings.security_address) if member and settings.security_address else "",
        services=bool(settings.cve_services), downstreams=downstreams, waits=waits,
    )  # fmt: skip
    return without_referrer(answer)


def _next_clock(case: Case) -> Clock | None:
    return next(iter(clocks_of(case)), None)
