"""What the desk of the town works on: a case that is accepted, and one whose release is ready."""

from __future__ import annotations

import hashlib
from functools import partial

from customhouse.accounts.users import find_user
from customhouse.advisories.disclosure import queries
from customhouse.advisories.disclosure.draft import Draft, Span
from customhouse.advisories.disclosure.model import Case
from customhouse.app import App, policy_of
from customhouse.index.disclosing.access import Knock
from customhouse.index.disclosing.discuss import Attached, Say, say
from customhouse.index.disclosing.links import page_text
from customhouse.index.disclosing.move import Exploited, Move, exploited, move
from customhouse.index.disclosing.people import Invite, invite
from customhouse.index.disclosing.publish import PublishCase, publish_case
from customhouse.index.disclosing.receive import Report, receive
from customhouse.index.disclosing.reserve import AskForCve, ask_for_cve
from customhouse.index.disclosing.rules import Rules
from customhouse.index.disclosing.stage import OpenStage, open_stage
from customhouse.index.disclosing.write_draft import WriteDraft, write_draft
from customhouse.infra.spool import spool_bytes
from customhouse.terms.digest import Digest
from customhouse.terms.identity import NOBODY, Actor


def accepted_case(
    app: App, operator: Actor, owner: str, *, project: str = "demo", fixed: str = "5.0"
) -> tuple[Case, str]:
    """A case that somebody without an account reported, with an owner in it; and the secret of the reporter's page."""
    rules = Rules.of(app.settings)
    taken = app.do(
        partial(receive, rules), Report("It writes outside", "See x.tar.", project, NOBODY, email="rita@example.org")
    )
    knock = Knock(taken.case.public_id, operator)
    for state in ("acknowledged", "triage", "accepted"):
        app.do(move, Move(knock, state))
    app.do(invite, Invite(knock, owner))
    draft = Draft("It writes outside", "Unpacking does.", "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:U/C:N/I:H/A:N", ("CWE-22",),
                  (Span("0", fixed),))  # fmt: skip
    app.do(write_draft, WriteDraft(knock, draft))
    return taken.case, page_text(app.key, taken.reporter)


def published_case(app: App, operator: Actor) -> Case:
    """A case whose advisory is public, about versions that nobody has."""
    case, _link = accepted_case(app, operator, "alice", fixed="0.1")
    knock = Knock(case.public_id, operator)
    app.do(ask_for_cve, AskForCve(knock, "CVE-2026-1234"))
    app.do(exploited, Exploited(knock, "It stands in a log."))
    wish = PublishCase(knock, policy_of(app.settings), Rules.of(app.settings))
    return publish_case(app.deeds, wish)


def attach(app: App, case: Case, operator: Actor, body: bytes) -> int:
    """A file in the discussion; returns its number."""
    spooled = spool_bytes(app.settings.data / "spool", body, "x.tar")
    app.blobs.put(Digest(hashlib.sha256(body).hexdigest()), spooled.path)
    spooled.path.unlink()
    one = Attached("x.tar", "application/x-tar", len(body), spooled.sha256)
    app.do(say, Say(Knock(case.public_id, operator), "Here it is.", attached=(one,)))
    with app.database.read() as sql:
        return queries.messages_of(sql, case.id)[-1].attachments[0].id


def stage_for(app: App, case: Case, owner: Actor, version: str) -> str:
    """A release under embargo; returns its session."""
    return app.do(open_stage, OpenStage(Knock(case.public_id, owner), version, policy_of(app.settings))).id


def actor_of(app: App, name: str) -> Actor:
    """Somebody of the town, in person."""
    with app.database.read() as sql:
        return find_user(sql, name).actor
