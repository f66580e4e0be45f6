"""Loading codes into a campaign; the first codes make it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import sqlalchemy as sa

from customhouse.accounts.server_key import ServerKey
from customhouse.accounts.users import refuse_unless_operator
from customhouse.index.giveaway.codes import code_hash_of, seal_code
from customhouse.index.giveaway.draw import draw_campaign
from customhouse.index.giveaway.events import CodesLoaded
from customhouse.index.giveaway.model import Campaign, Terms, midnight, parse_campaign_name
from customhouse.index.giveaway.queries import find_campaign
from customhouse.index.giveaway.tables import giveaway_campaign, giveaway_code
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Broken, Refused, Rejected
from customhouse.terms.identity import COMMAND_LINE, Actor

_BATCH = 500
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class LoadCodes:
    """An operator's wish. A new campaign needs its terms; one that is there takes codes, and another last day."""

    campaign: str
    codes: Sequence[str]
    terms: Terms | None = None
    until: date | None = None
    by: Actor = COMMAND_LINE

    def __repr__(self) -> str:
        return f"LoadCodes({self.campaign!r}, {len(self.codes)} codes)"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of it."""

    campaign: Campaign
    new: int
    known: int
    """Codes of the file that were here already, in this campaign or another: they were not loaded again."""


def load_codes(key: ServerKey, command: LoadCodes, tx: Tx) -> Loaded:
    """Load codes. A code that was ever loaded is recognised by its keyed hash and never handed out twice."""
    refuse_unless_operator(command.by)
    name = parse_campaign_name(command.campaign)
    # The campaign before the ledger's head, as claims lock them.
    find_campaign(tx.sql, name, lock=True)
    # One load after the other, so that two of the same file find each other's codes.
    tx.serialize()
    campaign = find_campaign(tx.sql, name)
    made = campaign is None
    campaign = _begin(name, command, tx) if campaign is None else _go_on(campaign, command, tx)
    fresh = _unknown(key, command.codes, tx)
    for batch in _in_batches(list(fresh.values())):
        sealed = [seal_code(key, code) for code in batch]
        rows = [
            {"campaign_id": campaign.id, "code_hash": one.code_hash, "sealed": one.sealed, "loaded_at": tx.now()}
            for one in sealed
        ]
        tx.sql.execute(giveaway_code.insert(), rows)
    known = len(command.codes) - len(fresh)
    if not fresh and not made and command.until is None:
        raise Refused("nothing-new", "Every code of this file is here already.", "Load another file.", status=409)
    tx.record(
        CodesLoaded(
            command.by.as_operator, None, campaign=name, codes=len(fresh), known=known, until=campaign.until.isoformat()
        )
    )
    if made and campaign.eligible_on <= tx.now().date():
        draw_campaign(campaign, tx)
        campaign = _found(name, tx)
    return Loaded(campaign, len(fresh), known)


def _begin(name: str, command: LoadCodes, tx: Tx) -> Campaign:
    terms = command.terms
    if terms is None:
        raise Refused(
            "no-terms", f"There is no giveaway {name!r} yet.",
            "Give its title, first and last day, the day on which roles count, and where to redeem a code.", status=409,
        )  # fmt: skip
    terms.refuse_if_odd(tx.now().date())
    if not command.codes:
        raise Rejected("no-codes", "codes", "there are none", "one code a line")
    tx.sql.execute(
        giveaway_campaign.insert().values(
            name=name, title=terms.title, begins_at=midnight(terms.begins), ends_at=midnight(terms.until) + ONE_DAY,
            keys_each=terms.keys_each, redeem=terms.redeem, eligible_on=terms.eligible_on, created_at=tx.now(),
        )
    )  # fmt: skip
    return _found(name, tx)


def _go_on(campaign: Campaign, command: LoadCodes, tx: Tx) -> Campaign:
    if command.terms is not None:
        raise Refused(
            "campaign-exists", f"There is a giveaway {campaign.name!r} already, and people rely on its terms.",
            "Leave the terms out to load more codes; only the last day can be changed.", status=409,
        )  # fmt: skip
    if command.until is None:
        return campaign
    if midnight(command.until) < campaign.begins_at:
        raise Rejected("bad-until", "until", "is before the first day", f"{campaign.begins_at:%Y-%m-%d} or later")
    ends_at = midnight(command.until) + ONE_DAY
    tx.sql.execute(giveaway_campaign.update().where(giveaway_campaign.c.id == campaign.id).values(ends_at=ends_at))
    return _found(campaign.name, tx)


def _unknown(key: ServerKey, codes: Sequence[str], tx: Tx) -> dict[str, str]:
    """The codes that are not here yet, by their hashes, each once."""
    hashed = {code_hash_of(key, code): code for code in codes}
    for batch in _in_batches(list(hashed)):
        query = sa.select(giveaway_code.c.code_hash).where(giveaway_code.c.code_hash.in_(batch))
        for code_hash in list(tx.sql.execute(query).scalars()):
            del hashed[code_hash]
    return hashed


def _in_batches(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    return (texts[start : start + _BATCH] for start in range(0, len(texts), _BATCH))


def _found(name: str, tx: Tx) -> Campaign:
    campaign = find_campaign(tx.sql, name)
    if campaign is None:
        raise Broken(f"The giveaway {name!r} was just written and is not there.")
    return campaign
