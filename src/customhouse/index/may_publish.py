"""What somebody owes before he may publish into a project that he has a role in, one rule after another.

Each rule is a function of `Publisher` that returns a `Refused` naming what to do, or None. They are asked before the
expensive checks of an upload and again inside its deed.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.engine import Connection

from customhouse.index.dormant import must_be_awake
from customhouse.index.mandates.may_upload import may_upload
from customhouse.index.owes import address_verified, terms_agreed
from customhouse.index.publisher import Publisher
from customhouse.index.publishing.only import no_token_beside
from customhouse.terms.errors import Refused

Rule = Callable[[Connection, Publisher], Refused | None]

OF_PEOPLE: tuple[Rule, ...] = (address_verified, terms_agreed, must_be_awake, may_upload)
"""What an account owes. A trusted publisher has none: its project's owners answer for it.

That it is being recovered is no debt: what it sends waits (`approving.waits`), and is not published (`clearance`).
"""
OF_ALL: tuple[Rule, ...] = (no_token_beside,)
"""What is asked of everybody, whatever he came with."""


def refuse_unless_ready(sql: Connection, publisher: Publisher) -> None:
    """Raise what the first rule says that is not kept."""
    for rule in OF_ALL if publisher.by.account_id is None else (*OF_ALL, *OF_PEOPLE):
        if (refusal := rule(sql, publisher)) is not None:
            raise refusal
