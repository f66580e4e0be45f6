"""What is said in a case: by the web, by mail, and by the index itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from customhouse.advisories.disclosure.draft import long_text
from customhouse.advisories.disclosure.events import DisclosureStep
from customhouse.advisories.disclosure.model import Audience, Case, Member
from customhouse.advisories.disclosure.tables import disclosure_attachment, disclosure_message
from customhouse.index.disclosing.access import Knock, enter
from customhouse.index.disclosing.called import names_of
from customhouse.index.disclosing.tell import tell
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused, Rejected

LONGEST_MESSAGE = 50_000


@dataclass(frozen=True, slots=True)
class Attached:
    """A file whose bytes lie in the store. Name and type are a stranger's words."""

    filename: str
    content_type: str
    size_bytes: int
    digest: str


@dataclass(frozen=True, slots=True)
class Say:
    """Something that somebody says in a case."""

    knock: Knock
    text: str
    audience: str = "case"
    via: str = "web"
    attached: Sequence[Attached] = ()
    mail_key: str = ""


def say(command: Say, tx: Tx) -> None:
    """Say something; whoever may hear it is told. A reporter speaks to the case, a downstream to its handlers."""
    found = enter(tx, command.knock)
    text = long_text(command.text, "text", LONGEST_MESSAGE)
    if not text and not command.attached:
        raise Rejected("empty-message", "text", "is empty", "something to say")
    if not found.knows:
        raise Refused("agree-first", "Agree to keep silent first.", "Do so on the page of the case.")
    audience: Audience = "case"
    if found.handles and command.audience in ("handlers", "downstreams"):
        audience = "handlers" if command.audience == "handlers" else "downstreams"
    elif found.member is not None and found.member.role == "downstream":
        audience = "downstreams"
    write_message(
        tx, found.case, found.member, text, via=command.via, audience=audience, attached=command.attached,
        mail_key=command.mail_key, author=found.name,
    )  # fmt: skip
    tx.record(DisclosureStep(found.identity, None, case=found.case.public_id, step=f"said to {audience}"))
    to: tuple[str, ...] = ("handlers",) if audience != "case" else ("handlers", "reporter")
    if audience == "downstreams" and found.handles:
        to = ("handlers", "downstreams")
    tell(tx, found.case, "message", to=to, but=found.member, text=text, author=found.name)


def write_message(
    tx: Tx, case: Case, member: Member | None, text: str, *, via: str = "index", audience: Audience = "case",
    attached: Sequence[Attached] = (), mail_key: str = "", author: str = "",
) -> int:  # fmt: skip
    """Write what was said; ``author`` is empty for the index itself."""
    called = author or (names_of(tx.sql, [member])[member.id] if member is not None else "the index")
    number: int = tx.sql.execute(
        disclosure_message.insert().returning(disclosure_message.c.id).values(
            case_id=case.id, member_id=member.id if member is not None else None, author=called[:120],
            audience=audience, via=via, at=tx.now(), text=text, mail_key=mail_key,
        )
    ).scalar_one()  # fmt: skip
    for one in attached:
        tx.sql.execute(
            disclosure_attachment.insert().values(
                message_id=number, filename=one.filename, content_type=one.content_type, size_bytes=one.size_bytes,
                digest=one.digest,
            )
        )  # fmt: skip
    return number


def note(tx: Tx, case: Case, text: str, audience: Audience = "case") -> None:
    """Let the index say in the discussion what was done, so that it reads as one story."""
    write_message(tx, case, None, text, audience=audience)
