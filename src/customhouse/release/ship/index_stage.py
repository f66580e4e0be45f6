"""Staging on an index: a release that is made ready by Upload 2.0 (PEP 694), and that nobody sees yet.

An index has one session for a version, so opening it twice is opening it once; a file that is there with the right
digest is not sent again. So this may be done again after any crash. Whatever else lies in the session, somebody else
has put there, and the release stops.
"""

from __future__ import annotations

from pathlib import Path

from customhouse.client.dists import Release
from customhouse.client.news import News, Warned
from customhouse.client.problem import Declined
from customhouse.client.releasing import Plan, Result, publish_releases
from customhouse.client.session import Session
from customhouse.client.upload_2 import NOT_FOUND, NoUpload2, Upload2
from customhouse.release.actions import Problem, StepRun, Tampered
from customhouse.release.ship.attest import attestations_for, attested_facts
from customhouse.release.ship.case import case_of, open_case_stage, under_embargo
from customhouse.release.ship.compare import compare, digests, refuse_difference
from customhouse.release.ship.index_door import index_door, read_release
from customhouse.release.ship.staged import stage_facts
from customhouse.release.store_folder import keep_durably
from customhouse.release.things import Things

_NOTE = "session"
OVER = frozenset({"published", "canceled"})


def stage(run: StepRun, things: Things) -> dict[str, str]:
    """Bring the files into the release's session, and see that it holds these files and no others; returns facts."""
    release = read_release(run, _files(run, things))
    with index_door(run) as door:
        if under_embargo(run):
            open_case_stage(run, door, release.version)
        session = _opened(run, door, release, things)
        plan = Plan(stage=True, attestations=attestations_for(run, door, release))
        (result,) = publish_releases(door.wire, [release], plan, lambda news: _tell(run, news))
        _refuse_unless_staged(result)
        session = door.session(session.url)
        refuse_difference(digests(things), staged_digests(door, session), f"the stage {session.stage}")
        return _facts(run, session)


def probe(run: StepRun, things: Things) -> dict[str, str] | None:
    """The same facts, if the session that this attempt has opened holds all files, and no others."""
    address = _noted(run)
    if not address:
        return None
    with index_door(run) as door:
        session = session_at(door, address)
        if session is None or session.status in OVER:
            return None
        if compare(digests(things), staged_digests(door, session)):
            return None
        return _facts(run, session)


def undo(run: StepRun) -> str:
    """Throw the session away."""
    address = stage_facts(run).get("session") or _noted(run)
    if not address:
        return "nothing to undo"
    with index_door(run) as door:
        session = session_at(door, address)
        if session is None or session.status == "canceled":
            return "nothing to undo"
        if session.status == "published":
            raise Problem(
                "published", "the release is published", "a release that is only staged", place=address,
                next_step="Yank it, if it must not be used.",
            )  # fmt: skip
        door.cancel(session)
        return "undone"


def session_at(door: Upload2, address: str) -> Session | None:
    """The session at this address; None if there is none any more."""
    try:
        return door.session(door.wire.index.checked(address, "session"))
    except Declined as declined:
        if declined.status == NOT_FOUND:
            return None
        raise


def staged_digests(door: Upload2, session: Session) -> dict[str, str]:
    """SHA-256 by name of what a session holds; of a file that is not complete, what became of it instead."""
    found = {}
    for name, entry in session.files.items():
        if entry.status == "canceled":
            continue
        file = door.file(entry.link) if entry.status == "completed" else None
        found[name] = (file.sha256 or "nothing that it tells") if file is not None else f"nothing yet ({entry.status})"
    return found


def _opened(run: StepRun, door: Upload2, release: Release, things: Things) -> Session:
    """The release's session, with nothing in it but files of ours. Its address is noted before anything is sent."""
    try:
        session, joined = door.open(release.name, release.version)
        if joined and run.attempt > 1 and _noted(run) != session.url and not under_embargo(run):
            # What an earlier attempt has staged was built from something else.
            run.tell(f"The stage of an earlier attempt is thrown away, with {len(session.files)} files.")
            door.cancel(session)
            session, joined = door.open(release.name, release.version)
    except NoUpload2 as error:
        raise Problem(
            "no-staging", "it has no Upload 2.0 (PEP 694), so nothing can be staged there", place=door.wire.index.host,
            next_step="Use an index that has it.",
        ) from error  # fmt: skip
    _refuse_another_case(run, door, session, joined=joined)
    _note(run, session.url)
    if run.attempt > 1:
        for name, entry in session.files.items():
            if name not in digests(things):
                door.delete(entry.link)
        return session
    extra = sorted(set(session.files) - set(digests(things)))
    if extra:
        raise Tampered(
            "extra-file", f"{', '.join(extra[:5])} is in the session too, and nobody here has made it",
            "a session of this release alone", place=session.page or session.url,
            next_step="Find out who has sent it; cancel that session, and restart this step.",
        )  # fmt: skip
    return session


def _refuse_another_case(run: StepRun, door: Upload2, session: Session, *, joined: bool) -> None:
    """What is under embargo goes into the case's own session or nowhere."""
    if not under_embargo(run):
        return
    case = case_of(run, door)
    if case.session != session.url:
        if not joined:
            door.cancel(session)
        raise Tampered(
            "not-under-embargo", f"the session of this version is {session.url}", f"the one of the case {case.id}",
            place=door.wire.index.host,
        )  # fmt: skip


def _files(run: StepRun, things: Things) -> list[Path]:
    folder = run.folder / "dists"
    folder.mkdir(parents=True, exist_ok=True)
    return [run.store.fetch(thing, folder) for thing in things]


def _refuse_unless_staged(result: Result) -> None:
    if result.ending == "staged":
        return
    failed = [f"{one.dist.filename}: {one.error}" for one in result.outcomes if one.error is not None]
    raise Problem(
        "not-staged", failed[0] if failed else str(result.error or f"it is {result.ending}"), "a staged release",
        place=str(result.release), next_step="Mend what it says, and restart this step.",
    )  # fmt: skip


def _facts(run: StepRun, session: Session) -> dict[str, str]:
    facts = {"session": session.url, "stage": session.stage or ""} | attested_facts(run)
    return facts | ({"page": session.page} if session.page else {})


def _tell(run: StepRun, news: News) -> None:
    if isinstance(news, Warned):
        run.tell(news.text)


def _noted(run: StepRun) -> str:
    try:
        return (run.folder / _NOTE).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _note(run: StepRun, address: str) -> None:
    keep_durably(run.folder / _NOTE, address)
