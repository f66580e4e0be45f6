"""The desk of triage: the queue by score, one record with its evidence, a button and a key for each verdict, undo."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast, get_args
from urllib.parse import quote

from markupsafe import Markup
from starlette.responses import Response

from customhouse.advisories.triage import queries
from customhouse.advisories.triage.draft import Relation
from customhouse.advisories.triage.model import STOPS, Candidate
from customhouse.advisories.triage.queries import Case, Verdict
from customhouse.advisories.triage.rules import RULES
from customhouse.formats.cve.model import Span
from customhouse.index.triage.decide import WORDS, Decide, Word, decide
from customhouse.index.triage.exceptions import Except, Readmit, put_exception, take_exception_back
from customhouse.index.triage.undo import Undo, undo
from customhouse.terms.errors import Refused, Rejected
from customhouse.web.doors import Door, door
from customhouse.web.pages.diff import visible
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit

QUEUE_SHOWN = 50
DECIDED_SHOWN = 12
REASONS_OFFERED = 12
CANDIDATES_OFFERED = 8
SHORTEST_MARKED = 2
VERDICTS = {
    "accepted": "An advisory",
    "not-python": "Nothing of Python’s",
    "duplicate": "Known already",
    "later": "Later",
    "waiting": "Waiting",
    "rejected": "Rejected by its issuer",
    "ignored": "Leads to no package",
}
_BY_WORD: Mapping[str, Word] = {word: word for word in WORDS}
_DESK = "/admin/triage/"


def triage_doors() -> list[Door]:
    """The doors of the desk."""
    read, write = Permission.ADMIN_READ, Permission.ADMIN_WRITE
    return [
        door("GET", "/admin/triage/", desk, read),
        door("POST", "/admin/triage/list/several/", judge_several, write),
        door("POST", "/admin/triage/list/exceptions/", put_on_list, write),
        door("POST", "/admin/triage/list/readmit/", take_from_list, write),
        door("GET", "/admin/triage/{case}/", one_case, read),
        door("POST", "/admin/triage/{case}/verdict/", judge, write),
        door("POST", "/admin/triage/{case}/undo/", take_back, write),
    ]


@dataclass(frozen=True, slots=True)
class Line:
    """One piece of evidence for a page."""

    weight: str
    sentence: str
    found: str


@dataclass(frozen=True, slots=True)
class Choice:
    """One candidate for a page."""

    name: str
    score: int
    lines: list[Line]
    versions: list[str]
    stops: list[str]
    chosen: bool


@dataclass(frozen=True, slots=True)
class CaseView:
    """One record for a page."""

    case: Case
    choices: list[Choice]
    title: Markup
    text: Markup
    links: list[str]
    verdicts: list[Verdict]


def desk(visit: Visit) -> Response:
    """The queue, with the first record open: whoever decides goes on to the next one."""
    status = visit.query.get("status", "")
    if status and status not in VERDICTS:
        raise Rejected("bad-status", "status", f"{status[:40]!r} is none", ", ".join(VERDICTS))
    with visit.app.database.read() as sql:
        waiting = queries.queue(sql, status, most=QUEUE_SHOWN)
        counts = queries.counts(sql)
        first = case_view(waiting[0], queries.verdicts_of(sql, waiting[0].id)) if waiting and not status else None
        return visit.page(
            "admin_triage.html", waiting=waiting, counts=counts, only=status, view=first, names=VERDICTS,
            reasons=queries.latest_reasons(sql, most=REASONS_OFFERED), stops=STOPS, visible=visible,
            decided=queries.latest_verdicts(sql, most=DECIDED_SHOWN), listed=queries.exceptions(sql),
            damages=queries.damages(sql, most=QUEUE_SHOWN), address=quote,
        )  # fmt: skip


def one_case(visit: Visit) -> Response:
    """One record."""
    with visit.app.database.read() as sql:
        found = queries.find_case(sql, visit.path["case"])
        if found is None:
            raise Refused("no-case", f"No record {visit.path['case'][:60]!r} is here.", status=404)
        view = case_view(found, queries.verdicts_of(sql, found.id))
        reasons = queries.latest_reasons(sql, most=REASONS_OFFERED)
    return visit.page(
        "admin_triage_case.html", view=view, names=VERDICTS, reasons=reasons, visible=visible, address=quote
    )


def judge(visit: Visit) -> Response:
    """A verdict about one record; the desk shows the next one then."""
    word = _BY_WORD.get(visit.field("verdict", limit=20, required=True))
    if word is None:
        raise Rejected("bad-verdict", "verdict", f"{visit.field('verdict')!r} is none", ", ".join(WORDS))
    relation = visit.field("relation", limit=10) or "alias"
    if relation not in get_args(Relation):
        raise Rejected("bad-relation", "relation", f"{relation!r} is none", ", ".join(get_args(Relation)))
    chosen = [visit.field(f"package-{at}", limit=100) for at in range(CANDIDATES_OFFERED)]
    other = visit.field("other", limit=2000).replace(",", " ").split()
    done = visit.app.do(
        decide,
        Decide(
            visit.path["case"], word, visit.app.settings.advisory_prefix,
            tuple(one for one in [*chosen, *other] if one) if word == "accepted" else (),
            visit.field("reason", limit=1000), cast("Relation", relation), visit.field("seen", limit=64), visit.actor,
        ),
    )  # fmt: skip
    what = f" It is {done.advisory_id}, of {', '.join(done.packages)}." if done.status == "accepted" else ""
    return visit.go(_DESK, said=f"{done.id}: {VERDICTS[done.status]}.{what}")


def judge_several(visit: Visit) -> Response:
    """One verdict and reason about several records; what has changed meanwhile, or was decided, is left as it is."""
    word = _BY_WORD.get(visit.field("verdict", limit=20, required=True))
    if word is None or word == "accepted":
        raise Rejected("bad-verdict", "verdict", "it is none for several", "not-python, duplicate, later")
    reason, prefix = visit.field("reason", limit=1000), visit.app.settings.advisory_prefix
    chosen = [(name.removeprefix("case:"), seen) for name, seen in visit.form.items() if name.startswith("case:")]
    if not chosen:
        raise Rejected("nothing-chosen", "case", "no record is marked", "marks at the records that you mean")
    done, left = 0, []
    for case_id, seen in chosen[:QUEUE_SHOWN]:
        try:
            visit.app.do(decide, Decide(case_id, word, prefix, reason=reason, seen=seen or "-", by=visit.actor))
            done += 1
        except Refused as refusal:
            left.append(refusal.sentence)
    said = f"{done} of {len(chosen)}: {VERDICTS[word]}."
    return visit.go(_DESK, said=" ".join([said, *left[:3]]))


def take_back(visit: Visit) -> Response:
    """Undo the last verdict about a record."""
    done = visit.app.do(undo, Undo(visit.path["case"], visit.actor))
    return visit.go(f"{_DESK}{quote(done.id)}/", said=f"{done.id} is as before: {VERDICTS[done.status]}.")


def put_on_list(visit: Visit) -> Response:
    """Put an id or a package on the list of false positives."""
    command = Except(visit.field("entry", limit=128, required=True), visit.field("reason", limit=1000), visit.actor)
    return visit.go(_DESK, said=f"{visit.app.do(put_exception, command)} stands on the list.")


def take_from_list(visit: Visit) -> Response:
    """Take one from the list."""
    command = Readmit(visit.field("entry", limit=128, required=True), visit.actor)
    return visit.go(_DESK, said=f"{visit.app.do(take_exception_back, command)} does not stand on the list any more.")


def case_view(case: Case, verdicts: list[Verdict]) -> CaseView:
    """Evidence in sentences, the texts with what was found in them marked."""
    found = {each.found for one in case.candidates for each in one.evidence if each.field == "text"}
    words = [word.rpartition(": ")[2] for each in found for word in each.split(", ")]
    record = case.record
    return CaseView(
        case,
        [_choice(one, at == 0, case) for at, one in enumerate(case.candidates[:CANDIDATES_OFFERED])],
        marked(record.title if record else case.title, words),
        marked(record.description if record else "", words),
        [one.url for one in record.references] if record else [],
        verdicts,
    )


def _choice(candidate: Candidate, first: bool, case: Case) -> Choice:
    return Choice(
        candidate.package,
        candidate.score,
        [Line(f"{each.weight:+d}", RULES[each.rule].sentence, each.found) for each in candidate.evidence],
        [_in_words(one) for one in candidate.spans],
        [STOPS[one] for one in candidate.stops],
        candidate.package in case.packages if case.packages else first,
    )


def marked(text: str, words: Iterable[str]) -> Markup:
    """A text with every occurrence of some words marked; everything in it is shown as text."""
    wanted = sorted({one for one in words if len(one) >= SHORTEST_MARKED}, key=len, reverse=True)
    if not wanted:
        return visible(text)
    pattern = re.compile("(" + "|".join(re.escape(one) for one in wanted) + ")", re.IGNORECASE)
    pieces = pattern.split(text)
    return Markup("").join(
        Markup("<mark>{}</mark>").format(visible(piece)) if at % 2 else visible(piece)
        for at, piece in enumerate(pieces)
    )


def _in_words(span: Span) -> str:
    begin = "all" if span.introduced == "0" else f"from {span.introduced}"
    if span.single:
        return f"{span.last} alone"
    if span.fixed:
        return f"{begin} before {span.fixed}"
    return f"{begin} through {span.last}" if span.last else f"{begin} on, without an end"
