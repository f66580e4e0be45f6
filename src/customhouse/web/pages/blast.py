"""How far a bad file has got: the page beside a case, looking an address up, and telling those who are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from markupsafe import Markup
from sqlalchemy.engine import Connection
from starlette.responses import Response

from customhouse.catalog import queries as catalog
from customhouse.catalog.model import File
from customhouse.index.blast.look import Blast, Day, Subject, began, blast_of, held_files
from customhouse.index.blast.tell import LookUpAddress, TellFetchers, look_up_address, tell_fetchers
from customhouse.index.cases import project_of
from customhouse.reports import queries
from customhouse.terms.errors import Refused
from customhouse.terms.numbers import number_of
from customhouse.web.doors import Door, door
from customhouse.web.pages.chart import Bar, bar_chart
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit


def blast_doors() -> list[Door]:
    """The doors of what was fetched."""
    here = "/admin/cases/{case}/fetched/"
    return [
        door("GET", here, fetched, Permission.CASES_READ),
        door("POST", f"{here}address/", look_up, Permission.CASES_DECIDE),
        door("POST", f"{here}tell/", tell, Permission.CASES_DECIDE),
    ]


@dataclass(frozen=True, slots=True)
class BlastView:
    """What the page shows."""

    subject: Subject
    held: bool
    """Whether these files are held back; else they are all that the project has, or what was reported."""
    blast: Blast
    chart: Markup
    """Empty if nobody fetched any of them."""
    since: date
    days_kept: int


def fetched(visit: Visit) -> Response:
    """Who fetched the files of a case, in the time that is kept."""
    number = _number(visit)
    with visit.app.database.read() as sql:
        subject, held = _subject(sql, number)
        blast = blast_of(sql, subject)
    kept = visit.app.settings.fetched_days
    since = began(visit.app.clock.now(), kept)
    chart = _chart(subject, blast.days, since, visit.app.clock.now().date())
    view = BlastView(subject, held, blast, chart, since, kept)
    return visit.page("fetched.html", view=view, number=number, decides=visit.me.site_role == "operator")


def look_up(visit: Visit) -> Response:
    """Whether the network of an address is among them. The address is written down nowhere."""
    number = _number(visit)
    with visit.app.database.read() as sql:
        subject, _held = _subject(sql, number)
    address = visit.field("network", limit=80, required=True)
    wish = LookUpAddress(subject, address, visit.app.key.secret, visit.actor.identity)
    days = visit.app.do(look_up_address, wish)
    said = f"The network of {address} fetched some of it on {_listed(days)}." if days else (
        f"The network of {address} is not among those that fetched it in the time that is kept."
    )  # fmt: skip
    return visit.go(f"/admin/cases/{number}/fetched/", said=said)


def tell(visit: Visit) -> Response:
    """Tell the accounts that are known to have fetched what is held back."""
    number = _number(visit)
    with visit.app.database.read() as sql:
        subject, held = _subject(sql, number)
    if not held:
        raise Refused(
            "nothing-held", "Nothing of this project is held back.", "Quarantine it first: a letter says that it is.",
            status=409,
        )  # fmt: skip
    told = visit.app.do(tell_fetchers, TellFetchers(subject, visit.field("reason"), visit.actor.identity))
    people = "account is" if len(told) == 1 else "accounts are"
    said = f"{len(told)} {people} told." if told else "Everybody who is known has been told already."
    return visit.go(f"/admin/cases/{number}/fetched/", said=said)


def _subject(sql: Connection, number: int) -> tuple[Subject, bool]:
    """What of the case's project is held back, or else what was reported of it; and whether it is held back."""
    case = queries.find_case(sql, number)
    if case is None:
        raise Refused("unknown-case", f"There is no case {number}.", status=404)
    found = project_of(sql, case)
    files: Sequence[File] = catalog.files_of(sql, found.id)
    held = held_files(found, files)
    if held:
        return Subject(found, held), True
    return Subject(found, files), False


def _chart(subject: Subject, days: Sequence[Day], since: date, until: date) -> Markup:
    if not days:
        return Markup()
    known = {one.day: one for one in days}
    first = min(since, days[0].day)
    every = [first + timedelta(days=number) for number in range((until - first).days + 1)]
    rows = [known.get(day, Day(day, 0, 0)) for day in every]
    bars = [Bar(one.day, one.networks, one.times, f"{_day(one.day)}: {_words(one)}") for one in rows]
    most = max(rows, key=lambda one: one.networks)
    return bar_chart(
        "fetched",
        bars,
        title=f"Who fetched files of {subject.project.display} by day, {_day(every[0])} to {_day(until)}",
        description=f"The most networks on {_day(most.day)}: {_words(most)}.",
    )


def _words(one: Day) -> str:
    return f"{one.networks:,} networks, {one.times:,} fetches"


def _day(day: date) -> str:
    return f"{day:%-d %b %Y}"


def _listed(days: Sequence[str]) -> str:
    return days[0] if len(days) == 1 else f"{len(days)} days, the first {days[0]}, the last {days[-1]}"


def _number(visit: Visit) -> int:
    number = number_of(visit.path["case"])
    if number is None:
        raise Refused("unknown-case", f"There is no case {visit.path['case'][:20]!r}.", status=404)
    return number
