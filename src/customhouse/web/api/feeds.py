"""Feeds of what is new: RSS where PyPI has it, and the same as Atom. Only what everybody may see."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import quote

from starlette.responses import Response

from customhouse.catalog.news import News, newest_projects, newest_releases
from customhouse.formats.feeds import ATOM, RSS, Feed, Item, to_atom, to_rss
from customhouse.index.advising.listing import newest_here
from customhouse.serve.conditions import none_match
from customhouse.terms.digest import Digest
from customhouse.web.doors import Door, Handler, door
from customhouse.web.facts import unknown_project
from customhouse.web.permissions import Permission
from customhouse.web.visit import Visit

Write = Callable[[Feed], bytes]


def feed_doors() -> list[Door]:
    """The doors of all feeds in both formats."""
    doors = []
    for folder, write, media_type in (("/rss", to_rss, RSS), ("/feeds", to_atom, ATOM)):
        doors += [
            door("GET", f"{folder}/updates.xml", _answers(_updates, write, media_type), Permission.PUBLIC_READ),
            door("GET", f"{folder}/packages.xml", _answers(_packages, write, media_type), Permission.PUBLIC_READ),
            door("GET", f"{folder}/advisories.xml", _answers(_advisories, write, media_type), Permission.PUBLIC_READ),
            door(
                "GET",
                f"{folder}/project/{{name}}/releases.xml",
                _answers(_releases, write, media_type),
                Permission.PROJECT_READ,
            ),
        ]
    return doors


def _answers(tell: Callable[[Visit], Feed], write: Write, media_type: str) -> Handler:
    def answer(visit: Visit) -> Response:
        body = write(tell(visit))
        etag = f'"{Digest.of(body).hex[:32]}"'
        headers = {
            "etag": etag,
            "cache-control": visit.kept_as("public, max-age=30"),
            "content-type": media_type,
            "x-content-type-options": "nosniff",
        }
        if none_match(visit.request.headers.get("if-none-match"), etag):
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers)

    return answer


def _updates(visit: Visit) -> Feed:
    """The newest releases of the index."""
    name = visit.app.settings.site_name
    with visit.app.database.read() as sql:
        news = newest_releases(sql)
    return _feed(visit, f"Newest releases · {name}", "/", f"The newest releases in {name}", _release_items(visit, news))


def _packages(visit: Visit) -> Feed:
    """The newest projects of the index."""
    name = visit.app.settings.site_name
    with visit.app.database.read() as sql:
        news = newest_projects(sql)
    items = [Item(one.display, f"{visit.site}/project/{one.normalized}/", one.summary, one.at) for one in news]
    return _feed(visit, f"Newest projects · {name}", "/", f"The newest projects in {name}", items)


def _advisories(visit: Visit) -> Feed:
    """The newest advisories that affect what everybody may see here."""
    name = visit.app.settings.site_name
    with visit.app.database.read() as sql:
        lines = newest_here(sql)
    items = [
        Item(
            f"{one.id}: {', '.join(one.here)} ({one.level.word})",
            f"{visit.site}/advisory/{quote(one.id, safe='')}/",
            one.summary,
            one.modified,
        )
        for one in lines
    ]
    said = f"The newest advisories about projects in {name}"
    return _feed(visit, f"Advisories · {name}", "/advisories/", said, items)


def _releases(visit: Visit) -> Feed:
    """The newest releases of one project. A private one has no feed, not even for those who may read it."""
    found = visit.this_project
    if not found.public:
        raise unknown_project(visit.path["name"])
    with visit.app.database.read() as sql:
        news = newest_releases(sql, found.normalized)
    name = visit.app.settings.site_name
    page = f"/project/{found.normalized}/"
    description = f"The newest releases of {found.display}"
    return _feed(visit, f"{found.display} · {name}", page, description, _release_items(visit, news))


def _release_items(visit: Visit, news: Sequence[News]) -> list[Item]:
    return [
        Item(
            f"{one.display} {one.version}",
            f"{visit.site}/project/{one.normalized}/{one.version}/",
            one.summary,
            one.at,
        )
        for one in news
    ]


def _feed(visit: Visit, title: str, page: str, description: str, items: Sequence[Item]) -> Feed:
    address = f"{visit.site}{visit.request.url.path}"
    return Feed(title, f"{visit.site}{page}", address, description, items)
