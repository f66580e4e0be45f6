"""Whole releases: all of them staged, and only then each published. Waiting for people where a release must."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

from customhouse.client.dists import Dist, Release
from customhouse.client.legacy import upload_release
from customhouse.client.news import Begun, Ended, FileState, Note, Opened, Tell, Waiting, Warned
from customhouse.client.patience import Patience, Stopped
from customhouse.client.problem import Declined
from customhouse.client.sending import LONGEST_PROCESSING_SECONDS, Outcome, Sending
from customhouse.client.session import Session
from customhouse.client.upload_2 import CONFLICT, NOT_FOUND, NoUpload2, Upload2
from customhouse.client.wire import Wire
from customhouse.formats.plain import plain
from customhouse.terms.errors import CustomhouseError, Refused, Rejected, Unavailable

NEEDS_APPROVAL = "needs-approval"
WAIT_SECONDS, ASK_AGAIN_SECONDS = 10.0, 60.0
"""While people think: how often their release is looked at, and how often we ask for it to be published."""
ENOUGH_SECONDS, WANTED_SECONDS = 6 * 3600, 7 * 86_400
"""Of a session's life: with less than the first we ask for the second."""
LONGEST_OTHERS_SECONDS = 900.0
"""So long we wait for files that others are sending into the same session."""
_ON_THE_WAY = ("pending", "processing")
GRACE_SECONDS = 2.0
"""So long requests that are under way may take to end when we are interrupted."""
MOST_NAMES = 20
Ending = Literal["published", "already published", "staged", "waiting", "failed", "canceled"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is wanted."""

    stage: bool = False
    """End before anything is published."""
    wait: bool = False
    """If people must approve, stay until they have."""
    with_others: bool = False
    """Publish files too that were in a session before, and are not among ours."""
    parallel: int = 4
    attestations: Mapping[str, str] | None = None
    """JSON lists (PEP 740) by file name."""


@dataclass(frozen=True, slots=True)
class Result:
    """How far a release has come."""

    release: Release
    ending: Ending
    outcomes: tuple[Outcome, ...]
    session: Session | None = None
    error: CustomhouseError | None = None


@dataclass(frozen=True, slots=True)
class _Staged:
    """A release in its session."""

    release: Release
    session: Session
    joined: bool
    outcomes: tuple[Outcome, ...] = ()


def publish_releases(wire: Wire, releases: Sequence[Release], plan: Plan, tell: Tell) -> list[Result]:
    """Bring the releases to the index and publish them, each whole; returns how far each has come.

    Raises what `Wire.ask` raises where nothing has been sent yet.
    """
    tell(Begun(tuple((dist.filename, dist.size_bytes) for release in releases for dist in release.dists)))
    door = Upload2(wire)
    try:
        staged = _open_all(door, releases, tell)
    except NoUpload2:
        return _legacy(wire, releases, plan, tell)
    staged = _send_all(door, staged, plan, tell)
    failed = any(outcome.state == "failed" for one in staged for outcome in one.outcomes)
    return [_finished(door, one, plan, tell, hold=failed) for one in staged]


def _open_all(door: Upload2, releases: Sequence[Release], tell: Tell) -> list[_Staged]:
    """A session for each release; if one cannot be had, those that are new are given back."""
    found: list[_Staged] = []
    try:
        for release in releases:
            session, joined = door.open(release.name, release.version)
            if session.status == "processing":
                session = _processed(door, session)
                session, joined = door.open(release.name, release.version)
            found.append(_Staged(release, session, joined))
            session = _with_time(door, session, tell)
            tell(Opened(release.name, release.version, session.url, session.stage, session.expires_at, joined))
            for notice in session.notices:
                tell(Note(notice))
    except BaseException:
        for one in found:
            _give_back(door, one)
        raise
    return found


def _with_time(door: Upload2, session: Session, tell: Tell) -> Session:
    """The session, with more time if it has little left: one that was begun long ago may end while files travel."""
    left = session.seconds_left(door.wire.patience.clock.now())
    if left is None or left >= ENOUGH_SECONDS:
        return session
    session = door.extend(session, WANTED_SECONDS)
    left = session.seconds_left(door.wire.patience.clock.now())
    if left is not None and left < ENOUGH_SECONDS:
        tell(Warned(f"The session of this release ends at {session.expires_at}; what is not published then is lost."))
    return session


def _give_back(door: Upload2, staged: _Staged) -> None:
    """Cancel a session of ours that has nothing in it, so that it holds no name. If that fails, it expires."""
    if not staged.joined:
        with suppress(CustomhouseError, Stopped):
            door.cancel(staged.session)


def _send_all(door: Upload2, staged: Sequence[_Staged], plan: Plan, tell: Tell) -> list[_Staged]:
    """Send every file, several at once; files that the index does not take beside others go once more, alone."""
    lanes, threads = ThreadPoolExecutor(plan.parallel, "part"), ThreadPoolExecutor(plan.parallel, "file")
    sendings = [Sending(door, one.release, one.session, plan.attestations or {}, lanes, tell) for one in staged]
    try:
        outcomes = _in_parallel(threads, sendings, door.wire.patience)
        for sending in sendings:
            for name in sorted(sending.refused):
                dist = next(one for one in sending.release.dists if one.filename == name)
                outcomes[name] = sending.send(dist)
    finally:
        # Who is interrupted does not wait for connections that are silent.
        for pool in (threads, lanes):
            pool.shutdown(wait=not door.wire.patience.stop.is_set(), cancel_futures=True)
    return [replace(one, outcomes=tuple(outcomes[dist.filename] for dist in one.release.dists)) for one in staged]


def _in_parallel(threads: Executor, sendings: Sequence[Sending], patience: Patience) -> dict[str, Outcome]:
    """The largest files first, so that none is left to travel alone at the end."""
    work: list[tuple[Sending, Dist]] = [(sending, dist) for sending in sendings for dist in sending.release.dists]
    work.sort(key=lambda pair: -pair[1].size_bytes)
    running: set[Future[Outcome]] = {threads.submit(sending.send, dist) for sending, dist in work}
    outcomes: dict[str, Outcome] = {}
    try:
        while running:
            done, running = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
            for future in done:
                outcome = future.result()
                outcomes[outcome.dist.filename] = outcome
    except BaseException:
        # Ctrl-C comes here: every thread ends at its next batch, and what has arrived stays in the session.
        patience.stop.set()
        for future in running:
            future.cancel()
        wait(running, timeout=GRACE_SECONDS)
        raise
    return outcomes


def _finished(door: Upload2, staged: _Staged, plan: Plan, tell: Tell, *, hold: bool) -> Result:
    """Publish one release, or say why not. ``hold``: some file of the whole run has failed, so nothing is."""
    try:
        result = _published(door, staged, plan, tell, hold=hold)
    except CustomhouseError as error:
        result = Result(staged.release, "failed", staged.outcomes, staged.session, error)
    release, session = result.release, result.session
    page = session.page if session is not None else None
    if result.ending in ("published", "already published"):
        page = door.wire.index.page(release.normalized, release.version)
        for outcome in result.outcomes:
            if result.ending == "published" and outcome.state == "staged":
                tell(FileState(outcome.dist.filename, "published"))
    there = session is not None and result.ending in ("staged", "waiting", "failed")
    tell(
        Ended(
            release.name, release.version, result.ending, page,
            session.stage if session is not None and there else None, session.url if session is not None else None,
        )
    )  # fmt: skip
    return result


def _published(door: Upload2, staged: _Staged, plan: Plan, tell: Tell, *, hold: bool) -> Result:
    states = {outcome.state for outcome in staged.outcomes}
    if not states - {"already published", "failed"}:
        _give_back(door, staged)
        ending: Ending = "failed" if "failed" in states else "already published"
        return Result(staged.release, ending, staged.outcomes, None if not staged.joined else staged.session)
    session = door.session(staged.session.url)
    if hold or plan.stage:
        ending = "failed" if "failed" in states else "staged"
        return Result(staged.release, ending, staged.outcomes, session)
    _check_others(session, staged, plan, tell)
    session = _complete(door, session, staged)
    try:
        session = _processed(door, door.publish(session))
    except Declined as declined:
        if declined.status != CONFLICT or declined.code != NEEDS_APPROVAL:
            raise
        waits = _waiting(door, staged.release, session, declined)
        tell(waits)
        if not plan.wait:
            return Result(staged.release, "waiting", staged.outcomes, session)
        session = _approved(door, staged, session, waits, tell)
    if session.status == "published":
        return Result(staged.release, "published", staged.outcomes, session)
    if session.status == "canceled":
        return Result(staged.release, "canceled", staged.outcomes, session)
    why = " ".join(session.notices) or f"the index says {plain(session.status, 40)!r} of it"
    raise Rejected("not-published", str(staged.release), why, "the same command again, when that is mended")


def _check_others(session: Session, staged: _Staged, plan: Plan, tell: Tell) -> None:
    """Nothing is published that nobody has looked at: files that others have put into the session, or we long ago."""
    ours = {dist.filename for dist in staged.release.dists}
    others = sorted(plain(name, 100) for name in set(session.files) - ours)
    if not others:
        return
    named = ", ".join(others[:MOST_NAMES])
    if not plan.with_others:
        raise Refused(
            "other-files",
            f"The session of {staged.release} also holds {named}, which you have not named.",
            "Look at the stage; then publish all of it with --with-others.",
        )
    tell(Warned(f"With it goes what was in the session of {staged.release} already: {named}."))


def _complete(door: Upload2, session: Session, staged: _Staged) -> Session:
    """Wait for what others are still sending into the session: jobs of one build that publish together."""
    ours = {dist.filename for dist in staged.release.dists}
    waited = 0.0
    while session.status in ("open", "error") and waited < LONGEST_OTHERS_SECONDS:
        unfinished = [one for name, one in session.files.items() if name not in ours and one.status in _ON_THE_WAY]
        if not unfinished:
            break
        door.wire.patience.pause(WAIT_SECONDS)
        waited += WAIT_SECONDS
        session = door.session(session.url)
    return session


def _processed(door: Upload2, session: Session) -> Session:
    """Ask until the index has made up its mind about a session."""
    waited = 0.0
    while session.status == "processing":
        if waited > LONGEST_PROCESSING_SECONDS:
            raise Unavailable(door.wire.index.host, "it is still processing the release after an hour")
        door.wire.patience.pause(session.poll_seconds)
        waited += session.poll_seconds
        session = door.session(session.url)
    return session


def _approved(door: Upload2, staged: _Staged, session: Session, waits: Waiting, tell: Tell) -> Session:
    """Stay until people have decided: published, canceled, or expired. Ask to publish once a minute."""
    since_asked = 0.0
    while True:
        seconds = max(WAIT_SECONDS, session.poll_seconds)
        door.wire.patience.pause(seconds)
        since_asked += seconds
        try:
            session = door.session(session.url)
        except Declined as declined:
            if declined.status == NOT_FOUND:
                return replace(session, status="canceled")
            raise
        if session.status in ("published", "canceled"):
            return session
        if session.status == "processing":
            session = _processed(door, session)
            continue
        if since_asked < ASK_AGAIN_SECONDS:
            continue
        since_asked = 0.0
        try:
            return _processed(door, door.publish(session))
        except Declined as declined:
            if declined.status != CONFLICT or declined.code != NEEDS_APPROVAL:
                raise
            now = _waiting(door, staged.release, session, declined)
            if now != waits:
                tell(now)
                waits = now


def _waiting(door: Upload2, release: Release, session: Session, declined: Declined) -> Waiting:
    """Who may approve and where, as the index says it: words of Customhouse's own beside the problem's."""
    said = declined.document
    approvals = said.get("approvals")
    counts = approvals if isinstance(approvals, dict) else {}
    given, wanted = counts.get("given"), counts.get("wanted")
    approvers = said.get("approvers")
    page = said.get("page")
    return Waiting(
        release.name,
        release.version,
        (declined.sentence,),
        given if isinstance(given, int) else None,
        wanted if isinstance(wanted, int) else None,
        tuple(plain(one, 60) for one in approvers[:MOST_NAMES]) if isinstance(approvers, list) else (),
        plain(said["not-before"], 30) if "not-before" in said else None,
        door.wire.index.checked(page, "page") if page is not None else session.page,
    )


def _legacy(wire: Wire, releases: Sequence[Release], plan: Plan, tell: Tell) -> list[Result]:
    """File by file, each public at once: all that an index without Upload 2.0 can do."""
    if plan.stage:
        raise Refused(
            "no-staging",
            f"{wire.index.host} has no Upload 2.0 (PEP 694), so nothing can be staged there, and nothing was sent.",
            "Leave --stage away to publish at once.",
        )
    tell(
        Warned(
            f"{wire.index.host} has no Upload 2.0, so files are sent one by one by the legacy upload;"
            " each is public as soon as it has arrived."
        )
    )
    results = []
    for release in releases:
        outcomes = upload_release(wire, release, plan.attestations or {}, tell)
        states = {outcome.state for outcome in outcomes}
        if "failed" in states:
            ending: Ending = "failed"
        elif "staged" in states:
            ending = "waiting"
        else:
            ending = "already published" if states == {"already published"} else "published"
        result = Result(
            release, ending, tuple(outcomes), None, next((one.error for one in outcomes if one.error), None)
        )
        page = wire.index.page(release.normalized, release.version) if ending != "failed" else None
        tell(Ended(release.name, release.version, ending, page, None, None))
        results.append(result)
        if ending == "failed":
            break
    return results
