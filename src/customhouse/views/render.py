"""Rendering what a view offers: pages, the gates of all files, hidden ones too, and until when they may be used."""

from __future__ import annotations

import gzip
import threading
from collections import Counter, OrderedDict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from operator import attrgetter

from customhouse.catalog import queries
from customhouse.catalog.hosted import hosted_list
from customhouse.formats import simple
from customhouse.formats.policy.model import Decision
from customhouse.formats.simple import ProjectList
from customhouse.index.render import GZIP_FLOOR_BYTES, GZIP_LEVEL, Flights, gates_of
from customhouse.infra.pages import Edition, Format, Gate, Page, Pages
from customhouse.mirror.model import MirroredFile, MirroredProject
from customhouse.terms.digest import Digest
from customhouse.terms.names import normalize
from customhouse.views.model import HOSTED, Offered, View
from customhouse.views.offering import FILES_WITHIN, FRESH, STALE, Views
from customhouse.views.queries import mirrored_names
from customhouse.views.words import denied, nearest_allowed, parsed, warned

LET_IN = Decision("allow")
# Four thousand gates are no rarity, and `astuple` copies each of their texts.
_FIELDS_OF_GATE = attrgetter(*(one.name for one in fields(Gate)))
REMEMBERED = timedelta(seconds=60)
"""For so long a rendering is used again if nothing has been heard that changes it."""
MOST_REMEMBERED = 20_000
"""So many files are in the renderings that one process remembers."""
WEIGHT_OF_PROJECT = 4
"""What a project takes besides, counted in files."""
MOST_TOLD = 500
"""So many hidden files stand in ``_customhouse`` of a page by name; the rest is counted."""


@dataclass(frozen=True, slots=True)
class RenderedView:
    """One project in one view, as it was rendered."""

    offered: Offered | None
    json: Page | None
    html: Page | None
    gates: tuple[Gate, ...]
    edition: Edition

    def gate(self, filename: str) -> Gate | None:
        """Of one file."""
        return next((one for one in self.gates if one.filename == filename), None)

    def page(self, format_: Format) -> Page | None:
        """In one format."""
        return self.json if format_ == "json" else self.html


@dataclass(frozen=True, slots=True)
class _Remembered:
    """A rendering, and what it was made of."""

    view: View
    read_at: Mapping[str, int]
    since: datetime
    until: datetime
    rendered: RenderedView

    def holds(self, now: datetime) -> bool:
        """Whether what was decided then is decided still; not if the clock was set back meanwhile."""
        return self.since <= now < self.until

    @property
    def weight(self) -> int:
        """What it takes in memory, as so many files: a project without any takes room, too."""
        return len(self.rendered.gates) + WEIGHT_OF_PROJECT


class _Memory:
    """The latest renderings of this process, bounded by the files in them: an install asks for a page and its files."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._found: OrderedDict[tuple[str, str], _Remembered] = OrderedDict()
        self._files = 0

    def get(self, view: str, name: str) -> _Remembered | None:
        """The latest of one project."""
        with self._guard:
            return self._found.get((view, name))

    def put(self, view: str, name: str, made: _Remembered) -> None:
        """Remember it, and let go of what was remembered longest."""
        with self._guard:
            self._forget((view, name))
            self._found[view, name] = made
            self._files += made.weight
            while self._files > MOST_REMEMBERED:
                self._forget(next(iter(self._found)))

    def _forget(self, key: tuple[str, str]) -> None:
        gone = self._found.pop(key, None)
        self._files -= gone.weight if gone is not None else 0


class ViewRenderer:
    """Renders views for `serve`. One rendering of a project in a view runs at a time in a process."""

    def __init__(self, views: Views, pages: Pages) -> None:
        self.views = views
        self._pages = pages
        self._flights: Flights[RenderedView] = Flights()
        self._memory = _Memory()

    def render(self, view: View, normalized: str, *, within: timedelta) -> RenderedView | None:
        """Render and store one project; None if the view has no such project.

        ``within``: how long ago the upstream may have confirmed it at most.
        """
        # Ask first: what an upstream has changed is then in the serials that the rendering counts for.
        before = self.views.serials(view.name, normalized)
        mirrored = self.views.pulls.project(normalized, view.upstreams, within=within)
        # Whoever asks has read the view a while ago: it may have another policy by now.
        asked = view.upstreams
        view, read_at = self.views.as_of_now(view.name, normalized)
        flight = (f"{view.name} {within.total_seconds():.0f}", normalized, max(read_at.values()))
        # What was read while nothing changed need not be read again.
        known = mirrored if before == read_at and asked == view.upstreams else None
        return self._flights.share(flight, lambda: self._render(view, normalized, within, read_at, mirrored, known))

    def recent(self, view: str, normalized: str) -> tuple[View, RenderedView] | None:
        """What this process has rendered, if files may still be handed out by it and nothing has changed since.

        The same that makes a stored gate good enough, for files that are not here yet.
        """
        made = self._memory.get(view, normalized)
        now = self.views.clock.now()
        if made is None or now < made.since or now.timestamp() >= made.rendered.edition.files_until:
            return None
        return (made.view, made.rendered) if self.views.serials(view, normalized) == made.read_at else None

    def render_private(self, view: View, normalized: str) -> RenderedView | None:
        """A private project for somebody who may read it. Nothing of it is stored."""
        offered = self.views.offered(view, normalized, private=True)
        return self._rendered(view, normalized, offered, 0) if offered is not None else None

    def render_list(self, view: View) -> tuple[Page, Page]:
        """The list of projects: what is hosted, and what is here of the view's upstreams."""
        with self.views.database.read(snapshot=True) as sql:
            hosted = hosted_list(sql)
            known = mirrored_names(sql, view.upstreams)
        names = sorted({*hosted.names, *known}, key=normalize)
        listed = ProjectList(tuple(names), hosted.serial)
        return (
            _page(view, "", "json", listed.serial, simple.list_to_json(listed)),
            _page(view, "", "html", listed.serial, simple.list_to_html(listed)),
        )

    def _render(
        self, view: View, normalized: str, within: timedelta, read_at: Mapping[str, int],
        mirrored: MirroredProject | None, known: MirroredProject | None,
    ) -> RenderedView | None:  # fmt: skip
        rendered = self._again(view, normalized, read_at, mirrored)
        if rendered is None:
            now = self.views.clock.now()
            offered = self.views.offered(view, normalized, within=within, known=known)
            rendered = self._rendered(view, normalized, offered, read_at[normalized])
            if rendered is None or offered is None:
                return None
            changes = (one for one in (offered.renew_at, offered.ends_at) if one is not None)
            until = min([now + REMEMBERED, *changes])
            self._memory.put(view.name, normalized, _Remembered(view, read_at, now, until, rendered))
        pages = tuple(page for page in (rendered.json, rendered.html) if page is not None)
        self._pages.put_edition(read_at, rendered.edition, pages, rendered.gates)
        return rendered

    def _again(
        self, view: View, normalized: str, read_at: Mapping[str, int], mirrored: MirroredProject | None
    ) -> RenderedView | None:
        """What was rendered a moment ago, with the times of now, if nothing that it was made of is otherwise."""
        made = self._memory.get(view.name, normalized)
        now = self.views.clock.now()
        if made is None or made.read_at != read_at or not made.holds(now) or made.rendered.offered is None:
            return None
        before = made.rendered.offered.mirrored
        if (before is None) != (mirrored is None):
            return None
        offered = made.rendered.offered
        if before is not None and mirrored is not None:
            if replace(before, checked_at=mirrored.checked_at, stale=mirrored.stale) != mirrored:
                return None
            offered = replace(offered, mirrored=mirrored, checked_at=mirrored.checked_at, stale=mirrored.stale)
        edition = _edition(view, normalized, made.rendered.edition.number, offered, now)
        return replace(made.rendered, offered=offered, edition=edition)

    def _rendered(self, view: View, normalized: str, offered: Offered | None, serial: int) -> RenderedView | None:
        now = self.views.clock.now()
        if offered is None:
            return None
        gates = tuple(self._gates(view, normalized, offered, now))
        page = replace(offered.page, serial=serial, signals={**offered.page.signals, **_told(view, offered)})
        pages = () if offered.gone else (
            _page(view, normalized, "json", serial, simple.to_json(page)),
            _page(view, normalized, "html", serial, simple.to_html(page)),
        )  # fmt: skip
        number = _number(pages, gates)
        json, html = (replace(one, edition=number) for one in pages) if pages else (None, None)
        gates = tuple(replace(gate, edition=number) for gate in gates)
        return RenderedView(offered, json, html, gates, _edition(view, normalized, number, offered, now))

    def _gates(self, view: View, normalized: str, offered: Offered, now: datetime) -> Iterator[Gate]:
        allowed = {file.version for file in offered.page.files}
        decisions = offered.decisions
        if offered.origin == HOSTED:
            with self.views.database.read(snapshot=True) as sql:
                found = queries.find_project(sql, normalized)
                files = queries.files_of(sql, found.id) if found is not None else []
            if found is None:
                return
            versions = {row.filename: row.version for row in files}
            for gate in gates_of(found, files, now, self.views.deleted_files_answer, view.name):
                decision = decisions.get(gate.filename)
                # What has come since the policy was asked has no gate yet, and so does not go out.
                if decision is not None or gate.verdict in ("deny", "gone"):
                    said = replace(gate, origin=HOSTED, version=versions[gate.filename])
                    yield under(said, decision or LET_IN, allowed)
            return
        for one in offered.mirrored.files if offered.mirrored is not None else ():
            decision = decisions.get(one.filename)
            if decision is not None:
                yield under(_mirrored_gate(view, normalized, offered.origin, one), decision, allowed)


def _mirrored_gate(view: View, project: str, origin: str, one: MirroredFile) -> Gate:
    seen = one.inspected
    return Gate(
        filename=one.filename,
        project=project,
        digest=seen.digest if seen is not None else "",
        size_bytes=seen.size_bytes if seen is not None else one.size_bytes or 0,
        verdict="allow",
        metadata_digest=seen.metadata_digest if seen is not None else "",
        metadata_size_bytes=seen.metadata_size_bytes if seen is not None else 0,
        view=view.name,
        version=one.version,
        origin=origin,
    )


def under(gate: Gate, decision: Decision, allowed: Collection[str]) -> Gate:
    """The gate as the policy has it: what the index itself refuses stays refused."""
    if gate.verdict in ("deny", "gone"):
        return gate
    gate = replace(gate, action=decision.action, rule=decision.rule)
    if not decision.lets_through:
        nearest = nearest_allowed(gate.version, allowed)
        return replace(gate, verdict="deny", reason=denied(decision, nearest), nearest=nearest)
    if decision.warnings:
        reason = "; ".join(one for one in (gate.reason, warned([decision])) if one)
        return replace(gate, verdict="warn", action="warn", reason=reason)
    return gate


def _told(view: View, offered: Offered) -> dict[str, object]:
    """The private key of the JSON page: what the view hides, why, and what it warns of."""
    rules = Counter(one.rule for one in offered.decisions.values() if not one.lets_through)
    said: dict[str, object] = {"view": view.name, "origin": offered.origin}
    if rules:
        said["hidden"] = {"files": rules.total(), "rules": dict(rules.most_common())}
        said["hidden_files"] = _hidden(offered.decisions)
    if warnings := warned(offered.decisions.values()):
        said["warnings"] = warnings
    return said


def _hidden(decisions: Mapping[str, Decision]) -> list[dict[str, str]]:
    found = [(name, one) for name, one in decisions.items() if not one.lets_through]
    return [
        {"filename": name, "action": one.action, "rule": one.rule, "reason": one.reason}
        | ({"changes_at": simple.timestamp(one.changes_at)} if one.changes_at is not None else {})
        for name, one in found[-MOST_TOLD:]
    ]


def _edition(view: View, normalized: str, number: int, offered: Offered, now: datetime) -> Edition:
    """Until when all this may be used: by when the upstream was asked, and by when decisions may be others."""
    checked = now if offered.checked_at is None or offered.stale else offered.checked_at
    gains, loses = offered.renew_at, offered.ends_at
    may_lose = [loses] if loses is not None and loses > now else []
    may_change = [*([gains] if gains is not None and gains > now else []), *may_lose]
    newest, decided = _newest(offered)
    warning = ""
    if offered.stale:
        since = f"{offered.checked_at:%Y-%m-%d %H:%M} UTC" if offered.checked_at is not None else "long ago"
        warning = f"{offered.origin} cannot be asked; this is what it said at {since}"
    return Edition(
        view=view.name,
        name=normalized,
        number=number,
        renew_at=_seconds(min([checked + FRESH, *may_change])),
        files_until=_seconds(min([checked + FILES_WITHIN, *may_change])),
        ends_at=_seconds(min([checked + STALE, *may_lose])),
        warning=warning,
        newest=newest,
        action=decided.action,
        rule=decided.rule,
    )


def _newest(offered: Offered) -> tuple[str, Decision]:
    """The newest version that is offered, and what was decided of the newest that there is."""
    kept = max((file.version for file in offered.page.files), key=parsed, default="")
    latest = max(offered.whole.files, key=lambda file: parsed(file.version), default=None)
    return kept, offered.decisions.get(latest.filename, LET_IN) if latest is not None else LET_IN


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def _number(pages: tuple[Page, ...], gates: tuple[Gate, ...]) -> int:
    """A number that stands for this content, and for no other: 63 bits, never 0."""
    text = repr(([page.etag for page in pages], list(map(_FIELDS_OF_GATE, gates)))).encode()
    return int(Digest.of(text).hex[:15], 16) + 1


def _page(view: View, name: str, format_: Format, serial: int, body: bytes) -> Page:
    etag = f'"{Digest.of(body).hex[:32]}"'
    packed = gzip.compress(body, GZIP_LEVEL, mtime=0) if len(body) >= GZIP_FLOOR_BYTES else b""
    return Page(name=name, format=format_, serial=serial, etag=etag, body=body, gzip=packed, view=view.name)
