"""``/api/release/runs``: runs whose actors meet here. Machines join, read on, say what they have done, hand in files.

Every request shows who sends it: the token that a machine was given when it joined, or an API token of a person. He
who is no member hears the same as if there were no such run. Strangers read what is published through its pages alone.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response

from customhouse.accounts import index_flags
from customhouse.app import App
from customhouse.formats.problems import SECURITY_HEADERS
from customhouse.infra.spool import Spooled
from customhouse.release.codec import to_body, write_line
from customhouse.release.events import Joined as JoinedEvent
from customhouse.release.journal import Head
from customhouse.release.room.decide import WHATS, Decide, asked_of
from customhouse.release.room.join import Shown
from customhouse.release.room.journal import head_of
from customhouse.release.room.members import Guest, Joined, Member
from customhouse.release.room.objects import LARGEST_OBJECT_BYTES, check_digest
from customhouse.release.room.people import identity_for, unknown_run
from customhouse.release.room.proof import Decision, said_so
from customhouse.release.room.runs import Run
from customhouse.release.room.say import MOST_CLAIMS, Say, read_claim
from customhouse.release.state import State
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import NOBODY, Actor
from customhouse.terms.numbers import number_of
from customhouse.web.body import read_body
from customhouse.web.bundle import bundle_answer, file_answer
from customhouse.web.credentials import client_of, token_of
from customhouse.web.doors import Door, own_door
from customhouse.web.intake import Intake, pieces_of
from customhouse.web.permissions import Permission

ROOT = "/api/release/runs"
DOCUMENT_BYTES = 8 * 2**20
"""Of claims: a step may have made thousands of files."""
LONGEST_WAIT_SECONDS = 25.0
LOOK_EVERY_SECONDS = 0.2
WAITING_AT_ONCE = 64
"""Of one process; whoever comes when so many wait is answered at once."""
THREADS = 16
_HEADERS = {"cache-control": "private, no-store"} | {name.decode(): text.decode() for name, text in SECURITY_HEADERS}
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    """One request of somebody who may be here."""

    run: Run
    state: State
    guest: Guest
    body: bytes = b""

    @property
    def document(self) -> Mapping[str, Any]:
        """What was sent; raises `Rejected` for what is no JSON object."""
        return read_document(self.body)

    @property
    def member(self) -> Member:
        """The person; raises `Refused` for a machine."""
        if not isinstance(self.guest, Member):
            raise Refused("not-a-person", "Only people decide, with an API token or in a browser.")
        return self.guest

    @property
    def machine(self) -> Joined:
        """The machine; raises `Refused` for a person."""
        if not isinstance(self.guest, Joined):
            raise Refused("not-a-machine", "Join first, and use the token that you get.", "customhouse release join")
        return self.guest


class ReleaseRoom:
    """The doors, with the limits that they keep."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._intake = Intake(app.settings)
        self._threads = anyio.CapacityLimiter(THREADS)
        self._waiting = 0

    def doors(self) -> list[Door]:
        """Every address of the protocol."""
        one = f"{ROOT}/{{run}}"
        reads, writes, opens = Permission.RELEASE_RUN_READ, Permission.RELEASE_RUN_WRITE, Permission.RELEASE_RUN_OPEN
        thing = f"{one}/objects/{{digest}}"
        return [
            own_door("POST", ROOT, self.open, opens),
            own_door("GET", one, self._plain(self.show), reads),
            own_door("GET", f"{one}/lines", self.lines, reads),
            own_door("GET", f"{one}/bundle", self._plain(self.bundle), reads),
            own_door("POST", f"{one}/claims", self._plain(self.claim), writes),
            own_door("POST", f"{one}/join", self.join, Permission.RELEASE_RUN_JOIN),
            own_door("POST", f"{one}/decisions", self._plain(self.decide), Permission.RELEASE_RUN_DECIDE),
            own_door("GET", thing, self.fetch, reads),
            own_door("PUT", thing, self.take, writes),
        ]

    async def open(self, request: Request) -> Response:
        """Open a run: ``pipeline`` is its text; ``params``, ``places``, ``rehearsal`` as the journal has them."""
        return await self._in_thread(self._open, request, await read_body(request, DOCUMENT_BYTES))

    def _open(self, request: Request, body: bytes) -> Response:
        by, document = self._person(request), read_document(body)
        run = self._app.room.open(
            _text(document, "pipeline"), _texts(document, "params"), _tables(document, "places"),
            rehearsal=bool(document.get("rehearsal", False)), by=by,
        )  # fmt: skip
        address = f"{self._app.settings.public_url}/release/run/{run.id}/"
        return _json({"run": run.id, "address": address, "head": _head(run.head)}, status=201, location=address)

    def show(self, call: Call) -> Response:
        """Where the run stands, and who one is in it."""
        run, state = call.run, call.state
        return _json(
            {
                "run": run.id, "project": run.normalized, "version": run.version, "status": run.status,
                "head": _head(run.head), "engine_key": state.engine_key, "pipeline_sha256": run.pipeline_sha256,
                "rehearsal": run.rehearsal, "me": self._me(call),
                "account": call.guest.name if isinstance(call.guest, Member) else "",
                "steps": {one.id: {"status": one.status, "attempt": one.attempt} for one in state.steps.values()},
                "asks": {
                    one.id: to_body(one.asked) for one in state.steps.values() if one.status == "asked" and one.asked
                },
                "stop": None if state.stop is None else {
                    "code": state.stop.code, "saw": state.stop.saw, "expected": state.stop.expected,
                    "by": state.stop.by, "step": state.stop.step, "place": state.stop.place,
                },
            }
        )  # fmt: skip

    def _me(self, call: Call) -> dict[str, str]:
        """By which identity one is which actor."""
        if isinstance(call.guest, Joined):
            return {call.guest.machine.actor: call.guest.machine.identity}
        account_id, found = call.guest.account_id, {}
        with self._app.database.read() as sql:
            for actor in call.state.pipeline.actors:
                identity = identity_for(sql, actor, account_id)
                if identity:
                    found[actor.id] = identity
        return found

    def bundle(self, call: Call) -> Response:
        """The file from which the release is verified. Strangers read it at the run's page, once it is published."""
        return bundle_answer(self._app, call.run)

    async def lines(self, request: Request) -> Response:
        """The lines after ``after``, one JSON object each; if there are none, wait for some for ``wait`` seconds."""
        after = _whole(request.query_params.get("after", "-1"), "after")
        wait = min(float(_whole(request.query_params.get("wait", "0"), "wait")), LONGEST_WAIT_SECONDS)
        run, _state, _guest = await self._in_thread(self._guest, request)
        found = await self._in_thread(self._app.room.lines, run.id, after)
        if not found and wait > 0 and self._waiting < WAITING_AT_ONCE:
            found = await self._until_there_are(request, run, after, wait)
        body = "".join(f"{line}\n" for line in found)
        return Response(body, headers={**_HEADERS, "content-type": "application/jsonl"})

    async def _until_there_are(self, request: Request, run: Run, after: int, wait: float) -> list[str]:
        self._waiting += 1
        try:
            with anyio.move_on_after(wait):
                while True:
                    await anyio.sleep(LOOK_EVERY_SECONDS)
                    if (await self._in_thread(self._seq, run.id)) > after:
                        # Whoever was sent away meanwhile, or has left, hears nothing more.
                        await self._in_thread(self._guest, request)
                        return await self._in_thread(self._app.room.lines, run.id, after)
        finally:
            self._waiting -= 1
        return []

    def _seq(self, run_id: str) -> int:
        with self._app.database.read() as sql:
            return head_of(sql, run_id).seq

    def claim(self, call: Call) -> Response:
        """What a machine says, all or nothing: ``claims``, and ``expected``, the head after which it was thought."""
        machine, document = call.machine.machine, call.document
        claims = document.get("claims")
        if not isinstance(claims, list) or not 0 < len(claims) <= MOST_CLAIMS:
            raise Rejected("bad-claims", "claims", "is no list of claims", f"1 to {MOST_CLAIMS} of them")
        expected = document.get("expected")
        command = Say(
            machine.id,
            tuple(read_claim(one, f"claims[{number}]") for number, one in enumerate(claims)),
            _read_head(expected) if expected is not None else None,
        )
        lines, taken = self._app.room.say(call.run.id, command)
        if not taken:
            raise Refused("stopped", "The run has stopped: somebody whose yes counts has left the project.", status=409)
        return _json({"lines": [write_line(line) for line in lines]})

    async def join(self, request: Request) -> Response:
        """Join as an actor: ``joined`` is the line's body, ``said`` the machine's signature, ``token`` its ID token."""
        return await self._in_thread(self._join, request, await read_body(request, DOCUMENT_BYTES))

    def _join(self, request: Request, sent: bytes) -> Response:
        self._refuse_switched_off(request)
        document = read_document(sent or b"{}")
        room, run_id, token = self._app.room, request.path_params["run"], _text(document, "token", "")
        body = document.get("joined")
        shown = room.show(token) if token else self._shown_by(request, body)
        claim = read_claim(
            {"by": (body.get("actor") if isinstance(body, dict) else None), "kind": "joined", "body": body,
             "said": document.get("said")}, "joined",
        )  # fmt: skip
        if not isinstance(claim.event, JoinedEvent):
            raise Rejected("bad-claim", "joined", "is no such line", "a line of the kind joined")
        welcome = room.join(run_id, claim.event, claim.said, shown)
        return _json({"token": welcome.token, "machine": welcome.machine_id}, status=201 if welcome.new else 200)

    def _shown_by(self, request: Request, body: object) -> Shown:
        """A member who is the actor that he says he is."""
        _run, state, guest = self._guest(request)
        if not isinstance(guest, Member):
            raise unknown_run()
        wanted = body.get("actor") if isinstance(body, dict) else None
        actor = next((one for one in state.pipeline.actors if one.id == wanted), None)
        with self._app.database.read() as sql:
            if actor is None or not identity_for(sql, actor, guest.account_id):
                raise Refused("not-this-actor", f"You are not the actor {str(wanted)[:60]!r} of this run.")
        return self._app.room.shown_by(guest)

    def decide(self, call: Call) -> Response:
        """What a person decides with an API token: ``what``, and ``step``, ``attempt``, ``question`` or ``why``.

        A token shows no factor: where one is asked for, the answer names the page.
        """
        document, member = call.document, call.member
        what = next((one for one in WHATS if one == document.get("what")), None)
        if what is None:
            raise Rejected("bad-decision", "what", "is no decision", " | ".join(WHATS))
        step, proof, attempt, question = _text(document, "step", ""), "", 0, ""
        if what in ("approve", "decline"):
            asked = asked_of(call.state.steps, step)
            attempt, question = asked.attempt, _text(document, "question", asked.question)
            decision = Decision(
                self._app.room.server, call.run.id, step, attempt, question, what, member.name
            )  # fmt: skip
            proof = said_so(decision, "token", "none")
        command = Decide(what, member, "none", proof, step, attempt, question, _text(document, "why", ""))
        lines = self._app.room.decide(call.run.id, command)
        return _json({"lines": [write_line(line) for line in lines]})

    async def fetch(self, request: Request) -> Response:
        """A file by its digest."""
        run, _state, _guest = await self._in_thread(self._guest, request)
        digest = check_digest(request.path_params["digest"])
        size = await self._in_thread(self._app.room.size_of, run.id, digest)
        if size is None:
            raise Refused("unknown-object", "The run has no such file.", status=404)
        return await self._intake.on_disk(file_answer, self._app, digest, "application/octet-stream")

    async def take(self, request: Request) -> Response:
        """Take a file in under its digest. 201, or 200 if it was here."""
        run, _state, guest = await self._in_thread(self._guest, request)
        self._refuse_onlooker(guest)
        digest = check_digest(request.path_params["digest"])
        added_by = guest.machine.actor if isinstance(guest, Joined) else f"user:{guest.name}"
        if await self._in_thread(self._app.room.size_of, run.id, digest) is not None:
            async for _piece in pieces_of(request):
                pass
            return _json({"digest": digest}, status=200)
        keep = partial(self._keep, run.id, digest, added_by)
        async with self._intake.bodies:
            return await self._intake.take(request, LARGEST_OBJECT_BYTES, keep, accepted="Send smaller files.")

    def _refuse_onlooker(self, guest: Guest) -> None:
        if isinstance(guest, Member) and not guest.actors:
            raise Refused("not-an-actor", "Only actors of the run hand files over.")

    def _keep(self, run_id: str, digest: str, added_by: str, spooled: Spooled) -> Response:
        new = self._app.room.keep(run_id, digest, spooled, added_by)
        return _json({"digest": digest, "size_bytes": spooled.size_bytes}, status=201 if new else 200)

    def _plain(self, handler: Callable[[Call], Response]) -> Callable[[Request], Awaitable[Response]]:
        """An endpoint whose body is a document; everything happens in a thread."""

        async def endpoint(request: Request) -> Response:
            body = b"" if _reads(request) else await read_body(request, DOCUMENT_BYTES)
            return await self._in_thread(self._call, request, body, handler)

        return endpoint

    def _call(self, request: Request, body: bytes, handler: Callable[[Call], Response]) -> Response:
        return handler(Call(*self._guest(request), body))

    def _guest(self, request: Request) -> tuple[Run, State, Guest]:
        self._refuse_switched_off(request)
        run_id, token = request.path_params["run"], token_of(request.headers.get("authorization"))
        actor_of = partial(self._actor_of, request)
        return self._app.room.guest(run_id, token, actor_of, writes=not _reads(request))

    def _person(self, request: Request) -> Actor:
        self._refuse_switched_off(request)
        return self._actor_of(request, token_of(request.headers.get("authorization")))

    def _actor_of(self, request: Request, token: str) -> Actor:
        return self._app.authenticate(token, client_of(self._app.settings, request)).actor

    def _refuse_switched_off(self, request: Request) -> None:
        if any("\0" in text for text in (*request.path_params.values(), *request.query_params.values())):
            raise Rejected("null-character", "address", "holds the character 0", "text without it")
        with self._app.database.read() as sql:
            index_flags.refuse_banned(sql, client_of(self._app.settings, request))
            if not _reads(request):
                index_flags.refuse_if_flagged(sql, actor=NOBODY)

    async def _in_thread(self, work: Callable[..., T], *arguments: object) -> T:
        return await anyio.to_thread.run_sync(work, *arguments, limiter=self._threads)


def _reads(request: Request) -> bool:
    return request.method in ("GET", "HEAD")


def read_document(body: bytes) -> Mapping[str, Any]:
    """A JSON object; raises `Rejected`."""
    try:
        found = json.loads(body)
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise Rejected("bad-json", "body", f"cannot be read: {str(error)[:100]}", "a JSON object in UTF-8") from error
    if not isinstance(found, dict):
        raise Rejected("bad-json", "body", "is no object", "a JSON object")
    if "\\u0000" in body.decode("utf-8", "replace"):
        raise Rejected("null-character", "body", "holds the character 0", "text without it")
    return found


def _json(value: object, *, status: int = 200, **headers: str) -> Response:
    body = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    return Response(body, status, headers={**_HEADERS, "content-type": "application/json", **headers})


def _head(head: Head) -> dict[str, object]:
    return {"seq": head.seq, "hash": head.hash}


def _read_head(value: object) -> Head:
    match value:
        case {"seq": int(seq), "hash": str(digest)}:
            return Head(seq, digest)
        case _:
            raise Rejected("bad-head", "expected", "is no head of a journal", "an object of seq and hash")


def _text(document: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = document.get(name, default)
    if not isinstance(value, str):
        raise Rejected("bad-document", name, "is no text" if name in document else "is missing", "a text")
    return value


def _texts(document: Mapping[str, Any], name: str) -> dict[str, str]:
    value = document.get(name, {})
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise Rejected("bad-document", name, "is no object of texts", "an object of texts")
    return value


def _tables(document: Mapping[str, Any], name: str) -> dict[str, dict[str, str]]:
    value = document.get(name, {})
    if not isinstance(value, dict):
        raise Rejected("bad-document", name, "is no object", "an object of objects of texts")
    return {key: _texts(value, key) for key in value}


def _whole(text: str, where: str) -> int:
    number = number_of(text) if text != "-1" else -1
    if number is None or number > 2**31:
        raise Rejected("bad-number", where, f"{text[:20]!r} is no number", "a whole number")
    return number
