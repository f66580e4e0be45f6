"""Letters to the desk: a new report, or something said in a case, or nothing at all.

Who writes is told by the secret in the address that he writes to, never by From, which anybody can write. Without it a
letter belongs to a case only if it answers a letter of ours and comes from where that went. Bounces and automatic
replies are dropped, and nothing that looks like one is ever answered: two programs would talk for ever.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from customhouse.accounts.limits import Counted, Limit, Limiter
from customhouse.accounts.mail_address import MailAddress
from customhouse.accounts.server_key import ServerKey
from customhouse.accounts.tables import account
from customhouse.advisories.disclosure.draft import LONGEST_TITLE
from customhouse.advisories.disclosure.model import Member
from customhouse.advisories.disclosure.queries import find_case, member_of_letter, was_taken
from customhouse.formats.mail_message import Mail, read_mail
from customhouse.index.disclosing.access import Knock
from customhouse.index.disclosing.discuss import Attached, Say, say
from customhouse.index.disclosing.links import member_of_tag
from customhouse.index.disclosing.receive import Report, receive
from customhouse.index.disclosing.rules import Rules
from customhouse.infra import sweep_marks
from customhouse.infra.blobs import Blobs
from customhouse.infra.spool import Spooled, spool_bytes
from customhouse.ledger.storing import put_and_do
from customhouse.ledger.tx import Deeds, Tx
from customhouse.terms.errors import Refused, Rejected
from customhouse.terms.identity import NOBODY

log = logging.getLogger("customhouse.mail")

Outcome = Literal["report", "said", "known", "ignored"]
DAY = timedelta(days=1)
FROM_ONE = Limit("disclosure-mail", 20, DAY)
"""So many new cases come from one address in a day; anybody can write any, so there is a second limit."""
IN_ALL = Limit("disclosure-mails", 500, DAY)
IN_A_CASE = Limit("disclosure-replies", 100, DAY)
# Our own letters are quoted in answers; what opens the case for one must not be read by all.
_OUR_SECRETS = re.compile(
    r"(/security/case/)[a-z2-7]{26}\.[\w-]{43}|(/stage/)[a-z2-7]{26}\.[\w-]{43}|(\+)r[0-9]{1,15}-[a-z2-7]{24}", re.ASCII
)


@dataclass(frozen=True)
class MailDesk:
    """Takes letters in."""

    deeds: Deeds
    key: ServerKey
    limiter: Limiter
    blobs: Blobs
    spool: Path
    rules: Rules

    def is_ours(self, address: str) -> bool:
        """Whether an address is the desk's, with or without a tag."""
        return self._tag(address) is not None

    def take(self, raw: bytes, *, sender: str | None = None, recipients: Sequence[str] = ()) -> Outcome:
        """Take one letter; raises `Rejected` or `Refused` for what is never taken, `TooMany` for what may be later.

        ``sender`` is the envelope's, empty for a bounce; ``recipients`` are the envelope's too, or else the headers'.
        """
        mail = read_mail(raw)
        tags = [tag for one in recipients or mail.recipients if (tag := self._tag(one)) is not None]
        if not tags:
            raise Refused("not-for-us", "This letter is for no address of the disclosure desk.", status=404)
        with self.deeds.database.read() as sql:
            if was_taken(sql, mail.key):
                return "known"
            member = next((one for tag in tags if (one := member_of_tag(self.key, sql, tag)) is not None), None)
            member = member or _who_answers(sql, mail)
            member = member if member is not None and _may_speak(sql, member) else None
        if mail.automatic or sender == "":
            log.info("an automatic letter to the disclosure desk was dropped")
            return "ignored"
        if member is None and any(re.fullmatch(r"r[0-9]+-.*", tag) for tag in tags):
            raise Refused("dead-address", "This address belongs to nobody any more.", "Write to the desk.", status=404)
        return self._said(mail, member) if member is not None else self._reported(mail, tags)

    def _said(self, mail: Mail, member: Member) -> Outcome:
        self.limiter.take(Counted(IN_A_CASE, str(member.id)), sentence="Too many letters to this case today.")
        with self.deeds.database.read() as sql:
            case = find_case(sql, member.case_id)
        if case is None:
            return "ignored"
        wish = Say(Knock(case.public_id, NOBODY, member.id), _words(mail), via="mail", mail_key=mail.key)
        self._keep(mail, lambda attached: partial(say, replace(wish, attached=attached)))
        return "said"

    def _reported(self, mail: Mail, tags: Sequence[str]) -> Outcome:
        try:
            email = MailAddress.parse(mail.sender).text
        except Rejected:
            raise Refused("no-sender", "This letter has no plain address in From.", status=403) from None
        self.limiter.take(
            Counted(FROM_ONE, email.lower()), Counted(IN_ALL), sentence="Too many reports came by mail today."
        )  # fmt: skip
        report = Report(
            mail.subject[:LONGEST_TITLE], _words(mail), next((tag for tag in tags if tag), ""), NOBODY, email=email,
            name=mail.sender_name, via="mail", mail_key=mail.key,
        )  # fmt: skip
        self._keep(mail, lambda attached: partial(receive, self.rules, replace(report, attached=attached)))
        return "report"

    def _keep(self, mail: Mail, deed: Any) -> None:
        """Object before row: the attachments, then the deed that names them."""
        spooled = [spool_bytes(self.spool, one.body, one.filename) for one in mail.attachments]
        try:
            attached = tuple(
                Attached(one.filename, one.content_type, kept.size_bytes, kept.sha256)
                for one, kept in zip(mail.attachments, spooled, strict=True)
            )
            bodies = {kept.sha256: kept.path for kept in spooled}

            def both(seen: sweep_marks.Seen, tx: Tx) -> None:
                deed(attached)(tx)
                tx.serialize()
                sweep_marks.check_unchanged(tx.sql, seen)

            put_and_do(self.deeds, self.blobs, bodies, both)
        finally:
            for kept in spooled:
                _remove(kept)

    def _tag(self, address: str) -> str | None:
        """What stands behind the "+" in an address of the desk; None for every other address."""
        ours, theirs = self.rules.address.lower().rpartition("@"), address.strip().strip("<>").lower().rpartition("@")
        if not ours[0] or ours[2] != theirs[2]:
            return None
        local, plus, tag = theirs[0].partition("+")
        return tag if local == ours[0] and (tag or not plus) else None


def _who_answers(sql: Connection, mail: Mail) -> Member | None:
    """Whom the answered letter of ours went to, if this one comes from there."""
    ids = [one.partition("@")[0] for one in mail.answers]
    member = member_of_letter(sql, ids) if ids else None
    if member is None or member.left_at is not None:
        return None
    email = member.email
    if member.account_id is not None:
        email = sql.execute(sa.select(account.c.email).where(account.c.id == member.account_id)).scalar() or ""
    return member if email and email.lower() == mail.sender.lower() else None


def _may_speak(sql: Connection, member: Member) -> bool:
    """Whether he has no account, or one that is neither frozen nor closed."""
    if member.account_id is None:
        return True
    alive = (account.c.id == member.account_id, account.c.frozen_at.is_(None), account.c.closed_at.is_(None))
    return sql.execute(sa.select(account.c.id).where(*alive)).first() is not None


def _words(mail: Mail) -> str:
    text = _OUR_SECRETS.sub(lambda match: f"{match[1] or match[2] or match[3]}…", mail.text) or "(no words)"
    if mail.dropped:
        text += f"\n\n[{mail.dropped} attachments were too large or too many, and are left out.]"
    return text


def _remove(kept: Spooled) -> None:
    kept.path.unlink(missing_ok=True)
