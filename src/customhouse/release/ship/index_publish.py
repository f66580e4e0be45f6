"""Publishing on an index: all files of the staged release at once, and only if they are the ones that were tested."""

from __future__ import annotations

from customhouse.client.problem import Declined
from customhouse.client.session import Session
from customhouse.client.upload_2 import CONFLICT, Upload2
from customhouse.formats.manifest import manifest_digest
from customhouse.formats.plain import plain
from customhouse.release.actions import Problem, StepRun, Tampered
from customhouse.release.ship.case import Case, case_id, case_of, publish_case
from customhouse.release.ship.compare import compare, digests, refuse_difference
from customhouse.release.ship.index_door import index_door, index_of, project_of, version_in
from customhouse.release.ship.index_stage import session_at, staged_digests
from customhouse.release.ship.public_page import published_digests, stranger
from customhouse.release.ship.stage_now import page_of, served_digests
from customhouse.release.ship.staged import stage_facts
from customhouse.release.things import Things

NEEDS_APPROVAL = "needs-approval"
_LONGEST_PROCESSING_SECONDS = 900.0


def publish(run: StepRun, things: Things) -> dict[str, str]:
    """Publish; returns facts. Raises `Problem` where people must approve, `Tampered` for a stage that is another."""
    done = probe(run, things)
    if done is not None:
        return done
    address = stage_facts(run).get("session", "")
    if not address:
        raise Problem("not-staged", "no step has staged the release here", "a session", place=run.step.env)
    with index_door(run) as door:
        session = session_at(door, address)
        if session is None or session.status == "canceled":
            raise Problem("stage-gone", "the session is not there any more", "the staged release", place=address)
        manifest = manifest_digest(digests(things).items())
        if session.status != "published":
            place = f"the stage {session.stage}"
            refuse_difference(digests(things), staged_digests(door, session), place, "Nothing was published.")
            _refuse_other_bytes(run, things)
        # Another machine of ours may be at it by now. If both are, the index publishes these bytes once.
        run.held()
        if case_id(run):
            return _facts(run, publish_case(run, door, manifest))
        _published(run, door, session, manifest)
    return _facts(run)


def _refuse_other_bytes(run: StepRun, things: Things) -> None:
    """The index says what it has; whether it gives that out, its stage shows. Afterwards it would be too late."""
    stage, project = stage_facts(run).get("stage", ""), project_of(run)
    if stage:
        page = page_of(stage, project)
        refuse_difference(digests(things), served_digests(run, page, project), page, "Nothing was published.")


def probe(run: StepRun, things: Things) -> dict[str, str] | None:
    """Facts, if these files and no others are public. Raises `Tampered` if this version is public with others."""
    index, name = index_of(run), project_of(run)
    with stranger() as public:
        seen = published_digests(public, index, name, version_in(run))
    if not seen:
        return None
    found = compare(digests(things), seen)
    if found:
        raise Tampered(
            "published-others", found.sentence, found.expected, place=index.page(name, version_in(run)),
            next_step="This version is public and is not this release. Yank it, and find out who published it.",
        )  # fmt: skip
    if not case_id(run):
        return _facts(run)
    with index_door(run) as door:
        return _facts(run, case_of(run, door))


def _published(run: StepRun, door: Upload2, session: Session, manifest: str) -> None:
    try:
        session = _processed(door, door.publish(session, manifest=manifest if session.page else ""))
    except Declined as declined:
        if declined.status == CONFLICT and declined.code == NEEDS_APPROVAL:
            raise _must_be_approved(run, session, declined) from declined
        if declined.code == "stage-changed":
            raise Tampered(
                "stage-changed", "the stage was changed while we looked at it", "what was tested", place=session.url,
                next_step="Nothing was published.",
            ) from declined  # fmt: skip
        raise
    if session.status != "published":
        why = " ".join(session.notices) or f"it is {plain(session.status, 40)}"
        raise Problem("not-published", why, "a published release", place=session.url)


def _must_be_approved(run: StepRun, session: Session, declined: Declined) -> Problem:
    """Who must say yes on the index, and where."""
    said = declined.document
    approvers = [plain(one, 60) for one in said["approvers"]] if isinstance(said.get("approvers"), list) else []
    page = plain(said.get("page") or session.page or session.url, 200)
    who = f"approvals by {', '.join(approvers[:20])}" if approvers else "approvals by the project's owners"
    run.tell(f"The index wants {who}: {page}")
    return Problem(
        NEEDS_APPROVAL, declined.sentence, who, place=page,
        next_step="They approve on that page; then restart this step.",
    )  # fmt: skip


def _processed(door: Upload2, session: Session) -> Session:
    """Ask until the index has made up its mind."""
    waited = 0.0
    while session.status == "processing" and waited < _LONGEST_PROCESSING_SECONDS:
        door.wire.patience.pause(session.poll_seconds)
        waited += session.poll_seconds
        session = door.session(session.url)
    return session


def _facts(run: StepRun, case: Case | None = None) -> dict[str, str]:
    index = index_of(run)
    facts = {"address": index.page(project_of(run), version_in(run)), "simple": index.simple(project_of(run))}
    return facts | ({"advisory": case.advisory, "case_page": case.page} if case is not None else {})
