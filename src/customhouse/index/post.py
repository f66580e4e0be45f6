"""The job "mail": write one letter and hand it to the mail server.

Its arguments are plain and hold no secret: ``account_id`` (or ``address`` and ``reader``), ``template`` and ``values``.
A link in a letter stands there by its public id alone; `complete` makes it whole when the letter is written.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from customhouse.accounts.lost_address import find_lost
from customhouse.accounts.tables import account
from customhouse.index.letters.letter import Site
from customhouse.index.letters.shelf import LETTERS
from customhouse.infra.db import Database
from customhouse.infra.mail import Letter, Smtp, compose, send
from customhouse.ledger.chain import canonical
from customhouse.terms.clock import Clock
from customhouse.terms.errors import Refused, Rejected

log = logging.getLogger("customhouse.mail")

Complete = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
"""Template and values to the values with everything in them that no job row may hold."""


class PostOffice:
    """Writes and sends letters. Without a mail server it only says that it would."""

    def __init__(self, database: Database, clock: Clock, smtp: Smtp | None, site: Site, complete: Complete) -> None:
        self._database = database
        self._clock = clock
        self._smtp = smtp
        self._site = site
        self._complete = complete

    def deliver(self, arguments: Mapping[str, Any]) -> None:
        """Write and send one letter.

        Running it again sends the same letter under the same Message-ID, by which mail programs know it. A letter that
        can never arrive is logged and is done; `Unavailable` means that it is tried again.
        """
        template = str(arguments["template"])
        write = LETTERS.get(template)
        if write is None:
            raise Rejected("unknown-letter", "template", f"{template!r} is no letter of this version", "another one")
        address, reader = self._reader(arguments)
        whom = f"account {arguments['account_id']}" if "account_id" in arguments else "an address without account"
        if not address:
            log.info("letter %s for %s: no address", template, whom)
            return
        if self._smtp is None:
            log.info("letter %s for %s: no mail server is set (smtp_host)", template, whom)
            return
        values = self._complete(template, {**arguments["values"], "reader": reader})
        draft = write(values, self._site)
        try:
            message = compose(
                Letter(address, draft.subject, draft.text, str(values.get("reply_to", ""))), self._smtp,
                at=self._clock.now(), message_id=message_id(arguments),
            )  # fmt: skip
            send(self._smtp, message)
        except (Refused, Rejected) as error:
            log.warning("letter %s for %s cannot be delivered: %s", template, whom, error)

    def _reader(self, arguments: Mapping[str, Any]) -> tuple[str, str]:
        """Address and name of whom the letter is for, as they are now; no address if that was given up.

        Whoever has the domain of a lost address now would read the letter. Once a link that goes there is enough to
        verify it again, letters go there too.
        """
        if "account_id" not in arguments:
            return str(arguments["address"]), str(arguments.get("reader", arguments["address"]))
        with self._database.read() as sql:
            row = sql.execute(
                sa.select(account.c.email, account.c.name).where(account.c.id == arguments["account_id"])
            ).one_or_none()
            lost = find_lost(sql, arguments["account_id"])
        if lost is not None and not lost.link_enough:
            return "", ""
        return (row.email, row.name) if row is not None else ("", "")


def message_id(arguments: Mapping[str, Any]) -> str:
    """The same for the same job, and another for every other."""
    return hashlib.sha256(canonical(dict(arguments)).encode()).hexdigest()[:40]
