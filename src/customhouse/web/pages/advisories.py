"""Advisories for people: the list, one of them with what it means here, and the feeds of those that touch us."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import quote, urlencode

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from starlette.responses import RedirectResponse, Response

from customhouse.advisories import queries
from customhouse.advisories.disclosure.queries import published_case
from customhouse.advisories.queries import Stored
from customhouse.advisories.tables import exploited, likelihood
from customhouse.app import App
from customhouse.catalog.queries import find_project
from customhouse.formats.description import render_description
from customhouse.formats.description_images import without_images
from customhouse.formats.osv.merging import speaks_first
from customhouse.formats.osv.model import PYPI, Affected, Range
from customhouse.formats.osv.severity import Level
from customhouse.index.advising.here import AtRisk, Hosted, at_risk, hosted, offered_versions
from customhouse.index.advising.listing import LONGEST_TEXT, MOST_PAGES, Wanted, listing
from customhouse.index.vex.model import Stated
from customhouse.index.vex.queries import about
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.numbers import number_of
from customhouse.web.doors import Door, door
from customhouse.web.pages.bundled import LINES_SHOWN, impact_for_page
from customhouse.web.pages.warnings import word_of
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit

LEVELS = {level.word: level for level in (Level.LOW, Level.MEDIUM, Level.HIGH, Level.CRITICAL)}
MOST_VERSIONS = 60
MOST_LINKS = 60
MOST_PACKAGES = 100


def advisory_doors() -> list[Door]:
    """The doors of the pages about advisories."""
    return [
        door("GET", "/advisories/", advisories, Permission.PUBLIC_READ),
        door("GET", "/advisory/{advisory}/", advisory, Permission.PUBLIC_READ),
    ]


@dataclass(frozen=True, slots=True)
class PackageView:
    """What an advisory says of one package, and what that means here."""

    name: str
    ecosystem: str
    ranges: Sequence[str]
    """In words."""
    versions: Sequence[str]
    more_versions: int
    here: Hosted | None
    at_risk: Sequence[AtRisk]


@dataclass(frozen=True, slots=True)
class AdvisoryView:
    """One advisory, with the records that tell of the same."""

    id: str
    others: Sequence[str]
    """Ids that have a record here as well."""
    aliases: Sequence[str]
    upstream: Sequence[str]
    word: str
    base_score: float | None
    summary: str
    html: str
    published: datetime | None
    modified: datetime
    withdrawn: datetime | None
    source: str
    packages: Sequence[PackageView]
    references: Sequence[tuple[str, str]]
    credits: Sequence[str]
    exploited_since: date | None
    likelihood: float | None
    """Of exploitation within 30 days, 0 to 1 (EPSS)."""


def advisories(visit: Visit) -> Response:
    """The list, what was modified last first."""
    text, page = visit.query.get("q", "").strip(), visit.query.get("page", "1")
    word, here = visit.query.get("level", ""), visit.query.get("here", "") == "yes"
    number = number_of(page)
    if number is None or not 1 <= number <= MOST_PAGES:
        raise Rejected("bad-page", "page", f"{page[:40]!r} is no page", f"1 to {MOST_PAGES}")
    if word and word not in LEVELS:
        raise Rejected("bad-level", "level", f"{word[:40]!r} is no level", ", ".join(LEVELS))
    if len(text) > LONGEST_TEXT:
        raise Rejected("bad-text", "q", f"{len(text)} characters", f"at most {LONGEST_TEXT}")
    with visit.app.database.read() as sql:
        found = listing(sql, Wanted(text, LEVELS.get(word, Level.UNKNOWN), here), number)
    asked = urlencode({"q": text, "level": word, **({"here": "yes"} if here else {})})
    return visit.page(
        "advisories.html", kept=True, found=found, text=text, level=word, here=here, levels=list(LEVELS), word=word_of,
        asked=asked, address=quote,
    )  # fmt: skip


def advisory(visit: Visit) -> Response:
    """One advisory. An alias leads to the record that speaks for the vulnerability."""
    wanted = visit.path["advisory"]
    with visit.app.database.read() as sql:
        found = queries.find(sql, wanted)
        same = queries.same_as(sql, wanted)
        ours = published_case(sql, wanted)
        vex = about(sql, {name for one in same for name in (one.id, *one.record.aliases)}) if found else []
    if found is None:
        if not same:
            raise Refused(
                "unknown-advisory", f"Nothing is known here of {wanted[:100]!r}.", "See /advisories/.", status=404
            )
        first = min((one.id for one in same), key=lambda one: (speaks_first(one), one))
        return RedirectResponse(f"/advisory/{quote(first, safe='')}/", 302)
    view = _view(visit.app, found, same)
    with visit.app.database.read() as sql:
        impact = impact_for_page(visit, sql, found)
    return visit.page(
        "advisory.html", kept=True, view=view, address=quote, vex=_current(visit, vex), impact=impact, ours=ours,
        shown=LINES_SHOWN,
    )  # fmt: skip


def _current(visit: Visit, stated: Sequence[Stated]) -> list[Stated]:
    today = visit.app.clock.now().date()
    return [one for one in stated if one.holds(today)]


def _view(app: App, found: Stored, same: Sequence[Stored]) -> AdvisoryView:
    record = found.record
    ids = {one.id for one in same} - {record.id}
    with app.database.read() as sql:
        here = {one.name: one for one in hosted(sql, [record])}
        packages = [_package(sql, name, found, here.get(name)) for name in record.packages()[:MOST_PACKAGES]]
        cves = sorted({name for name in (record.id, *record.aliases, *record.upstream) if name.startswith("CVE-")})
        since = sql.execute(sa.select(sa.func.min(exploited.c.added)).where(exploited.c.cve.in_(cves))).scalar()
        chance = sql.execute(sa.select(sa.func.max(likelihood.c.score)).where(likelihood.c.cve.in_(cves))).scalar()
    elsewhere = {(one.package, one.ecosystem): one for one in record.affected if one.ecosystem not in ("", PYPI)}
    packages += [_elsewhere(one) for one in elsewhere.values()]
    return AdvisoryView(
        id=record.id,
        others=sorted(ids),
        aliases=[one for one in record.aliases if one not in ids],
        upstream=record.upstream,
        word=word_of(found.level),
        base_score=found.base_score,
        summary=record.summary,
        html=_html(record.details),
        published=record.published,
        modified=record.modified,
        withdrawn=record.withdrawn,
        source=found.source,
        packages=packages,
        references=[(one.kind.lower(), one.url) for one in record.references[:MOST_LINKS]],
        credits=[one.name for one in record.credits],
        exploited_since=since,
        likelihood=chance,
    )


def _html(details: str) -> str:
    """Records come from anywhere: what does not render as Markdown is shown as it stands."""
    try:
        return without_images(render_description(details, "text/markdown"))
    except Rejected:
        return without_images(render_description(details, "text/plain"))


def _package(sql: Connection, name: str, found: Stored, here: Hosted | None) -> PackageView:
    record = found.record
    entries = record.of(name)
    versions = [text for one in entries for text in one.versions]
    return PackageView(
        name=name,
        ecosystem=PYPI,
        ranges=[_in_words(place) for one in entries for place in one.ranges if place.of_versions],
        versions=versions[-MOST_VERSIONS:],
        more_versions=max(0, len(versions) - MOST_VERSIONS),
        here=here,
        at_risk=_at_risk(sql, here) if here else (),
    )


def _elsewhere(affected: Affected) -> PackageView:
    """What is no package of Python: a library, the interpreter. Commits tell people nothing."""
    ranges = [_in_words(place) for place in affected.ranges if place.of_versions]
    versions = affected.versions[-MOST_VERSIONS:]
    more = max(0, len(affected.versions) - MOST_VERSIONS)
    return PackageView(affected.package, affected.ecosystem, ranges, versions, more, None, ())


def _at_risk(sql: Connection, here: Hosted) -> Sequence[AtRisk]:
    project = find_project(sql, here.name)
    there = offered_versions(sql, project).versions if project is not None else ()
    return at_risk(sql, here.name, there, here.affected)


_WORDS = {"introduced": "from", "fixed": "fixed in", "last_affected": "up to and with", "limit": "before"}


def _in_words(affected: Range) -> str:
    """A range in the order of its events: ``from the beginning, fixed in 3.2.20``."""
    told = []
    for event in affected.events:
        first = event.kind == "introduced" and event.version == "0"
        told.append("from the beginning" if first else f"{_WORDS[event.kind]} {event.version}")
    return ", ".join(told)
