"""Release runs in the browser: who is around, what is asked, exactly what is approved, and what was seen."""

from __future__ import annotations

import base64
import hashlib
import json
import re

from starlette.responses import Response

from customhouse.accounts import factors
from customhouse.accounts.totp import DIGITS, normalized
from customhouse.formats.problems import SECURITY_HEADERS
from customhouse.release.codec import read_line, to_body
from customhouse.release.room.decide import WHATS, Decide, What
from customhouse.release.room.journal import texts_after
from customhouse.release.room.members import Member
from customhouse.release.room.people import unknown_run
from customhouse.release.room.proof import proof_of, said_so
from customhouse.release.room.room import Look
from customhouse.release.room.runs import machines_of
from customhouse.release.state import State
from customhouse.terms.errors import Refused
from customhouse.terms.numbers import number_of
from customhouse.web.bundle import bundle_answer
from customhouse.web.decisions import about, decision_for
from customhouse.web.doors import Door, door
from customhouse.web.headers import Script
from customhouse.web.pages.release_view import FACTOR_WORDS, GIVEN_WORDS, STATUS_WORDS, run_view, shown
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
from customhouse.web.render import static_address
from customhouse.web.visit import Visit

RUNS, ONE = "/release/runs/", "/release/run/{run}/"
SHOWN_LINES = 500


def release_doors() -> list[Door]:
    """The doors of runs, for people."""
    reads, writes, danger = (
        Permission.RELEASE_PAGE_READ, Permission.RELEASE_PAGE_WRITE, Permission.RELEASE_PAGE_DANGER,
    )  # fmt: skip
    return [
        door("GET", RUNS, listing, Permission.RELEASE_RUNS_READ),
        door("GET", ONE, run_page, reads),
        door("GET", f"{ONE}head.json", head, reads),
        door("GET", f"{ONE}picture.svg", picture, reads),
        door("GET", f"{ONE}journal/", journal, reads),
        door("GET", f"{ONE}journal.jsonl", journal_file, reads),
        door("GET", f"{ONE}bundle", bundle_file, reads),
        door("POST", f"{ONE}around/", around, writes),
        door("POST", f"{ONE}approve/", approve_it, writes),
        door("POST", f"{ONE}decline/", decline_it, writes),
        door("POST", f"{ONE}resume/", steer, danger),
        door("POST", f"{ONE}restart/", steer, danger),
        door("POST", f"{ONE}abort/", steer, danger),
        door("POST", f"{ONE}remove/", remove_it, danger),
    ]


def listing(visit: Visit) -> Response:
    """The newest runs of my projects."""
    return visit.page("release_runs.html", rows=visit.app.room.mine(visit.actor), words=STATUS_WORDS, shown=shown)


def run_page(visit: Visit) -> Response:
    """One run."""
    return _page(visit, _find(visit))


def head(visit: Visit) -> Response:
    """Where its journal ends: the page's script asks, and loads the page again when that has moved."""
    found = _find(visit)
    return visit.json({"seq": found.run.head.seq, "status": found.run.status})


def picture(visit: Visit) -> Response:
    """The pipeline, drawn, as it stands now; ``?shape=tall`` for a narrow screen."""
    found = _find(visit)
    drawn = _drawn(found.state, visit, tall=visit.query.get("shape") == "tall")
    policy = f"default-src 'none'; style-src {' '.join(_styles(drawn))}; frame-ancestors 'none'; sandbox"
    headers = {name.decode(): text.decode() for name, text in SECURITY_HEADERS} | {
        "content-type": "image/svg+xml", "cache-control": "private, no-store", "content-security-policy": policy,
    }  # fmt: skip
    return Response(drawn, headers=headers)


def journal(visit: Visit) -> Response:
    """The journal, to be read."""
    found = _find(visit)
    after = number_of(visit.query.get("after", "")) if visit.query.get("after") else -1
    with visit.app.database.read() as sql:
        texts = texts_after(sql, found.run.id, after if after is not None else -1, most=SHOWN_LINES)
    lines = [read_line(text) for text in texts]
    rows = [(line, {name: _short(value) for name, value in to_body(line.event).items() if value}) for line in lines]
    more = lines[-1].seq if lines and lines[-1].seq < found.run.head.seq else None
    return visit.page("release_journal.html", found=found, rows=rows, more=more, shown=shown)


def journal_file(visit: Visit) -> Response:
    """The journal as it is sealed: anybody can verify it."""
    found = _find(visit)
    with visit.app.database.read() as sql:
        texts = texts_after(sql, found.run.id, -1)
    headers = {name.decode(): text.decode() for name, text in SECURITY_HEADERS} | {
        "content-type": "application/jsonl", "cache-control": "private, no-store",
        "content-disposition": f'attachment; filename="journal-{found.run.id}.jsonl"',
    }  # fmt: skip
    return Response("".join(f"{text}\n" for text in texts), headers=headers)


def bundle_file(visit: Visit) -> Response:
    """The file from which everybody can verify the release, offline."""
    return bundle_answer(visit.app, _find(visit).run)


def around(visit: Visit) -> Response:
    """I am around."""
    return _decide(visit, Decide("confirm", _member(visit), "none"), "Noted: you are around.")


def approve_it(visit: Visit) -> Response:
    """Say yes to exactly what was shown, by what this gate asks for."""
    return _answer(visit, "approve", "Approved.")


def decline_it(visit: Visit) -> Response:
    """Say no: the run stops."""
    return _answer(visit, "decline", "Declined: the run stands still.")


def steer(visit: Visit) -> Response:
    """Let a run go on, begin again from a step, or give it up."""
    last = visit.request.url.path.rstrip("/").rpartition("/")[2]
    what = next((one for one in WHATS if one == last), None)
    if what is None:
        raise unknown_run()
    wish = Decide(
        what, _member(visit), "none", step=visit.field("step", limit=100),
        why=visit.field("why", limit=1000, required=True),
    )  # fmt: skip
    said = {"resume": "It goes on.", "restart": "It begins again from there.", "abort": "It is being given up."}
    return _decide(visit, wish, said[what])


def remove_it(visit: Visit) -> Response:
    """Send a machine away."""
    member = _member(visit)
    number = number_of(visit.field("machine", limit=18, required=True)) or 0
    gone = visit.app.room.remove(visit.path["run"], number, member)
    return visit.go(_here(visit), said=f"The machine of {gone.actor} is sent away: nothing that it says counts now.")


def _find(visit: Visit) -> Look:
    """The run; whoever may not know of it hears that there is none."""
    return visit.app.room.look(visit.path["run"][:64], visit.actor)


def _member(visit: Visit, found: Look | None = None) -> Member:
    member = (found or _find(visit)).member
    if member is None:
        raise unknown_run()
    return member


def _answer(visit: Visit, what: What, said: str) -> Response:
    found = _find(visit)
    _member(visit, found)
    try:
        wish = _proved(visit, found, what)
        visit.app.room.decide(found.run.id, wish)
    except Refused as refusal:
        return _page(visit, found, problem=refusal)
    return visit.go(_here(visit), said=said)


def _decide(visit: Visit, wish: Decide, said: str) -> Response:
    visit.app.room.decide(visit.path["run"], wish)
    return visit.go(_here(visit), said=said)


def _proved(visit: Visit, found: Look, what: What) -> Decide:
    """The decision with its proof. A challenge or a code is used up by that, whatever comes of it."""
    member = _member(visit, found)
    step, question = visit.field("step", limit=100, required=True), visit.field("question", limit=64, required=True)
    decision = decision_for(visit, found, step, question, what)
    factor, proof = "none", said_so(decision, "session", "none")
    if visit.form.get("answer"):
        user_of_key(visit, holder_of(visit, "release", statement=decision.text), visit.me)
        answer, public_key = key_of_answer(visit)
        factor, proof = "webauthn", proof_of(answer, decision, public_key)
    elif code := visit.form.get("code", ""):
        right = len(normalized(code)) == DIGITS and proof_by_code(visit, visit.me, code, "approve") == "totp"
        if not right:
            raise Refused(
                "wrong-code", "This code is not right, or it was used before.", "Type the code that your app shows now."
            )
        factor, proof = "totp", said_so(decision, "session", "totp")
    return Decide(what, member, factor, proof, step, decision.attempt, question, visit.field("why", limit=1000))


def _page(visit: Visit, found: Look, *, problem: Refused | None = None) -> Response:
    run, now = found.run, visit.app.clock.now()
    with visit.app.database.read() as sql:
        machines = machines_of(sql, run.id)
        mine = visit.user.id if visit.user is not None else None
        methods = factors.methods_of(sql, [mine]).get(mine, frozenset()) if mine is not None else frozenset()
    view = run_view(found, machines, now)
    wanted = any(one.mine and not one.answered for one in view.gates) and "webauthn" in methods
    script = script_of(visit) if wanted else None
    if script is None and not run.over:
        live = f"{visit.site}{_here(visit)}head.json"
        script = Script(f"{visit.site}{static_address('live.js')}", live)
    return visit.page(
        "release_run.html", status=problem.status if problem is not None else 200, script=script, found=found, run=run,
        state=found.state, view=view, member=found.member, methods=methods, about=about, words=STATUS_WORDS,
        factors=FACTOR_WORDS, keys_work=party_of(visit) is not None, elsewhere=is_elsewhere(visit), problem=problem,
        here=_here(visit), wanted=wanted, given=GIVEN_WORDS, shown=shown,
    )  # fmt: skip


def _here(visit: Visit) -> str:
    return f"/release/run/{visit.path['run']}/"


def _drawn(state: State, visit: Visit, *, tall: bool) -> str:
    from customhouse.release.picture.draw import draw  # noqa: PLC0415 - only pictures need it

    return draw(state.pipeline, state=state, now=visit.app.clock.now(), shape="tall" if tall else "wide")


def _styles(drawn: str) -> list[str]:
    """The picture's own styles, by their hashes (CSP level 3, section 2.3.1): no other counts."""
    found = re.findall(r"<style>(.*?)</style>", drawn, re.DOTALL)
    return [f"'sha256-{base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()}'" for one in found]


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"{text[:300]} …" if len(text) > 300 else text  # noqa: PLR2004 - what a table can hold
