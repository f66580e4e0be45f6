"""Trying a policy on a view: ``POST /api/views/V/candidates`` with a token, and the address that comes back.

``/view/~TOKEN/simple/`` is a simple repository for an hour, as the policy would make it, for unmodified installers that
resolve. ``~TOKEN.NAME.NAME`` is the same with these projects let through whatever the policy says, ``~TOKEN.*`` with
all of them: so one candidate answers which exceptions would help. No file is handed out there, only its metadata.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from customhouse.accounts import index_flags
from customhouse.accounts.limits import Counted, Limit
from customhouse.app import App
from customhouse.catalog import queries
from customhouse.formats import simple
from customhouse.formats.simple import ProjectList, timestamp
from customhouse.index.render import gates_of
from customhouse.serve.files import send_file, send_link
from customhouse.terms.digest import Digest
from customhouse.terms.errors import Broken, Refused, Rejected
from customhouse.terms.names import ProjectName
from customhouse.views.model import View
from customhouse.views.offering import policy_of
from customhouse.views.simulate.candidates import (
    MOST_POLICY,
    Tried,
    end_candidate,
    find_candidate,
    make_candidate,
    nothing,
)
from customhouse.views.simulate.decide_many import decide_many
from customhouse.views.simulate.judge import BESIDES
from customhouse.views.simulate.model import Decided, Verdict, Wanted
from customhouse.views.simulate.pages import CandidatePages
from customhouse.views.simulate.there import Looking
from customhouse.web.credentials import client_of
from customhouse.web.doors import Door, door, own_door, raw_door
from customhouse.web.facts import unknown_project
from customhouse.web.permissions import Permission
from customhouse.web.unlisted import UNLISTED, unlisted_page, unlisted_redirect
from customhouse.web.visit import Visit

MOST_WANTED = 10_000
BODY_BYTES = 2 * 2**20
METADATA = ".metadata"
MAKING = Limit("candidates", 300, timedelta(hours=1))
ASKING = Limit("candidate-questions", 1200, timedelta(hours=1))


@dataclass(frozen=True)
class Candidates:
    """The doors to policies that somebody tries."""

    app: App
    looking: Looking
    pages: CandidatePages = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pages", CandidatePages(self.looking))

    def doors(self) -> list[Door]:
        """Making one, asking it, ending it; its pages and metadata."""
        api, root = "/api/views/{view}/candidates", "/view/~{candidate}/"
        write, read = Permission.CANDIDATE_WRITE, Permission.CANDIDATE_READ
        return [
            door("POST", api, self.make, write, body_bytes=BODY_BYTES),
            door("POST", f"{api}/{{candidate}}/decide", self.decide, write, body_bytes=BODY_BYTES),
            door("POST", f"{api}/{{candidate}}/end", self.end, write),
            own_door("GET", f"{root}simple/", self.listing, read),
            own_door("GET", f"{root}simple/{{name}}/", self.page, read),
            own_door("GET", f"{root}simple/{{name}}", self.page, read),
            raw_door("GET", f"{root}files/{{name}}/{{filename}}", self.file, read),
        ]

    @property
    def _internal(self) -> tuple[str, ...]:
        return self.app.views.around.internal_names

    def make(self, visit: Visit) -> Response:
        """Keep a policy: ``policy`` is its TOML, ``as_of`` a moment or a day. 201 with the address."""
        visit.app.limiter.take(Counted(MAKING, str(visit.me.id)), sentence="You try policies very often.")
        view, now = self.app.views.get(visit.path["view"]), self.app.clock.now()
        policy = visit.field("policy", limit=MOST_POLICY)
        made = make_candidate(
            self.app.database, view=view.name, account_id=visit.me.id, policy=policy,
            as_of=moment_of(visit.field("as_of", limit=40)), now=now, internal=self._internal,
        )  # fmt: skip
        address = f"{visit.site}/view/~{made.token}/simple/"
        return visit.json(
            {"candidate": made.token, "simple": address, "view": view.name, "expires": timestamp(made.expires_at)},
            status=201,
        )

    def decide(self, visit: Visit) -> Response:
        """What it says of up to 10,000 wanted versions: lines ``NAME==VERSION`` or ``NAME==VERSION FILENAME``.

        With ``rules`` true each refused one comes with all the rules that an exception has to name.
        """
        visit.app.limiter.take(Counted(ASKING, str(visit.me.id)), sentence="You ask candidates very often.")
        tried, view = self._found(visit.path["candidate"])
        if view.name != visit.path["view"]:
            raise nothing()
        wanted = read_wanted(visit.form.get("wanted", ""))
        rules = visit.form.get("rules") == "true"
        today = policy_of(view, self._internal)
        found = decide_many(self.looking, view, tried.policy, today, wanted, as_of=tried.as_of, rules=rules)
        return visit.json(plain_decided(found))

    def end(self, visit: Visit) -> Response:
        """Forget one that is tried no more."""
        end_candidate(self.app.database, visit.path["candidate"])
        return visit.json({"ended": True})

    async def listing(self, request: Request) -> Response:
        """No list: whoever resolves asks project by project."""
        await anyio.to_thread.run_sync(self._of_request, request)
        projects = ProjectList((), 0)
        return unlisted_page(request, simple.list_to_json(projects), simple.list_to_html(projects))

    async def page(self, request: Request) -> Response:
        """The page of a project; other spellings of its name lead to it."""
        text = request.path_params["name"]
        try:
            name = ProjectName.parse(text).normalized
        except Rejected as error:
            raise unknown_project(text) from error
        if text != name or not request.url.path.endswith("/"):
            up = "../" if request.url.path.endswith("/") else ""
            return unlisted_redirect(f"{up}{name}/")
        page = await anyio.to_thread.run_sync(self._page, request, name)
        return unlisted_page(request, simple.to_json(page), simple.to_html(page))

    async def file(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The metadata of a file that the candidate lists. The file itself is handed out by views alone."""
        request = Request(scope, receive)
        name, filename = request.path_params["name"], request.path_params["filename"]
        tried, view = await anyio.to_thread.run_sync(self._of_request, request)
        if not filename.endswith(METADATA):
            raise Refused(
                "no-files-here", "A candidate hands out no files: it is for resolving, not for installing.",
                f"Ask for it at /view/{view.name}/.",
            )  # fmt: skip
        wanted = filename.removesuffix(METADATA)
        await anyio.to_thread.run_sync(self.pages.file, view, tried, name, wanted)
        digest, size_bytes = await anyio.to_thread.run_sync(self._metadata, view, tried, name, wanted)
        place = await anyio.to_thread.run_sync(self.app.blobs.locate, Digest(digest))
        if place is None:
            raise Broken(f"The object {digest} is the metadata of {wanted} and is not in the store.")
        if isinstance(place, str):
            await send_link(scope, send, place, size_bytes, UNLISTED)
        else:
            await send_file(scope, send, place, digest, size_bytes, b"text/plain; charset=utf-8", UNLISTED)

    def _metadata(self, view: View, tried: Tried, name: str, filename: str) -> tuple[str, int]:
        """Digest and size of what lies in the store; an upstream's is fetched first."""
        there = self.looking.there(view, name, wants=tried.policy.signals | BESIDES, as_of=tried.as_of)
        mirrored = there.offered.mirrored if there is not None else None
        if mirrored is not None:
            file = next((one for one in mirrored.files if one.filename == filename), None)
            if file is not None:
                return self.app.objects.metadata(file, mirrored)
        with self.app.database.read(snapshot=True) as sql:
            project = queries.find_project(sql, name)
            files = queries.files_of(sql, project.id) if project is not None else []
        gates = gates_of(project, files, self.app.clock.now(), self.app.views.deleted_files_answer) if project else ()
        gate = next((one for one in gates if one.filename == filename), None)
        if gate is None or not gate.metadata_digest:
            raise Refused("no-metadata", "There is no metadata beside this file.", status=404)
        return gate.metadata_digest, gate.metadata_size_bytes

    def _page(self, request: Request, name: str) -> simple.SimplePage:
        tried, view = self._of_request(request)
        page = self.pages.page(view, tried, name)
        if page is None:
            raise Refused("unknown-project", "The view has no such project.", status=404)
        return page

    def _of_request(self, request: Request) -> tuple[Tried, View]:
        address = client_of(self.app.settings, request)
        with self.app.database.read() as sql:
            index_flags.refuse_banned(sql, address)
        return self._found(request.path_params["candidate"])

    def _found(self, text: str) -> tuple[Tried, View]:
        if "\0" in text:
            raise nothing()
        with self.app.database.read() as sql:
            tried = find_candidate(sql, text, self.app.clock.now(), self._internal)
        view = self.app.views.find(tried.view)
        if view is None:
            raise nothing()
        return tried, view


def read_wanted(text: str) -> list[Wanted]:
    """Lines ``NAME==VERSION`` or ``NAME==VERSION FILENAME``; raises `Rejected` with the line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise Rejected("nothing-wanted", "wanted", "there is no version in it", "lines like demo==1.0")
    if len(lines) > MOST_WANTED:
        raise Rejected("too-many-wanted", "wanted", f"{len(lines)} versions", f"at most {MOST_WANTED} in one request")
    return list(dict.fromkeys(_wanted(line, number) for number, line in enumerate(lines, 1)))


def _wanted(line: str, number: int) -> Wanted:
    pin, _, filename = line.partition(" ")
    name, equals, version = pin.partition("==")
    if not equals or not version or len(version) > 128 or len(filename) > 300:  # noqa: PLR2004 - longer than any
        raise Rejected("bad-wanted", f"wanted, line {number}", f"{line[:80]!r} is no version", "demo==1.0")
    return Wanted(ProjectName.parse(name, where=f"wanted, line {number}").normalized, version, filename.strip())


def moment_of(text: str) -> datetime | None:
    """A moment, or the end of a day; None for an empty text. Raises `Rejected`."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if len(text) == len("2024-12-05"):
            moment += timedelta(days=1)
        # In UTC, so that nobody meets the end of the calendar later.
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        accepted = "2024-12-05, or 2024-12-05T12:00Z"
        raise Rejected("bad-moment", "as_of", f"{text!r} is no moment", accepted) from error


def plain_decided(found: Decided) -> dict[str, object]:
    """The answer as JSON."""
    return {
        "verdicts": [_verdict(one) for one in found.verdicts],
        "newest": [one._asdict() for one in found.newest],
        "delayed": [one._asdict() for one in found.delayed],
        "waits": found.waits,
        "left": found.left,
        "failed": [{"name": name, "why": why} for name, why in found.failed],
    }


def _verdict(one: Verdict) -> dict[str, object]:
    told: dict[str, object] = {"name": one.wanted.name, "version": one.wanted.version, "found": one.found}
    if one.wanted.filename:
        told["filename"] = one.wanted.filename
    if not one.found:
        return told
    told |= {"action": one.action, "today": one.today}
    more = {
        "rule": one.rule, "rules": list(one.rules), "reason": one.reason, "never": one.never,
        "changes_at": timestamp(one.changes_at) if one.changes_at is not None else "",
        "vulnerabilities": list(one.vulnerabilities),
    }  # fmt: skip
    return told | {key: value for key, value in more.items() if value}
